"""place-units: each op to the unit that computes it in the fewest modelled cycles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, emit_remark
from ...dialects.platform import platform_of
from ...dialects.platform_records import Unit
from ...dialects.tiling import shape_of, tiling_of
from ...lowering.unit_backends import backend_of
from ...lowering.units import UnitBackend
from ..tile.costs import work_of
from ..tile.network import UNIT


@dataclass(frozen=True)
class PlaceUnits(ModulePass):
    """Say on each op that can be tiled which unit runs it, as `place.unit`.

    An NPU gets what it can compute exactly and faster than the cores, by the costs of a whole op;
    the rest stays on the cluster. An op that has the attribute keeps it; one that no unit computes
    tile by tile gets none: a single core computes it.
    """

    name = "place-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op)
        cluster = platform.cluster
        if cluster is None:
            raise RunnelError(f"platform {platform.label} has no cluster that ops could run on")
        others = [unit for unit in platform.units if unit.kind == "npu"]
        backends = {unit.name: backend_of(op, unit.name) for unit in (cluster, *others)}
        for each in op.walk():
            if tiling_of(each) is not None and UNIT not in each.attributes:
                unit = self._choose(each, cluster, others, backends)
                reason = backends[unit.name].refuses(each)
                if reason is None:
                    each.attributes[UNIT] = StringAttr(unit.name)
                else:
                    emit_remark("missed", self.name, each, f"on one core alone: {reason}")

    def _choose(
        self, op: Operation, cluster: Unit, others: list[Unit], backends: dict[str, UnitBackend]
    ) -> Unit:
        """The fastest unit for `op`; the cluster if no other one can run it."""
        best = cluster
        for unit in others:
            reason = _refusal(op, unit, backends[unit.name])
            if reason is not None:
                emit_remark("missed", self.name, op, f"stays on {best.name}: {reason}")
                continue
            if backends[best.name].refuses(op) is not None:
                best = unit
                emit_remark("passed", self.name, op, f"on {unit.name}, the only unit that can")
                continue
            here, there = cycles(op, best), cycles(op, unit)
            if there < here:
                text = f"on {unit.name}: {there:.0f} cycles, {here:.0f} on {best.name}"
                best = unit
                emit_remark("passed", self.name, op, text)
            else:
                text = f"stays on {best.name}: {here:.0f} cycles, {there:.0f} on {unit.name}"
                emit_remark("missed", self.name, op, text)
        return best


def _refusal(op: Operation, unit: Unit, backend: UnitBackend) -> str | None:
    if not unit.runs(op.name):
        return f"{unit.name} does not run {op.name}"
    return backend.refuses(op)


def cycles(op: Operation, unit: Unit) -> float:
    """Modelled cycles of a whole op on a unit, its operands in the near memory."""
    extents = [np.asarray(size, np.int64) for size in shape_of(op.results[0])]
    return float(work_of(op, unit).cycles(extents))
