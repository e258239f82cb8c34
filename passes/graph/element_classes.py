"""Elements of tensors in classes: those of one class must be treated alike.

Each element of each tensor carries the number of a class. Ops that move data hand classes on,
others make one class of two, or fix a class: `FIXED` is never touched. What is done to classes (to
scale them, to remove them) is up to the analyses that build on this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of

FIXED = 0
Labels = NDArray[np.int64]


@dataclass
class ElementClasses:
    """Classes (a union-find) and the labels of values; the results of ops get theirs by rules."""

    parents: list[int] = field(default_factory=lambda: [FIXED])
    labels: dict[SSAValue, Labels] = field(default_factory=dict[SSAValue, Labels])

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


Rule = Callable[[ElementClasses, Operation], bool]
"""Gives the result of an op its classes; False when the op can let no class through."""

Rules = list[tuple[type[Operation] | tuple[type[Operation], ...], Rule]]


def follow(classes: ElementClasses, op: Operation, rules: Rules) -> None:
    """Apply the first rule for `op`; without one, operands and results are fixed."""
    rule = next((rule for types, rule in rules if isinstance(op, types)), None)
    if rule is None or not rule(classes, op):
        for value in (*op.operands, *op.results):
            classes.pin(value)


def elementwise(classes: ElementClasses, op: Operation) -> bool:
    classes.labels[op.results[0]] = classes.of(op.operands[0])
    return True


def per_channel(classes: ElementClasses, op: Operation) -> bool:
    classes.spread(op.results[0], classes.along(op.operands[0], 1))
    return True


def reshape(classes: ElementClasses, op: Operation) -> bool:
    labels = classes.of(op.operands[0])
    classes.labels[op.results[0]] = labels.reshape(shape_of(op.results[0]))
    return True


def transpose(classes: ElementClasses, op: Operation) -> bool:
    assert isinstance(op, graph.TransposeOp)
    classes.labels[op.result] = classes.of(op.input).transpose(ints(op.perm))
    return True


def concat(classes: ElementClasses, op: Operation) -> bool:
    assert isinstance(op, graph.ConcatOp)
    parts = [classes.of(value) for value in op.operands]
    classes.labels[op.result] = np.concatenate(parts, op.axis.value.data)
    return True


def together(classes: ElementClasses, op: Operation) -> bool:
    """Both operands are treated alike, element by element."""
    a, b = (classes.of(value) for value in op.operands)
    classes.unite(a, b)
    wide = a if a.shape == shape_of(op.results[0]) else b
    classes.labels[op.results[0]] = np.broadcast_to(wide, shape_of(op.results[0]))
    return True


PER_CHANNEL = (graph.MaxPoolOp, graph.AveragePoolOp, graph.GlobalAveragePoolOp)
"""Functions of windows within one channel; padding is zero or does not count."""

MOVEMENT: Rules = [
    (PER_CHANNEL, per_channel),
    (graph.ReshapeOp, reshape),
    (graph.TransposeOp, transpose),
    (graph.ConcatOp, concat),
]
"""What hands classes on as they are."""
