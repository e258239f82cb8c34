"""The backends of the units that compute tiles."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ..dialects.diagnostics import RunnelError
from ..dialects.platform import platform_of
from .cluster_unit import ClusterBackend
from .npu_unit import NpuBackend
from .units import UnitBackend
from .user_kernels import own_kernels


def backend_of(module: ModuleOp, unit: str) -> UnitBackend:
    """The backend of a unit of the module's platform by its kind."""
    platform = platform_of(module)
    found = platform.unit(unit)
    if found.kind == "cluster":
        return ClusterBackend(found, own_kernels(module, "cluster"))
    if found.kind == "npu":
        return NpuBackend(found)
    raise RunnelError(
        f'platform {platform.label}: unit "{unit}" is a {found.kind}, tiles run on a cluster or '
        "an npu"
    )
