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
from xdsl.ir import Operation

from ...dialects import graph
from ...dialects.graph_base import shape_of
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
from .layers import Layer, layer_of

HOMOGENEOUS = (graph.ReluOp, graph.LeakyReluOp, graph.AbsOp, graph.NegOp)
"""f(s x) = s f(x) for s > 0."""

SAME_SCALE = (graph.AddOp, graph.SubOp, graph.MaximumOp, graph.MinimumOp)
"""f(s x, s y) = s f(x, y): both operands are scaled alike."""


@dataclass
class LayerClasses:
    """The classes of a layer's input and output channels, in the order of its canonical form."""

    layer: Layer
    inputs: Labels
    outputs: Labels


@dataclass
class ScaleClasses(ElementClasses):
    """Classes of all channels of one function; see `analyze`.

    `through_clip(op)` says for each channel whether scales go through a clip at [0, something].
    """

    through_clip: Callable[[graph.ClipOp], NDArray[np.bool_]] | None = None
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
        self.settle()

    def settle(self) -> None:
        """Make the labels of `layers` and `clips` those of their classes as they are now."""
        for entry in self.layers:
            entry.inputs, entry.outputs = self.roots(entry.inputs), self.roots(entry.outputs)
        self.clips = [(op, self.roots(labels)) for op, labels in self.clips]

    def visit(self, op: Operation) -> None:
        if (layer := layer_of(op)) is not None and layer.float_weight() is not None:
            self.visit_layer(layer)
            return
        follow(self, op, RULES)

    def visit_layer(self, layer: Layer) -> None:
        outputs = self.fresh(layer.outputs)
        self.layers.append(LayerClasses(layer, self.along(layer.input, 1), outputs))
        self.spread(layer.op.result, outputs)


def prelu(classes: ElementClasses, op: Operation) -> bool:
    """Slopes are no values of the network that scale: they stay."""
    return isinstance(op.operands[1].owner, graph.ConstantOp) and elementwise(classes, op)


def clip(classes: ElementClasses, op: Operation) -> bool:
    assert isinstance(classes, ScaleClasses) and isinstance(op, graph.ClipOp)
    if classes.through_clip is None or op.bounds()[0] != 0.0 or len(shape_of(op.input)) < 2:
        return False
    channels = classes.along(op.input, 1)
    classes.unite(channels[~classes.through_clip(op)], np.array(FIXED))
    classes.clips.append((op, channels))
    return elementwise(classes, op)


def pad(classes: ElementClasses, op: Operation) -> bool:
    """Zeros have any scale; copies of the border are of the same channel."""
    assert isinstance(op, graph.PadOp)
    zeros = op.mode.data != "constant" or op.value.value.data == 0.0
    if not zeros or any(amount for pair in op.pad_pairs()[:2] for amount in pair):
        return False
    return per_channel(classes, op)


def product(classes: ElementClasses, op: Operation) -> bool:
    """A factor that does not scale (a gate, a constant) lets the scale of the other through."""
    fixed = [not classes.roots(classes.of(value)).any() for value in op.operands]
    if not any(fixed) or (isinstance(op, graph.DivOp) and not fixed[1]):
        return False
    free = op.operands[0] if fixed[1] else op.operands[1]
    classes.labels[op.results[0]] = np.broadcast_to(classes.of(free), shape_of(op.results[0]))
    return True


RULES: Rules = [
    (HOMOGENEOUS, elementwise),
    (graph.PReluOp, prelu),
    (graph.ClipOp, clip),
    *MOVEMENT,
    (graph.PadOp, pad),
    (SAME_SCALE, together),
    ((graph.MulOp, graph.DivOp), product),
]
