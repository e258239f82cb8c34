"""The C function that all cores run: the body of a `cluster.fork`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, StringAttr, i8, i32
from xdsl.ir import Block, Operation, SSAValue

from ..dialects import c, cluster, cortexm, dma, npu
from ..dialects.diagnostics import RunnelError, blaming, refuse
from ..dialects.types import dtype_of, memref_type
from .c_builder import Builder
from .c_model import Layer
from .cluster_arguments import Size, sizes_of
from .cluster_function import CORE, SharedFunction
from .cluster_program import ClusterProgram
from .loops_to_c import FunctionLowering, LoweredFunction
from .npu_function import JobFunction

MOVES = (
    *(dma.TokenOp, dma.StartOp, dma.WaitOp, cortexm.KernelOp),
    *(npu.Conv2DOp, npu.WaitOp, npu.AcquireOp, npu.SetOp, npu.StartOp),
)
"""What core 0 does alone."""


class ClusterFunction(FunctionLowering):
    """Lowers the body of the fork to the function that every core runs."""

    def __init__(self, program: ClusterProgram, constant_name: Callable[[str], str]):
        """`constant_name` gives the C name of a constant of the module."""
        self.program = program
        self.function = c.FuncOp(f"{program.name}_work", [(CORE, i32)], None, static=True)
        lowered = LoweredFunction(self.function)
        super().__init__(Builder(self.function.body.block), lowered, constant_name)
        self.alone: c.IfOp | None = None
        """The branch of core 0 that is being filled; it joins the block when it is complete."""
        self.inside_alone = False
        self.tokens: dict[SSAValue, SSAValue] = {}
        """The variable of each token."""

    def build(self) -> c.FuncOp:
        marks = dict(self.program.layer_ends())
        for op in self.program.fork.body.block.ops:
            with blaming(op):
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
                function = self.program.kernels[op]
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
                layer = self.program.kernels[op]
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
                name = self.program.arena_name(owner.memory)
                base = self.to.add(c.GetGlobalOp(name, c.pointer(c.BYTE)))
                place = self.to.binary("+", base, self.to.literal(dma.offset_of(owner)))
                return self.to.cast(place, c.pointer(i8))
            case dma.ViewOp():
                return self.value(owner.source)
            case dma.ConstantOp():
                name = self.constant_name(owner.symbol.string_value())
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
            refuse(op, "has three dimensions; run split-transfers")
        rows = self._product([sizes[dim] for dim in groups[0]])
        steps = [self.to.literal(int(s[groups[0][-1]] or 0) * item) for s in strides]
        arguments = [token, *places, rows, self._product(run), *steps]
        self.to.block.add_op(c.CallOp(f"{name}_2d", arguments))

    def _is_near(self, value: SSAValue) -> bool:
        assert isinstance(value.type, MemRefType)
        return value.type.memory_space == StringAttr(self.program.near)

    def _kernel(self, op: cluster.KernelOp) -> None:
        function = self.program.kernels[op]
        assert isinstance(function, SharedFunction)
        arguments = function.call(op, self.value, self.to.literal)
        self.to.block.add_op(c.CallOp(function.name, [self.function.args[0], *arguments]))
