"""Say which machine the module is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.platform import KEY, PlatformAttr
from ...runtime.platforms import load_platform
from ..quant.runtime_config import read_runtime_config


@dataclass(frozen=True)
class SetPlatform(ModulePass):
    """Attach the platform `name` (one of `runnel platforms`, or the path of a TOML file).

    `runtime-config` names a runtime configuration of AIMET (JSON): what it asks of quantization
    takes the place of what the platform asks. The kernels are the platform's in any case.
    """

    name = "set-platform"

    platform: str
    runtime_config: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = load_platform(self.platform)
        if self.runtime_config:
            asked = read_runtime_config(Path(self.runtime_config), op)
            platform = PlatformAttr(replace(platform.data, quantization=asked))
        op.attributes[KEY] = platform
