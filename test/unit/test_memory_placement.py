"""Placement: no algorithm overlaps, none goes below the bound, and known networks reach it."""

import importlib.util

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnel.dialects.diagnostics import RunnelError
from runnel.passes.memory import placement
from runnel.passes.memory.liveness import Interval, liveness_bound
from runnel.passes.memory.placement import ALGORITHMS, GREEDY, Placement, place

needs_ortools = pytest.mark.skipif(
    importlib.util.find_spec("ortools") is None, reason="ortools is not installed"
)
FAST = [name for name in ALGORITHMS if name not in ("cp_sat", "auto")]


def lives(*spans: tuple[int, int, int]) -> list[Interval]:
    """Intervals from (size, start, end)."""
    return [Interval(f"b{i}", *span) for i, span in enumerate(spans)]


def chain(*sizes: int) -> list[Interval]:
    """The buffers of a chain of layers: each is written by one step and read by the next."""
    last = len(sizes) - 2
    spans = [(size, max(i - 1, 0), min(i, last)) for i, size in enumerate(sizes)]
    return lives(*spans)


def assert_sound(intervals: list[Interval], placed: Placement, alignment: int) -> None:
    """No two intervals share a step and a byte; every offset is aligned; the arena is their end."""
    spans = list(zip(intervals, placed.offsets, strict=True))
    for i, (a, at) in enumerate(spans):
        assert at >= 0 and at % alignment == 0
        assert a.offset is None or at == a.offset
        for b, bt in spans[i + 1 :]:
            same_time = max(a.start, b.start) <= min(a.end, b.end)
            same_bytes = max(at, bt) < min(at + a.size, bt + b.size)
            assert not (same_time and same_bytes), (a, at, b, bt)
    assert placed.arena == max((at + a.size for a, at in spans), default=0)
    assert placed.arena >= liveness_bound(intervals, alignment).aligned


spans = st.builds(
    lambda size, start, length: (size, start, start + length),
    st.integers(1, 400),
    st.integers(0, 12),
    st.integers(0, 8),
)
interval_sets = st.lists(spans, max_size=14).map(lambda found: lives(*found))


@settings(max_examples=40)
@given(interval_sets, st.sampled_from([16, 32, 64]))
def test_every_algorithm_is_sound(intervals: list[Interval], alignment: int):
    for algorithm in FAST:
        placed = place(intervals, algorithm, alignment=alignment)
        assert_sound(intervals, placed, alignment)
        assert placed == place(intervals, algorithm, alignment=alignment)


@settings(max_examples=25)
@given(interval_sets)
def test_auto_is_never_worse_than_a_greedy_one(intervals: list[Interval]):
    found = place(intervals, "auto")
    assert_sound(intervals, found, 16)
    assert found.arena <= min(place(intervals, name).arena for name in GREEDY)
    assert found.arena <= place(intervals, "hill_climb").arena


@needs_ortools
@settings(max_examples=25)
@given(interval_sets)
def test_the_solver_is_never_worse_than_the_search(intervals: list[Interval]):
    exact = place(intervals, "cp_sat")
    assert_sound(intervals, exact, 16)
    assert exact.arena <= place(intervals, "hill_climb").arena
    assert exact == place(intervals, "cp_sat")


@settings(max_examples=40)
@given(interval_sets, st.integers(0, 20), st.sampled_from(FAST))
def test_a_fixed_buffer_stays(intervals: list[Interval], blocks: int, algorithm: str):
    intervals.append(Interval("fixed", 40, 2, 5, offset=blocks * 16))
    assert_sound(intervals, place(intervals, algorithm), 16)


def best_arena_by_trying_all(intervals: list[Interval], unit: int) -> int:
    """The least arena over all aligned offsets, by exhaustion."""
    limit = place(intervals, "linear").arena
    best = limit
    offsets: list[int] = []

    def extend(used: int) -> None:
        nonlocal best
        if used >= best:
            return
        if len(offsets) == len(intervals):
            best = used
            return
        now = intervals[len(offsets)]
        for at in range(0, limit, unit):
            clash = any(
                now.meets(other) and at < bt + other.size and bt < at + now.size
                for other, bt in zip(intervals, offsets, strict=False)
            )
            if not clash:
                offsets.append(at)
                extend(max(used, at + now.size))
                offsets.pop()

    extend(0)
    return best


@needs_ortools
@settings(max_examples=15)
@given(st.lists(spans, min_size=1, max_size=5))
def test_the_solver_finds_the_optimum(found: list[tuple[int, int, int]]):
    intervals = lives(*((size % 80 + 1, start, end) for size, start, end in found))
    assert place(intervals, "cp_sat").arena == best_arena_by_trying_all(intervals, 16)


# Bytes of the int8 activations of the MLPerf Tiny networks (arXiv:2106.07597), by layer.
RESNET8 = lives(
    (3072, 0, 0),  # input 32x32x3
    (16384, 0, 3),  # conv, kept for the skip
    (16384, 1, 2),
    (16384, 2, 3),
    (16384, 3, 5),  # add
    (8192, 4, 6),
    (8192, 6, 7),
    (8192, 5, 7),  # 1x1 skip
    (8192, 7, 9),
    (4096, 8, 10),
    (4096, 10, 11),
    (4096, 9, 11),
    (4096, 11, 12),
    (64, 12, 13),
    (10, 13, 14),
    (10, 14, 14),
)
MOBILENET = chain(
    *(96 * 96 * 3, 48 * 48 * 8, 48 * 48 * 8, 48 * 48 * 16, 24 * 24 * 16, 24 * 24 * 32),
    *(24 * 24 * 32, 24 * 24 * 32, 12 * 12 * 32, 12 * 12 * 64, 12 * 12 * 64, 12 * 12 * 64),
    *(6 * 6 * 64, 6 * 6 * 128, *[6 * 6 * 128] * 10, 3 * 3 * 128, 3 * 3 * 256, 3 * 3 * 256),
    *(3 * 3 * 256, 256, 2, 2),
)
DS_CNN = chain(49 * 10, *[25 * 5 * 64] * 9, 64, 12, 12)
AUTOENCODER = chain(640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)


@pytest.mark.parametrize(
    ("intervals", "bound"),
    [(RESNET8, 49152), (MOBILENET, 55296), (DS_CNN, 16000), (AUTOENCODER, 768)],
    ids=["resnet8", "mobilenet", "ds_cnn", "autoencoder"],
)
def test_the_mlperf_tiny_networks_reach_the_bound(intervals: list[Interval], bound: int):
    assert liveness_bound(intervals).bytes == bound
    assert place(intervals, "auto").arena == bound


def test_the_bound_counts_alignment_apart():
    bound = liveness_bound(lives((10, 0, 1), (20, 1, 2), (30, 1, 1)), 16)
    assert (bound.bytes, bound.step) == (60, 1)
    # 10, 20 and 30 rounded to 16, 32 and 32; the topmost one keeps up to 12 bytes of rounding.
    assert bound.aligned == 80 - 12


def test_linear_gives_every_buffer_its_own_bytes():
    assert place(chain(100, 50, 10), "linear").offsets == (0, 112, 176)


def test_first_fit_takes_the_lowest_gap():
    intervals = lives((32, 0, 1), (64, 0, 0), (16, 0, 3), (16, 1, 2))
    assert place(intervals, "first_fit").offsets == (64, 0, 96, 0)


def test_best_fit_takes_the_tightest_gap():
    intervals = lives((64, 0, 0), (16, 0, 3), (32, 0, 0), (16, 0, 3), (32, 1, 1))
    fixed = [
        Interval(i.name, i.size, i.start, i.end, offset)
        for i, offset in zip(intervals, (0, 64, 80, 112, None), strict=True)
    ]
    assert place(fixed, "best_fit").offsets[-1] == 80
    assert place(fixed, "first_fit").offsets[-1] == 0


def test_the_search_beats_every_greedy_order():
    intervals = lives((100, 0, 0), (64, 0, 1), (30, 0, 0), (64, 1, 2), (10, 2, 2))
    assert min(place(intervals, name).arena for name in GREEDY) == 206
    assert place(intervals, "hill_climb").arena == 196 == liveness_bound(intervals, 16).aligned


def test_the_search_ends_where_it_is_enough():
    intervals = lives((100, 0, 0), (64, 0, 1), (30, 0, 0), (64, 1, 2), (10, 2, 2))
    greedy = min(place(intervals, name).arena for name in GREEDY)
    assert place(intervals, "hill_climb", enough=greedy).arena == greedy
    assert place(intervals, "hill_climb", enough=greedy - 1).arena < greedy


def test_unknown_algorithm():
    with pytest.raises(RunnelError, match="no placement algorithm named 'magic': choose one of"):
        place([], "magic")


def test_impossible_fixed_offsets():
    overlapping = [Interval("a", 32, 0, 1, 0), Interval("b", 32, 1, 2, 16)]
    with pytest.raises(RunnelError, match="a is fixed at 0 and b at 16: they overlap"):
        place(overlapping)
    with pytest.raises(RunnelError, match="offset 8 is not a multiple of 16"):
        place([Interval("a", 32, 0, 1, 8)])


def test_without_ortools(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placement, "has_cp_sat", lambda: False)
    with pytest.raises(RunnelError, match=r"pip install 'runnel\[solver\]'"):
        place(RESNET8, "cp_sat")
    assert place(RESNET8, "auto").arena == 49152
