"""The plan of a network: which ops are computed together, how, and where each tensor lives.

A walk along the schedule: its states are the tensors that stay in the near memory, its moves are
the groups that begin at an op. Of the ways into a state those are kept that no other one beats in
cycles, free bytes and idle cycles of the engine (the latter two let the next group fetch constants
early); where they are more than `WIDTH` the fastest. Within that width the plan is the best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from xdsl.ir import SSAValue

from .chain import Homes, Option
from .network import Network, Tensor

WIDTH = 12
"""Ways into a state that are followed."""
STATES = 64
"""States that are followed behind a step."""


@dataclass(frozen=True)
class Group:
    """The ops [first, end) of a network, computed together."""

    first: int
    end: int
    homes: Homes
    option: Option
    early: bool = False
    """Whether the plan counts on the first constants being fetched during the group before."""


Candidates = Mapping[tuple[int, int], Mapping[Homes, Sequence[Option]]]
"""For each run of ops and each way to give homes the options to tile it."""


@dataclass(frozen=True)
class Way:
    """How a state was reached."""

    cycles: float
    spare: int
    """Bytes of the near memory that the last group left."""
    slack: float
    """Cycles of its last round in which the engine idles."""
    group: Group | None = None
    before: Way | None = None

    def beats(self, other: Way) -> bool:
        return (
            self.cycles <= other.cycles and self.spare >= other.spare and self.slack >= other.slack
        )


State = frozenset[Tensor]


def plan(network: Network, candidates: Candidates, capacity: int) -> list[Group] | None:
    """The groups of the fastest plan that fits `capacity` bytes; None if there is none."""
    count = len(network.steps)
    ways: list[dict[State, list[Way]]] = [{} for _ in range(count + 1)]
    ways[0][frozenset()] = [Way(0.0, 0, 0.0)]
    begins: dict[int, list[int]] = {}
    for first, end in sorted(candidates):
        begins.setdefault(first, []).append(end)
    for at in range(count):
        for state, found in _fastest_states(ways[at]):
            if network.steps[at].unit is None:
                here = ways[at + 1].setdefault(_alive(state, at + 1), [])
                here += [Way(way.cycles, 0, 0.0, None, way) for way in found]
            for end in begins.get(at, ()):
                for after, new in _moves(network, candidates, capacity, state, found, at, end):
                    ways[end].setdefault(after, []).extend(new)
        ways[at + 1] = {state: _best(found) for state, found in ways[at + 1].items()}
    last = [way for found in ways[count].values() for way in found]
    if not last:
        return None
    return list(_groups(min(last, key=lambda way: way.cycles)))


def _fastest_states(states: dict[State, list[Way]]) -> list[tuple[State, list[Way]]]:
    return sorted(states.items(), key=lambda item: item[1][0].cycles)[:STATES]


def _alive(state: State, position: int) -> State:
    """What of a state is read at `position` or later."""
    return frozenset(tensor for tensor in state if tensor.last >= position)


def _best(ways: list[Way]) -> list[Way]:
    kept: list[Way] = []
    for way in sorted(ways, key=lambda w: (w.cycles, -w.spare, -w.slack)):
        if not any(other.beats(way) for other in kept):
            kept.append(way)
            if len(kept) == WIDTH:
                break
    return kept


def _moves(
    network: Network,
    candidates: Candidates,
    capacity: int,
    state: State,
    found: Sequence[Way],
    first: int,
    end: int,
) -> Iterator[tuple[State, list[Way]]]:
    """The states behind the group [first, end), with the ways into them."""
    inputs = network.inputs(first, end)
    near = frozenset(value for value, tensor in inputs.items() if tensor in state)
    made = network.steps[end - 1].made
    for result in (False, True):
        options = candidates[first, end].get(Homes(near, result))
        if not options:
            continue
        held: State = state | {made} if result else state
        space = capacity - sum(tensor.size for tensor in held)
        new = [
            _step(way, Group(first, end, Homes(near, result), option), space)
            for option in options
            if option.bytes <= space
            for way in found
        ]
        if new:
            yield _alive(held, end), new


def _step(way: Way, group: Group, space: int) -> Way:
    """Compute a group behind `way`."""
    option = group.option
    gain = min(option.early_cycles, way.slack) if option.early_bytes <= way.spare else 0.0
    if gain > 0:
        group = Group(group.first, group.end, group.homes, option, early=True)
    return Way(way.cycles + option.cycles - gain, space - option.bytes, option.slack, group, way)


def _groups(way: Way) -> Iterator[Group]:
    if way.before is not None:
        yield from _groups(way.before)
    if way.group is not None:
        yield way.group


def with_early_constants(network: Network, groups: Sequence[Group], capacity: int) -> list[Group]:
    """The groups, with constants fetched early wherever there is room."""
    state, way, at = frozenset[Tensor](), Way(0.0, 0, 0.0), 0
    for group in groups:
        if group.first > at:
            way = Way(way.cycles, 0, 0.0, None, way)
        made = network.steps[group.end - 1].made
        held: State = state | {made} if group.homes.result else state
        way = _step(way, replace(group, early=False), capacity - sum(t.size for t in held))
        state, at = _alive(held, group.end), group.end
    return list(_groups(way))


def group_cycles(groups: Sequence[Group]) -> Iterator[float]:
    """The modelled cycles of each group of a plan."""
    slack = 0.0
    for group in groups:
        gain = min(group.option.early_cycles, slack) if group.early else 0.0
        yield group.option.cycles - gain
        slack = group.option.slack


def cycles_of(groups: Sequence[Group]) -> float:
    """The objective of a plan."""
    return sum(group_cycles(groups))


def homes_of(inputs: Mapping[SSAValue, Tensor], made: Tensor, limit: int) -> Iterator[Homes]:
    """The ways to give homes to what a group reads and makes, at most `limit` bytes of it near."""
    free = [value for value, tensor in inputs.items() if not tensor.far]
    for mask in range(2 ** len(free)):
        near = frozenset(value for i, value in enumerate(free) if mask >> i & 1)
        held = sum(tensor.size for tensor in {inputs[value] for value in near})
        for result in (False, True):
            if (result and made.far) or held + (made.size if result else 0) > limit:
                continue
            yield Homes(near, result)
