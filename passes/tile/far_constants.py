"""Where constants will be fetched from: while tiles are chosen this is a forecast.

`spill-constants` decides when tiles and activations are known. The forecast follows its rule, the
largest first, as if no tile read a constant twice and no activation had its home near: it expects
rather too many constants in the farther memory than too few.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from ...dialects.platform import platform_of
from ...dialects.platform_records import Dma
from ...dialects.tiling import shape_of
from ...lowering.units import UnitBackend
from ..memory.limits import CODE_BYTES, space_for_buffers
from .network import Network
from .spill_homes import peak


def far_constants(
    module: ModuleOp, func: FuncOp, network: Network, backends: dict[str, UnitBackend], near: str
) -> dict[Operation, Dma]:
    """The ops whose constants have no room in the memory of code, with the engine that fetches them
    from the next farther memory; none where there is no such memory.
    """
    platform = platform_of(module)
    home = platform.code_memory.name
    farther = platform.farther(home, [near])
    engine = platform.dma_between(farther[0].name, near) if farther else None
    if engine is None:
        return {}
    sizes = {
        step.op: backends[step.unit].chunk_bytes(step.op, shape_of(step.op.results[0])[-1])
        for step in network.steps
        if step.unit is not None
    }
    space = space_for_buffers(module, home)
    assert space is not None
    activations = peak(func, home)[0] if home == platform.board.data else 0
    lack = sum(sizes.values()) + activations + CODE_BYTES - space.bytes
    found: dict[Operation, Dma] = {}
    for op, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if lack <= 0:
            break
        found[op] = engine
        lack -= size
    return found
