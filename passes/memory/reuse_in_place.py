"""reuse-in-place: an op writes over an input that nobody reads afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects.diagnostics import emit_remark, refer_to
from ...dialects.dma import BufferOp, DestinationStyleOp, ViewOp, buffer_of
from ...dialects.types import dtype_of
from .liveness import buffer_liveness, functions_with_buffers


@dataclass(frozen=True)
class ReuseInPlace(ModulePass):
    """Give the output of an op the buffer of an input, where the op allows it and the input dies.

    Both buffers must be in one memory, of one size, and not both network input or output. By
    default a network input may be overwritten: the caller fills it before each call; `keep-inputs`
    forbids it.
    """

    name = "reuse-in-place"

    keep_inputs: bool = False
    """Whether network inputs survive the call."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for func in functions_with_buffers(op.body.block.ops):
            _reuse_in(func, self.keep_inputs)


def _reuse_in(func: FuncOp, keep_inputs: bool) -> None:
    for op in list(func.body.block.ops):
        if not isinstance(op, DestinationStyleOp):
            continue
        for source, target in _candidates(op):
            reason = _refusal(func, op, source, target, keep_inputs)
            if reason is None:
                size = target.size
                _merge(source, target)
                message = f"works in place, {size} B less to place"
                emit_remark("passed", ReuseInPlace.name, op, message)
                break
            emit_remark("missed", ReuseInPlace.name, op, f"not in place: {reason}")


def _candidates(op: DestinationStyleOp) -> Iterator[tuple[BufferOp, BufferOp]]:
    """Pairs of an input's and an output's buffer that the op allows to be one."""
    for i, o in op.in_place:
        source, target = buffer_of(op.inputs[i]), buffer_of(op.outputs[o])
        if source is None or target is None or source is target:
            continue
        if source.parent_block() is target.parent_block() is op.parent_block():
            yield source, target


def _refusal(
    func: FuncOp,
    op: DestinationStyleOp,
    source: BufferOp,
    target: BufferOp,
    keep_inputs: bool,
) -> str | None:
    """Why `target` cannot be `source`; None when it can."""
    if source.memory != target.memory:
        return f"the input is in {source.memory}, the output in {target.memory}"
    if source.size != target.size or _element_size(source) != _element_size(target):
        return f"{source.result.type} and {target.result.type} differ in size"
    if source.offset is not None or target.offset is not None:
        return "an offset is fixed already"
    if source.role is not None and target.role is not None:
        return f"the network's {source.role.data} and {target.role.data} stay apart"
    if keep_inputs and source.role is not None:
        return "the network input must survive"
    if not _only_in_place(op, source, target):
        return "another operand of the op is the same buffer"
    return _conflict_over_time(func, op, source, target)


def _only_in_place(op: DestinationStyleOp, source: BufferOp, target: BufferOp) -> bool:
    """Whether the op takes `source` only where it may be the output, and `target` only there."""
    for operand in op.operands:
        found = buffer_of(operand)
        if found is source and not _may_share(op, operand, target):
            return False
    return sum(buffer_of(operand) is target for operand in op.operands) == 1


def _may_share(op: DestinationStyleOp, operand: SSAValue, target: BufferOp) -> bool:
    inputs = [i for i, value in enumerate(op.inputs) if value is operand]
    shared = {i for i, o in op.in_place if buffer_of(op.outputs[o]) is target}
    others = [*op.outputs, *op.scratch]
    return shared.issuperset(inputs) and operand not in others


def _conflict_over_time(
    func: FuncOp, op: Operation, source: BufferOp, target: BufferOp
) -> str | None:
    liveness = buffer_liveness(func)
    here = liveness.steps.index(op)
    if liveness.intervals[source].end > here:
        later = liveness.steps[liveness.intervals[source].end]
        return f"the input is still read, last by {refer_to(later)}"
    if liveness.intervals[target].start < here:
        earlier = liveness.steps[liveness.intervals[target].start]
        return f"the output is in use before, first by {refer_to(earlier)}"
    return None


def _element_size(buffer: BufferOp) -> int:
    type = buffer.result.type
    assert isinstance(type, MemRefType)
    return dtype_of(type.element_type).itemsize


def _merge(source: BufferOp, target: BufferOp) -> None:
    """Make both one buffer: the one with a role stays, at the place of the earlier one."""
    kept, gone = (source, target) if target.role is None else (target, source)
    _move_up(kept, gone)
    replacement = kept.result
    if gone.result.type != kept.result.type:
        assert isinstance(gone.result.type, MemRefType)
        view = ViewOp(kept.result, gone.result.type)
        view.location = kept.location
        block = kept.parent_block()
        assert block is not None
        block.insert_op_after(view, kept)
        replacement = view.result
    gone.result.replace_all_uses_with(replacement)
    gone.detach()
    gone.erase()


def _move_up(kept: BufferOp, gone: BufferOp) -> None:
    """Put `kept` before every user of both."""
    block = gone.parent_block()
    if block is not kept.parent_block() or block is None:
        return
    if block.get_operation_index(gone) < block.get_operation_index(kept):
        kept.detach()
        block.insert_op_before(kept, gone)
