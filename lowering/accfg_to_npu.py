"""accfg -> npu: setups become writes of registers; states are gone."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import accfg, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import npu
from ..dialects.npu_registers import AcquireOp, SetOp, StartOp
from .npu_to_accfg import ACCELERATOR


@dataclass(frozen=True)
class ConvertAccfgToNpu(ModulePass):
    """Acquire a job where it is set up, write the registers that its setup lists, start it."""

    name = "convert-accfg-to-npu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        ops = [inner for inner in op.walk() if _of_npu(inner)]
        for launch in ops:
            if isinstance(launch, accfg.LaunchOp):
                _lower_launch(launch)
        for loop in [inner for inner in op.walk() if isinstance(inner, scf.ForOp)]:
            _drop_states(loop)
        for setup in reversed([i for i in op.walk() if isinstance(i, accfg.SetupOp)]):
            if _of_npu(setup):
                setup.detach()
                setup.erase()


def _of_npu(op: Operation) -> bool:
    if isinstance(op, accfg.SetupOp | accfg.LaunchOp):
        return op.accelerator.data == ACCELERATOR
    return False


def _lower_launch(launch: accfg.LaunchOp) -> None:
    """The setup of a launch stands in front of it, in the same block."""
    setup = launch.state.owner
    assert isinstance(setup, accfg.SetupOp)
    acquire = AcquireOp()
    writes = [SetOp(name, value) for name, value in setup.iter_params()]
    new: list[Operation] = [acquire, *writes, StartOp()]
    (use,) = launch.token.uses
    waits = use.operation
    wait = npu.WaitOp(acquire.token)
    for op in new:
        op.location = launch.location
    wait.location = waits.location
    _replace(launch, new)
    _replace(waits, [wait])


def _replace(old: Operation, new: list[Operation]) -> None:
    block = old.parent_block()
    assert block is not None
    block.insert_ops_before(new, old)
    block.erase_op(old, safe_erase=False)


def _drop_states(loop: scf.ForOp) -> None:
    """The loop without the states that it carries."""
    body = loop.body.block
    kept = [i for i, v in enumerate(loop.iter_args) if not isinstance(v.type, accfg.StateType)]
    if len(kept) == len(loop.iter_args):
        return
    terminator = body.last_op
    assert isinstance(terminator, scf.YieldOp)
    operands = [terminator.operands[i] for i in kept]
    new_yield = scf.YieldOp(*operands)
    body.insert_op_before(new_yield, terminator)
    body.erase_op(terminator)
    for index in reversed(range(len(loop.iter_args))):
        if index not in kept:
            argument = body.args[index + 1]
            _forget(argument)
            body.erase_arg(argument)
    parent = loop.parent_block()
    assert parent is not None
    new = scf.ForOp(
        loop.lb,
        loop.ub,
        loop.step,
        [loop.iter_args[i] for i in kept],
        loop.detach_region(loop.body),
    )
    new.location = loop.location
    parent.insert_op_before(new, loop)
    for index, result in enumerate(loop.results):
        if index in kept:
            result.replace_all_uses_with(new.results[kept.index(index)])
        else:
            _forget(result)
    parent.erase_op(loop)


def _forget(state: SSAValue) -> None:
    """Let the setups that continue `state` begin anew."""
    for use in list(state.uses):
        setup = use.operation
        if not isinstance(setup, accfg.SetupOp):
            continue
        new = accfg.SetupOp(list(setup.values), list(setup.param_names), setup.accelerator)
        block = setup.parent_block()
        assert block is not None
        block.insert_op_before(new, setup)
        setup.out_state.replace_all_uses_with(new.out_state)
        block.erase_op(setup)
