"""The layers of a network that a cluster computes: what lies between two marks of the C, and how it
was tiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.utils.hints import isa

from ..dialects import cluster, cortexm, tile
from ..dialects.diagnostics import layer_name, source_name
from ..dialects.tiling import elements, shape_of, tiling_of
from ..dialects.types import byte_size
from ..lowering.cluster_layers import layer_groups
from .layers import Layer


def cluster_layers(forked: ModuleOp, tensors: ModuleOp) -> list[Layer]:
    """The layers of the `forked` module; sizes are those of the same nodes on whole `tensors`."""
    fork = next(op for op in forked.walk() if isinstance(op, cluster.ForkOp))
    nodes = {name: op for op in tensors.walk() if (name := source_name(op)) is not None}
    return [
        _layer(index, group, [nodes[name] for name in _names(group) if name in nodes])
        for index, group in enumerate(layer_groups(fork.body.block))
    ]


@dataclass(frozen=True)
class LayerPlan:
    """Where a layer is computed, and how it is cut; several where it is several groups."""

    unit: str
    tile: str
    """Sizes of a tile without the batch."""
    tiles: int
    home: str
    """The memory where the result lives."""
    cycles: int | None
    """Modelled by the search."""


OUTSIDE = LayerPlan("core 0", "-", 1, "-", None)
"""What no unit computes tile by tile."""


def layer_plans(forked: ModuleOp, tiled: ModuleOp) -> list[LayerPlan]:
    """The plans of the layers of the `forked` module, from the groups of the `tiled` one."""
    fork = next(op for op in forked.walk() if isinstance(op, cluster.ForkOp))
    groups = [op for op in tiled.walk() if isinstance(op, tile.GroupOp)]
    return [
        _plan([g for g in groups if {layer_name(op) for op in g.ops} & set(_names(layer))])
        for layer in layer_groups(fork.body.block)
    ]


def _plan(groups: Sequence[tile.GroupOp]) -> LayerPlan:
    if not groups:
        return OUTSIDE
    cycles = [g.attributes.get(tile.CYCLES) for g in groups]
    known = [int(c.value.data) for c in cycles if isa(c, IntegerAttr)]
    return LayerPlan(
        unit=_joined(group.unit.data for group in groups),
        tile=_joined("x".join(map(str, g.tile_sizes()[1:] or g.tile_sizes())) for g in groups),
        tiles=sum(group.tiles() for group in groups),
        home=_joined(group.home.data for group in groups),
        cycles=sum(known) if len(known) == len(groups) else None,
    )


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _names(group: Sequence[Operation]) -> list[str]:
    return list(dict.fromkeys(layer_name(op) for op in group))


def _layer(index: int, group: Sequence[Operation], nodes: Sequence[Operation]) -> Layer:
    constants = [value for op in nodes for value in _operands(op, activations=False)]
    inputs = [value for op in nodes[:1] for value in _operands(op, activations=True)]
    outputs = [op.results[0] for op in nodes]
    return Layer(
        index=index,
        node=", ".join(_names(group)),
        op=", ".join(dict.fromkeys(op.name.partition(".")[2] for op in group)),
        kernel=", ".join(dict.fromkeys(_kernel(op) for op in group)),
        inputs=tuple(shape_of(value) for value in inputs),
        output=shape_of(outputs[-1]) if outputs else (),
        macs=sum(tiling.macs(op) for op in nodes if (tiling := tiling_of(op)) is not None),
        parameters=sum(elements(value) for value in constants),
        constant_bytes=_bytes(constants),
        activation_bytes=_bytes((*inputs, *outputs)),
        scratch_bytes=0,
    )


def _operands(op: Operation, *, activations: bool) -> list[SSAValue]:
    """The tensors that flow through the network, or weights, biases and tables: what an op gives
    that takes nothing.
    """
    return [value for value in op.operands if _flows(value) == activations]


def _flows(value: SSAValue) -> bool:
    return not isinstance(value.owner, Operation) or bool(value.owner.operands)


def _bytes(values: Sequence[SSAValue]) -> int:
    return sum(byte_size(value.type) for value in values if isinstance(value.type, TensorType))


def _kernel(op: Operation) -> str:
    if isinstance(op, cluster.KernelOp | cortexm.KernelOp):
        return op.kernel.data
    return "N-EUREKA"
