"""cluster -> c: the files of a model whose layers all cores of a cluster compute together."""

from __future__ import annotations

from functools import cached_property

from xdsl.dialects.builtin import MemRefType, StringAttr, SymbolRefAttr
from xdsl.ir import Block, Operation, SSAValue

from ..dialects import c, cluster, cortexm, dma, npu
from ..dialects.platform import platform_of
from .c_builder import Builder
from .c_interface import interface, tensors
from .c_model import Layer, Model
from .cluster_function import KernelFunction
from .cluster_program import ClusterProgram
from .cluster_work import ClusterFunction
from .loops_to_c import LoweredFunction, includes
from .npu_function import HEADER


class ClusterModel(Model):
    """Writes a function that all cores run, and one for each kernel with its constants."""

    def __post_init__(self) -> None:
        self.program = ClusterProgram(self.module, self.function)
        self.name, self.layers = self.program.name, self.program.layers
        self.arena = self.program.arenas[self.program.data]
        buffers = self.program.buffers
        self.inputs, self.outputs = tensors(buffers, "input"), tensors(buffers, "output")
        code = platform_of(self.module).board.code
        constants = [op for op in self.function.walk() if isinstance(op, dma.ConstantOp)]
        self.sections = {
            self.constant(op.symbol): f".rodata.{memory}.{self.name}"
            for op in constants
            if (memory := memory_of(op.result)) != code
        }

    @cached_property
    def work(self) -> c.FuncOp:
        """What every core runs."""
        function = ClusterFunction(
            self.program, lambda symbol: self.constant(SymbolRefAttr(symbol))
        )
        return function.build()

    def includes(self) -> list[c.IncludeOp]:
        kernels = {header_of(op) for op in self.program.kernels}
        if any(isinstance(op, npu.StartOp) for op in self.program.fork.walk()):
            kernels.add("rn_npu.h")
        own = (f"{self.name}.h", f"{self.name}_weights.h")
        system = [c.IncludeOp("stddef.h", system=True), *includes([LoweredFunction(self.work)])]
        return [*system, *(c.IncludeOp(name) for name in (*own, *sorted(kernels), "rn_cluster.h"))]

    def source(self) -> c.FileOp:
        file = self.file(".c")
        block = file.body.block
        block.add_ops(self.includes())
        block.add_op(c.CommentOp("Activations and constants, where the memory plan puts them."))
        for memory, size in self.program.arenas.items():
            section = None if memory == self.program.data else f".bss.{memory}.{self.name}"
            block.add_op(
                c.GlobalOp(
                    self.program.arena_name(memory),
                    c.ArrayType(size, c.BYTE),
                    static=True,
                    alignment=dma.BUFFER_ALIGNMENT,
                    section=section,
                )
            )
        block.add_ops(self.descriptions())
        block.add_op(self.layer_names())
        self.kernel_functions(block)
        block.add_op(c.CommentOp("What every core runs; core 0 drives the DMA."))
        block.add_op(self.work)
        for _, function in interface(self.name, declaration=False):
            block.add_op(function)
            self.define(function)
        return file

    def kernel_functions(self, block: Block) -> None:
        done: set[str] = set()
        for op, function in self.program.kernels.items():
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

    def place(self, value: SSAValue, to: Builder) -> SSAValue:
        if isinstance(value.owner, dma.ConstantOp):
            return self.array(value.owner.symbol, to)
        buffer = dma.buffer_of(value)
        assert buffer is not None
        base = to.add(c.GetGlobalOp(self.program.arena_name(buffer.memory), c.pointer(c.BYTE)))
        element = to.add(c.SubscriptOp(base, to.literal(dma.offset_of(buffer))))
        return to.add(c.AddressOfOp(element))

    def define(self, function: c.FuncOp) -> None:
        name = function.sym_name.data.removeprefix(f"{self.name}_")
        if name != "run":
            super().define(function)
            return
        to = Builder(function.body.block)
        work = c.LiteralOp(c.macro(f"{self.name}_work"), c.named("rn_cluster_work"))
        function.body.block.add_op(c.CallOp("rn_cluster_run", [to.add(work)]))
        function.body.block.add_op(c.ReturnOp(to.literal(0)))


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
