"""npu -> accfg: jobs as setups of registers, launches and awaits.

A setup continues the state that its registers are in. There are two sets of registers, in turn, so
that this is the state of the job before the last one; loops carry both states.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import accfg, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import npu
from ..dialects.npu_job import AddressesOf, GeometryOf, Kind, Pitch, register_values
from ..dialects.npu_registers import AddressOp
from .cluster_arguments import Size, constant_size, pitch, sizes_of
from .index_math import Index, IndexMath

ACCELERATOR = "n-eureka"

Setups = tuple[SSAValue, SSAValue]
"""The states of the registers of the next job and of the one behind it."""


@dataclass(frozen=True)
class ConvertNpuToAccfg(ModulePass):
    """Compute the registers of each job and set them up with `accfg.setup`.

    All registers are set; dedup-setups takes out those that hold their value already.
    """

    name = "convert-npu-to-accfg"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.body.block.ops:
            if isinstance(function, FuncOp) and _has_jobs(function):
                block = function.body.block
                unknown = [accfg.SetupOp([], [], ACCELERATOR) for _ in range(2)]
                assert block.first_op is not None
                block.insert_ops_before(unknown, block.first_op)
                _lower_block(block, (unknown[0].out_state, unknown[1].out_state))


def _has_jobs(op: Operation) -> bool:
    return any(isinstance(inner, npu.Conv2DOp) for inner in op.walk())


def _lower_block(block: Block, states: Setups) -> Setups:
    """Lower the jobs of a block in their order; the states behind it."""
    for op in list(block.ops):
        match op:
            case npu.Conv2DOp():
                states = states[1], _lower_job(op, states[0])
            case npu.WaitOp():
                _replace(op, [accfg.AwaitOp(op.token)])
            case scf.ForOp() if _has_jobs(op):
                states = _lower_loop(op, states)
            case _ if _has_jobs(op):
                states = _lower_regions(op, states)
            case _:
                pass
    return states


def _lower_regions(op: Operation, states: Setups) -> Setups:
    """A fork goes on from what was before; behind a branch nothing is known."""
    for region in op.regions:
        for block in region.blocks:
            states_behind = _lower_block(block, states)
            if len(op.regions) == 1 and not isinstance(op, scf.IfOp):
                return states_behind
    unknown = [accfg.SetupOp([], [], ACCELERATOR) for _ in range(2)]
    parent = op.parent_block()
    assert parent is not None
    parent.insert_ops_after(unknown, op)
    return unknown[0].out_state, unknown[1].out_state


def _lower_loop(loop: scf.ForOp, states: Setups) -> Setups:
    """The loop carries both states."""
    body = loop.body.block
    count = len(loop.iter_args)
    arguments = [body.insert_arg(state.type, len(body.args)) for state in states]
    behind = _lower_block(body, (arguments[0], arguments[1]))
    terminator = body.last_op
    assert isinstance(terminator, scf.YieldOp)
    yielded = scf.YieldOp(*terminator.operands, *behind)
    _replace(terminator, [yielded])
    parent = loop.parent_block()
    assert parent is not None
    new = scf.ForOp(
        loop.lb, loop.ub, loop.step, [*loop.iter_args, *states], loop.detach_region(loop.body)
    )
    new.location = loop.location
    parent.insert_op_before(new, loop)
    for old, result in zip(loop.results, new.results, strict=False):
        old.replace_all_uses_with(result)
    parent.erase_op(loop)
    return new.results[count], new.results[count + 1]


def _lower_job(job: npu.Conv2DOp, state: SSAValue) -> SSAValue:
    """Setup and launch; the state that the registers are in then."""
    head = Block()
    math = IndexMath(head)
    values = register_values(job.mode, _geometry(job), _addresses(job, math), math)
    operands = [math.value(value) for value in values.values()]
    setup = accfg.SetupOp(operands, list(values), ACCELERATOR, state)
    launch = accfg.LaunchOp([], [], setup.out_state)
    before = list(head.ops)
    for op in before:
        op.detach()
    job.token.replace_all_uses_with(launch.token)
    _replace(job, [*before, setup, launch])
    return setup.out_state


def _replace(old: Operation, new: list[Operation]) -> None:
    block = old.parent_block()
    assert block is not None
    for op in new:
        op.location = old.location
    block.insert_ops_before(new, old)
    block.erase_op(old)


def _index(size: Size) -> Index:
    known = constant_size(size)
    if known is not None:
        return Index(None, known)
    assert isinstance(size, SSAValue)
    return Index(size)


def _image(value: SSAValue) -> tuple[Index, Index, Index]:
    """Rows, columns and channels of a window; vectors are the pixels of one row."""
    sizes = [_index(size) for size in sizes_of(value)]
    if len(sizes) == 2:
        return Index(None, 1), sizes[0], sizes[1]
    return sizes[1], sizes[2], sizes[3]


def _pitch(value: SSAValue) -> Pitch:
    found = pitch("", value)
    return Pitch(found.row, found.pixel)


def _geometry(job: npu.Conv2DOp) -> GeometryOf[Index]:
    pads = _index(job.pad_top), _index(job.pad_left)
    if job.mode.kind is Kind.POINTWISE:
        pads = Index(None, 0), Index(None, 0)
    return GeometryOf(
        *_image(job.input), *_image(job.output), *pads, _pitch(job.input), _pitch(job.output)
    )


def _addresses(job: npu.Conv2DOp, math: IndexMath) -> AddressesOf[Index]:
    def address(value: SSAValue) -> Index:
        op = AddressOp(value)
        math.block.add_op(op)
        return Index(op.result)

    chunk, data = job.chunk, address(job.constants)
    parts = (math.add(data, math.number(at)) for at in (0, chunk.bias, chunk.scale, chunk.shift))
    return AddressesOf(address(job.input), address(job.output), *parts)
