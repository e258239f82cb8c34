"""What is installed: the dialects, passes and targets of every package with an `xdsl.universe`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.universe import Universe

from ..dialects.diagnostics import RunnelError


@cache
def multiverse() -> Universe:
    """All universes of this environment as one; an error names the package that is broken."""
    for plugin in entry_points(group="xdsl.universe"):
        try:
            plugin.load()
        except Exception as error:
            package = plugin.dist.name if plugin.dist else "unknown package"
            raise RunnelError(
                f"the xdsl.universe entry point '{plugin.name}' of {package} cannot be loaded "
                f"({plugin.value}): {type(error).__name__}: {error}"
            ) from error
    try:
        return Universe.get_multiverse()
    except ValueError as error:
        raise RunnelError(f"two installed packages are in conflict: {error}") from error


def new_context(*, allow_unregistered: bool = False) -> Context:
    """A context that knows every installed dialect; each is imported on first use."""
    context = Context(allow_unregistered)
    for name, factory in multiverse().all_dialects.items():
        context.register_dialect(name, factory)
    context.get_dialect(Builtin.name)
    return context
