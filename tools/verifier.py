"""Verification that tells of every broken op, not of the first one only."""

from __future__ import annotations

from xdsl.ir import Operation
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from .messages import InvalidIR, errors_know_their_op


def verify_all(root: Operation) -> None:
    """Verify `root` and all ops in it in the order of the text; InvalidIR names every broken op."""
    problems: list[tuple[Operation, str]] = []
    with errors_know_their_op():
        for op in root.walk():
            try:
                op.verify(verify_nested_ops=False)
                _verify_blocks(op)
            except (VerifyException, ValueError) as error:
                problems.append((op, str(error).strip()))
    if problems:
        raise InvalidIR(*problems)


def _verify_blocks(op: Operation) -> None:
    for region in op.regions:
        only_block = len(region.blocks) == 1 and not op.has_trait(NoTerminator)
        if only_block and region.block.is_empty:
            raise VerifyException(f"'{op.name}' holds an empty block, which needs a terminator")
