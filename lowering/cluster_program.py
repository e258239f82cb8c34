"""A forked function as C writes it: its layers, the C function of each kernel, and its arenas."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects import cluster, cortexm, dma, npu
from ..dialects.diagnostics import layer_name, refuse
from ..dialects.platform import platform_of
from .c_model import Layer, identifier
from .cluster_function import KernelFunction, SharedFunction
from .cluster_layers import layer_groups, likeness, node_of
from .npu_function import JobFunction


class ClusterProgram:
    """What the cores of a cluster run for `function`, which holds one `cluster.fork`.

    Refuses another number of forks, and buffers that no memory plan has placed.
    """

    def __init__(self, module: ModuleOp, function: func.FuncOp):
        platform = platform_of(module)
        self.name = function.sym_name.data
        self.data = platform.board.data
        """The memory of the arena that the header tells of."""
        self.near = str(next(u for u in platform.units if u.kind == "cluster").fact("l1"))
        forks = [op for op in function.body.block.ops if isinstance(op, cluster.ForkOp)]
        if len(forks) != 1:
            refuse(function, f"expected one cluster.fork, got {len(forks)}; run fork-cores")
        self.fork = forks[0]
        self.buffers = [op for op in function.walk() if isinstance(op, dma.BufferOp)]
        self.arenas: dict[str, int] = {self.data: 1}
        """Bytes by memory."""
        for op in self.buffers:
            end = dma.offset_of(op) + op.size
            self.arenas[op.memory] = max(self.arenas.get(op.memory, 0), end)
        self.groups = list(layer_groups(self.fork.body.block))
        """The kernel ops of each layer."""
        width = len(str(len(self.groups)))
        self.layers = [
            Layer(group[0], f"{self.name}_layer_{i:0{width}}_{identifier(node_of(group))}")
            for i, group in enumerate(self.groups)
        ]
        self.kernels = dict(self._functions())
        """The C function of each kernel op."""

    def _functions(self) -> Iterator[tuple[Operation, KernelFunction[Any] | Layer]]:
        for layer, group in zip(self.layers, self.groups, strict=True):
            alike: dict[Hashable, list[Operation]] = {}
            for op in group:
                alike.setdefault(likeness(op), []).append(op)
            for index, ops in enumerate(alike.values()):
                name = layer.function
                if len(alike) > 1:
                    name = f"{layer.function}_{index}_{identifier(layer_name(ops[0]))}"
                kernels = [op for op in ops if isinstance(op, cluster.KernelOp)]
                if kernels:
                    shared = SharedFunction(name, kernels)
                    yield from ((op, shared) for op in kernels)
                jobs = [op for op in ops if isinstance(op, npu.Conv2DOp)]
                if jobs:
                    started = JobFunction(name, jobs)
                    yield from ((op, started) for op in jobs)
                yield from ((op, Layer(op, name)) for op in ops if isinstance(op, cortexm.KernelOp))

    def layer_ends(self) -> Iterator[tuple[Operation, int]]:
        """The ops of the fork's body behind which another layer goes on, with the layer that they
        belong to: several of one layer where layers take turns.
        """
        layer_of = {op: index for index, group in enumerate(self.groups) for op in group}
        tops = [
            (top, layer_of[inner])
            for top in self.fork.body.block.ops
            if (inner := next((op for op in top.walk() if op in layer_of), None)) is not None
        ]
        for (top, layer), (_, following) in zip(tops, [*tops[1:], (None, None)], strict=True):
            if layer != following:
                yield top, layer

    def arena_name(self, memory: str) -> str:
        """The C array that holds the buffers in `memory`."""
        return f"{self.name}_arena" if memory == self.data else f"{self.name}_arena_{memory}"
