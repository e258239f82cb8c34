"""What may be chosen for a network: its runs of ops, and the options of each."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...dialects.diagnostics import RunnelError, refuse
from ...dialects.platform import platform_of
from ...dialects.tiling import shape_of, tiling_of
from ...lowering.unit_backends import backend_of
from ...lowering.units import UnitBackend
from ..memory.limits import space_for_buffers
from .chain import Chain, Homes, Option
from .costs import Machine
from .far_constants import far_constants
from .network import Network, ops_of, read_network, unit_of
from .options import options_of
from .plan import Candidates, homes_of

LONGEST = 3
"""Ops with weights in a group, at most."""


@dataclass(frozen=True)
class Search:
    """A network, the runs of its ops that may be computed together, and the memories."""

    network: Network
    chains: dict[tuple[int, int], Chain]
    near: str
    far: str
    capacity: int
    """Bytes of the near memory."""
    room: str
    """The same as text that says what else is there."""


def tile_units(module: ModuleOp, func: FuncOp, cluster: str) -> dict[str, UnitBackend]:
    """The units that ops of a function run on: the cluster, and those that ops were placed on."""
    names = dict.fromkeys([cluster, *(unit_of(op, cluster) for op in func.body.block.ops)])
    return {name: backend_of(module, name) for name in names}


def search_of(
    module: ModuleOp, func: FuncOp, *, memory: int | None = None, fuse: bool = True
) -> Search:
    """The choices for a function. Raises `RunnelError` for a platform without a cluster."""
    platform = platform_of(module)
    cluster = platform.cluster
    if cluster is None:
        raise RunnelError(f"platform {platform.label} has no cluster, whose memory tiles are for")
    backends = tile_units(module, func, cluster.name)
    near = backends[cluster.name].near
    space = space_for_buffers(module, near)
    assert space is not None
    capacity = space.bytes if memory is None else min(memory, space.bytes)
    network = read_network(func, cluster.name, backends)
    far = far_constants(module, func, network, backends, near)
    chains: dict[tuple[int, int], Chain] = {}
    for first, end in network.segments(LONGEST if fuse else 0):
        unit = str(network.steps[first].unit)
        chains[first, end] = Chain(
            ops_of(network.steps[first:end]),
            list(network.inputs(first, end)),
            Machine.of(platform, platform.unit(unit), near, far),
            backends[unit],
            capacity,
        )
    room = f"{capacity} B" + (f" ({space})" if capacity == space.bytes and space.stack else "")
    return Search(network, chains, near, platform.board.data, capacity, room)


def candidates(search: Search) -> Candidates:
    """The options of each run of ops. Raises `RunnelError` for an op that no tile of fits."""
    network, found = search.network, dict[tuple[int, int], dict[Homes, list[Option]]]()
    known: dict[Hashable, tuple[Chain, dict[Homes, list[Option]]]] = {}
    for (first, end), chain in search.chains.items():
        inputs = network.inputs(first, end)
        homes = list(homes_of(inputs, network.steps[end - 1].made, search.capacity))
        key = signature(chain, homes)
        if key not in known:
            known[key] = (chain, options_of(chain, homes))
        found[first, end] = _renamed(chain, *known[key])
        if end == first + 1 and not found[first, end].get(Homes(frozenset(), False)):
            refuse_chain(chain, search)
    return found


def signature(chain: Chain, homes: list[Homes]) -> Hashable:
    """What the options of a chain follow from; chains with the same have the same options."""
    position = {value: i for i, value in enumerate(chain.inputs)}
    for op in chain.ops:
        for value in op.operands:
            position.setdefault(value, len(position))
        position[op.results[0]] = len(position)
    return (
        chain.machine.unit.name,
        tuple((_facts(op, position), chain.machine.far.get(op)) for op in chain.ops),
        tuple((frozenset(position[v] for v in home.near), home.result) for home in homes),
    )


def _facts(op: Operation, position: dict[SSAValue, int]) -> Hashable:
    tiling = tiling_of(op)
    assert tiling is not None
    accesses = tuple((i, tuple(dims)) for i, dims in tiling.accesses(op).items())
    window = tuple(
        (name, op.properties[name])
        for name in ("strides", "kernel", "dilations", "groups")
        if name in op.properties
    )
    values = (*op.operands, *op.results)
    return (op.name, accesses, window, tuple((position[v], shape_of(v)) for v in values))


def _renamed(
    chain: Chain, known: Chain, options: dict[Homes, list[Option]]
) -> dict[Homes, list[Option]]:
    """The options of `known` under the names that values have in `chain`."""
    names = dict(zip(known.inputs, chain.inputs, strict=True))
    return {
        Homes(frozenset(names[value] for value in home.near), home.result): found
        for home, found in options.items()
    }


def refuse_chain(chain: Chain, search: Search) -> None:
    """Refuse an op that no tile of fits the near memory."""
    op = chain.ops[-1]
    refuse(
        op,
        f"the smallest tile takes {chain.least_bytes()} B, {search.near} has "
        f"{search.room}; choose a platform with a larger one, or fewer input channels",
    )
