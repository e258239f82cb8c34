"""Tensors become buffers: what every lowering of a function to buffers shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    IntegerAttr,
    MemRefType,
    ModuleOp,
    NoneAttr,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i8,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ..dialects import dma, graph
from ..dialects.diagnostics import OpError, blaming, refuse


def memref_of(type: Attribute, memory: str) -> MemRefType:
    assert isinstance(type, TensorType)
    return MemRefType(type.element_type, type.get_shape(), NoneAttr(), StringAttr(memory))


def set_name(buffer: dma.BufferOp, index: int, names: Any) -> None:
    """Keep the model's own name of an input or output on its buffer."""
    entry = names.data[index].data if names is not None else {}
    if "graph.name" in entry:
        buffer.attributes["graph.name"] = entry["graph.name"]


@dataclass
class Bufferizer:
    """Rewrites one function; `values` maps each tensor to its buffer."""

    module: ModuleOp
    memory: str
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    block: Block = field(default_factory=Block)

    def refuses(self, op: Operation) -> str | None:
        """Why `op` cannot be lowered, or None."""
        raise NotImplementedError

    def problems(self, op: Operation) -> Iterable[tuple[Operation, str]]:
        """What cannot be lowered of `op`, and why."""
        reason = self.refuses(op)
        return () if reason is None else ((op, reason),)

    def lower(self, op: Operation) -> None:
        """Emit what computes `op` on buffers."""
        raise NotImplementedError

    def convert(self, function: func.FuncOp) -> None:
        """Replace the body by one on buffers; tells all that cannot be lowered at once."""
        body = list(function.body.block.ops)
        computed = [op for op in body if not isinstance(op, graph.ConstantOp | func.ReturnOp)]
        problems = [problem for op in computed for problem in self.problems(op)]
        if problems:
            raise OpError(*problems)
        for index, argument in enumerate(function.body.block.args):
            self.values[argument] = self.buffer(argument, ("input", index), function.arg_attrs)
        for op in computed:
            with blaming(op):
                self.lower(op)
        self.finish(function, body[-1])

    def finish(self, function: func.FuncOp, terminator: Operation) -> None:
        """Give the results their role and swap the body."""
        for index, value in enumerate(terminator.operands):
            buffer = dma.buffer_of(self.values[value]) if value in self.values else None
            if buffer is None or buffer.role is not None:
                refuse(
                    terminator,
                    f"result {index} is an input, a constant or another result; compute it, or "
                    "leave it out",
                )
            if buffer.result.type != self.values[value].type:
                buffer = self.seen_as(buffer, self.values[value].type)
            buffer.properties["role"] = StringAttr("output")
            buffer.properties["index"] = IntegerAttr(index, 64)
            set_name(buffer, index, function.res_attrs)
        self.block.add_op(func.ReturnOp())
        replacement = func.FuncOp(
            function.sym_name.data, ([], []), Region(self.block), function.sym_visibility
        )
        replacement.attributes |= function.attributes
        replacement.location = function.location
        parent = function.parent
        assert parent is not None
        parent.insert_op_before(replacement, function)
        parent.detach_op(function)
        function.erase()

    def seen_as(self, buffer: dma.BufferOp, type: Attribute) -> dma.BufferOp:
        """A buffer of `type` in place of `buffer`, which becomes a view of it."""
        assert isinstance(type, MemRefType) and isinstance(buffer.result.type, MemRefType)
        whole = dma.BufferOp(type)
        view = dma.ViewOp(whole.result, buffer.result.type)
        self.block.insert_ops_before([whole, view], buffer)
        buffer.result.replace_all_uses_with(view.result)
        self.block.erase_op(buffer)
        return whole

    def emit(self, op: Operation, source: Operation) -> None:
        op.location = source.location
        self.block.add_op(op)

    def buffer(
        self,
        value: SSAValue,
        role: tuple[Any, int] | None = None,
        names: Any = None,
    ) -> SSAValue:
        """A new buffer for `value`."""
        kind, index = role or (None, None)
        op = dma.BufferOp(memref_of(value.type, self.memory), role=kind, index=index)
        if index is not None:
            set_name(op, index, names)
        op.result.name_hint = value.name_hint
        if isinstance(value.owner, Operation):
            op.location = value.owner.location
        self.block.add_op(op)
        return op.result

    def result(self, value: SSAValue) -> SSAValue:
        self.values[value] = self.buffer(value)
        return self.values[value]

    def scratch(self, size: int) -> SSAValue | None:
        if size == 0:
            return None
        op = dma.BufferOp(MemRefType(i8, [size], NoneAttr(), StringAttr(self.memory)))
        self.block.add_op(op)
        return op.result

    def constant(self, name: str, array: NDArray[Any], element: Attribute = i8) -> SymbolRefAttr:
        """A new 1-D constant."""
        type = TensorType(element, array.shape)
        return SymbolRefAttr(graph.add_global(self.module, name, array, type).sym_name.data)
