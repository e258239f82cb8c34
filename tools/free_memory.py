"""Which bytes of the near memory nobody needs behind a layer: for runs with `poison`."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects import cluster, dma
from ..lowering.cluster_program import ClusterProgram
from ..passes.memory.liveness import buffer_users
from .signature import network_function

FreeRange = tuple[int, str, int]
"""Layer, place (`variable+offset`) and bytes."""


def free_ranges(module: ModuleOp) -> list[FreeRange]:
    """The ranges of a module whose cores are forked: what holds no data at the first barrier behind
    the end of each layer, or behind any of its ends where layers take turns.
    """
    program = ClusterProgram(module, network_function(module))
    body = list(program.fork.body.block.ops)
    position = {op: index for index, op in enumerate(body)}
    barriers = [i for i, op in enumerate(body) if _has_barrier(op)]
    near = [op for op in program.buffers if op.memory == program.near]
    spans = {buffer: _span(buffer, program.fork, position) for buffer in near}
    size, name = program.arenas.get(program.near, 0), program.arena_name(program.near)
    taken: dict[int, set[tuple[int, int]]] = {}
    for end, layer in program.layer_ends():
        at = next((i for i in barriers if i > position[end]), len(body))
        taken.setdefault(layer, set()).update(
            (dma.offset_of(buffer), dma.offset_of(buffer) + buffer.size)
            for buffer, (first, last) in spans.items()
            if first <= at <= last
        )
    return [
        (layer, f"{name}+{low}", high - low)
        for layer, ranges in taken.items()
        for low, high in _gaps(sorted(ranges), size)
    ]


def _has_barrier(op: Operation) -> bool:
    return any(isinstance(inner, cluster.BarrierOp) for inner in op.walk())


def _span(
    buffer: dma.BufferOp, fork: cluster.ForkOp, position: dict[Operation, int]
) -> tuple[int, int]:
    """The first and the last op of the fork's body that touches the buffer."""
    tops = [fork.body.block.find_ancestor_op_in_block(op) for op in buffer_users(buffer.result)]
    steps = [position[op] for op in tops if op is not None]
    return min(steps, default=0), max(steps, default=-1)


def _gaps(taken: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """What of [0, size) no range takes; they are sorted."""
    top = 0
    for low, high in taken:
        if low > top:
            yield top, low
        top = max(top, high)
    if top < size:
        yield top, size
