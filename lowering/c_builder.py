"""Builds expressions of the c dialect; arithmetic on literals is done at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, isnan

from xdsl.dialects.builtin import (
    Float64Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    Signedness,
    StridedLayoutAttr,
    f64,
    i1,
    i32,
)
from xdsl.dialects.emitc import EmitC_PointerType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ..dialects import c
from ..dialects.dma import TokenType
from ..dialects.types import stored_element

_SPECIAL = ("INFINITY", "NAN")


def c_type(type: Attribute) -> Attribute:
    """The C type of a value: an index or token is an `int32_t`, a buffer a pointer to elements."""
    match type:
        case IndexType() | TokenType():
            return i32
        case MemRefType():
            return c.pointer(c_type(type.element_type))
        case IntegerType() if type.signedness.data is Signedness.SIGNED:
            return IntegerType(type.width.data)
        case _:
            return stored_element(type)


def unsigned(type: Attribute) -> IntegerType:
    """The unsigned type of the same width."""
    assert isinstance(type, IntegerType)
    return IntegerType(type.width.data, Signedness.UNSIGNED)


class Builder:
    """Appends ops to `block`."""

    def __init__(self, block: Block):
        self.block = block

    def add(self, op: Operation) -> SSAValue:
        """Append an op that has one result."""
        self.block.add_op(op)
        return op.results[0]

    def literal(self, value: int | float, type: Attribute = i32) -> SSAValue:
        """A constant; infinities and NaN are the macros of <math.h>."""
        if isfinite(value):
            return self.add(c.LiteralOp(value, type))
        name = self.add(c.LiteralOp(c.macro(_SPECIAL[isnan(value)]), type))
        return self.add(c.UnaryOp("-", name)) if value < 0 else name

    def binary(self, operator: str, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        """`lhs operator rhs`, with `x + 0`, `x * 1` and the like left out for integers."""
        a, b = literal_of(lhs), literal_of(rhs)
        if lhs.type == i32 and operator in ("+", "*"):
            if a is not None and b is not None and abs(a * b) + abs(a) + abs(b) < 1 << 31:
                return self.literal(a + b if operator == "+" else a * b)
            neutral = 0 if operator == "+" else 1
            if a == neutral:
                return rhs
            if b == neutral:
                return lhs
            if operator == "*" and 0 in (a, b):
                return self.literal(0)
            if operator == "+" and b is not None and b < 0:
                return self.add(c.BinaryOp("-", lhs, self.literal(-b)))
        if operator == "+" and b == 0 and isinstance(lhs.type, EmitC_PointerType):
            return lhs
        return self.add(c.BinaryOp(operator, lhs, rhs))

    def cast(self, value: SSAValue, type: Attribute) -> SSAValue:
        """`value` in `type`; there and back between integers of one width is no cast at all."""
        inner = value.owner
        if isinstance(inner, c.CastOp) and inner.operand.type == type and _same_width(value, type):
            return inner.operand
        return value if value.type == type else self.add(c.CastOp(value, type))

    def choose(self, condition: SSAValue, yes: SSAValue, no: SSAValue) -> SSAValue:
        return self.add(c.ConditionalOp(condition, yes, no))

    def negate(self, condition: SSAValue) -> SSAValue:
        assert condition.type == i1
        return self.add(c.UnaryOp("!", condition))

    def math(self, name: str, *arguments: SSAValue) -> SSAValue:
        """A function of <math.h>; `expf` for floats, `exp` for doubles."""
        type = arguments[0].type
        suffix = "" if isinstance(type, Float64Type) else "f"
        assert type == f64 or suffix
        return self.add(c.CallOp(f"{name}{suffix}", arguments, type, pure=True))

    def element(self, pointer: SSAValue, type: MemRefType, indices: list[SSAValue]) -> SSAValue:
        """Element `indices` of the buffer of `type` that starts at `pointer`."""
        if isinstance(type.layout, NoneAttr):
            flat = self._row_major(type.get_shape(), indices)
        else:
            flat = self._strided(type, indices)
        return self.add(c.SubscriptOp(pointer, flat))

    def _row_major(self, shape: Sequence[int], indices: list[SSAValue]) -> SSAValue:
        flat: SSAValue | None = None
        for extent, index in zip(shape, indices, strict=True):
            if flat is None:
                flat = index
            elif extent > 1:
                flat = self.binary("+", self.binary("*", flat, self.literal(extent)), index)
        return self.literal(0) if flat is None else flat

    def _strided(self, type: MemRefType, indices: list[SSAValue]) -> SSAValue:
        strides = type.get_strides()
        layout = type.layout
        offset = layout.get_offset() if isinstance(layout, StridedLayoutAttr) else None
        if strides is None or offset is None or None in strides:
            raise PassFailedException(f"{type} has no static layout")
        flat: SSAValue | None = None
        for stride, index in zip(strides, indices, strict=True):
            term = self.binary("*", index, self.literal(stride or 0))
            flat = term if flat is None else self.binary("+", flat, term)
        start = self.literal(offset)
        return start if flat is None else self.binary("+", flat, start)


def _same_width(value: SSAValue, type: Attribute) -> bool:
    source = value.type
    if not isinstance(source, IntegerType) or not isinstance(type, IntegerType):
        return False
    return source.width == type.width


def literal_of(value: SSAValue) -> int | None:
    """The integer that `value` is, if a literal defines it."""
    op = value.owner
    if isinstance(op, c.LiteralOp) and isinstance(op.value, IntegerAttr):
        return op.value.value.data
    return None
