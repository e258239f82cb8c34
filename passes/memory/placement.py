"""Where buffers go: several placement algorithms behind one function, `place`.

Every algorithm takes intervals (size in bytes, first and last step) and gives offsets such that no
two intervals that are alive together share a byte. Intervals whose offset is set keep it.

Sources: greedy by size and greedy by breadth follow Pisarchyk and Lee, "Efficient Memory Management
for Deep Neural Net Inference", arXiv:2001.03288 (offset calculation). The search over orders is
iterated local search on the permutation that first fit is given.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from ...dialects.diagnostics import RunnelError, choices
from .liveness import Interval
from .placement_problem import Problem

DEFAULT_ALIGNMENT = 16
"""Bytes; what `dma.buffer` asks of its offset."""

HILL_CLIMB_TRIES = 1500
"""Orders that the hill climb places, at most; 1 ms each for a hundred buffers."""


@dataclass(frozen=True)
class Placement:
    """One offset (bytes) per interval, and the bytes that they reach up to."""

    offsets: tuple[int, ...]
    arena: int
    algorithm: str
    """The algorithm that found it: for `auto` the one that won."""


Offsets = list[int]
Fit = Callable[[Problem, Sequence[tuple[int, int]], int], int]


def place(
    intervals: Sequence[Interval],
    algorithm: str = "auto",
    *,
    alignment: int = DEFAULT_ALIGNMENT,
    seed: int = 0,
    enough: int = 0,
    tries: int = HILL_CLIMB_TRIES,
) -> Placement:
    """Offsets for `intervals`, multiples of `alignment` bytes; the same for the same arguments.

    A search ends when the arena has at most `enough` bytes; the hill climb after `tries` orders.

    Raises RunnelError for an unknown algorithm, for `cp_sat` without ortools, and for intervals
    whose fixed offsets are impossible.
    """
    check_algorithm(algorithm)
    problem = Problem(intervals, alignment, seed, enough, tries)
    _check_fixed(problem)
    if algorithm == "auto":
        return _auto(problem)
    return _run(problem, algorithm)


def check_algorithm(algorithm: str) -> None:
    """Refuse what is no name of an algorithm."""
    if algorithm not in ALGORITHMS:
        raise RunnelError(
            f"no placement algorithm named '{algorithm}': choose one of "
            f"{choices(algorithm, ALGORITHMS)}"
        )


def _run(problem: Problem, algorithm: str) -> Placement:
    offsets = ALGORITHMS[algorithm](problem)
    return Placement(tuple(offsets), problem.arena(offsets), algorithm)


def _check_fixed(problem: Problem) -> None:
    """Refuse fixed offsets that are misaligned, or that overlap while both are alive."""
    for i, interval in enumerate(problem.intervals):
        if interval.offset is None:
            continue
        if interval.offset < 0 or interval.offset % problem.alignment:
            raise RunnelError(
                f"{interval.name}: the fixed offset {interval.offset} is not a multiple of "
                f"{problem.alignment}"
            )
        for j in problem.neighbours[i]:
            other = problem.intervals[j]
            if other.offset is None or not _overlap(interval, interval.offset, other, other.offset):
                continue
            raise RunnelError(
                f"{interval.name} is fixed at {interval.offset} and {other.name} at "
                f"{other.offset}: they overlap while both hold data; remove one of the offsets"
            )


def _overlap(a: Interval, at: int, b: Interval, bt: int) -> bool:
    return at < bt + b.size and bt < at + a.size


def gaps(taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int | None]]:
    """The free ranges between `taken` ones, sorted by start; the last one has no end (None)."""
    top = 0
    for low, high in taken:
        if low > top:
            yield top, low
        top = max(top, high)
    yield top, None


def lowest_gap(problem: Problem, taken: Sequence[tuple[int, int]], size: int) -> int:
    """The lowest aligned offset with `size` free bytes."""
    top = 0
    for low, high in taken:
        if top + size <= low:
            break
        if high > top:
            top = problem.round_up(high)
    return top


def tightest_gap(problem: Problem, taken: Sequence[tuple[int, int]], size: int) -> int:
    """The aligned offset in the gap that leaves the fewest bytes; above all if none is large."""
    best, best_rest = 0, -1
    for low, high in gaps(taken):
        low = problem.round_up(low)
        if high is None:
            return low if best_rest < 0 else best
        rest = high - low - size
        if rest >= 0 and (best_rest < 0 or rest < best_rest):
            best, best_rest = low, rest
    raise AssertionError("the last gap has no end")


def place_in_order(
    problem: Problem,
    order: Sequence[int],
    fit: Fit = lowest_gap,
) -> Offsets:
    """Place the free intervals one after the other, each where `fit` says."""
    offsets = [-1 if i.offset is None else i.offset for i in problem.intervals]
    sizes = [interval.size for interval in problem.intervals]
    for i in order:
        placed = [j for j in problem.neighbours[i] if offsets[j] >= 0]
        taken = sorted([(offsets[j], offsets[j] + sizes[j]) for j in placed])
        offsets[i] = fit(problem, taken, sizes[i])
    return offsets


def linear(problem: Problem) -> Offsets:
    """Every buffer has bytes of its own: what no reuse costs."""
    offsets = [-1 if i.offset is None else i.offset for i in problem.intervals]
    top = max((i.offset + i.size for i in problem.intervals if i.offset is not None), default=0)
    for i in problem.free:
        offsets[i] = problem.round_up(top)
        top = offsets[i] + problem.intervals[i].size
    return offsets


def _start_order(problem: Problem) -> list[int]:
    intervals = problem.intervals
    return sorted(problem.free, key=lambda i: (intervals[i].start, -intervals[i].size))


def _size_order(problem: Problem) -> list[int]:
    intervals = problem.intervals
    return sorted(problem.free, key=lambda i: (-intervals[i].size, intervals[i].start))


def _breadth_order(problem: Problem) -> list[int]:
    """The buffers of the step with the most bytes, the largest first; then the next step's."""
    intervals = problem.intervals
    steps = {interval.start for interval in intervals}
    alive = {
        t: [i for i in problem.free if intervals[i].start <= t <= intervals[i].end] for t in steps
    }
    breadth = {t: sum(intervals[i].size for i in alive[t]) for t in steps}
    order: dict[int, None] = {}
    for step in sorted(steps, key=lambda t: (-breadth[t], t)):
        for i in sorted(alive[step], key=lambda i: -intervals[i].size):
            order.setdefault(i)
    return list(order)


def first_fit(problem: Problem) -> Offsets:
    """By first step, the lowest free place."""
    return place_in_order(problem, _start_order(problem))


def best_fit(problem: Problem) -> Offsets:
    """By first step, the tightest free place."""
    return place_in_order(problem, _start_order(problem), tightest_gap)


def greedy_by_size(problem: Problem) -> Offsets:
    """The largest first, the tightest free place (arXiv:2001.03288)."""
    return place_in_order(problem, _size_order(problem), tightest_gap)


def greedy_by_breadth(problem: Problem) -> Offsets:
    """The step with the most bytes first, the tightest free place (arXiv:2001.03288)."""
    return place_in_order(problem, _breadth_order(problem), tightest_gap)


def hill_climb(problem: Problem) -> Offsets:
    """Search the orders that first fit can be given, from the best greedy one; seeded.

    A move swaps a buffer under the top of the arena with any other; equal arenas are accepted.
    After a stretch without gain it goes on from the best order with a few swaps more.
    """
    chooser = random.Random(problem.seed)
    orders = [order(problem) for order in (_start_order, _size_order, _breadth_order)]
    best = min(orders, key=lambda order: problem.arena(place_in_order(problem, order)))
    best_offsets = place_in_order(problem, best)
    best_arena = problem.arena(best_offsets)
    order, offsets, arena, stale = list(best), best_offsets, best_arena, 0
    for _ in range(problem.tries if len(best) > 1 else 0):
        if best_arena <= problem.bound:
            break
        if stale >= 150:
            order, stale = list(best), 0
            for _ in range(3):
                _swap(order, chooser.randrange(len(order)), chooser)
            offsets = place_in_order(problem, order)
            arena = problem.arena(offsets)
        trial = list(order)
        _swap(trial, chooser.choice(_under_the_top(problem, trial, offsets, arena)), chooser)
        trial_offsets = place_in_order(problem, trial)
        trial_arena = problem.arena(trial_offsets)
        stale = 0 if trial_arena < arena else stale + 1
        if trial_arena <= arena:
            order, offsets, arena = trial, trial_offsets, trial_arena
        if arena < best_arena:
            best, best_offsets, best_arena = list(order), offsets, arena
    return best_offsets


def _swap(order: list[int], position: int, chooser: random.Random) -> None:
    other = chooser.randrange(len(order))
    order[position], order[other] = order[other], order[position]


def _under_the_top(
    problem: Problem, order: Sequence[int], offsets: Sequence[int], arena: int
) -> list[int]:
    """Positions in `order` of the buffers that reach the top, and of those alive with them."""
    top = {i for i, at in enumerate(offsets) if at + problem.intervals[i].size == arena}
    critical = top.union(*(problem.neighbours[i] for i in top))
    positions = [position for position, i in enumerate(order) if i in critical]
    return positions or list(range(len(order)))


def cp_sat(problem: Problem) -> Offsets:
    """The best placement that a constraint solver finds; exact when its time suffices."""
    if not has_cp_sat():
        raise RunnelError(
            "algorithm cp_sat needs ortools: pip install 'runnel[solver]', or choose algorithm auto"
        )
    from .cp_sat import solve

    return solve(problem, min((greedy(problem) for greedy in GREEDY.values()), key=problem.arena))


def has_cp_sat() -> bool:
    """Whether ortools is installed."""
    return find_spec("ortools") is not None


def _auto(problem: Problem) -> Placement:
    """The cheap algorithms, then the search, then the solver; stops where the bound is reached."""
    best: Placement | None = None
    searches = ["hill_climb"] + (["cp_sat"] if has_cp_sat() else [])
    for algorithm in (*GREEDY, *searches):
        found = _run(problem, algorithm)
        if best is None or found.arena < best.arena:
            best = found
        if best.arena <= problem.bound:
            break
    assert best is not None
    return best


GREEDY: dict[str, Callable[[Problem], Offsets]] = {
    "first_fit": first_fit,
    "greedy_by_size": greedy_by_size,
    "greedy_by_breadth": greedy_by_breadth,
    "best_fit": best_fit,
}
"""What `auto` tries first: one pass over the buffers each."""

ALGORITHMS: dict[str, Callable[[Problem], Offsets]] = {
    "linear": linear,
    **GREEDY,
    "hill_climb": hill_climb,
    "cp_sat": cp_sat,
    "auto": lambda problem: list(_auto(problem).offsets),
}
"""All algorithms by the name that `plan-memory{algorithm=...}` takes."""
