"""Buffers in named memories, which every unit shares; part of the dma dialect."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Literal, cast

from xdsl.dialects.builtin import I64, ArrayAttr, IntAttr, IntegerAttr, MemRefType, StringAttr, i64
from xdsl.dialects.memref import SubviewOp
from xdsl.ir import Attribute, Operation, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind, NoMemoryEffect
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe, refuse
from .types import byte_size, dtype_of

BUFFER_ALIGNMENT = 16
"""Bytes: every planned offset is a multiple of it, so that a buffer can hold any vector."""


@irdl_attr_definition
class ArenaAttr(ParametrizedAttribute):
    """What planning found for one memory of a function, in bytes; `dma.arenas` lists them.

    `size` is what the buffers reach up to, `bound` the liveness bound: the bytes alive together.

    ```mlir
    func.func @net() attributes {dma.arenas = [#dma.arena<"sram", size = 4096, bound = 4000>]}
    ```
    """

    name = "dma.arena"

    memory: StringAttr
    size: IntAttr
    bound: IntAttr

    def __init__(self, memory: str, size: int, bound: int):
        super().__init__(StringAttr(memory), IntAttr(size), IntAttr(bound))

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        with parser.in_angle_brackets():
            memory = parser.parse_str_literal()
            numbers: list[Attribute] = []
            for field in ("size", "bound"):
                parser.parse_punctuation(",")
                parser.parse_keyword(field)
                parser.parse_punctuation("=")
                numbers.append(IntAttr(parser.parse_integer(allow_boolean=False)))
        return [StringAttr(memory), *numbers]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.memory.data)
            printer.print_string(f", size = {self.size.data}, bound = {self.bound.data}")

    def verify(self) -> None:
        if not 0 <= self.bound.data <= self.size.data:
            raise VerifyException(
                f"dma.arena of memory {self.memory.data}: size {self.size.data} is below the "
                f"liveness bound {self.bound.data}"
            )


ARENAS = "dma.arenas"
"""The attribute of a planned func.func: an array of `#dma.arena`, one per memory."""


def arenas_of(func: Operation) -> dict[str, ArenaAttr]:
    """The arenas of a planned function by the name of the memory; empty before planning."""
    found = func.attributes.get(ARENAS)
    if not isinstance(found, ArrayAttr):
        return {}
    listed = cast("ArrayAttr[Attribute]", found)
    return {arena.memory.data: arena for arena in listed if isinstance(arena, ArenaAttr)}


class DestinationStyleOp(Operation):
    """An op that reads its `inputs` and writes its `outputs`, all of them buffers.

    `scratch` buffers hold nothing before and after the op.
    """

    @property
    def inputs(self) -> Sequence[SSAValue]:
        raise NotImplementedError

    @property
    def outputs(self) -> Sequence[SSAValue]:
        raise NotImplementedError

    @property
    def scratch(self) -> Sequence[SSAValue]:
        return ()

    @property
    def in_place(self) -> Sequence[tuple[int, int]]:
        """The (input, output) positions that may be one buffer."""
        return ()


class AsyncOp(DestinationStyleOp):
    """An op that only starts its work, which goes on until its token is waited for.

    Until then nobody may write its inputs, nor read or write its outputs and scratch.
    """

    @property
    def started(self) -> SSAValue:
        """The token that the work belongs to: an operand, or a result of the op."""
        raise NotImplementedError

    @property
    def queue(self) -> str | None:
        """What runs the work; works of one queue run one after the other, in the order in which
        they were started. None: in any order.
        """
        return None


class AwaitOp(IRDLOperation, ABC):
    """An op that returns when all work of its `token` has ended; the token is used up."""

    assembly_format = "$token attr-dict"

    def __init__(self, token: SSAValue):
        super().__init__(operands=[token])

    @property
    def awaited(self) -> SSAValue:
        """The token: the only operand."""
        return self.operands[0]


class BufferEffects(MemoryEffect):
    """A buffer is allocated: two of them are never one. A network's input or output is also seen
    from outside, so that it stays even if nothing here uses it.
    """

    @classmethod
    def get_effects(cls, op: Operation) -> set[EffectInstance]:
        effects = {EffectInstance(MemoryEffectKind.ALLOC)}
        if "role" in op.properties:
            effects.add(EffectInstance(MemoryEffectKind.WRITE))
        return effects


@irdl_op_definition
class BufferOp(IRDLOperation):
    """A buffer in a named memory; `offset` (bytes from the start of its arena) is set by planning.

    A buffer with `role` holds a network input (live from the start of the function on) or a network
    output (live to its end); `index` says which one.

    ```mlir
    %0 = dma.buffer : memref<1x32x32x3xi8, "sram">
    %1 = dma.buffer at 4096 "input" 0 : memref<1x32x32x3xi8, "sram">
    ```
    """

    name = "dma.buffer"

    offset = opt_prop_def(IntegerAttr[I64])
    role = opt_prop_def(StringAttr)
    index = opt_prop_def(IntegerAttr[I64])
    result = result_def(MemRefType)

    traits = traits_def(BufferEffects())

    assembly_format = "(`at` $offset^)? ($role^ $index)? attr-dict `:` type($result)"

    def __init__(
        self,
        type: MemRefType,
        *,
        offset: int | None = None,
        role: Literal["input", "output"] | None = None,
        index: int | None = None,
    ):
        super().__init__(
            properties={
                "offset": None if offset is None else IntegerAttr(offset, i64),
                "role": None if role is None else StringAttr(role),
                "index": None if index is None else IntegerAttr(index, i64),
            },
            result_types=[type],
        )

    @property
    def size(self) -> int:
        """Bytes that the buffer takes."""
        type = self.result.type
        assert isinstance(type, MemRefType)
        return byte_size(type)

    @property
    def memory(self) -> str:
        """The name of the memory that the buffer lives in."""
        type = self.result.type
        assert isinstance(type, MemRefType) and isinstance(type.memory_space, StringAttr)
        return type.memory_space.data

    def verify_(self) -> None:
        type = self.result.type
        assert isinstance(type, MemRefType)
        if not isinstance(type.memory_space, StringAttr):
            raise VerifyException(
                f'{describe(self)}: {type} names no memory, e.g. memref<..., "sram">'
            )
        if not type.has_static_shape():
            raise VerifyException(f"{describe(self)}: {type} has no static shape")
        if self.role is not None and self.role.data not in ("input", "output"):
            raise VerifyException(
                f'{describe(self)}: the role is "input" or "output", not "{self.role.data}"'
            )
        if (self.role is None) != (self.index is None):
            raise VerifyException(f"{describe(self)}: role and index come together")
        if self.offset is not None and self.offset.value.data % BUFFER_ALIGNMENT:
            raise VerifyException(
                f"{describe(self)}: offset {self.offset.value.data} is not a multiple of "
                f"{BUFFER_ALIGNMENT}"
            )
        if self.offset is not None and self.offset.value.data < 0:
            raise VerifyException(f"{describe(self)}: offset {self.offset.value.data} is negative")


@irdl_op_definition
class ViewOp(IRDLOperation):
    """The same bytes under another shape; the element size stays.

    ```mlir
    %1 = dma.view %0 : memref<1x1x1x64xi8, "sram"> to memref<1x64xi8, "sram">
    ```
    """

    name = "dma.view"

    source = operand_def(MemRefType)
    result = result_def(MemRefType)

    traits = traits_def(NoMemoryEffect())

    assembly_format = "$source attr-dict `:` type($source) `to` type($result)"

    def __init__(self, source: SSAValue, type: MemRefType):
        super().__init__(operands=[source], result_types=[type])

    def verify_(self) -> None:
        source, result = self.source.type, self.result.type
        assert isinstance(source, MemRefType) and isinstance(result, MemRefType)
        if source.memory_space != result.memory_space:
            raise VerifyException(
                f"{describe(self)}: a view stays in its memory, {source.memory_space} is not "
                f"{result.memory_space}"
            )
        items = [dtype_of(type.element_type).itemsize for type in (source, result)]
        if items[0] != items[1]:
            raise VerifyException(
                f"{describe(self)}: a view keeps the element size, {items[0]} bytes are not "
                f"{items[1]}"
            )
        if byte_size(source) != byte_size(result):
            raise VerifyException(
                f"{describe(self)}: {source} has {byte_size(source)} bytes, {result} has "
                f"{byte_size(result)}"
            )


def offset_of(op: BufferOp) -> int:
    """Where planning put a buffer: bytes from the start of its arena."""
    if op.offset is None:
        refuse(op, "has no offset; run plan-memory first")
    return op.offset.value.data


def buffer_of(value: SSAValue) -> BufferOp | None:
    """The buffer that `value` names, through views and windows; None for constants."""
    owner = value.owner
    while isinstance(owner, ViewOp | SubviewOp):
        owner = owner.source.owner
    return owner if isinstance(owner, BufferOp) else None
