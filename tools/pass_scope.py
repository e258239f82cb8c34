"""A pass takes a module: how it runs on one function of a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.traits import SymbolOpInterface


@contextmanager
def alone(op: Operation) -> Iterator[tuple[ModuleOp, list[Operation]]]:
    """A module for a pass that is to see `op` only, and the list of what it leaves in its place.

    A module op is given as it is. Any other op is moved, until the end, into a module that has the
    attributes of the one around it and holds, beside `op`, the symbols without a body that lie
    there (constants, declarations). What the pass leaves goes back; the list is filled at the end.
    """
    left: list[Operation] = []
    if isinstance(op, ModuleOp):
        yield op, left
        left.append(op)
        return
    block, around = op.parent, op.parent_op()
    assert block is not None and around is not None
    attributes = dict(around.attributes) if isinstance(around, ModuleOp) else {}
    moved = [other for other in block.ops if other is op or _is_data(other)]
    following = _following(moved)
    holder = ModuleOp([], attributes)
    for other in moved:
        other.detach()
        holder.body.block.add_op(other)
    try:
        yield holder, left
    finally:
        for other in list(holder.body.block.ops):
            if other not in following or other is op:
                left.append(other)
            other.detach()
            place = following.get(other, following[op])
            if place is None:
                block.add_op(other)
            else:
                block.insert_op_before(other, place)


def _is_data(op: Operation) -> bool:
    return not op.regions and op.has_trait(SymbolOpInterface, value_if_unregistered=False)


def _following(moved: list[Operation]) -> dict[Operation | None, Operation | None]:
    """For each op that is moved the next one after it that stays."""
    following: dict[Operation | None, Operation | None] = {}
    for op in reversed(moved):
        after = op.next_op
        following[op] = following.get(after, after)
    return following
