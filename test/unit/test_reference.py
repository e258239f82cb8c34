"""The reference in docs/ is what the definitions say, and they say something."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnel.tools.reference import pages

FOLDER = Path(__file__).parents[2] / "docs/reference"


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_reference_is_up_to_date(name: str) -> None:
    """If not: make reference."""
    assert (FOLDER / name).read_text() == pages()[name]


def test_nothing_else_is_in_the_folder() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(pages())


@pytest.mark.parametrize("name", sorted(pages()))
def test_every_definition_is_documented(name: str) -> None:
    sections = pages()[name].split("\n#")[1:]
    silent = [
        s.splitlines()[0]
        for s in sections
        if "`" in s.splitlines()[0] and not s.strip().count("\n")
    ]
    assert silent == []
