"""What the module's platform says about its memories."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ...dialects.platform import KEY, Memory, platform_of


def platform_memory(module: ModuleOp, name: str) -> Memory | None:
    """The memory of this name; None without a platform, an error if it has no such memory."""
    if KEY not in module.attributes:
        return None
    return platform_of(module).memory(name)
