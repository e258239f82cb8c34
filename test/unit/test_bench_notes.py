"""Rows of a bench outlive it, and are taken for the same inputs only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runnel.bench.notes import Notes


@dataclass(frozen=True)
class Length:
    name: str
    digest: str
    metres: float

    @property
    def key(self) -> tuple[str]:
        return (self.name,)


def test_a_later_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    first = Notes.of(path, Length)
    first.note(Length("a", "x", 1.5))
    first.note(Length("b", "x", 2.5))
    first.note(Length("a", "y", 3.5))
    later = Notes.of(path, Length)
    assert list(later.found.values()) == [Length("a", "y", 3.5), Length("b", "x", 2.5)]
    assert later.get(("a",), "y") == Length("a", "y", 3.5)
    assert later.get(("a",), "x") is None and later.get(("c",), "x") is None
    assert [file.name for file in tmp_path.iterdir()] == ["rows.json"]


def test_without_a_file_rows_are_kept_in_memory() -> None:
    notes = Notes.of(None, Length)
    notes.note(Length("a", "x", 1.5))
    assert notes.get(("a",), "x") == Length("a", "x", 1.5)
