"""Say which machine the module is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError
from ...dialects.platform import KERNELS, KEY, PlatformAttr
from ...lowering.cluster_unit import MAYBE_ALONE
from ...lowering.kernels_cluster import CLUSTER_KERNELS
from ...lowering.user_kernels import read_kernels
from ...runtime.platforms import load_platform
from ..quant.runtime_config import read_runtime_config


@dataclass(frozen=True)
class SetPlatform(ModulePass):
    """Attach the platform `name` (one of `runnel platforms`, or the path of a TOML file).

    `kernels` names a TOML file with drop-in kernels, which its units take before the runtime's own.

    `runtime-config` names a runtime configuration of AIMET (JSON): what it asks of quantization
    takes the place of what the platform asks. The kernels are the platform's in any case.
    """

    name = "set-platform"

    platform: str
    kernels: str | None = None
    runtime_config: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = load_platform(self.platform)
        if self.runtime_config:
            asked = read_runtime_config(Path(self.runtime_config), op)
            platform = PlatformAttr(replace(platform.data, quantization=asked))
        op.attributes[KEY] = platform
        if self.kernels is not None:
            self._check_kernels(platform)
            op.attributes[KERNELS] = StringAttr(self.kernels)

    def _check_kernels(self, platform: PlatformAttr) -> None:
        """Refuse a table of which no kernel can ever run on the platform."""
        shared = () if platform.cluster is None else CLUSTER_KERNELS
        ops = {kernel.op for kernel in shared}
        kernels = read_kernels(Path(str(self.kernels)))
        if any(
            kernel.op in ops if kernel.unit == "cluster" else kernel.op not in ops - MAYBE_ALONE
            for kernel in kernels
        ):
            return
        unit, example = ("cluster", "rn_cluster_add_s8") if ops else ("cpu", "rn_add_s8")
        raise RunnelError(
            f"{self.kernels}: no kernel for {platform.label}; those that it runs say "
            f'unit = "{unit}" and have the parameters of a kernel such as {example}'
        )
