"""What a bench measured, kept in a file from which a later run goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar


class Row(Protocol):
    """A dataclass of one measurement."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> tuple[Any, ...]:
        """What was measured."""
        ...

    @property
    def digest(self) -> str:
        """Of all that the measurement depends on."""
        ...


R = TypeVar("R", bound=Row)


@dataclass
class Notes(Generic[R]):
    """All rows by key; with a `path` also in that file."""

    path: Path | None
    found: dict[tuple[Any, ...], R] = field(default_factory=dict[tuple[Any, ...], R])

    @staticmethod
    def of(path: Path | None, kind: type[R]) -> Notes[R]:
        kept = json.loads(path.read_text()) if path is not None and path.is_file() else []
        return Notes(path, {row.key: row for row in (kind(**facts) for facts in kept)})

    def get(self, key: tuple[Any, ...], digest: str) -> R | None:
        """The row, if it was made of the same."""
        row = self.found.get(key)
        return row if row is not None and row.digest == digest else None

    def note(self, row: R) -> None:
        self.found[row.key] = row
        if self.path is not None:
            text = json.dumps([asdict(row) for row in self.found.values()], indent=1)
            draft = self.path.with_suffix(".draft")
            draft.write_text(text + "\n", encoding="utf-8")
            draft.replace(self.path)
