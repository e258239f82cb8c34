"""Channel pruning: choose the input channels that layers need, and fit the weights to those."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, emit_remark
from ..quant.layers import layer_of
from .channel_groups import Group, analyzed
from .lasso import chosen
from .moments import Moments, input_moments, shares
from .ratios import checked, forget, ratio_of
from .reconstruct import fit
from .twin import start

PASS = "prune-channels"
Float = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PruneChannels(ModulePass):
    """Give weight 0 to the input channels that the layers reading them need least; see winnow.

    He et al., arXiv:1707.06168. Channels that must stay or go together (both sides of a sum) and
    all layers that read them are one decision. With Z_i what channel i adds to the outputs of these
    layers (each layer's outputs over their variance), beta minimizes
    |sum Z_i - sum beta_i Z_i|^2 / 2 + lambda |beta|_1 (Z_i scaled to weights of norm 1), and lambda
    rises until as many stay as `ratio` (or `compress.ratio` on the first of the layers) says.
    Layers then go in order: the weights of the kept channels, and the bias, are fitted by least
    squares to the outputs of the network as it came, on the inputs that the pruned one gives.

    `data` is as for `calibrate`; the choice looks at up to `samples` samples and `positions`
    positions of each layer, the fit at 8 positions at least for each weight of an output. Without
    data, channels of the least weights (L2) go and nothing is fitted. The number that stays is
    rounded up to `multiple`.
    """

    name = PASS

    ratio: float = 0.5
    multiple: int = 1
    data: str = ""
    samples: int = 128
    positions: int = 8192
    seed: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        checked(self.ratio, f"{PASS}: ratio")
        if self.multiple < 1:
            raise RunnelError(f"{PASS}: multiple is at least 1, not {self.multiple}")
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and function.body.blocks:
                self.prune(op, function)

    def prune(self, module: ModuleOp, function: func.FuncOp) -> None:
        classes, groups = analyzed(function)
        grouped = [reader for group in groups for reader in group.readers]
        for reader in classes.readers:
            if reader not in grouped and not reader.depthwise:
                text = "its input channels must stay: inputs, or needed elsewhere as a whole"
                emit_remark("missed", PASS, reader.layer.op, text)
        counts = [self.count(group) for group in groups]
        for reader in classes.readers:
            forget(reader.layer.op)
        pruned = [
            (group, count)
            for group, count in zip(groups, counts, strict=True)
            if count < len(group.classes)
        ]
        moments = self.moments(module, function, [group for group, _ in pruned])
        masks: dict[Operation, Mask] = {}
        for group, count in pruned:
            kept = choose(group, count, moments)
            for reader in group.readers:
                place = group.places(reader)
                masks[reader.layer.op] = np.where(place < 0, True, kept[place])
        self.write(module, function, masks)

    def count(self, group: Group) -> int:
        """How many channels of a group stay: all with ratio 1."""
        return group.kept_count(ratio_of(group.readers[0].layer.op, self.ratio), self.multiple)

    def moments(
        self, module: ModuleOp, function: func.FuncOp, groups: list[Group]
    ) -> dict[Operation, Moments]:
        layers = [reader.layer for group in groups for reader in group.readers]
        if not self.data or not layers:
            return {}
        limits = self.samples, self.positions, self.seed
        return input_moments(module, function, layers, self.data, *limits)

    def write(self, module: ModuleOp, function: func.FuncOp, masks: dict[Operation, Mask]) -> None:
        """Mask the layers, and fit them if there are samples."""
        if not self.data:
            for op, kept in masks.items():
                mask(op, kept)
        if not self.data or not masks:
            return
        for index, visit in enumerate(
            start(module, function, PASS, self.data, self.samples).visits()
        ):
            if (kept := masks.pop(visit.layer.op, None)) is not None:
                limits = self.positions, self.seed + index
                gain = fit(visit.layer, visit.input, visit.wanted, *limits, kept)
                text = f"{text_of(kept)}; fitted, error {gain:.2f} dB less"
                emit_remark("passed", PASS, visit.layer.op, text)
            if not masks:
                break


def mask(op: Operation, kept: Mask) -> None:
    """Weight 0 for the other input channels."""
    layer = layer_of(op)
    weight = None if layer is None else layer.float_weight()
    assert layer is not None and weight is not None
    layer.set_weight(weight * kept[None, None, :, None])
    emit_remark("passed", PASS, op, text_of(kept))


def text_of(kept: Mask) -> str:
    return f"{kept.sum()} of {kept.size} input channels kept"


def choose(group: Group, count: int, moments: dict[Operation, Moments]) -> Mask:
    """The channels of a group that stay."""
    size = len(group.classes)
    gram, norms = np.zeros((size, size)), np.zeros(size)
    for reader in group.readers:
        weight, place = reader.layer.float_weight(), group.places(reader)
        assert weight is not None
        mine = place >= 0
        squares = (weight[0] ** 2).sum((0, 2))
        scale = 1.0
        if (found := moments.get(reader.layer.op)) is not None:
            each = shares(weight[0], found.covariance())
            scale = float(each.sum()) or 1.0
            np.add.at(gram, (place[mine][:, None], place[mine][None]), each[mine][:, mine] / scale)
        np.add.at(norms, place[mine], squares[mine] / scale)
    norms = np.sqrt(norms)
    if not moments:
        kept = np.zeros(size, bool)
        kept[np.argsort(-norms, kind="stable")[:count]] = True
        return kept
    unit = np.where(norms > 0, norms, np.inf)
    return chosen(gram / unit / unit[:, None], gram.sum(1) / unit, count)
