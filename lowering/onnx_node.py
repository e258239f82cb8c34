"""One ONNX node while it becomes graph ops: typed access to what it reads, and where ops go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, NodeProto
from xdsl.dialects.builtin import ModuleOp, NameLoc, NoneAttr, StringAttr
from xdsl.ir import Block, Operation, SSAValue

from ..dialects import graph
from ..dialects.graph_base import shape_of, tensor_type
from ..dialects.types import dtype_of
from .onnx_model import node_label, normal_domain, sanitize
from .onnx_tensor import Array, ImportProblem, check_size, to_array, type_of_array


@dataclass
class Values:
    """What a tensor name stands for: a known array, an SSA value, or (after an error) nothing."""

    module: ModuleOp
    block: Block
    opsets: dict[str, int]
    folder: Path | None
    """Where external data may be."""
    arrays: dict[str, Array] = field(default_factory=dict[str, Array])
    ssa: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    lost: set[str] = field(default_factory=set[str])
    """Results of nodes with an error: what reads them is not reported again."""
    refused: dict[str, str] = field(default_factory=dict[str, str])
    """Results that are not supported, with the reason: what reads them is reported."""

    def value(self, name: str) -> SSAValue:
        """The SSA value of a tensor; a known array becomes a constant on its first use."""
        if name not in self.ssa:
            self.ssa[name] = self.constant(name, self.arrays[name])
        return self.ssa[name]

    def constant(self, name: str, array: Array) -> SSAValue:
        """A new constant, named after the tensor `name`."""
        type = type_of_array(array)
        symbol = graph.add_global(self.module, sanitize(name), array, type)
        op = graph.ConstantOp(symbol.sym_name.data, type)
        op.location = location(name, name)
        op.result.name_hint = sanitize(name)
        self.block.add_op(op)
        return op.result

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self.arrays[name].shape if name in self.arrays else shape_of(self.ssa[name])


def location(name: str, tensor: str | None = None) -> NameLoc:
    """The source place that the name of a node stands for; within it the tensor that it makes."""
    return NameLoc(StringAttr(name), NoneAttr() if tensor is None else location(tensor))


_KINDS: dict[int, str] = {number: name for name, number in AttributeProto.AttributeType.items()}


class Node:
    """A node with its attributes and operands checked as they are read."""

    def __init__(self, proto: NodeProto, values: Values, label: str | None = None):
        self.proto = proto
        self.values = values
        self.label = label or node_label(proto)
        self.domain = normal_domain(proto.domain)
        self.op_type = proto.op_type
        self._read: set[str] = set()
        self._attributes = {attribute.name: attribute for attribute in proto.attribute}

    @property
    def opset(self) -> int:
        """The version of the node's operator set."""
        return self.values.opsets.get(self.domain, 1)

    # Attributes

    def _attribute(self, name: str, kind: int, default: Any, read: Callable[[Any], Any]) -> Any:
        self._read.add(name)
        attribute = self._attributes.get(name)
        if attribute is None:
            return default
        if attribute.type != kind:
            raise ImportProblem(
                f"attribute '{name}' is of kind {_KINDS.get(attribute.type, '?')}, "
                f"expected {_KINDS[kind]}"
            )
        return read(attribute)

    def has(self, name: str) -> bool:
        """Is the attribute there?"""
        return name in self._attributes

    def int(self, name: str, default: int) -> int:
        return self._attribute(name, AttributeProto.INT, default, lambda a: a.i)

    def float(self, name: str, default: float) -> float:
        return self._attribute(name, AttributeProto.FLOAT, default, lambda a: a.f)

    def string(self, name: str, default: str) -> str:
        return self._attribute(
            name, AttributeProto.STRING, default, lambda a: a.s.decode("utf-8", "replace")
        )

    def ints(self, name: str, default: Sequence[int] | None = None) -> list[int] | None:
        found = self._attribute(name, AttributeProto.INTS, default, lambda a: a.ints)
        return None if found is None else list(found)

    def floats(self, name: str) -> list[float] | None:
        return self._attribute(name, AttributeProto.FLOATS, None, lambda a: list(a.floats))

    def tensor(self, name: str) -> Array | None:
        return self._attribute(
            name, AttributeProto.TENSOR, None, lambda a: to_array(a.t, self.values.folder)
        )

    def ignore(self, *names: str) -> None:
        """These attributes say nothing about inference."""
        self._read.update(names)

    def check_all_read(self) -> None:
        """An attribute that nobody read may change the meaning: refuse it."""
        unknown = sorted(set(self._attributes) - self._read)
        if unknown:
            raise ImportProblem(f"attribute '{unknown[0]}' is not supported")

    # Operands

    def present(self, index: int) -> bool:
        """Does the node have operand `index`?"""
        return index < len(self.proto.input) and bool(self.proto.input[index])

    def name_of(self, index: int) -> str:
        """The tensor name of operand `index`."""
        if not self.present(index):
            raise ImportProblem(f"operand {index} is missing")
        name = self.proto.input[index]
        if name in self.values.refused:
            raise ImportProblem(f"operand {index}: {self.values.refused[name]}")
        return name

    def input(self, index: int) -> SSAValue:
        """Operand `index`."""
        return self.values.value(self.name_of(index))

    def optional(self, index: int) -> SSAValue | None:
        """Operand `index`, or None."""
        return self.input(index) if self.present(index) else None

    def inputs(self) -> list[SSAValue]:
        """All operands."""
        return [self.input(index) for index in range(len(self.proto.input))]

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of operand `index`."""
        return self.values.shape(self.name_of(index))

    def known(self, index: int) -> bool:
        """Is operand `index` a constant?"""
        return self.present(index) and self.name_of(index) in self.values.arrays

    def array(self, index: int, what: str) -> Array:
        """Operand `index`, which must be known while compiling; `what` names it in the message."""
        name = self.name_of(index)
        if name not in self.values.arrays:
            raise ImportProblem(
                f"its {what} ('{name}') is computed at run time; it must be a constant"
            )
        return self.values.arrays[name]

    def integers(self, index: int, what: str) -> list[int]:
        """The elements of a constant operand of integers."""
        array = self.array(index, what)
        if array.dtype.kind not in "iu":
            raise ImportProblem(f"its {what} holds {array.dtype}, expected integers")
        return [int(entry) for entry in array.reshape(-1)]

    def scalar(self, index: int, what: str) -> float:
        """A constant operand of one element."""
        array = self.array(index, what)
        if array.size != 1:
            raise ImportProblem(f"its {what} has shape {list(array.shape)}, expected one value")
        return float(array.reshape(()))

    # Results

    def emit(self, op: graph.GraphOp) -> SSAValue:
        """Append `op`, which stands for this node, and return its result."""
        type = tensor_type(op.result)
        check_size(type.get_shape(), dtype_of(type.element_type).itemsize)
        op.location = location(self.label)
        self.values.block.add_op(op)
        return op.result

    def constant(self, role: str, array: Array) -> SSAValue:
        """A constant that the node needs beside its operands."""
        return self.values.constant(f"{self.label}_{role}", np.asarray(array))

    def bind(self, results: SSAValue | Sequence[SSAValue] | Array) -> None:
        """Give the results to the names of the node's outputs."""
        if isinstance(results, np.ndarray):
            self.values.arrays[self.proto.output[0]] = results
            return
        found = [results] if isinstance(results, SSAValue) else list(results)
        for name, value in zip(self.proto.output, found, strict=False):
            if name:
                self.values.ssa[name] = value
                if isinstance(value.owner, Operation) and value.name_hint is None:
                    value.name_hint = sanitize(name)
                    value.owner.location = location(self.label, name)
