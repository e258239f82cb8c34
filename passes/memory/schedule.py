"""The order of ops in which the fewest bytes are alive together.

A *state* is the set of ops that have run. The bytes alive in a state, and those that running one
more op takes, depend on the set only and not on the order in it, so the best order is a path
through the lattice of states whose highest step is lowest. The exact search visits states by
rising peak (Dijkstra with maximum for sum) and runs at once any op that frees at least what it
allocates without raising the peak: running it early never hurts what follows. Beyond a number of
states a beam search takes over.

The state-lattice formulation is that of Ahn et al., "Ordering Chaos: Memory-Aware Scheduling of
Irregularly Wired Neural Networks", arXiv:2003.02369.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True)
class Storage:
    """Bytes that one or more values (a tensor and its reshapes) live in."""

    size: int
    readers: int
    """The ops that read it, as a bit set."""
    lasts: bool = False
    """Whether it is alive to the end: a result of the function, or an input that must survive."""
    given: bool = False
    """Whether it is alive from the start: an argument of the function."""


@dataclass(frozen=True)
class Node:
    """One op: what must run before it, and the storages (by number) that it reads and makes."""

    after: int
    """The ops that must have run, as a bit set."""
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    in_place: tuple[tuple[int, int], ...] = ()
    """(storage read, storage made) that may be the same bytes when the read one dies here."""


@dataclass(frozen=True)
class Graph:
    """What is to be ordered; ops are numbered in their present order."""

    nodes: Sequence[Node]
    storages: Sequence[Storage]

    def bytes_given(self) -> int:
        """Bytes alive before the first op; an argument that nobody reads is not."""
        return sum(s.size for s in self.storages if s.given and (s.readers or s.lasts))

    def ready(self, done: int) -> Iterator[int]:
        """The ops that can run next, in their present order."""
        for op, node in enumerate(self.nodes):
            if not done >> op & 1 and not node.after & ~done:
                yield op

    def run(self, done: int, alive: int, op: int) -> tuple[int, int]:
        """(bytes while `op` runs, bytes alive after it) from state `done` with `alive` bytes."""
        node, storages = self.nodes[op], self.storages
        after = done | 1 << op
        freed = [
            s for s in node.reads if not storages[s].lasts and not storages[s].readers & ~after
        ]
        made = sum(storages[s].size for s in node.makes)
        shared = 0
        left, open_ = set(freed), set(node.makes)
        for read, make in node.in_place:
            if read in left and make in open_ and storages[read].size == storages[make].size:
                shared += storages[make].size
                left.discard(read)
                open_.discard(make)
        unread = sum(
            storages[s].size
            for s in node.makes
            if not storages[s].readers and not storages[s].lasts
        )
        rest = alive + made - unread - sum(storages[s].size for s in freed)
        return alive + made - shared, rest

    def peak(self, order: Sequence[int]) -> int:
        """The most bytes in use at any step of `order`."""
        done, alive = 0, self.bytes_given()
        peak = alive
        for op in order:
            used, alive = self.run(done, alive, op)
            peak = max(peak, used)
            done |= 1 << op
        return peak


Trail = tuple["Trail | None", int]
"""The last op of an order and what came before it."""


def best_order(graph: Graph, max_states: int, beam_width: int) -> tuple[list[int], bool]:
    """An order with the lowest peak that was found, and whether no order has a lower one.

    The present order comes back when no better one is found.
    """
    present = list(range(len(graph.nodes)))
    limit = graph.peak(present)
    order, exact = _search(graph, limit, max_states)
    if order is None and not exact:
        order = _beam(graph, limit, beam_width)
    return (present if order is None else order), exact


def _search(graph: Graph, limit: int, max_states: int) -> tuple[list[int] | None, bool]:
    """The best order with a peak below `limit` if there is one; whether the search was complete."""
    everything = (1 << len(graph.nodes)) - 1
    start = graph.bytes_given()
    number = count()
    queue: list[tuple[int, int, int, int, int, Trail | None]] = [
        (start, 0, next(number), 0, start, None)
    ]
    visited: set[int] = set()
    while queue:
        peak, depth, _, done, alive, trail = heapq.heappop(queue)
        if done == everything:
            return _unwind(trail), True
        if done in visited:
            continue
        visited.add(done)
        if len(visited) > max_states:
            return None, False
        for op, used, rest in _moves(graph, done, alive, peak):
            if max(peak, used) < limit:
                state = done | 1 << op
                if state not in visited:
                    entry = (max(peak, used), depth - 1, next(number), state, rest, (trail, op))
                    heapq.heappush(queue, entry)
    return None, True


def _moves(graph: Graph, done: int, alive: int, peak: int) -> list[tuple[int, int, int]]:
    """(op, bytes while it runs, bytes after it) of the ops worth running next."""
    moves: list[tuple[int, int, int]] = []
    for op in graph.ready(done):
        used, rest = graph.run(done, alive, op)
        if used <= peak and rest <= alive:
            return [(op, used, rest)]
        moves.append((op, used, rest))
    return moves


def _beam(graph: Graph, limit: int, width: int) -> list[int] | None:
    """An order with a peak below `limit`, from the `width` best states of every length."""
    start = graph.bytes_given()
    states: dict[int, tuple[int, int, Trail | None]] = {0: (start, start, None)}
    for _ in graph.nodes:
        following: dict[int, tuple[int, int, Trail | None]] = {}
        for done, (peak, alive, trail) in states.items():
            for op, used, rest in _moves(graph, done, alive, peak):
                state, high = done | 1 << op, max(peak, used)
                known = following.get(state)
                if high < limit and (known is None or high < known[0]):
                    following[state] = (high, rest, (trail, op))
        best = sorted(following.items(), key=lambda item: (item[1][:2], item[0]))
        states = dict(best[:width])
    return next((_unwind(trail) for _, _, trail in states.values()), None)


def _unwind(trail: Trail | None) -> list[int]:
    order: list[int] = []
    while trail is not None:
        trail, op = trail
        order.append(op)
    return order[::-1]
