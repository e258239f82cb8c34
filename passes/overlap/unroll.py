"""Short loops of tiles as straight-line code, with numbers for the round."""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import dma
from ..dma.stages import Rounds, StageCopy
from .windows import number_of

MOST_ROUNDS = 8
"""Longer loops stay: every round becomes code."""


def unroll(function: FuncOp) -> bool:
    """Unroll the loops of a function's block that are short; whether there are any."""
    loops = [(op, n) for op in function.body.block.ops if (n := rounds_of(op)) is not None]
    for loop, rounds in loops:
        assert isinstance(loop, scf.ForOp)
        _unroll(loop, rounds)
    return bool(loops)


def rounds_of(op: Operation) -> range | None:
    """The rounds of a short loop that holds work but no control flow; None for anything else."""
    if not isinstance(op, scf.ForOp) or any(inner.regions for inner in op.body.block.ops):
        return None
    if not any(isinstance(inner, dma.DestinationStyleOp) for inner in op.body.block.ops):
        return None
    start, stop, step = (number_of(value) for value in (op.lb, op.ub, op.step))
    if start is None or stop is None or not step:
        return None
    rounds = range(start, stop, step)
    return rounds if len(rounds) <= MOST_ROUNDS else None


def _unroll(loop: scf.ForOp, rounds: range) -> None:
    carried: list[SSAValue] = list(loop.iter_args)
    block = Block()
    for number in rounds:
        copy = StageCopy(block, Rounds(number, number))
        copy.values |= zip(loop.body.block.args[1:], carried, strict=True)
        copy.append(loop.body)
        end = block.last_op
        assert isinstance(end, scf.YieldOp)
        carried = list(end.operands)
        block.erase_op(end)
    parent = loop.parent_block()
    assert parent is not None
    ops = list(block.ops)
    for op in ops:
        op.detach()
    parent.insert_ops_before(ops, loop)
    for result, value in zip(loop.results, carried, strict=True):
        result.replace_all_uses_with(value)
    parent.erase_op(loop)
