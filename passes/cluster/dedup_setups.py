"""dedup-setups: registers that hold their value already are not written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import accfg, arith, scf
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue
from xdsl.passes import ModulePass

from ...dialects.diagnostics import emit_remark

Value = int | SSAValue
Registers = Mapping[str, Value]
"""What is known of an accelerator's registers: a number, or a value that is still the same."""


@dataclass(frozen=True)
class DedupSetups(ModulePass):
    """Take the parameters out of each `accfg.setup` that the state before it has already.

    Values are the same if they are the same number, or the same value of the IR; around a loop only
    what is defined outside stays the same.
    """

    name = "dedup-setups"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        setups = [inner for inner in op.walk() if isinstance(inner, accfg.SetupOp)]
        known = States()
        wanted = [(setup, _missing(setup, known)) for setup in setups]
        for setup, names in wanted:
            kept = [(n, v) for n, v in setup.iter_params() if n in names]
            before = len(setup.values)
            new = accfg.SetupOp(
                [v for _, v in kept], [n for n, _ in kept], setup.accelerator, setup.in_state
            )
            new.location = setup.location
            block = setup.parent_block()
            assert block is not None
            block.insert_op_before(new, setup)
            setup.out_state.replace_all_uses_with(new.out_state)
            block.erase_op(setup)
            if before:
                emit_remark("analysis", self.name, new, f"{len(kept)} of {before} registers set")


def _missing(setup: accfg.SetupOp, known: States) -> set[str]:
    """The parameters that the state before does not have."""
    before = {} if setup.in_state is None else known.of(setup.in_state)
    return {name for name, value in setup.iter_params() if before.get(name) != _key(value)}


def _key(value: SSAValue) -> Value:
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return value


@dataclass
class States:
    """What is known of the registers in each state; loops are solved to a fixed point."""

    loops: dict[BlockArgument, Registers] = field(default_factory=dict[BlockArgument, Registers])

    def of(self, state: SSAValue) -> Registers:
        if isinstance(state, BlockArgument):
            return self._argument(state)
        assert isinstance(state, OpResult)
        match state.op:
            case accfg.SetupOp() as setup:
                before = {} if setup.in_state is None else self.of(setup.in_state)
                return {**before, **{name: _key(value) for name, value in setup.iter_params()}}
            case scf.ForOp() as loop:
                argument = loop.body.block.args[state.index + 1]
                after = _outside(loop, self.of(_yielded(loop, state.index)))
                return _both(self._argument(argument), after)
            case _:
                return {}

    def _argument(self, state: BlockArgument) -> Registers:
        loop = state.block.parent_op()
        if not isinstance(loop, scf.ForOp) or state.index == 0:
            return {}
        if state not in self.loops:
            self._solve(loop)
        return self.loops[state]

    def _solve(self, loop: scf.ForOp) -> None:
        """Begin with what holds before the loop, take away what a round changes, till none does."""
        arguments = {
            index: argument
            for index, argument in enumerate(loop.body.block.args[1:])
            if isinstance(argument.type, accfg.StateType)
        }
        for index, argument in arguments.items():
            self.loops[argument] = self.of(loop.iter_args[index])
        while True:
            self._forget_inside(loop)
            new = {
                argument: _both(
                    self.loops[argument], _outside(loop, self.of(_yielded(loop, index)))
                )
                for index, argument in arguments.items()
            }
            if all(new[argument] == self.loops[argument] for argument in new):
                return
            self.loops |= new

    def _forget_inside(self, loop: scf.ForOp) -> None:
        """What was found out about inner loops stood on what was known of this one."""
        for state in list(self.loops):
            inner = state.block.parent_op()
            if inner is not None and inner is not loop and loop.is_ancestor(inner):
                del self.loops[state]


def _yielded(loop: scf.ForOp, index: int) -> SSAValue:
    terminator = loop.body.block.last_op
    assert isinstance(terminator, scf.YieldOp)
    return terminator.operands[index]


def _both(a: Registers, b: Registers) -> Registers:
    return {name: value for name, value in a.items() if b.get(name) == value}


def _outside(loop: scf.ForOp, registers: Registers) -> Registers:
    """Without the values that the loop computes anew in each round."""
    return {
        name: value
        for name, value in registers.items()
        if isinstance(value, int) or not _inside(value, loop)
    }


def _inside(value: SSAValue, loop: Operation) -> bool:
    op = value.block.parent_op() if isinstance(value, BlockArgument) else value.owner
    assert isinstance(op, Operation)
    return op is loop or loop.is_ancestor(op)
