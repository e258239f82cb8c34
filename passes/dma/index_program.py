"""Runs the control flow and index arithmetic of a function with numbers, and nothing else.

All bounds are known before the program runs, so its loops can simply be executed. Each op becomes a
closure on a list of values once; what ops do to memories is said by an `Effects`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.traits import IsTerminator

from ...dialects import dma
from ...dialects.diagnostics import refuse

Step = Callable[[], None]
"""Executes one op."""

MASK = (1 << 64) - 1


def divide(a: int, b: int) -> int:
    """The quotient rounded towards zero."""
    return a // b if (a < 0) == (b < 0) else -(-a // b)


BINARY: dict[type[Operation], Callable[[int, int], int]] = {
    arith.AddiOp: operator.add,
    arith.SubiOp: operator.sub,
    arith.MuliOp: operator.mul,
    arith.MinSIOp: min,
    arith.MaxSIOp: max,
    arith.MinUIOp: lambda a, b: min(a, b, key=lambda n: n & MASK),
    arith.MaxUIOp: lambda a, b: max(a, b, key=lambda n: n & MASK),
    arith.DivUIOp: lambda a, b: (a & MASK) // (b & MASK),
    arith.RemUIOp: lambda a, b: (a & MASK) % (b & MASK),
    arith.DivSIOp: divide,
    arith.RemSIOp: lambda a, b: a - divide(a, b) * b,
    arith.FloorDivSIOp: operator.floordiv,
    arith.CeilDivSIOp: lambda a, b: -(-a // b),
    arith.CeilDivUIOp: lambda a, b: -(-(a & MASK) // (b & MASK)),
    arith.AndIOp: operator.and_,
    arith.OrIOp: operator.or_,
    arith.XOrIOp: operator.xor,
}

COMPARISONS: Sequence[Callable[[int, int], bool]] = (
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
)  # fmt: skip
"""By the predicate of arith.cmpi; 6 to 9 are 2 to 5 on unsigned operands."""


class Effects(Protocol):
    """What ops do beside computing indices."""

    def step(self, op: Operation, program: IndexProgram) -> Step | None:
        """What executes `op`; None if there is nothing to do."""
        ...


class IndexProgram:
    """The ops of a block as closures; `values` holds what they have computed."""

    def __init__(self, effects: Effects):
        self.effects = effects
        self.values: list[Any] = []
        self.slots: dict[SSAValue, int] = {}

    def slot(self, value: SSAValue) -> int:
        """Where a value is kept."""
        if value not in self.slots:
            self.slots[value] = len(self.values)
            self.values.append(None)
        return self.slots[value]

    def number(self, op: Operation, value: SSAValue) -> int:
        """The slot of an operand that must be a number; refuses what depends on data."""
        if value not in self.slots:
            refuse(op, "its bounds or windows depend on data, only indices can be checked")
        return self.slots[value]

    def run(self, block: Block) -> None:
        """Execute a function's block."""
        self.block(block)()

    def block(self, block: Block) -> Step:
        steps = [step for op in block.ops if (step := self.step(op)) is not None]

        def run() -> None:
            for step in steps:
                step()

        return run

    def step(self, op: Operation) -> Step | None:
        match op:
            case arith.ConstantOp():
                if isinstance(op.value, IntegerAttr):
                    self.values[self.slot(op.result)] = op.value.value.data
                return None
            case arith.CmpiOp():
                return self._compare(op)
            case arith.SelectOp():
                return self._select(op)
            case arith.IndexCastOp() | arith.ExtSIOp() | arith.ExtUIOp() | arith.TruncIOp():
                return self.moves([op.operands[0]], op.results)
            case scf.ForOp():
                return self._for(op)
            case scf.IfOp():
                return self._if(op)
            case dma.PipelineOp():
                return self._pipeline(op)
            case _ if type(op) in BINARY:
                return self._binary(op)
            case _ if op.has_trait(IsTerminator):
                return None
            case _:
                return self.effects.step(op, self)

    def _binary(self, op: Operation) -> Step | None:
        if any(value not in self.slots for value in op.operands):
            return None
        values, meaning = self.values, BINARY[type(op)]
        a, b = (self.slot(value) for value in op.operands)
        result = self.slot(op.results[0])

        def run() -> None:
            values[result] = meaning(values[a], values[b])

        return run

    def _compare(self, op: arith.CmpiOp) -> Step | None:
        if any(value not in self.slots for value in op.operands):
            return None
        predicate = op.predicate.value.data
        values = self.values
        a, b = self.slot(op.lhs), self.slot(op.rhs)
        result, mask = self.slot(op.result), MASK if predicate >= 6 else -1
        holds = COMPARISONS[predicate if predicate < 6 else predicate - 4]

        def run() -> None:
            values[result] = holds(values[a] & mask, values[b] & mask)

        return run

    def _select(self, op: arith.SelectOp) -> Step | None:
        if any(value not in self.slots for value in op.operands):
            return None
        values = self.values
        condition, a, b = (self.slot(value) for value in op.operands)
        result = self.slot(op.result)

        def run() -> None:
            values[result] = values[a] if values[condition] else values[b]

        return run

    def moves(self, sources: Sequence[SSAValue], targets: Sequence[SSAValue]) -> Step | None:
        """Sets `targets` to `sources`, all at once; those that are not known are left out."""
        values = self.values
        pairs = [
            (self.slots[source], self.slot(target))
            for source, target in zip(sources, targets, strict=True)
            if source in self.slots
        ]
        if not pairs:
            return None
        if len(pairs) == 1:
            one_source, one_target = pairs[0]

            def move() -> None:
                values[one_target] = values[one_source]

            return move

        def run() -> None:
            found = [values[source] for source, _ in pairs]
            for (_, target), value in zip(pairs, found, strict=True):
                values[target] = value

        return run

    def _for(self, op: scf.ForOp) -> Step:
        values = self.values
        bounds = [self.number(op, value) for value in (op.lb, op.ub, op.step)]
        block = op.body.block
        enter = self.moves(op.iter_args, block.args[1:]) or _nothing
        counter = self.slot(block.args[0])
        body = self.block(block)
        last = block.last_op
        assert last is not None
        carried = zip(block.args[1:], last.operands, strict=True)
        known = [(argument, value) for argument, value in carried if argument in self.slots]
        for _, value in known:
            self.number(op, value)
        again = self.moves([v for _, v in known], [a for a, _ in known]) or _nothing
        leave = self.moves(block.args[1:], op.results) or _nothing

        def run() -> None:
            enter()
            for number in range(*(values[bound] for bound in bounds)):
                values[counter] = number
                body()
                again()
            leave()

        return run

    def _if(self, op: scf.IfOp) -> Step:
        values, condition = self.values, self.number(op, op.cond)
        branches = [self._branch(op, region) for region in (op.false_region, op.true_region)]

        def run() -> None:
            branches[bool(values[condition])]()

        return run

    def _branch(self, op: scf.IfOp, region: Region) -> Step:
        if not region.blocks:
            return _nothing
        body = self.block(region.block)
        last = region.block.last_op
        leave = (
            None
            if last is None or not last.has_trait(IsTerminator)
            else self.moves(last.operands, op.results)
        )
        if leave is None:
            return body

        def run() -> None:
            body()
            leave()

        return run

    def _pipeline(self, op: dma.PipelineOp) -> Step:
        """Round after round, stage after stage."""
        values = self.values
        stages = [
            (self.slot(region.block.args[0]), self.block(region.block))
            for region in (op.constants, op.inputs, op.compute, op.store)
        ]

        def run() -> None:
            for number in range(op.iterations.value.data):
                for argument, stage in stages:
                    values[argument] = number
                    stage()

        return run


def _nothing() -> None:
    """No op."""
