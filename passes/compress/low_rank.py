"""A layer as two thinner ones: what spatial-svd and weight-svd share.

The matrix of a layer is U S V^T; the first `rank` singular values stay, and each of the two layers
gets the square root of S. With samples the matrix is weighted by what they bring to its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import graph
from ...dialects.diagnostics import RunnelError, emit_remark, node_location, refuse
from ...dialects.graph_base import shape_of
from ..graph.output_statistics import output_statistics
from ..quant.layers import Layer, layer_of
from .costs import cost_named
from .ratios import checked, forget, ratio_of
from .reconstruct import fit, input_moment
from .twin import Visit, start

Float = NDArray[np.float64]

LEAST = 1e-6
"""Eigenvalues of a second moment are at least this share of the greatest."""


@dataclass(frozen=True)
class Split:
    """A layer and the two in its place, in numbers: of products or of weights."""

    whole: int
    per_rank: int
    full_rank: int
    """The rank at which nothing is lost."""

    def rank(self, ratio: float, multiple: int = 1) -> int:
        """The greatest rank that costs at most `ratio` of the whole, and at least 1.

        Rounded up to a multiple (lanes of a SIMD unit), at most the full rank.
        """
        within = max(1, int(ratio * self.whole / self.per_rank))
        return min(-(-within // multiple) * multiple, self.full_rank)

    def cost(self, rank: int) -> int:
        return rank * self.per_rank


class Factors(Protocol):
    """A way to make two layers of one."""

    def why_not(self, layer: Layer) -> str | None:
        """Why a layer cannot be split, None if it can."""
        ...

    def split(self, layer: Layer, cost: str) -> Split:
        """What the two layers would cost."""
        ...

    def matrix(self, layer: Layer) -> Float:
        """The weight as [what an output of the first layer reads, the rest]."""
        ...

    def ops(self, layer: Layer, left: Float, right: Float) -> list[Operation]:
        """Constants and the two layers with the factors of the matrix as weights.

        The last op makes the layer's result.
        """
        ...


def truncated(matrix: Float, rank: int, second: Float | None = None) -> tuple[Float, Float]:
    """[rows, rank] and [rank, columns] whose product is nearest to `matrix` (Eckart and Young).

    With the second moment C of the inputs that meet the rows: nearest in what they make of these,
    min |C^1/2 (matrix - left right)|.
    """
    root = np.eye(len(matrix)) if second is None else square_root(second)
    u, s, vt = np.linalg.svd(root @ matrix, full_matrices=False)
    scale = np.sqrt(s[:rank])
    left: Float = np.linalg.solve(root, u[:, :rank] * scale).astype(np.float64)
    return left, scale[:, None] * vt[:rank]


def square_root(second: Float) -> Float:
    """The symmetric root, where the least eigenvalues are lifted so that it has an inverse."""
    values, vectors = np.linalg.eigh(second)
    values = np.maximum(values, LEAST * (values.max() or 1.0))
    return (vectors * np.sqrt(values)) @ vectors.T


def set_factors(first: Layer, second: Layer, left: Float, right: Float) -> None:
    """Write other factors into the two layers."""
    rank = left.shape[1]
    first.set_weight(left.T.reshape(1, rank, first.inputs, -1))
    second.set_weight(right.reshape(rank, second.outputs, -1).transpose(1, 0, 2)[None])


def why_not_dense(layer: Layer) -> str | None:
    """What keeps any layer from being split."""
    if layer.groups > 1:
        return f"it has {layer.groups} groups: each is a small matrix of its own"
    if layer.float_weight() is None:
        return "its weight is no constant of floats; compress before quantizing"
    return None


@dataclass(frozen=True)
class LowRank(ModulePass):
    """Options and walk of the passes; `factors` says how a layer is split."""

    factors: ClassVar[Factors]

    ratio: float = 0.5
    rank: int = 0
    cost: str = "macs"
    multiple: int = 1
    data: str = ""
    samples: int = 128
    positions: int = 8192
    seed: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.check()
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and function.body.blocks:
                self.compress(op, function)

    def check(self) -> None:
        checked(self.ratio, f"{self.name}: ratio")
        cost_named(self.cost, self.name)
        if self.rank < 0 or self.multiple < 1:
            raise RunnelError(
                f"{self.name}: rank is at least 1 (0: by ratio) and multiple at least 1, "
                f"not {self.rank} and {self.multiple}"
            )

    def compress(self, module: ModuleOp, function: func.FuncOp) -> None:
        ranks = self.ranks(function)
        if not self.data or not ranks:
            for layer, rank in ranks.values():
                self.replace(layer, rank)
            return
        visits = start(module, function, self.name, self.data, self.samples).visits()
        for index, visit in enumerate(visits):
            if (found := ranks.pop(visit.layer.op, None)) is not None:
                self.replace(*found, visit, self.seed + index)
            if not ranks:
                break

    def ranks(self, function: func.FuncOp) -> dict[Operation, tuple[Layer, int]]:
        """The layers to split and their ranks, in order."""
        found: dict[Operation, tuple[Layer, int]] = {}
        for op in function.body.block.ops:
            ratio = ratio_of(op, self.ratio)
            forget(op)
            layer = layer_of(op)
            if layer is None or (ratio == 1 and not self.rank):
                continue
            if (rank := self.rank_of(layer, ratio)) is not None:
                found[op] = layer, rank
        return found

    def replace(self, layer: Layer, rank: int, samples: Visit | None = None, seed: int = 0) -> None:
        """Split one layer; with samples the factors are fitted to them."""
        split, before = self.factors.split(layer, self.cost), layer.op
        matrix = self.factors.matrix(layer)
        new = self.factors.ops(layer, *truncated(matrix, rank))
        put(new, layer.op)
        text = (
            f"rank {rank} of {split.full_rank}: {split.whole:,} -> {split.cost(rank):,} {self.cost}"
        )
        if samples is not None:
            first, second = layer_of(new[-2]), layer_of(new[-1])
            assert first is not None and second is not None
            moment = input_moment(
                first,
                samples.value(first.input),
                self.positions,
                seed,
                centred=second.takes_bias,
            )
            set_factors(first, second, *truncated(matrix, rank, moment))
            samples.replace(before, new[-2:])
            gain = fit(second, samples.value(second.input), samples.wanted, self.positions, seed)
            text += f"; fitted, error {gain:.2f} dB less"
        between = "x".join(map(str, shape_of(new[-1].operands[0])[1:]))
        emit_remark("passed", self.name, new[-1], f"{text}; {between} values between")

    def rank_of(self, layer: Layer, ratio: float) -> int | None:
        """The rank to take; None, and a remark, if the layer stays. Raises `RunnelError`."""
        reason = self.factors.why_not(layer)
        if reason is not None:
            emit_remark("missed", self.name, layer.op, reason)
            return None
        split = self.factors.split(layer, self.cost)
        if self.rank > split.full_rank:
            refuse(
                layer.op,
                f"rank {self.rank} is above {split.full_rank}, which is exact already; give a "
                "lower rank, or a ratio",
            )
        rank = self.rank or split.rank(ratio, self.multiple)
        if not self.rank and split.cost(rank) >= split.whole:
            counts = f"{split.cost(rank):,} {self.cost}, it takes {split.whole:,} now"
            emit_remark("missed", self.name, layer.op, f"rank {rank} would take {counts}")
            return None
        return rank


def put(new: list[Operation], old: Operation) -> None:
    """Put the two layers in the place of `old`; the second keeps what was known of its output."""
    statistics = output_statistics(old)
    if statistics is not None:
        statistics.attach(new[-1])
    for op in new:
        if not isinstance(op, graph.ConstantOp):
            op.location = node_location(old)
    new[-1].location = old.location
    Rewriter.replace_op(old, new)
