"""What tests share: the folder of real models, a context with every dialect, and the table of whole
networks at the end of the run: what was compared, and how it came out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from xdsl.context import Context

from runnel.tools.registry import new_context
from runnel.tools.report.text_table import text_table

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

_rows: list[tuple[Any, ...]] = []


def shared_folder() -> Path:
    """`RUNNEL_SHARED`, else the folder `shared` beside the repository; it may not exist."""
    return Path(os.environ.get("RUNNEL_SHARED", ROOT.parent / "shared"))


def missing_models() -> str | None:
    """Why the real models cannot be used, or None."""
    folder = shared_folder()
    if (folder / "models").is_dir():
        return None
    return f"needs the models of {folder} (set RUNNEL_SHARED)"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "shared: needs the models of ../shared (RUNNEL_SHARED)")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("shared") and (reason := missing_models()):
        pytest.skip(reason)


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


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Adds a row to the table: network, form, where, what was found."""
    return lambda *cells: record_property("network row", cells)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real models and data; a test that asks for it is skipped without it."""
    if reason := missing_models():
        pytest.skip(reason)
    return shared_folder()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests neither read nor write the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def context() -> Context:
    """A context that knows every installed dialect."""
    return new_context()
