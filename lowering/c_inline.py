"""Which expressions of the c dialect are printed inside the statement that uses them.

An expression is written where it is used if that gives the same value: it has one use, in the same
block, and if it reads memory, nothing writes between its place and that use. All others become
constants of the block. Literals, addresses of globals and objects are always written in place.
"""

from __future__ import annotations

from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.traits import MemoryEffectKind, get_effects, is_side_effect_free

from ..dialects import c

TRIVIAL = (c.LiteralOp, c.GetGlobalOp)
OBJECTS = (c.SubscriptOp, c.MemberOp)
COMPUTED = (c.BinaryOp, c.UnaryOp, c.ConditionalOp, c.CastOp, c.LoadOp, c.AddressOfOp, c.CallOp)
SILENT = (c.VariableOp, c.CommentOp, c.DiscardOp)


def is_expression(op: Operation) -> bool:
    """Whether `op` can stand inside a statement."""
    if isinstance(op, c.CallOp):
        return op.pure is not None
    return isinstance(op, (*TRIVIAL, *OBJECTS, *COMPUTED))


def writes(op: Operation) -> bool:
    """Whether `op` may change memory that an expression reads."""
    if isinstance(op, SILENT):
        return False
    if isinstance(op, c.IfOp | c.ForOp):
        return any(writes(inner) for region in op.regions for inner in region.walk())
    effects = get_effects(op)
    return effects is None or any(effect.kind is MemoryEffectKind.WRITE for effect in effects)


def dead_expressions(region: Region) -> set[Operation]:
    """The expressions whose values reach no statement: they are not printed at all."""
    dead: set[Operation] = set()
    for op in reversed(list(region.walk())):
        if is_expression(op) and all(use.operation in dead for use in op.results[0].uses):
            dead.add(op)
    return dead


class Inlining:
    """The expressions of one block that are printed in place; the others are not in `inlined`."""

    def __init__(self, block: Block, dead: set[Operation]):
        self.inlined: set[Operation] = set()
        self._anchors: dict[Operation, Operation | None] = {}
        self._block = block
        self._dead = dead
        ops = list(block.ops)
        self._positions = {op: position for position, op in enumerate(ops)}
        self._writes = [position for position, op in enumerate(ops) if writes(op)]
        for op in reversed(ops):
            if is_expression(op) and op not in dead:
                self._decide(op)

    def _decide(self, op: Operation) -> None:
        anchor = self._single_anchor(op.results[0])
        if isinstance(op, TRIVIAL):
            self.inlined.add(op)
        elif isinstance(op, OBJECTS) or (anchor is not None and self._keeps_value(op, anchor)):
            self.inlined.add(op)
            self._anchors[op] = anchor

    def _single_anchor(self, value: SSAValue) -> Operation | None:
        """The statement of this block that evaluates `value`, if it does so once."""
        uses = [use for use in value.uses if use.operation not in self._dead]
        if len(uses) != 1 or uses[0].operation.parent is not self._block:
            return None
        user = uses[0].operation
        if isinstance(user, c.ForOp) and uses[0].index != 0 and not self._is_fixed(value.owner):
            return None
        return self._anchors.get(user, user)

    def _is_fixed(self, op: Operation | Block) -> bool:
        """Whether a loop may evaluate `op` again: it and what it is made of read no memory."""
        if not isinstance(op, Operation) or not is_expression(op):
            return True
        return is_side_effect_free(op) and all(self._is_fixed(value.owner) for value in op.operands)

    def _keeps_value(self, op: Operation, anchor: Operation) -> bool:
        if is_side_effect_free(op):
            return True
        first, last = self._positions[op], self._positions[anchor]
        return not any(first < position < last for position in self._writes)
