"""The `xdsl.universe` entry point: `xdsl-opt` and third parties see our dialects and passes."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from xdsl.universe import Universe

from ..dialects import DIALECTS
from ..lowering import LOWERINGS, TARGETS
from ..passes import PASSES


def lazy(package: str, spec: str) -> Callable[[], Any]:
    """A factory that imports `module:Class` below `package` when it is called."""
    module, _, attribute = spec.partition(":")
    return lambda: getattr(import_module(f"..{package}.{module}", __package__), attribute)


def _factories(package: str, table: dict[str, str]) -> dict[str, Callable[[], Any]]:
    return {name: lazy(package, spec) for name, spec in table.items()}


UNIVERSE = Universe(
    all_dialects=_factories("dialects", DIALECTS),
    all_passes=_factories("passes", PASSES) | _factories("lowering", LOWERINGS),
    all_targets=_factories("lowering", TARGETS),
)
