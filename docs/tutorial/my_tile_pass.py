"""A pass of your own at the tile level: smaller tiles, half the near memory, more transfers."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, i64
from xdsl.passes import ModulePass
from xdsl.universe import Universe

from runnel.dialects import tile
from runnel.dialects.diagnostics import emit_remark
from runnel.dialects.tiling import tiling_of

ROWS = 1  # of batch, rows, columns, channels


@dataclass(frozen=True)
class HalveTiles(ModulePass):
    """Halve the rows of tiles; that the last one may be smaller is no special case."""

    name = "halve-tiles"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for group in [each for each in op.walk() if isinstance(each, tile.GroupOp)]:
            tiling, sizes = tiling_of(group.ops[-1]), list(group.tile_sizes())
            if tiling is None or len(sizes) != 4 or not tiling.tileable(group.ops[-1])[ROWS]:
                continue
            sizes[ROWS] = -(-sizes[ROWS] // 2)
            group.sizes = DenseArrayBase.from_list(i64, sizes)
            emit_remark("passed", self.name, group, f"{group.tiles()} tiles of {sizes[ROWS]} rows")


UNIVERSE = Universe(all_passes={HalveTiles.name: lambda: HalveTiles})
