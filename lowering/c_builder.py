"""Builds expressions of the c dialect; arithmetic on literals is done at once."""

from __future__ import annotations

from xdsl.dialects.builtin import (
    Float64Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    Signedness,
    f64,
    i1,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ..dialects import c
from ..dialects.types import stored_element


def c_type(type: Attribute) -> Attribute:
    """The C type of a value: an index is an `int32_t`, a buffer a pointer to what it stores."""
    match type:
        case IndexType():
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
        return self.add(c.LiteralOp(value, type))

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
        return self.add(c.BinaryOp(operator, lhs, rhs))

    def cast(self, value: SSAValue, type: Attribute) -> SSAValue:
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

    def element(
        self, pointer: SSAValue, shape: tuple[int, ...], indices: list[SSAValue]
    ) -> SSAValue:
        """Element `indices` of a densely stored buffer."""
        flat: SSAValue | None = None
        for extent, index in zip(shape, indices, strict=True):
            if flat is None or extent == 1:
                flat = index if flat is None else flat
            else:
                flat = self.binary("+", self.binary("*", flat, self.literal(extent)), index)
        return self.add(c.SubscriptOp(pointer, self.literal(0) if flat is None else flat))


def literal_of(value: SSAValue) -> int | None:
    """The integer that `value` is, if a literal defines it."""
    op = value.owner
    if isinstance(op, c.LiteralOp) and isinstance(op.value, IntegerAttr):
        return op.value.value.data
    return None
