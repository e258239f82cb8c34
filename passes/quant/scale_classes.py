"""Which channels of a network must be scaled together so that its results stay the same.

Each element of each tensor carries the number of a class; to divide all channels of one class by
the same positive factor, and to undo that where they are read, changes no result. Class `FIXED`
cannot be scaled: inputs, results, and what goes through a function that is not homogeneous.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of
from .layers import Layer, layer_of

FIXED = 0
Labels = NDArray[np.int64]

HOMOGENEOUS = (graph.ReluOp, graph.LeakyReluOp, graph.AbsOp, graph.NegOp)
"""f(s x) = s f(x) for s > 0."""

PER_CHANNEL = (graph.MaxPoolOp, graph.AveragePoolOp, graph.GlobalAveragePoolOp)
"""Homogeneous functions of windows within one channel; padding is zero or does not count."""

SAME_SCALE = (graph.AddOp, graph.SubOp, graph.MaximumOp, graph.MinimumOp)
"""f(s x, s y) = s f(x, y): both operands are scaled alike."""


@dataclass
class LayerClasses:
    """The classes of a layer's input and output channels, in the order of its canonical form."""

    layer: Layer
    inputs: Labels
    outputs: Labels


@dataclass
class ScaleClasses:
    """Classes of all channels of one function; see `analyze`.

    `through_clip(op)` says for each channel whether scales go through a clip at [0, something].
    """

    through_clip: Callable[[graph.ClipOp], NDArray[np.bool_]] | None = None
    parents: list[int] = field(default_factory=lambda: [FIXED])
    labels: dict[SSAValue, Labels] = field(default_factory=dict[SSAValue, Labels])
    layers: list[LayerClasses] = field(default_factory=list[LayerClasses])
    clips: list[tuple[graph.ClipOp, Labels]] = field(
        default_factory=list[tuple[graph.ClipOp, Labels]]
    )

    def analyze(self, function: func.FuncOp) -> None:
        """Go through the ops of `function`; afterwards labels of `layers` and `clips` are final."""
        for argument in function.body.block.args:
            self.pin(argument)
        for op in function.body.block.ops:
            self.visit(op)
        for entry in self.layers:
            entry.inputs, entry.outputs = self.roots(entry.inputs), self.roots(entry.outputs)
        self.clips = [(op, self.roots(labels)) for op, labels in self.clips]

    # Classes

    def fresh(self, count: int) -> Labels:
        start = len(self.parents)
        self.parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def find(self, label: int) -> int:
        while self.parents[label] != label:
            self.parents[label] = self.parents[self.parents[label]]
            label = self.parents[label]
        return label

    def roots(self, labels: Labels) -> Labels:
        known, index = np.unique(labels, return_inverse=True)
        return np.array([self.find(int(label)) for label in known])[index].reshape(labels.shape)

    def unite(self, a: Labels, b: Labels) -> None:
        """Make one class of each pair of elements; `FIXED` is the least and stays the root."""
        pairs = np.stack([x.reshape(-1) for x in np.broadcast_arrays(a, b)])
        different = pairs[:, pairs[0] != pairs[1]]
        for x, y in np.unique(different, axis=1).T.tolist():
            first, second = sorted((self.find(x), self.find(y)))
            self.parents[second] = first

    # Values

    def pin(self, value: SSAValue) -> None:
        """Fix the class of all elements of `value`."""
        if value in self.labels:
            self.unite(self.labels[value], np.array(FIXED))
        elif isinstance(value.type, TensorType):
            self.labels[value] = np.broadcast_to(np.array(FIXED), value.type.get_shape())

    def of(self, value: SSAValue) -> Labels:
        if value not in self.labels:
            self.pin(value)
        return self.labels[value]

    def along(self, value: SSAValue, axis: int) -> Labels:
        """One class per index of `axis`: the elements beside it become one class."""
        labels = self.of(value)
        first = labels[tuple(slice(None) if i == axis else slice(1) for i in range(labels.ndim))]
        self.unite(labels, first)
        return first.reshape(-1)

    def spread(self, value: SSAValue, classes: Labels) -> None:
        """Give `value` one class per channel (axis 1)."""
        shape = shape_of(value)
        column = classes.reshape(1, -1, *(1 for _ in shape[2:]))
        self.labels[value] = np.broadcast_to(column, shape)

    # Ops

    def visit(self, op: Operation) -> None:
        if (layer := layer_of(op)) is not None and layer.float_weight() is not None:
            self.visit_layer(layer)
            return
        rule = next((rule for types, rule in RULES if isinstance(op, types)), None)
        if rule is None or not rule(self, op):
            for value in (*op.operands, *op.results):
                self.pin(value)

    def visit_layer(self, layer: Layer) -> None:
        outputs = self.fresh(layer.outputs)
        self.layers.append(LayerClasses(layer, self.along(layer.input, 1), outputs))
        self.spread(layer.op.result, outputs)


Rule = Callable[[ScaleClasses, Operation], bool]
"""Gives the result of an op its classes; False when the op can let no scale through."""


def elementwise(classes: ScaleClasses, op: Operation) -> bool:
    classes.labels[op.results[0]] = classes.of(op.operands[0])
    return True


def prelu(classes: ScaleClasses, op: Operation) -> bool:
    """Slopes are no values of the network that scale: they stay."""
    return isinstance(op.operands[1].owner, graph.ConstantOp) and elementwise(classes, op)


def clip(classes: ScaleClasses, op: Operation) -> bool:
    assert isinstance(op, graph.ClipOp)
    if classes.through_clip is None or op.bounds()[0] != 0.0 or len(shape_of(op.input)) < 2:
        return False
    channels = classes.along(op.input, 1)
    classes.unite(channels[~classes.through_clip(op)], np.array(FIXED))
    classes.clips.append((op, channels))
    return elementwise(classes, op)


def per_channel(classes: ScaleClasses, op: Operation) -> bool:
    classes.spread(op.results[0], classes.along(op.operands[0], 1))
    return True


def pad(classes: ScaleClasses, op: Operation) -> bool:
    """Zeros have any scale; copies of the border are of the same channel."""
    assert isinstance(op, graph.PadOp)
    zeros = op.mode.data != "constant" or op.value.value.data == 0.0
    if not zeros or any(amount for pair in op.pad_pairs()[:2] for amount in pair):
        return False
    return per_channel(classes, op)


def reshape(classes: ScaleClasses, op: Operation) -> bool:
    labels = classes.of(op.operands[0])
    classes.labels[op.results[0]] = labels.reshape(shape_of(op.results[0]))
    return True


def transpose(classes: ScaleClasses, op: Operation) -> bool:
    assert isinstance(op, graph.TransposeOp)
    classes.labels[op.result] = classes.of(op.input).transpose(ints(op.perm))
    return True


def concat(classes: ScaleClasses, op: Operation) -> bool:
    assert isinstance(op, graph.ConcatOp)
    parts = [classes.of(value) for value in op.operands]
    classes.labels[op.result] = np.concatenate(parts, op.axis.value.data)
    return True


def same_scale(classes: ScaleClasses, op: Operation) -> bool:
    a, b = (classes.of(value) for value in op.operands)
    classes.unite(a, b)
    wide = a if a.shape == shape_of(op.results[0]) else b
    classes.labels[op.results[0]] = np.broadcast_to(wide, shape_of(op.results[0]))
    return True


def product(classes: ScaleClasses, op: Operation) -> bool:
    """A factor that does not scale (a gate, a constant) lets the scale of the other through."""
    fixed = [not classes.roots(classes.of(value)).any() for value in op.operands]
    if not any(fixed) or (isinstance(op, graph.DivOp) and not fixed[1]):
        return False
    free = op.operands[0] if fixed[1] else op.operands[1]
    classes.labels[op.results[0]] = np.broadcast_to(classes.of(free), shape_of(op.results[0]))
    return True


RULES: list[tuple[type[Operation] | tuple[type[Operation], ...], Rule]] = [
    (HOMOGENEOUS, elementwise),
    (graph.PReluOp, prelu),
    (graph.ClipOp, clip),
    (PER_CHANNEL, per_channel),
    (graph.PadOp, pad),
    (graph.ReshapeOp, reshape),
    (graph.TransposeOp, transpose),
    (graph.ConcatOp, concat),
    (SAME_SCALE, same_scale),
    ((graph.MulOp, graph.DivOp), product),
]
