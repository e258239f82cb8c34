"""Which channels of a network can only be removed together, and which of them are read.

A layer makes a class per output channel; ops that treat channels alike hand classes on or make one
of two (a sum needs the same channels on both sides). A class goes when no layer reads it with a
weight other than 0. `FIXED` stays: inputs, results, and what an op reads as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of
from ..graph.element_classes import (
    FIXED,
    MOVEMENT,
    ElementClasses,
    Labels,
    Rules,
    elementwise,
    follow,
    per_channel,
    together,
)
from ..quant.layers import Layer, layer_of

Mask = NDArray[np.bool_]


@dataclass(eq=False)
class Reader:
    """A layer with the classes of its input and output channels, all groups one after another."""

    layer: Layer
    inputs: Labels
    outputs: Labels
    depthwise: bool
    """Each input channel makes outputs of its own class: the layer reads nothing by itself."""

    def columns(self) -> NDArray[np.float64]:
        """The greatest |weight| from each input (second) to each output (first)."""
        weight = self.layer.float_weight()
        assert weight is not None
        return np.abs(weight[0]).max(2)


@dataclass
class Cut:
    """What stays of a tensor: these indices of one axis."""

    axis: int
    kept: NDArray[np.int64]


@dataclass
class ChannelClasses(ElementClasses):
    """Classes of the channels of one function; see `analyze`."""

    readers: list[Reader] = field(default_factory=list[Reader])

    def analyze(self, function: func.FuncOp) -> None:
        """Go through the ops of `function`; afterwards all labels are final."""
        for argument in function.body.block.args:
            self.pin(argument)
        for op in function.body.block.ops:
            self.visit(op)
        roots = np.array([self.find(label) for label in range(len(self.parents))])
        self.labels = {value: roots[labels] for value, labels in self.labels.items()}
        for reader in self.readers:
            reader.inputs, reader.outputs = roots[reader.inputs], roots[reader.outputs]

    def visit(self, op: Operation) -> None:
        layer = layer_of(op)
        weight = None if layer is None else layer.float_weight()
        if layer is None or weight is None or len(shape_of(layer.input)) < 2:
            follow(self, op, RULES)
        elif len(weight) == 1:
            outputs = self.fresh(layer.outputs)
            self.note(Reader(layer, self.along(layer.input, 1), outputs, False))
        elif weight.shape[2] == 1:
            inputs = self.along(layer.input, 1)
            self.note(Reader(layer, inputs, np.repeat(inputs, weight.shape[1]), True))
        else:
            follow(self, op, [])

    def note(self, reader: Reader) -> None:
        self.readers.append(reader)
        self.spread(reader.layer.op.result, reader.outputs)

    def alive(self, dropped: Iterable[int] = ()) -> Mask:
        """For each class whether something needs it, and the tensors without the rest exist.

        Weights that read classes in `dropped` count as 0. Of no tensor all channels go, and only
        slices along one axis: what that leaves a class in is alive.
        """
        alive = np.zeros(len(self.parents), bool)
        alive[FIXED] = True
        masked = np.zeros(len(self.parents), bool)
        masked[list(dropped)] = True
        weights = [
            np.zeros((0, 0)) if reader.depthwise else reader.columns() * ~masked[reader.inputs]
            for reader in self.readers
        ]
        settled = False
        while not settled:
            self.spread_alive(alive, weights)
            settled = True
            for labels in self.labels.values():
                revived = left_over(labels, alive)
                settled = settled and not len(revived)
                alive[revived] = True
        return alive

    def spread_alive(self, alive: Mask, weights: list[NDArray[np.float64]]) -> None:
        """Inputs that a live output reads are alive, until that changes nothing."""
        count = -1
        while count != (count := int(alive.sum())):
            for reader, weight in zip(self.readers, weights, strict=True):
                if not reader.depthwise:
                    read = weight[alive[reader.outputs]].any(0)
                    alive[reader.inputs[read]] = True

    def cut(self, value: SSAValue, alive: Mask) -> Cut | None:
        """What stays of `value`; None if all does."""
        labels = self.labels.get(value)
        return None if labels is None else cut_of(alive[labels])


def cut_of(mask: Mask) -> Cut | None:
    """The axis along which `mask` takes slices, None if it takes all. Raises `ValueError`."""
    if mask.all():
        return None
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        profile = mask.any(others, keepdims=True)
        if not profile.all() and (mask == profile).all():
            return Cut(axis, np.flatnonzero(profile))
    raise ValueError("no slices")


def left_over(labels: Labels, alive: Mask) -> Labels:
    """Classes that must live although nothing reads them, as the tensor would not exist else."""
    mask = alive[labels]
    if not mask.any():
        return np.unique(labels)[:1]
    try:
        cut_of(mask)
    except ValueError:
        return np.unique(labels[~mask])
    return labels.reshape(-1)[:0]


def constant_beside(classes: ElementClasses, op: Operation) -> bool:
    """Data and a constant, which is cut like them; or two data, which need the same channels."""
    data = [v for v in op.operands if not isinstance(v.owner, graph.ConstantOp)]
    if len(data) == 2:
        return together(classes, op)
    if len(data) != 1 or shape_of(data[0]) != shape_of(op.results[0]):
        return False
    classes.labels[op.results[0]] = classes.of(data[0])
    return True


def normalization(classes: ElementClasses, op: Operation) -> bool:
    constants = all(isinstance(value.owner, graph.ConstantOp) for value in op.operands[1:])
    return constants and per_channel(classes, op)


def window_axes(classes: ElementClasses, op: Operation) -> bool:
    """Ops that leave the first two axes as they are."""
    before, after = shape_of(op.operands[0]), shape_of(op.results[0])
    if isinstance(op, graph.SliceOp) and any(stride < 0 for stride in ints(op.strides)[:2]):
        return False
    return len(after) > 1 and before[:2] == after[:2] and per_channel(classes, op)


def pad(classes: ElementClasses, op: Operation) -> bool:
    assert isinstance(op, graph.PadOp)
    outside = any(amount for pair in op.pad_pairs()[:2] for amount in pair)
    return not outside and window_axes(classes, op)


def reduce(classes: ElementClasses, op: Operation) -> bool:
    assert isinstance(op, graph.ReduceOp)
    rank = len(shape_of(op.input))
    inside = all(axis % rank > 1 for axis in ints(op.axes))
    return bool(len(op.axes)) and inside and window_axes(classes, op)


RULES: Rules = [
    (graph.SoftmaxOp, lambda classes, op: False),
    (graph.UnaryOp, elementwise),
    ((graph.BinaryOp, graph.PReluOp), constant_beside),
    (graph.BatchNormalizationOp, normalization),
    *MOVEMENT,
    (graph.PadOp, pad),
    ((graph.SliceOp, graph.ResizeOp), window_axes),
    (graph.ReduceOp, reduce),
]
