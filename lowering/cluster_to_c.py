"""cluster -> c: the files of a model whose layers all cores of a cluster compute together."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from math import prod
from typing import Any

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, StringAttr, UnknownLoc, i8, i32
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ..dialects import c, cluster, cortexm, dma, npu
from ..dialects.diagnostics import RunnelError, describe
from ..dialects.platform import platform_of
from ..dialects.types import dtype_of, memref_type
from .c_builder import Builder
from .cluster_arguments import Size, sizes_of
from .cluster_function import CORE, KernelFunction, SharedFunction, c_name
from .cortexm_to_c import U8, Body, Layer, Model, identifier, layer_name, offset_of, tensors
from .loops_to_c import FunctionLowering, LoweredFunction, includes
from .npu_function import HEADER, JobFunction

MOVES = (
    *(dma.TokenOp, dma.StartOp, dma.WaitOp, cortexm.KernelOp),
    *(npu.Conv2DOp, npu.WaitOp, npu.AcquireOp, npu.SetOp, npu.StartOp),
)
"""What core 0 does alone."""


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
            raise PassFailedException(f"@{self.name}: expected one cluster.fork, got {len(forks)}")
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

    def layer_ends(self) -> dict[int, Operation]:
        """The op of the fork's body after which each layer has ended."""
        body = self.fork.body.block
        ends: dict[int, Operation] = {}
        for index, group in enumerate(self.groups):
            tops = [body.find_ancestor_op_in_block(op) for op in group]
            ends[index] = max((op for op in tops if op), key=body.get_operation_index)
        return ends

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


class ClusterFunction(FunctionLowering):
    """Lowers the body of the fork to the function that every core runs."""

    def __init__(self, model: ClusterModel):
        self.model = model
        self.function = c.FuncOp(f"{model.name}_work", [(CORE, i32)], None, static=True)
        lowered = LoweredFunction(self.function)
        super().__init__(Builder(self.function.body.block), lowered, lambda symbol: symbol)
        self.alone: c.IfOp | None = None
        """The branch of core 0 that is being filled; it joins the block when it is complete."""
        self.inside_alone = False
        self.tokens: dict[SSAValue, SSAValue] = {}
        """The variable of each token."""

    def build(self) -> c.FuncOp:
        marks = {op: index for index, op in self.model.layer_ends().items()}
        for op in self.model.fork.body.block.ops:
            self.lower(op)
            if op in marks:
                self.close()
                mark = c.CallOp("rn_cluster_mark", [self.to.literal(marks[op])])
                self.to.block.add_op(mark)
        self.close()
        return self.function

    # Core 0 alone

    def _alone_block(self) -> Block:
        if self.inside_alone:
            return self.to.block
        if self.alone is None:
            core = self.function.args[0]
            self.alone = c.IfOp(self.to.binary("==", core, self.to.literal(0)))
        return self.alone.then_body.block

    def close(self) -> None:
        """Let the branch of core 0 end here."""
        if self.alone is not None and not self.inside_alone:
            self.to.block.add_op(self.alone)
            self.alone = None

    def lower(self, op: Operation) -> None:
        if isinstance(op, MOVES) or self._moves_only(op):
            self._lower_alone(op)
            return
        match op:
            case cluster.BarrierOp():
                self.close()
                self.to.block.add_op(c.CallOp("rn_cluster_barrier", []))
            case cluster.KernelOp():
                self.close()
                self._kernel(op)
            case memref.SubviewOp():
                self.values[op.result] = self._window(op)
            case dma.ViewOp():
                self.values[op.result] = self.value(op.source)
            case npu.AddressOp():
                address = c.CallOp("rn_npu_address", [self.value(op.source)], i32, pure=True)
                self.values[op.result] = self.to.add(address)
            case arith.ConstantOp():
                super().lower(op)
            case scf.ForOp() | scf.IfOp():
                self.close()
                self._control(op)
            case scf.YieldOp():
                self.close()
                for value in op.operands:
                    self._load_token(value)
            case _:
                super().lower(op)

    def _moves_only(self, op: Operation) -> bool:
        """Whether a loop or branch holds nothing but what core 0 does alone."""
        if not isinstance(op, scf.ForOp | scf.IfOp):
            return False
        inner = [o for o in op.walk() if o is not op]
        return (
            not any(isinstance(o, cluster.KernelOp | cluster.BarrierOp) for o in inner)
            and any(isinstance(o, MOVES) for o in inner)
            and not op.results
        )

    def _lower_alone(self, op: Operation) -> None:
        if isinstance(op, dma.TokenOp | npu.Conv2DOp | npu.AcquireOp):
            variable = self.to.add(c.VariableOp(i32, self.to.literal(0)))
            variable.name_hint = "token" if isinstance(op, dma.TokenOp) else "job"
            self.tokens[op.results[0]] = variable
        outer = self.to
        block = self._alone_block()
        was, self.inside_alone = self.inside_alone, True
        self.to = Builder(block)
        match op:
            case dma.TokenOp():
                token = self.to.add(c.CallOp("rn_dma_token", [], i32))
                block.add_op(c.AssignOp(self.tokens[op.result], token))
            case dma.WaitOp():
                block.add_op(c.CallOp("rn_dma_wait", [self._token(op.token)]))
            case dma.StartOp():
                self._start(op)
            case npu.Conv2DOp():
                function = self.model.kernels[op]
                assert isinstance(function, JobFunction)
                arguments = function.call(op, self.value, self.to.literal)
                job = self.to.add(c.CallOp(function.name, arguments, i32))
                self.to.block.add_op(c.AssignOp(self.tokens[op.token], job))
            case npu.AcquireOp():
                job = self.to.add(c.CallOp("rn_npu_acquire", [], i32))
                block.add_op(c.AssignOp(self.tokens[op.token], job))
            case npu.SetOp():
                operands = [self.to.literal(op.number), self.value(op.operand)]
                block.add_op(c.CallOp("rn_npu_set", operands))
            case npu.StartOp():
                block.add_op(c.CallOp("rn_npu_start", []))
            case npu.WaitOp():
                block.add_op(c.CallOp("rn_npu_wait", [self._token(op.token)]))
            case cortexm.KernelOp():
                layer = self.model.kernels[op]
                assert isinstance(layer, Layer)
                block.add_op(c.CallOp(layer.function, []))
            case _:
                super().lower(op)
        self.to, self.inside_alone = outer, was

    def _control(self, op: scf.ForOp | scf.IfOp) -> None:
        if isinstance(op, scf.ForOp):
            for value in op.iter_args:
                self._load_token(value)
        super().lower(op)

    def _load_token(self, value: SSAValue) -> None:
        if value in self.tokens:
            self.values[value] = self.to.add(c.LoadOp(self.tokens[value]))

    def _token(self, value: SSAValue) -> SSAValue:
        if value in self.tokens:
            return self.to.add(c.LoadOp(self.tokens[value]))
        return self.values[value]

    # Places

    def value(self, value: SSAValue) -> SSAValue:
        """The C value of a value: a pointer for a window, a number for an index."""
        if value in self.values:
            return self.values[value]
        owner = value.owner
        match owner:
            case dma.BufferOp():
                name = self.model.arena_name(owner.memory)
                base = self.to.add(c.GetGlobalOp(name, c.pointer(U8)))
                place = self.to.binary("+", base, self.to.literal(offset_of(owner)))
                return self.to.cast(place, c.pointer(i8))
            case dma.ViewOp():
                return self.value(owner.source)
            case dma.ConstantOp():
                name = self.model.constant(owner.symbol)
                return self.to.add(c.GetGlobalOp(name, c.pointer(i8, const=True)))
            case _:
                raise RunnelError(f"{value.type} has no place in C here")

    def _window(self, op: memref.SubviewOp) -> SSAValue:
        """The address where a window starts."""
        type = op.source.type
        assert isinstance(type, MemRefType)
        strides = type.get_strides()
        assert strides is not None
        dynamic = iter(op.offsets)
        item = dtype_of(type.element_type).itemsize
        place = self.value(op.source)
        for offset, stride in zip(op.static_offsets.get_values(), strides, strict=True):
            assert stride is not None
            step = stride * item
            if offset == DYNAMIC_INDEX:
                index = self.value(next(dynamic))
                place = self.to.binary(
                    "+", place, self.to.binary("*", index, self.to.literal(step))
                )
            elif offset:
                place = self.to.binary("+", place, self.to.literal(offset * step))
        return place

    def size(self, size: Size) -> SSAValue:
        return self.to.literal(size) if isinstance(size, int) else self.value(size)

    def _product(self, sizes: Sequence[Size]) -> SSAValue:
        known = prod(size for size in sizes if isinstance(size, int))
        result = self.to.literal(known)
        for size in sizes:
            if not isinstance(size, int):
                result = self.to.binary("*", self.value(size), result)
        return result

    # Calls

    def _start(self, op: dma.StartOp) -> None:
        """One call for a copy of one or two dimensions."""
        near, far = (op.target, op.source) if self._is_near(op.target) else (op.source, op.target)
        name = "rn_dma_in" if near is op.target else "rn_dma_out"
        groups = dma.transfer_dimensions(op)
        item = dtype_of(memref_type(op.source).element_type).itemsize
        sizes = sizes_of(op.source)
        places = [self.value(near), self.value(far)]
        strides = [memref_type(v).get_strides() or () for v in (near, far)]
        run: list[Size] = [item, *(sizes[dim] for dim in groups[-1])] if groups else [item]
        token = self._token(op.token)
        if len(groups) <= 1:
            self.to.block.add_op(c.CallOp(name, [token, *places, self._product(run)]))
            return
        if len(groups) > 2:
            raise PassFailedException(f"{describe(op)}: has three dimensions; run split-transfers")
        rows = self._product([sizes[dim] for dim in groups[0]])
        steps = [self.to.literal(int(s[groups[0][-1]] or 0) * item) for s in strides]
        arguments = [token, *places, rows, self._product(run), *steps]
        self.to.block.add_op(c.CallOp(f"{name}_2d", arguments))

    def _is_near(self, value: SSAValue) -> bool:
        assert isinstance(value.type, MemRefType)
        return value.type.memory_space == StringAttr(self.model.near)

    def _kernel(self, op: cluster.KernelOp) -> None:
        function = self.model.kernels[op]
        assert isinstance(function, SharedFunction)
        arguments = function.call(op, self.value, self.to.literal)
        self.to.block.add_op(c.CallOp(function.name, [self.function.args[0], *arguments]))
