"""Calibrators against direct formulas: values quantized one by one, candidates tried one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from runnel.passes.quant.calibrators import CALIBRATORS, METHODS, calibrator
from runnel.passes.quant.calibrators.cross_entropy import ROWS, RowSample, cross_entropy
from runnel.passes.quant.scheme import BITS, SCHEMES, Scheme
from runnel.passes.quant.statistics import BINS, SAMPLED, RangeStatistics

Float = NDArray[np.float64]
INT8 = Scheme()


def seen(*batches: Float) -> RangeStatistics:
    statistics = RangeStatistics()
    for batch in batches:
        statistics.update(np.asarray(batch, np.float64))
    return statistics


def bell(count: int, seed: int = 0) -> Float:
    return np.random.default_rng(seed).normal(size=(1, count))


def affine(values: Float, low: float, high: float, bits: int = 8) -> Float:
    """Unsigned affine quantization as in section 2.1 of arXiv:1712.05877, value by value."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / (2**bits - 1)))
    zero = round(-low / scale)
    codes = [min(max(round(v / scale) + zero, 0), 2**bits - 1) for v in values.reshape(-1).tolist()]
    return scale * (np.array(codes) - zero)


def square_error(values: Float, low: float, high: float, clipping: float = 1.0) -> float:
    error = (values.reshape(-1) - affine(values, low, high)) ** 2
    outside = (values.reshape(-1) < low - 0.01) | (values.reshape(-1) > high + 0.01)
    return float(np.where(outside, clipping * error, error).sum())


# Statistics


def test_batches_and_merged_parts_give_the_statistics_of_all_at_once() -> None:
    data = bell(3000).reshape(3, 1, -1)
    data[0, 0, 0] = 7.0  # the first batch has the greatest value: all cover the same range
    whole, parts = seen(data.reshape(1, -1)), seen(*data)
    first, second = seen(data[0]), seen(data[1], data[2])
    first.merge(second)
    assert (whole.low, whole.high) == (first.low, first.high) == (data.min(), data.max())
    assert np.array_equal(whole.counts, parts.counts)
    assert int(first.counts.sum()) == data.size
    assert np.abs(np.cumsum(first.counts) - np.cumsum(whole.counts)).max() <= data.size / 100
    assert first.moving == pytest.approx(parts.moving)


def test_widening_keeps_all_counts() -> None:
    small, large = bell(1000), 1000 * bell(1000, seed=1)
    statistics = seen(small, large)
    assert int(statistics.counts.sum()) == 2000
    assert statistics.edge >= np.abs(large).max()
    assert (statistics.low, statistics.high) == (large.min(), large.max())


def test_histogram_is_that_of_numpy() -> None:
    data = bell(5000)
    edge = np.abs(data).max()
    expected, _ = np.histogram(data, BINS, (-edge, edge))
    assert np.abs(np.cumsum(seen(data).counts - expected)).max() <= 2  # values on an edge


def test_extremes_come_from_all_values_of_large_tensors() -> None:
    data = np.zeros((1, 4 * SAMPLED), np.float64)
    data[0, 3], data[0, 5] = -2.0, 9.0
    statistics = seen(data)
    assert (statistics.low, statistics.high) == (-2.0, 9.0)
    assert int(statistics.counts.sum()) <= SAMPLED


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        seen(np.array([[1.0, bad]]))


# Schemes


@given(
    st.sampled_from(SCHEMES),
    st.sampled_from(BITS),
    st.floats(-1e4, 1e4),
    st.floats(-1e4, 1e4),
)
def test_grids_cover_their_range_and_hold_zero(name: str, bits: int, a: float, b: float) -> None:
    grid = Scheme(name, bits).grid(min(a, b), max(a, b))
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    slack = grid.scale * 0.51 + 1e-6 * (high - low)
    assert grid.low - slack <= low and high <= grid.high + slack
    assert grid.least <= grid.zero <= grid.most
    assert (grid.most - grid.least + 1) == 2**bits - (name.startswith("strict"))
    assert grid.simulate(np.zeros(1))[0] == 0.0
    if name not in ("asymmetric", "power-of-two"):
        assert grid.zero == 0
    if name.endswith("power-of-two"):
        assert math.log2(grid.scale).is_integer()


def test_grid_values_by_hand() -> None:
    assert Scheme("symmetric").grid(-4, 2).scale == 4 / 128
    assert Scheme("strict").grid(-4, 2).scale == np.float32(4 / 127)
    assert Scheme("power-of-two").grid(-1, 3).scale == 2**-5  # 4/255 is just above 2**-6
    assert Scheme("asymmetric", 2).grid(0, 3).simulate(np.array([0.4, 1.6, 9])).tolist() == [
        0,
        2,
        3,
    ]


@pytest.mark.parametrize(("name", "bits"), [("affine", 8), ("symmetric", 1), ("symmetric", 9)])
def test_unknown_schemes_are_refused(name: str, bits: int) -> None:
    with pytest.raises(ValueError, match=r"unknown scheme|2 to 8 or 16 bits"):
        Scheme(name, bits)


# Calibrators


def test_min_max_and_moving_average() -> None:
    statistics = seen(*(np.array([[low, high]]) for low, high in [(-1, 2), (-3, 4), (-2, 8)]))
    assert calibrator("min-max")(statistics, INT8) == (-3, 8)
    weights = np.array([0.1 * 0.9**2, 0.1 * 0.9, 0.1])
    low, high = calibrator("moving-average")(statistics, INT8)
    assert low == pytest.approx(-(weights @ [1, 3, 2]) / weights.sum())
    assert high == pytest.approx((weights @ [2, 4, 8]) / weights.sum())


@pytest.mark.parametrize("percent", [90.0, 99.0, 99.9])
def test_percentile_leaves_out_its_share_to_a_bin(percent: float) -> None:
    data = bell(50000)
    statistics = seen(data)
    low, high = calibrator("percentile", percent)(statistics, INT8)
    share = (1 - percent / 100) * data.size + 1
    assert (data < low).sum() <= share <= (data < low + 2 * statistics.width).sum() + 2
    assert (data > high).sum() <= share <= (data > high - 2 * statistics.width).sum() + 2


def with_outlier(count: int) -> tuple[RangeStatistics, Float]:
    """`count` values even over [-1, 1], and one 100; also one value a bin, for direct sums."""
    statistics = RangeStatistics(-1.0, 100.0, 100.0)
    steps = np.linspace(-0.999, 0.999, count)
    statistics.counts += np.histogram(steps, BINS, (-100, 100))[0]
    statistics.counts[-1] += 1
    return statistics, steps


def test_a_rare_outlier_is_clipped_once_rounding_costs_more() -> None:
    """With step 101/255 each value costs step**2/12 = 0.013; clipping the outlier costs 99**2:
    worth it for a million values, not for ten thousand.
    """
    few, many = with_outlier(10_000)[0], with_outlier(2_000_000)[0]
    assert calibrator("mse")(few, INT8)[1] > 90
    assert calibrator("mse")(many, INT8)[1] < 30
    assert calibrator("sqnr")(few, INT8)[1] > 90
    assert calibrator("entropy")(many, INT8)[1] < 30
    assert calibrator("percentile", 99.99)(many, INT8)[1] < 1.2
    assert calibrator("min-max")(many, INT8) == (-1, 100)


@pytest.mark.parametrize("method", ["mse", "sqnr"])
@pytest.mark.parametrize("shape", ["bell", "relu", "heavy", "shifted", "even"])
@pytest.mark.parametrize("scheme", ["asymmetric", "symmetric"])
def test_search_is_never_worse_than_min_max_in_its_own_cost(
    method: str, shape: str, scheme: str
) -> None:
    base = bell(2000, seed=3)
    data = {
        "bell": base,
        "relu": np.maximum(base, 0),
        "heavy": base**3,
        "shifted": base + 3,
        "even": np.linspace(-1, 1, 2000).reshape(1, -1),
    }[shape]
    clipping = {"mse": 1.0, "sqnr": 3.0}[method]
    low, high = calibrator(method)(seen(data), Scheme(scheme))
    whole = (data.min(), data.max())
    if scheme == "symmetric":
        low, high = -max(-low, high * 128 / 127), max(high, -low * 127 / 128)
        reach = max(-whole[0], whole[1] * 128 / 127)
        whole = (-reach, reach * 127 / 128)
    found = square_error(data, low, high, clipping)
    # the search sees centers of bins, this sum the values themselves
    assert found <= square_error(data, *whole, clipping) * 1.05 + 1e-9


def test_mse_search_finds_the_best_of_a_direct_search() -> None:
    data = np.maximum(bell(3000, seed=5), 0) ** 2
    low, high = calibrator("mse")(seen(data), INT8)
    best = min(square_error(data, 0.0, data.max() * f) for f in np.linspace(0.2, 1, 81))
    assert low == 0
    assert square_error(data, low, high) <= best * 1.05


def test_sixteen_bits_hardly_clip() -> None:
    """A histogram has fewer bins than 16-bit steps: rounding is then counted as uniform noise."""
    data = bell(20000, seed=7)
    low, high = calibrator("mse")(seen(data), Scheme("asymmetric", 16))
    assert low == pytest.approx(data.min(), rel=0.03) and high == pytest.approx(
        data.max(), rel=0.03
    )


def test_two_bits_clip_much() -> None:
    data = bell(20000)
    low, high = calibrator("mse")(seen(data), Scheme("asymmetric", 2))
    assert 1 < high - low < 0.6 * (data.max() - data.min())


def test_entropy_prefers_the_window_of_least_divergence() -> None:
    """Even values fill all levels alike: nothing is gained by leaving some out."""
    even = RangeStatistics(-1.0, 1.0, 1.0)
    even.counts += 100
    assert calibrator("entropy")(even, INT8) == (-1, 1)
    tail = seen(np.concatenate([bell(100_000), [[40.0]]], axis=1))
    low, high = calibrator("entropy")(tail, INT8)
    assert low < -2 and 2 < high < 20


def test_entropy_of_a_symmetric_scheme_shrinks_both_sides() -> None:
    tail = seen(np.concatenate([bell(100_000), [[-40.0, 40.0]]], axis=1))
    low, high = calibrator("entropy")(tail, Scheme("symmetric"))
    assert -low == pytest.approx(high, abs=2 * tail.width) and high < 20


@pytest.mark.parametrize("method", CALIBRATORS)
def test_constant_and_zero_tensors_have_ranges(method: str) -> None:
    assert calibrator(method)(seen(np.zeros((2, 5))), INT8) == (0, 0)
    low, high = calibrator(method)(seen(np.full((2, 5), 3.0)), INT8)
    assert max(high, 0.0) >= 2.9 and low <= 3.0


# Logits


def softmax(row: Float) -> Float:
    e = np.exp(row - row.max())
    return e / e.sum()


def cross(rows: Float, low: float, high: float) -> float:
    """Mean cross-entropy of softmax before and after quantization, row by row."""
    total = 0.0
    for row in rows:
        total -= float((softmax(row) * np.log(softmax(affine(row, low, high, 4)))).sum())
    return total / len(rows)


def test_cross_entropy_clips_what_softmax_does_not_see() -> None:
    """Logits far below the greatest have no probability: the range may leave them out."""
    random = np.random.default_rng(2)
    rows = random.normal(size=(60, 8))
    rows[:, 7] = -60
    sample = RowSample()
    sample.update(rows)
    low, high = cross_entropy(sample, Scheme("asymmetric", 4))
    assert low > -20
    assert cross(rows, low, high) < cross(rows, rows.min(), rows.max())


def test_row_samples_stay_small_and_spread_over_all_rows() -> None:
    first, second = RowSample(), RowSample()
    first.update(np.arange(3000.0).reshape(-1, 1))
    second.update(np.arange(3000.0, 9000.0).reshape(-1, 1))
    first.merge(second)
    values = np.concatenate(first.rows)
    assert ROWS / 4 <= len(values) <= ROWS
    assert first.seen == 9000
    assert values.min() < 100 and values.max() > 8900


def test_every_method_is_listed() -> None:
    assert set(CALIBRATORS) < set(METHODS)
