"""`pytest test/filecheck`: every .mlir file is a test, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from inprocess import run_test


class FileCheckFailure(Exception):
    """A RUN line failed; the text is its log."""


class FileCheckItem(pytest.Item):
    """One test file."""

    def runtest(self) -> None:
        outcome = run_test(self.path)
        match outcome.status:
            case "skip":
                pytest.skip(outcome.log)
            case "xfail":
                pytest.xfail("marked XFAIL")
            case "fail" | "xpass":
                raise FileCheckFailure(outcome.log)
            case "pass":
                pass

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # pyright: ignore
        if isinstance(excinfo.value, FileCheckFailure):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class FileCheckFile(pytest.File):
    """A .mlir file, which holds one test."""

    def collect(self) -> Iterator[FileCheckItem]:
        yield FileCheckItem.from_parent(self, name=self.path.name)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> FileCheckFile | None:
    """Take the test files, not the temporary files of lit."""
    if file_path.suffix != ".mlir" or "Output" in file_path.parts:
        return None
    return FileCheckFile.from_parent(parent, path=file_path)
