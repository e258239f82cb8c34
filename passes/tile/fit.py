"""Whether a plan can be placed in the near memory: its buffers as intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...lowering.chain_windows import ChainWindows
from ...lowering.tile_buffers import chain_buffers
from ..memory.liveness import Interval
from ..memory.placement import place
from .network import Tensor
from .plan import Group
from .search import Search


def arena_of(search: Search, groups: Sequence[Group]) -> int:
    """Bytes of the near memory up to which the buffers of a plan reach: the least of some
    placements, or the first that fits.
    """
    found = list(intervals(search, groups))
    arenas: list[int] = []
    for algorithm in ("greedy_by_size", "hill_climb"):
        arenas.append(place(found, algorithm, enough=search.capacity).arena)
        if arenas[-1] <= search.capacity:
            break
    return min(arenas)


def intervals(search: Search, groups: Sequence[Group]) -> Iterator[Interval]:
    """The buffers of each group, and the tensors that live in the near memory."""
    network = search.network
    made: dict[Tensor, int] = {}
    for at, group in enumerate(groups):
        chain = search.chains[group.first, group.end]
        windows = ChainWindows(chain.ops, group.option.tiling.sizes)
        loaded = [value for value in chain.inputs if value not in group.homes.near]
        buffers = chain_buffers(
            windows, group.option.tiling.buffers, loaded, not group.homes.result, chain
        )
        early = group.early and at > 0
        constants = [item.bytes for item in buffers.constants]
        for item in buffers.windows:
            yield Interval("window", item.bytes, at, at)
        for size in constants:
            yield Interval("constants", size, at - early, at)
        for size in buffers.scratch.values():
            yield Interval("scratch", -(-size // 16) * 16, at, at)
        if group.homes.result:
            made[network.steps[group.end - 1].made] = at
    for tensor, at in made.items():
        until = max(i for i, group in enumerate(groups) if group.first <= tensor.last)
        yield Interval("tensor", tensor.size, at, until)
