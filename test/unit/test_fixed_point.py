"""Fixed-point multipliers and the four roundings, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnel.dialects.quant_types import ROUNDINGS, RequantAttr
from runnel.lowering.fixed_point import MAX_SHIFT, NoFixedPoint, can_tie, fixed_point
from runnel.lowering.kernel_problem import HIGH_WORD, high_word_form
from runnel.runtime.interpreter.integer import requantize, round_shift

HALF = Fraction(1, 2)


def half_up(x: Fraction) -> int:
    return floor(x + HALF)


def half_even(x: Fraction) -> int:
    return round(x)  # Python rounds fractions half to even


def half_away(x: Fraction) -> int:
    return half_up(x) if x >= 0 else -half_up(-x)


def exact(product: int, shift: int, rounding: str) -> int:
    """What the rounding of `product / 2**shift` is by its definition."""
    ratio = Fraction(product, 2**shift)
    match rounding:
        case "single":
            return half_up(ratio)
        case "half_even":
            return half_even(ratio)
        case "floor":
            return floor(ratio)
        case _:
            first = min(shift, 31)
            return half_away(Fraction(half_up(Fraction(product, 2**first)), 2 ** (shift - first)))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shift", [0, 1, 2, 30, 31, 32, 33, 34, 40, 62])
def test_rounding_of_ties_and_their_neighbours(rounding: str, shift: int) -> None:
    half = 1 << (shift - 1) if shift else 0
    products = [
        (k << shift) + offset
        for k in (-3, -2, -1, 0, 1, 2, 3)
        for offset in (-half - 1, -half, -half + 1, -1, 0, 1, half - 1, half, half + 1)
        if abs((k << shift) + offset) < 2**62
    ]
    found = round_shift(np.array(products, np.int64), shift, rounding)
    assert found.tolist() == [exact(product, shift, rounding) for product in products]


@given(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**31 - 1),
    st.integers(0, 62),
    st.sampled_from(ROUNDINGS),
    st.integers(-128, 127),
)
def test_requantize(
    accumulator: int, multiplier: int, shift: int, rounding: str, zero: int
) -> None:
    found = requantize(
        np.array([accumulator], np.int64),
        np.array([multiplier]),
        np.array([shift]),
        rounding,
        zero,
        (-128, 127),
    )
    expected = exact(accumulator * multiplier, shift, rounding) + zero
    assert found.tolist() == [min(max(expected, -128), 127)]


@given(st.floats(2.0**-20, 2.0**29))
def test_31_significant_bits(real: float) -> None:
    multipliers, shifts = fixed_point(np.array([real]))
    multiplier, shift = int(multipliers[0]), int(shifts[0])
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(multiplier, 2**shift) - Fraction(real)) <= Fraction(real) / 2**31


@given(st.floats(0, 2.0**-22, allow_subnormal=True))
def test_small_multipliers_stop_at_the_greatest_shift(real: float) -> None:
    multipliers, shifts = fixed_point(np.array([real]))
    multiplier, shift = int(multipliers[0]), int(shifts[0])
    assert 0 <= multiplier < 2**31 and 0 <= shift <= MAX_SHIFT
    assert abs(Fraction(multiplier, 2**shift) - Fraction(real)) <= Fraction(1, 2 ** (MAX_SHIFT + 1))


def test_rounding_up_to_the_next_power_of_two() -> None:
    multipliers, shifts = fixed_point(np.array([np.nextafter(1.0, 0.0)]))
    assert (multipliers.tolist(), shifts.tolist()) == ([2**30], [30])


@pytest.mark.parametrize("real", [-1.0, 2.0**30, np.inf, np.nan])
def test_no_fixed_point(real: float) -> None:
    with pytest.raises(NoFixedPoint, match="has no fixed-point form"):
        fixed_point(np.array([1.0, real]))


@given(st.integers(0, 63), st.integers(0, 8), st.integers(0, 100))
def test_can_tie_is_what_brute_force_finds(multiplier: int, shift: int, bound: int) -> None:
    ties = any(
        Fraction(accumulator * multiplier, 2**shift).denominator == 2
        for accumulator in range(-bound, bound + 1)
    )
    assert can_tie(multiplier, shift, bound) == ties


@given(
    st.lists(
        st.tuples(st.integers(2**30, 2**31 - 1) | st.just(0), st.integers(28, 50)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 2**31 - 1),
    st.sampled_from(ROUNDINGS),
    st.data(),
)
def test_high_word_form_gives_the_same_integers(
    pairs: list[tuple[int, int]], bound: int, rounding: str, data: st.DataObject
) -> None:
    multipliers, before_shifts = ([pair[i] for pair in pairs] for i in (0, 1))
    requant = RequantAttr.get(multipliers, before_shifts, rounding, (-128, 127))
    fast, acc_shift = high_word_form(requant, len(pairs), bound)
    assert bound << acc_shift < 2**31
    accumulators = data.draw(
        st.lists(st.integers(-bound, bound), min_size=len(pairs), max_size=len(pairs))
    )
    for value, before, after in zip(
        accumulators,
        pairs,
        zip(fast.multiplier_array(), fast.shift_array(), strict=True),
        strict=True,
    ):
        multiplier, shift = map(int, after)
        assert exact((value << acc_shift) * multiplier, shift, rounding) == exact(
            value * before[0], before[1], rounding
        )


def test_high_word_form_reaches_the_high_word() -> None:
    requant = RequantAttr.get([2**30, 2**30, 0], [31, 34, 0], "half_even", (-128, 127))
    fast, acc_shift = high_word_form(requant, 3, 1000)
    assert (acc_shift, fast.shift_array().tolist()) == (2, [33, 36, HIGH_WORD])
