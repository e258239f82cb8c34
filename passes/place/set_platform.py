"""Say which machine the module is for."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.platform import KEY
from ...runtime.platforms import load_platform


@dataclass(frozen=True)
class SetPlatform(ModulePass):
    """Attach the platform `name` (one of `runnel platforms`, or the path of a TOML file)."""

    name = "set-platform"

    platform: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        op.attributes[KEY] = load_platform(self.platform)
