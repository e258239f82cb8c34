"""What tests share: the folder of real models, and a context with every dialect."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdsl.context import Context

from runnel.tools.registry import new_context

ROOT = Path(__file__).resolve().parent.parent


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
