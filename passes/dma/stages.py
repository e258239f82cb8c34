"""Copies of a pipeline's stages for a given round: what is known at compile time is folded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, IntegerAttr
from xdsl.ir import Block, Operation, Region, SSAValue

from ...dialects import dma
from ...dialects.types import memref_type

FOLDS: dict[type[Operation], Callable[[int, int], int]] = {
    arith.AddiOp: lambda a, b: a + b,
    arith.SubiOp: lambda a, b: a - b,
    arith.MuliOp: lambda a, b: a * b,
    arith.DivUIOp: lambda a, b: a // b,
    arith.RemUIOp: lambda a, b: a % b,
    arith.MinSIOp: min,
    arith.MaxSIOp: max,
}
"""The index arithmetic of stages on numbers."""


@dataclass(frozen=True)
class Rounds:
    """The round of a stage: `number` if it is known, else `value`, which lies in [first, last]."""

    first: int
    last: int
    value: SSAValue | None = None

    @property
    def number(self) -> int | None:
        return self.first if self.value is None else None

    def meets(self, period: int) -> bool:
        """Whether a multiple of `period` is among the rounds."""
        return self.last // period * period >= self.first

    def always(self, period: int) -> bool:
        """Whether all rounds are multiples of `period`."""
        return period == 1 or (self.first == self.last and self.first % period == 0)


def moves(region: Region, rounds: Rounds) -> bool:
    """Whether the stage copies anything in one of the rounds."""
    return any(isinstance(op, dma.CopyOp) and rounds.meets(op.period) for op in region.block.ops)


@dataclass
class StageCopy:
    """Appends a stage for some rounds to `block`; copies are started on `token`."""

    block: Block
    rounds: Rounds
    token: SSAValue | None = None
    values: dict[SSAValue, SSAValue | int] = field(default_factory=dict[SSAValue, "SSAValue | int"])

    def append(self, region: Region) -> None:
        number, value = self.rounds.number, self.rounds.value
        self.values[region.block.args[0]] = value if number is None and value else self.rounds.first
        for op in region.block.ops:
            self._append(op)

    def _append(self, op: Operation) -> None:
        match op:
            case arith.ConstantOp() if isinstance(op.value, IntegerAttr):
                self.values[op.result] = op.value.value.data
            case memref.SubviewOp():
                self.values[op.result] = self._window(op)
            case dma.CopyOp():
                self._start(op)
            case _ if type(op) in FOLDS:
                self._arithmetic(op)
            case _:
                clone = op.clone({value: self.value(value) for value in op.operands})
                self.block.add_op(clone)
                self.values.update(zip(op.results, clone.results, strict=True))

    def _arithmetic(self, op: Operation) -> None:
        operands = [self.values.get(value, value) for value in op.operands]
        a, b = operands
        if isinstance(a, int) and isinstance(b, int):
            self.values[op.results[0]] = FOLDS[type(op)](a, b)
            return
        clone = op.clone({value: self.value(value) for value in op.operands})
        self.block.add_op(clone)
        self.values[op.results[0]] = clone.results[0]

    def _window(self, op: memref.SubviewOp) -> SSAValue:
        def given(static: tuple[int, ...], dynamic: tuple[SSAValue, ...]) -> list[SSAValue | int]:
            left = iter(dynamic)
            return [
                self.values.get(value := next(left), value) if n == DYNAMIC_INDEX else n
                for n in static
            ]

        offsets = given(op.static_offsets.get_values(), tuple(op.offsets))
        sizes = given(op.static_sizes.get_values(), tuple(op.sizes))
        strides = list(op.static_strides.get_values())
        source = self.value(op.source)
        type = memref.SubviewOp.infer_result_type(memref_type(source), offsets, sizes, strides)
        new = memref.SubviewOp.get(source, offsets, sizes, strides, type)
        self.block.add_op(new)
        return new.result

    def _start(self, op: dma.CopyOp) -> None:
        assert self.token is not None
        if not self.rounds.meets(op.period):
            return
        start = dma.StartOp(self.value(op.source), self.value(op.target), self.token)
        start.location = op.location
        if self.rounds.always(op.period):
            self.block.add_op(start)
            return
        assert self.rounds.value is not None
        period = arith.ConstantOp(IntegerAttr(op.period, IndexType()))
        rest = arith.RemUIOp(self.rounds.value, period.result)
        zero = arith.ConstantOp(IntegerAttr(0, IndexType()))
        due = arith.CmpiOp(rest, zero, "eq")
        branch = scf.IfOp(due, [], Region(Block([start, scf.YieldOp()])))
        self.block.add_ops([period, rest, zero, due, branch])

    def value(self, value: SSAValue) -> SSAValue:
        """The copy of a value; a number becomes a constant."""
        found = self.values.get(value, value)
        if isinstance(found, SSAValue):
            return found
        constant = arith.ConstantOp(IntegerAttr(found, IndexType()))
        self.block.add_op(constant)
        return constant.result
