"""spill-units: an op whose smallest tile does not fit beside its unit moves to the cores."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from ...dialects.diagnostics import emit_remark
from ...dialects.platform import platform_of
from ..tile.network import UNIT
from ..tile.search import search_of


@dataclass(frozen=True)
class SpillUnits(ModulePass):
    """Give ops back to the cluster that no tile of fits the near memory on the unit that they were
    placed on: an NPU reads the weights of all its lanes at once, cores those of four channels.
    """

    name = "spill-units"

    memory: int | None = None
    """Bytes of the near memory that may be used; all that the platform leaves if not given."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        cluster = platform_of(op).cluster
        for func in op.body.block.ops:
            if cluster is None or not isinstance(func, FuncOp) or len(func.body.blocks) != 1:
                continue
            found = search_of(op, func, memory=self.memory, fuse=False)
            for (first, _), chain in found.chains.items():
                unit = found.network.steps[first].unit
                if unit == cluster.name or chain.fits():
                    continue
                moved = chain.ops[0]
                moved.attributes[UNIT] = StringAttr(cluster.name)
                least = chain.least_bytes()
                text = f"its smallest tile on {unit} takes {least} B of {chain.capacity} B"
                emit_remark("passed", self.name, moved, f"moves to {cluster.name}: {text}")
