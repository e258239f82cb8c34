"""Any legal plan, for tests of what comes after: ragged tiles, odd orders, homes at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from xdsl.ir import SSAValue

from ...dialects.tiling import shape_of, tiling_of
from ...lowering.chain_windows import ChainWindows
from .chain import Chain, Homes, Option
from .fit import arena_of
from .network import Tensor
from .options import bytes_of
from .plan import Candidates, Group, plan
from .rounds import Rounds, evaluate
from .search import Search, candidates

TRIES = 20
"""Plans, and tilings of a group, that are drawn before the next best thing is taken."""


def random_plan(search: Search, seed: int) -> list[Group]:
    """A plan that fits the near memory; the same for the same seed.

    Raises `RunnelError` for an op that no tile of fits.
    """
    draw = _Draw(search, random.Random(seed))
    for attempt in range(TRIES):
        groups = list(draw.groups(near=attempt < TRIES // 2))
        if arena_of(search, groups) <= search.capacity:
            return groups
    groups = plan(search.network, draw.options, search.capacity // 2)
    assert groups is not None
    return groups


@dataclass
class _Draw:
    """Draws plans for a network."""

    search: Search
    chooser: random.Random

    @cached_property
    def options(self) -> Candidates:
        """What is taken where nothing drawn fits."""
        return candidates(self.search)

    def groups(self, near: bool) -> Iterator[Group]:
        """Groups from the first op to the last one, each within what tensors leave of the space."""
        search, network, chooser = self.search, self.search.network, self.chooser
        held, at = set[Tensor](), 0
        while at < len(network.steps):
            ends = [end for first, end in search.chains if first == at]
            if not ends:
                at += 1
                continue
            end = chooser.choice(ends)
            inputs, made = network.inputs(at, end), network.steps[end - 1].made
            in_place = frozenset(value for value, tensor in inputs.items() if tensor in held)
            space = search.capacity - sum(tensor.size for tensor in held)
            stays = near and not made.far and made.size * 2 < space and chooser.random() < 0.5
            homes = Homes(in_place, stays)
            space -= made.size if stays else 0
            option = _option(search.chains[at, end], homes, space, chooser)
            if option is None:
                # The smallest option that there is, of this op alone.
                end, made = at + 1, network.steps[at].made
                homes = _alone(network.inputs(at, end), held)
                option = min(self.options[at, end][homes], key=lambda option: option.bytes)
            if homes.result:
                held.add(made)
            yield Group(at, end, homes, option)
            held = {tensor for tensor in held if tensor.last >= end}
            at = end


def _alone(inputs: dict[SSAValue, Tensor], held: set[Tensor]) -> Homes:
    return Homes(frozenset(value for value, tensor in inputs.items() if tensor in held), False)


def _option(chain: Chain, homes: Homes, space: int, chooser: random.Random) -> Option | None:
    """A random tiling that takes at most `space` bytes."""
    for _ in range(TRIES):
        sizes = _sizes(chain, chooser)
        windows, slots = ChainWindows(chain.ops, sizes), chooser.choice((1, 2, 2, 3))
        buffers = chain.buffers(windows, slots)
        size = bytes_of(buffers, windows, homes)
        if size > space:
            continue
        order = list(range(len(sizes)))
        chooser.shuffle(order)
        return evaluate(Rounds(windows, tuple(order), chain), slots, homes, size, 0)
    return None


def _sizes(chain: Chain, chooser: random.Random) -> tuple[int, ...]:
    last = chain.ops[-1]
    tiling = tiling_of(last)
    assert tiling is not None
    shape, cuts = shape_of(last.results[0]), tiling.tileable(last)
    granule = max(chain.backend.granule(op) for op in chain.ops)
    sizes: list[int] = []
    for dim, (extent, cut) in enumerate(zip(shape, cuts, strict=True)):
        unit = granule if dim == len(shape) - 1 else 1
        size = min(extent, unit * chooser.randint(1, -(-extent // unit)))
        sizes.append(size if cut and chooser.random() < 0.7 else extent)
    return tuple(sizes)
