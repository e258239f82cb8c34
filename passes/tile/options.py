"""The options that a run of ops has: tilings with the near memory and the cycles that they take."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.ir import SSAValue

from ...lowering.chain_windows import ChainWindows
from ...lowering.tile_buffers import GroupBuffers
from .chain import Chain, Homes, Option, orders
from .rounds import Rounds, evaluate

TINY = 16
"""Tiles below this part of the near memory are not looked at, if larger ones fit."""

ROOMY = 6
"""Tiles that take less than this part of the near memory have at least two buffers."""

WORTH = 0.003
"""More bytes must save this part of the cycles."""


def options_of(chain: Chain, homes: Sequence[Homes]) -> dict[Homes, list[Option]]:
    """For each way to give homes the options that nothing beats in bytes and cycles, within the
    capacity of the near memory; by rising bytes.
    """
    found: dict[Homes, list[Option]] = {home: [] for home in homes}
    for columns in (False, True):
        _collect(chain, columns, found)
        least = min((option.bytes for options in found.values() for option in options), default=0)
        if 0 < least * ROOMY <= chain.capacity:
            break
    return {home: pareto(options) for home, options in found.items()}


def _collect(chain: Chain, columns: bool, found: dict[Homes, list[Option]]) -> None:
    """Add the options of all tilings that cut columns, or of those that do not."""
    tilings = [ChainWindows(chain.ops, sizes) for sizes in chain.tile_sizes(columns)]
    for windows in sorted(tilings, key=lambda windows: prod(windows.counts)):
        tiles = prod(windows.counts)
        if len(chain.ops) > 1 and (tiles == 1 or repeats(windows)):
            continue  # a group for each op is as good, or better
        one = chain.buffers(windows, 1)
        if one.bytes * TINY < chain.capacity and all(found.values()):
            continue
        buffers = {1: one} if tiles == 1 or one.bytes * ROOMY > chain.capacity else {}
        if tiles > 1:
            buffers |= {n: chain.buffers(windows, n) for n in (2, 3)}
        useful = [home for home in found if gains(chain, windows, home)]
        fits = [
            (home, n, size)
            for n, taken in buffers.items()
            for home in useful
            if (size := bytes_of(taken, windows, home)) <= chain.capacity
        ]
        for order in orders(windows) if fits else ():
            rounds = Rounds(windows, order, chain)
            for home, n, size in fits:
                if n < 3 or not rounds.even:
                    early = sum(item.bytes for item in buffers[n].constants)
                    found[home].append(evaluate(rounds, n, home, size, early))


def repeats(windows: ChainWindows) -> bool:
    """Whether an op computes the same again for each tile of channels."""
    return windows.counts[-1] > 1 and any(
        not windows.depends(op.results[0])[-1] for op in windows.ops
    )


def gains(chain: Chain, windows: ChainWindows, homes: Homes) -> bool:
    """Whether cutting rows or columns makes a buffer smaller: something moves, or flows between
    ops.
    """
    moves = not homes.result or any(value not in homes.near for value in chain.inputs)
    return moves or len(chain.ops) > 1 or prod(windows.counts[:-1]) == 1


def bytes_of(buffers: GroupBuffers, windows: ChainWindows, homes: Homes) -> int:
    """Of the buffers of a group whose inputs and result are all far, those that these homes ask
    for.
    """
    result = {windows.result} if homes.result else set[SSAValue]()
    in_place = homes.near | result
    return buffers.bytes - sum(item.bytes for item in buffers.windows if item.value in in_place)


def pareto(options: Sequence[Option]) -> list[Option]:
    """The options that no other one beats in bytes and cycles, but for what is not `WORTH` it."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.bytes, o.cycles, o.early_bytes)):
        if not kept or option.cycles < kept[-1].cycles * (1 - WORTH):
            kept.append(option)
    return kept
