"""quant ops as kernels that all cores of a cluster compute together on a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatchmethod
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    StringAttr,
    TensorType,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import cluster, cortexm, graph, quant
from ..dialects.attributes import index_array
from ..dialects.cluster_chunk import ChunkAttr, ChunkLayout, align
from ..dialects.diagnostics import emit_remark, refuse
from ..dialects.platform_records import Unit
from ..dialects.quant_types import RequantAttr
from ..dialects.tiling import extent, shape_of, tiling_of
from .kernel_problem import constant_operand, problem_of, streams
from .kernels import Kernel, Problem, choose_kernel
from .kernels_cluster import CLUSTER_KERNELS
from .quant_to_cortexm import refusal
from .units import TileOperands, is_untiled

KernelOps = quant.Conv2DOp | quant.FullyConnectedOp

MATRIX_OPS = (quant.MatmulOp, quant.SoftmaxOp, graph.TransposeOp)
"""Ops whose kernels take matrices, with an axis before them."""

MAYBE_ALONE = frozenset(op.name.partition(".")[2] for op in MATRIX_OPS)
"""What they are called in tables of kernels: a core computes alone what is a single row."""


class ClusterBackend:
    """The cores of one cluster."""

    def __init__(self, unit: Unit, own: Sequence[Kernel] = ()):
        """`own` are the user's kernels, which come first."""
        self.unit = unit
        self.kernels = (*own, *CLUSTER_KERNELS)
        self.near = str(unit.fact("l1"))
        self._problems: dict[Operation, Problem] = {}

    def refuses(self, op: Operation) -> str | None:
        if (reason := is_untiled(op) or refusal(op)) is not None:
            return reason
        wide = next((v for v in (*streams(op), *op.results) if not is_int8(v)), None)
        if wide is not None:
            return f"cores share kernels of 8-bit integers, not {wide.type}"
        windowed = isinstance(op, quant.Conv2DOp | quant.AveragePool2DOp | quant.MaxPool2DOp)
        if windowed and op.layout.data != "nhwc":
            return "kernels are channels-last; run channels-last first"
        if isinstance(op, MATRIX_OPS) and len(shape_of(op.results[0])) < 3:
            return "cores share rows, it has one"
        if isinstance(op, graph.TransposeOp) and op.perm.get_values()[0] != 0:
            return "cores leave the first axis at its place"
        if isinstance(op, quant.MulOp) and op.runs()[2] > 1:
            return "cores take a factor per channel, not one per pixel"
        if isinstance(op, quant.Conv2DOp) and op.groups.value.data > 1 and not op.depthwise:
            return "cores share convolutions of one group, or depthwise ones"
        return None

    def granule(self, op: Operation) -> int:
        return 4

    def chunk_bytes(self, op: Operation, channels: int) -> int:
        if isinstance(op, KernelOps):
            return self._layout(op, channels).size
        return len(_whole_chunk(op))

    def scratch_bytes(self, op: Operation, tile: Sequence[int]) -> int:
        problem = self._problem(op)
        if problem.window is not None:
            problem = _cut(op, problem, tile)
        elif isinstance(op, quant.MatmulOp):
            problem = replace(problem, rows=tile[-2], outputs=tile[-1])
        return self.unit.cores * align(self._kernel(op).scratch(problem))

    def gather_cycles(self, op: Operation) -> int:
        """Cycles of a core to gather the window of a pixel; 0 where it is read in place."""
        return self._kernel(op).gather(self._problem(op))

    def chunks(self, op: Operation, channels: int) -> NDArray[Any]:
        if not isinstance(op, KernelOps):
            return np.frombuffer(_whole_chunk(op), np.int8).reshape(1, -1)
        matrix = constant_operand(op, op.weight)
        bias = constant_operand(op, op.bias)
        total = len(matrix)
        starts = range(0, total, channels)
        rows = [
            self._chunk(op, matrix, bias, at, min(at + channels, total), channels) for at in starts
        ]
        return np.stack(rows)

    def _chunk(
        self,
        op: KernelOps,
        matrix: NDArray[Any],
        bias: NDArray[Any],
        first: int,
        last: int,
        channels: int,
    ) -> NDArray[np.int8]:
        """The chunk of channels [first, last) in the layout for `channels` of them."""
        requant = self._requant(op)
        layout, packing = self._layout(op, channels), self._packing(op)
        kernel = (1, 1) if isinstance(op, quant.FullyConnectedOp) else tuple(op.kernel_size())
        part = matrix[first:last].reshape(last - first, -1).astype(np.int8)
        depthwise = _depthwise(op)
        packed = packing.pack(part.T if depthwise else part, (kernel[0], kernel[1]))
        chunk = np.zeros(layout.size, np.int8)
        _put(chunk, layout.weights, packed)
        _put(chunk, layout.bias, bias[first:last].astype("<i4"))
        _put(chunk, layout.multiplier, requant.multiplier_array()[first:last].astype("<i4"))
        _put(chunk, layout.shift, requant.shift_array()[first:last].astype(np.int8))
        return chunk

    def compute(self, op: Operation, tile: TileOperands) -> list[Operation]:
        kernel, missed = self._choice(op)
        for reason in missed:
            emit_remark("missed", "convert-tile-to-dma", op, reason)
        kind, properties = self._properties(op, tile.channels)
        if kernel.include != f"{kernel.symbol}.h":
            properties["header"] = StringAttr(kernel.include)
        new = kind(
            kernel.symbol,
            tile.ins,
            tile.out,
            properties,
            constants=tile.constants,
            scratch=tile.scratch,
            pads=tile.pads[: kind.PAD_COUNT],
        )
        new.location = op.location
        return [new]

    @singledispatchmethod
    def _properties(
        self, op: Operation, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        refuse(op, "no kernel of the cluster takes this op")

    @_properties.register
    def _conv2d(
        self, op: quant.Conv2DOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        groups = op.groups.value.data
        return cluster.Conv2DOp, {
            "window": index_array((*op.kernel_size(), *op.strides.get_values(), *op.dilation())),
            "groups": IntegerAttr(groups, i64),
            **self._product(op, channels),
        }

    @_properties.register
    def _fully_connected(
        self, op: quant.FullyConnectedOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.FullyConnectedOp, self._product(op, channels)

    @_properties.register
    def _add(
        self, op: quant.AddOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.AddOp, dict(op.properties)

    @_properties.register
    def _mul(
        self, op: quant.MulOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.MulOp, self._scale(op)

    @_properties.register
    def _matmul(
        self, op: quant.MatmulOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.MatmulOp, self._scale(op)

    @_properties.register
    def _avg_pool2d(
        self, op: quant.AveragePool2DOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        window = index_array((*op.kernel_size(), *op.strides.get_values(), 1, 1))
        return cluster.AveragePool2DOp, {"window": window, **self._scale(op)}

    @_properties.register
    def _max_pool2d(
        self, op: quant.MaxPool2DOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        window = index_array((*op.kernel_size(), *op.strides.get_values(), 1, 1))
        return cluster.MaxPool2DOp, {"window": window}

    @_properties.register
    def _unfold(
        self, op: quant.UnfoldOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        window = index_array((*op.kernel_size(), *op.strides.get_values(), 1, 1))
        return cluster.UnfoldOp, {"window": window}

    @_properties.register
    def _table(
        self, op: quant.TableOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.TableOp, {}

    @_properties.register
    def _softmax(
        self, op: quant.SoftmaxOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.SoftmaxOp, {}

    @_properties.register
    def _transpose(
        self, op: graph.TransposeOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.TransposeOp, {"perm": op.perm}

    @_properties.register
    def _layer_norm(
        self, op: quant.LayerNormOp, channels: int
    ) -> tuple[type[cluster.KernelOp], dict[str, Attribute]]:
        return cluster.LayerNormOp, dict(op.properties)

    def _product(self, op: KernelOps, channels: int) -> dict[str, Attribute]:
        problem, requant = self._problem(op), self._requant(op)
        return {
            "chunk": ChunkAttr.get(channels, _depth(op), self._packing(op)),
            "acc_shift": IntegerAttr(problem.acc_shift, i32),
            "rounding": requant.rounding,
            "clamp": _clamp(requant),
        }

    def _scale(
        self, op: quant.AveragePool2DOp | quant.MulOp | quant.MatmulOp
    ) -> dict[str, Attribute]:
        """One multiplier for all channels."""
        problem, requant = self._problem(op), self._requant(op)
        return {
            "multiplier": IntegerAttr(int(requant.multiplier_array()[0]), i32),
            "shift": IntegerAttr(int(requant.shift_array()[0]), i32),
            "acc_shift": IntegerAttr(problem.acc_shift, i32),
            "rounding": requant.rounding,
            "clamp": _clamp(requant),
        }

    def _requant(
        self, op: KernelOps | quant.AveragePool2DOp | quant.MulOp | quant.MatmulOp
    ) -> RequantAttr:
        requant = self._problem(op).requant
        assert requant is not None
        return requant

    def _packing(self, op: KernelOps) -> cortexm.PackingAttr:
        return self._kernel(op).packing(self._problem(op))

    def _layout(self, op: KernelOps, channels: int) -> ChunkLayout:
        chunk = ChunkAttr.get(channels, _depth(op), self._packing(op))
        return chunk.layout(depthwise=_depthwise(op))

    def _kernel(self, op: Operation) -> Kernel:
        return self._choice(op)[0]

    def _choice(self, op: Operation) -> tuple[Kernel, list[str]]:
        """The kernel, and why each faster one was passed over."""
        return choose_kernel(self._problem(op), self.unit.features, self.kernels)

    def _problem(self, op: Operation) -> Problem:
        """The facts that choose the kernel, of the whole op."""
        if op not in self._problems:
            self._problems[op] = problem_of(op)
        return self._problems[op]


def is_int8(value: SSAValue) -> bool:
    """Whether a tensor is quantized and stored in signed bytes."""
    element = value.type.element_type if isinstance(value.type, TensorType) else None
    return isinstance(element, quant.UniformQuantizedType) and element.storage == i8


def _cut(op: Operation, problem: Problem, tile: Sequence[int]) -> Problem:
    """The problem of the largest tile."""
    tiling = tiling_of(op)
    assert tiling is not None
    accesses, shape = tiling.accesses(op)[0], shape_of(op.operands[0])
    _, in_h, in_w, in_c = (
        extent(tile[a.dim] if a.dim is not None else size, a, size)
        for a, size in zip(accesses, shape, strict=True)
    )
    window = problem.shape._replace(
        in_h=in_h, in_w=in_w, in_c=in_c, out_h=tile[1], out_w=tile[2], out_c=tile[3]
    )
    return Problem(problem.op, window, problem.groups, requant=problem.requant)


def _whole_chunk(op: Operation) -> bytes:
    """The constants that every tile of `op` reads as a whole: tables, the factors of a row."""
    match op:
        case quant.TableOp():
            return constant_operand(op, op.table).tobytes()
        case quant.SoftmaxOp():
            return constant_operand(op, op.table).astype("<i4").tobytes()
        case quant.LayerNormOp():
            both = (constant_operand(op, value) for value in (op.weight, op.bias))
            return np.concatenate(list(both)).astype("<i4").tobytes()
        case _:
            return b""


def _depthwise(op: KernelOps) -> bool:
    return isinstance(op, quant.Conv2DOp) and op.depthwise


def _depth(op: KernelOps) -> int:
    """Products of one output."""
    return prod(shape_of(op.weight)[1:])


def _clamp(requant: RequantAttr) -> DenseArrayBase[Any]:
    return DenseArrayBase.from_list(i32, list(requant.clamp))


def _put(chunk: NDArray[np.int8], at: int, array: NDArray[Any]) -> None:
    data = np.frombuffer(array.tobytes(), np.int8)
    chunk[at : at + len(data)] = data
