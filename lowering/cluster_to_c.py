"""cluster -> c: the files of a model whose layers all cores of a cluster compute together."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from xdsl.dialects.builtin import MemRefType, StringAttr, i32
from xdsl.ir import Block, Operation, SSAValue

from ..dialects import c, cluster, cortexm, dma, npu
from ..dialects.diagnostics import refuse
from ..dialects.platform import platform_of
from .cluster_function import KernelFunction, SharedFunction, c_name
from .cluster_layers import layer_groups, likeness, node_of
from .cluster_work import ClusterFunction
from .cortexm_to_c import U8, Body, Layer, Model, identifier, layer_name, offset_of, tensors
from .loops_to_c import LoweredFunction, includes
from .npu_function import HEADER, JobFunction


class ClusterModel(Model):
    """Writes a function that all cores run, and one for each kernel with its constants."""

    def __post_init__(self) -> None:
        self.name = self.function.sym_name.data
        self.macros = self.name.upper()
        platform = platform_of(self.module)
        self.data = platform.board.data
        self.near = str(next(u for u in platform.units if u.kind == "cluster").fact("l1"))
        forks = [op for op in self.function.body.block.ops if isinstance(op, cluster.ForkOp)]
        if len(forks) != 1:
            refuse(self.function, f"expected one cluster.fork, got {len(forks)}; run fork-cores")
        self.fork = forks[0]
        buffers = [op for op in self.function.walk() if isinstance(op, dma.BufferOp)]
        self.arenas: dict[str, int] = {self.data: 1}
        for op in buffers:
            end = offset_of(op) + op.size
            self.arenas[op.memory] = max(self.arenas.get(op.memory, 0), end)
        self.arena = self.arenas[self.data]
        self.inputs, self.outputs = tensors(buffers, "input"), tensors(buffers, "output")
        self.groups = list(layer_groups(self.fork.body.block))
        width = len(str(len(self.groups)))
        self.layers = [
            Layer(group[0], f"{self.name}_layer_{i:0{width}}_{identifier(node_of(group))}")
            for i, group in enumerate(self.groups)
        ]
        self.kernels = dict(self._functions())
        code = platform.board.code
        constants = [op for op in self.function.walk() if isinstance(op, dma.ConstantOp)]
        self.sections = {
            self.constant(op.symbol): f".rodata.{memory}.{self.name}"
            for op in constants
            if (memory := memory_of(op.result)) != code
        }

    def _functions(self) -> Iterator[tuple[Operation, KernelFunction[Any] | Layer]]:
        """The C function of each kernel op."""
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

    def includes(self) -> list[c.IncludeOp]:
        kernels = {header_of(op) for op in self.kernels}
        if any(isinstance(op, npu.StartOp) for op in self.fork.walk()):
            kernels.add("rn_npu.h")
        own = (f"{self.name}.h", f"{self.name}_weights.h")
        work = ClusterFunction(self)
        work.build()
        self.work = work.function
        system = [c.IncludeOp("stddef.h", system=True), *includes([LoweredFunction(self.work)])]
        return [*system, *(c.IncludeOp(name) for name in (*own, *sorted(kernels), "rn_cluster.h"))]

    def source(self) -> c.FileOp:
        file = self.file(".c")
        block = file.body.block
        block.add_ops(self.includes())
        block.add_op(c.CommentOp("Activations and constants, where the memory plan puts them."))
        for memory, size in self.arenas.items():
            section = None if memory == self.data else f".bss.{memory}.{self.name}"
            block.add_op(
                c.GlobalOp(
                    self.arena_name(memory),
                    c.ArrayType(size, U8),
                    static=True,
                    alignment=dma.BUFFER_ALIGNMENT,
                    section=section,
                )
            )
        block.add_ops([self.descriptions("input"), self.descriptions("output")])
        block.add_op(self.layer_names())
        self.kernel_functions(block)
        block.add_op(c.CommentOp("What every core runs; core 0 drives the DMA."))
        block.add_op(self.work)
        for _, function in self.interface(declaration=False):
            block.add_op(function)
            self.define(function)
        return file

    def kernel_functions(self, block: Block) -> None:
        done: set[str] = set()
        for op, function in self.kernels.items():
            name = function.name if isinstance(function, KernelFunction) else function.function
            if name in done:
                continue
            done.add(name)
            if isinstance(function, KernelFunction):
                block.add_op(c.CommentOp(function.title))
                layer = Layer(function.first, name)
                block.add_ops(function.definition(lambda struct, at=layer: self.struct(at, struct)))
            elif isinstance(op, cortexm.KernelOp):
                self.layer(function, block)

    def section(self, name: str) -> str | None:
        """Constants that do not live beside the code are in a section of their memory."""
        return self.sections.get(name)

    def arena_name(self, memory: str) -> str:
        return f"{self.name}_arena" if memory == self.data else f"{self.name}_arena_{memory}"

    def place(self, value: SSAValue, add: Body) -> SSAValue:
        buffer = dma.buffer_of(value)
        assert buffer is not None
        base = add(c.GetGlobalOp(self.arena_name(buffer.memory), c.pointer(U8)))
        return add(
            c.AddressOfOp(add(c.SubscriptOp(base, add(c.LiteralOp(offset_of(buffer), i32)))))
        )

    def define(self, function: c.FuncOp) -> None:
        name = function.sym_name.data.removeprefix(f"{self.name}_")
        if name != "run":
            super().define(function)
            return
        add = Body(function.body.block)
        work = c.LiteralOp(c_name(f"{self.name}_work"), c.named("rn_cluster_work"))
        function.body.block.add_op(c.CallOp("rn_cluster_run", [add(work)]))
        function.body.block.add_op(c.ReturnOp(add(c.LiteralOp(0, i32))))


def header_of(op: Operation) -> str:
    """The header that declares what `op` calls."""
    if isinstance(op, npu.Conv2DOp):
        return HEADER
    assert isinstance(op, cluster.KernelOp | cortexm.KernelOp)
    return op.include


def memory_of(value: SSAValue) -> str:
    """The name of the memory that a buffer or constant lives in."""
    assert isinstance(value.type, MemRefType) and isinstance(value.type.memory_space, StringAttr)
    return value.type.memory_space.data
