"""Which kernels of a forked schedule are one layer, and which may share a C function."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from xdsl.dialects.builtin import MemRefType, UnknownLoc
from xdsl.ir import Block, Operation

from ..dialects import cluster, cortexm, npu
from ..dialects.diagnostics import layer_name


def is_kernel(op: Operation) -> bool:
    return isinstance(op, cluster.KernelOp | cortexm.KernelOp | npu.Conv2DOp | npu.StartOp)


def node_of(group: Sequence[Operation]) -> str:
    return "_".join(dict.fromkeys(layer_name(op) for op in group))


def likeness(op: Operation) -> Hashable:
    """Calls that may share a C function have the same: all that is constant in it."""
    layouts = tuple(
        (value.type.get_strides(), value.type.element_type)
        for value in op.operands
        if isinstance(value.type, MemRefType)
    )
    return op.name, op.location, tuple(sorted(op.properties.items())), layouts


def layer_groups(block: Block) -> Iterator[list[Operation]]:
    """Kernel ops by layer, in the order in which layers begin.

    Kernels from one place in the source belong together, and so do those that one loop holds.
    """
    groups: list[list[Operation]] = []
    for top in block.ops:
        here = [op for op in top.walk() if is_kernel(op)]
        if not here:
            continue
        known = next((g for g in groups if any(same_layer(a, b) for a in g for b in here)), None)
        if known is None:
            groups.append(here)
        else:
            known += here
    yield from groups


def same_layer(a: Operation, b: Operation) -> bool:
    """Whether two kernels come from one place in the source; what came from nowhere is alone."""
    return a.location == b.location and not isinstance(a.location, UnknownLoc)
