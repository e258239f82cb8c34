"""Index arithmetic of the IR that folds what is known at compile time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Block, Operation, SSAValue


@dataclass(frozen=True)
class Index:
    """`base + offset`; without a base a number."""

    base: SSAValue | None
    offset: int = 0

    @property
    def value(self) -> int | None:
        """The number, if it is one."""
        return self.offset if self.base is None else None


@dataclass
class IndexMath:
    """The `Arithmetic` of dialects/tiling.py on values of type index, appended to `block`.

    The same expression is built once, and differences of values with the same base are numbers.
    """

    block: Block
    known: dict[tuple[str, object, object], SSAValue] = field(
        default_factory=dict[tuple[str, object, object], SSAValue]
    )

    def number(self, value: int) -> Index:
        return Index(None, value)

    def add(self, a: Index, b: Index) -> Index:
        if a.base is None:
            return Index(b.base, a.offset + b.offset)
        if b.base is None:
            return Index(a.base, a.offset + b.offset)
        return Index(self._emit("add", arith.AddiOp, a.base, b.base), a.offset + b.offset)

    def sub(self, a: Index, b: Index) -> Index:
        if b.base is None or a.base is b.base:
            return Index(None if b.base is not None else a.base, a.offset - b.offset)
        left = self.value(Index(a.base, 0))
        return Index(self._emit("sub", arith.SubiOp, left, b.base), a.offset - b.offset)

    def mul(self, a: Index, b: Index) -> Index:
        if a.base is None:
            a, b = b, a
        if b.base is not None:
            return Index(self._emit("mul", arith.MuliOp, self.value(a), self.value(b)))
        if a.base is None or b.offset == 0:
            return Index(None, a.offset * b.offset)
        if b.offset == 1:
            return a
        product = self._emit("mul", arith.MuliOp, a.base, self.value(b))
        return Index(product, a.offset * b.offset)

    def min(self, a: Index, b: Index) -> Index:
        if a.base is b.base:
            return a if a.offset <= b.offset else b
        return Index(self._emit("min", arith.MinSIOp, self.value(a), self.value(b)))

    def max(self, a: Index, b: Index) -> Index:
        if a.base is b.base:
            return a if a.offset >= b.offset else b
        return Index(self._emit("max", arith.MaxSIOp, self.value(a), self.value(b)))

    def div(self, a: Index, divisor: int) -> Index:
        """a / divisor; both are not negative."""
        if divisor == 1:
            return a
        if a.base is None:
            return Index(None, a.offset // divisor)
        numbers = self.value(a), self.value(self.number(divisor))
        return Index(self._emit("div", arith.DivUIOp, *numbers))

    def rem(self, a: Index, divisor: int) -> Index:
        """a mod divisor; both are not negative."""
        if divisor == 1:
            return self.number(0)
        if a.base is None:
            return Index(None, a.offset % divisor)
        numbers = self.value(a), self.value(self.number(divisor))
        return Index(self._emit("rem", arith.RemUIOp, *numbers))

    def value(self, a: Index) -> SSAValue:
        """As a value of the IR."""
        if a.base is None:
            key = ("number", a.offset, None)
            if key not in self.known:
                constant = arith.ConstantOp(IntegerAttr(a.offset, IndexType()))
                self.known[key] = self._add(constant)
            return self.known[key]
        if a.offset == 0:
            return a.base
        return self._emit("add", arith.AddiOp, a.base, self.value(self.number(a.offset)))

    def operand(self, a: Index) -> SSAValue | int:
        """As an operand that may also be a number."""
        return a.offset if a.base is None else self.value(a)

    def operands(self, values: Sequence[Index]) -> list[SSAValue | int]:
        return [self.operand(value) for value in values]

    def _add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def _emit(
        self, name: str, kind: type[arith.SignlessIntegerBinaryOperation], a: SSAValue, b: SSAValue
    ) -> SSAValue:
        key = (name, a, b)
        if key not in self.known:
            self.known[key] = self._add(kind(a, b))
        return self.known[key]
