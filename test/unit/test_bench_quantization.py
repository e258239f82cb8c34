"""What the tables of recipes say: parts of the data, errors of paired differences, chance."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from onnx_models import Array

from runnel.bench import aimet
from runnel.bench.aimet import WHOLE, Mean, chance, drawn
from runnel.bench.notes import Notes
from runnel.bench.quantization import Compared, Row, Tiny, paired_error, parts, table
from runnel.tools.fidelity import Outputs

CLASSES = 3
LABELS = np.array([0, 1, 2, 0, 1])


class Classifier(Tiny):
    """Five samples with labels, in two sets."""

    def hits(self, outputs: Array) -> Array:
        return outputs.argmax(1) == LABELS[: len(outputs)]


def made(choices: list[int]) -> Outputs:
    one_hot = np.eye(CLASSES)[choices]
    return Outputs(one_hot, one_hot)


def rows() -> list[Row]:
    sets = {"first": np.zeros((2, 4)), "second": np.zeros((3, 4))}
    real = made([0, 1, 2, 0, 0])
    compared = Compared("net", Classifier("net"), parts(sets, 5), np.zeros((5, 4)), real)
    return [*compared.rows("w8", made([0, 0, 2, 0, 1]), 0.0)]


def test_each_set_has_a_row_beside_that_of_all():
    """Float misses the last; integers the second."""
    every, first, second = rows()
    assert (every.data, first.data, second.data) == ("all", "first", "second")
    assert (every.inputs, first.inputs, second.inputs) == (5, 2, 3)
    assert every.lost == pytest.approx(0) and every.agreement == pytest.approx(3 / 5)
    assert first.lost == pytest.approx(50) and second.lost == pytest.approx(-100 / 3)
    assert every.lost_error == pytest.approx(100 * np.std([0, 1, 0, 0, -1]) / np.sqrt(5))


def test_one_set_has_one_row_and_the_first_samples_are_those_of_the_first_sets():
    assert parts({"only": np.zeros((7, 2))}, 7) == {"all": slice(0, 7)}
    two = {"a": np.zeros((2, 2)), "b": np.zeros((3, 2))}
    assert parts(two, 3) == {"all": slice(0, 3), "a": slice(0, 2), "b": slice(2, 3)}
    assert parts(two, 1) == {"all": slice(0, 1), "a": slice(0, 1)}


def test_the_table_has_a_line_for_each_row():
    header, _, *lines = table(rows()).splitlines()
    assert header.split()[:4] == ["network", "data", "recipe", "inputs"] and len(lines) == 3
    assert "+50.00" in lines[1]


def test_errors_of_differences_are_paired():
    first, second = np.array([1, 1, 0, 1]), np.array([1, 0, 0, 1])
    assert paired_error(first, first) == 0
    assert paired_error(first, second) == pytest.approx(np.std([0, 1, 0, 0]) / 2)
    assert np.isnan(paired_error(None, None))


def test_chance_is_a_tail_of_fair_coins():
    """One won of four that only one gets right: 0 or 1 heads of 4."""
    ours, theirs = np.array([1, 0, 0, 0, 1, 0]), np.array([0, 1, 1, 1, 1, 0])
    assert chance(ours, theirs) == pytest.approx((comb(4, 0) + comb(4, 1)) / 16)
    assert chance(theirs, ours) == pytest.approx(1 - comb(4, 4) / 16)
    assert chance(ours, ours) == 1


def test_a_draw_is_half_of_the_samples_with_all_their_rows():
    samples = np.arange(10 * 3).reshape(10 * 3, 1)
    first, again, other = (drawn(samples, 3, draw) for draw in (1, 1, 2))
    assert first.shape == (5 * 3, 1) and (first == again).all() and (first != other).any()
    starts = first[::3, 0]
    assert (first.reshape(5, 3) == starts[:, None] + np.arange(3)).all()
    assert (np.diff(starts) > 0).all() and not (starts % 3).any()
    assert drawn(samples, 3, WHOLE) is samples


def measured(tool: str, hits: str, draw: int) -> aimet.Row:
    score = hits.count("1") / len(hits)
    return aimet.Row("net", tool, "w8", f"data {draw}", score, 0.5, 20.0, 1.0, 2.0, hits, draw)


def test_what_draws_give_is_compared_sample_by_sample():
    ours = Mean([measured("runnel", "1100", 1), measured("runnel", "1000", 2)])
    theirs = Mean([measured("aimet", "0110", 1), measured("aimet", "1010", 2)])
    assert ours.hits == pytest.approx([1, 0.5, 0, 0]) and ours.of("score") == pytest.approx(3 / 8)
    difference = np.array([0.5, 0, -1, 0])
    error = 100 * difference.std() / 2
    assert ours.ahead(theirs) == f"{-12.5:+.2f} ± {error:.2f}"
    assert Mean(ours.rows[:1]).ahead(Mean(theirs.rows[:1])) == "+0.00 ± 35.36"
    alone = Mean(ours.rows[1:]).ahead(Mean(theirs.rows[1:]))
    assert alone == "-25.00 ± 21.65, p 0.50"


def test_a_mean_needs_all_of_its_draws():
    rows = [measured(tool, "10", draw) for tool in ("float", "aimet", "runnel") for draw in (1, 2)]
    notes = Notes(None, {row.key: row for row in rows})
    header, _, *lines = aimet.table(notes, [1, 2]).splitlines()
    assert header.split()[:3] == ["network", "tool", "recipe"] and len(lines) == 3
    del notes.found["net", "runnel", "w8", 2]
    assert len(aimet.table(notes, [1, 2]).splitlines()) == 2 + 2
    assert len(aimet.table(notes, [1]).splitlines()) == 2 + 3
