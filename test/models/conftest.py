"""The table of whole networks at the end of the run: what was compared, and how it came out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from runnel.tools.report.text_table import text_table

_rows: list[tuple[Any, ...]] = []


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Adds a row to the table: network, form, where, what was found."""
    return lambda *cells: record_property("network row", cells)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The rows come with the reports, also from the workers of pytest-xdist."""
    if report.when == "call":
        found = [cells for name, cells in report.user_properties if name == "network row"]
        _rows.extend((*cast("tuple[Any, ...]", cells), report.outcome) for cells in found)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _rows:
        terminalreporter.section("whole networks")
        headers = ["network", "form", "where", "compared", "outcome"]
        terminalreporter.write_line(text_table(headers, sorted(map(tuple, _rows))))
