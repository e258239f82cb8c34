"""Options in words: what each type takes, and defaults as one would write them."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from runnel.passes.quant.equalize import Equalize
from runnel.passes.quant.round_weights import RoundWeights
from runnel.tools.option_types import default_text, options_of, type_text, value_text
from runnel.tools.pipeline import PassStep, resolve_pipeline


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (int, "an integer"),
        (bool | None, "true or false"),
        (int | str, "an integer or a text"),
        (tuple[float, ...], "a list of numbers"),
        (tuple[str, ...] | None, "a list of texts"),
        (Literal["up", "down"], "up, down"),
        (dict[str, int], "dict[str, int]"),
    ],
)
def test_types_are_told_in_words(wanted: Any, text: str):
    assert type_text(wanted) == text


def test_defaults_are_written_as_in_a_pipeline():
    """So what is read in the help can be given: here all defaults of a pass."""
    options = {name: (type, default) for name, type, default in options_of(Equalize)}
    assert options["per-channel"] == ("true or false", "true")
    given = " ".join(f"{name}={default}" for name, (_, default) in options.items() if default)
    (step,) = resolve_pipeline(f"equalize{{{given}}}").steps
    assert isinstance(step, PassStep) and step.apply == Equalize()


def test_an_option_without_a_default_must_be_given():
    options = {name: default_text(default) for name, _, default in options_of(RoundWeights)}
    assert options["data"] == ", must be given"
    assert options["state"] == options["biases"] == ""
    assert options["method"] == " = flips"


def test_lists_have_commas():
    assert value_text((1, 0.5, True)) == "1,0.5,true" and value_text(()) == ""
