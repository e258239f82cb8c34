"""Builds the function of one layer: linalg.generic ops on buffers, called from the model.

A layer is a private function on buffers, so that the memory planner, the interpreter and the C
printer see one step per op of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, func, math, memref
from xdsl.dialects.builtin import (
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    StringAttr,
    TensorType,
)
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from ..dialects import dma, graph
from ..dialects.diagnostics import refuse
from .bufferizer import Bufferizer
from .function_to_c import STACK_LIMIT

Access = tuple[SSAValue, Sequence[AffineExpr]]
"""A buffer and the index of each of its axes in terms of the loops."""

PARALLEL, REDUCTION = IteratorTypeAttr.parallel(), IteratorTypeAttr.reduction()


def dim(position: int) -> AffineExpr:
    return AffineExpr.dimension(position)


def dims(*positions: int) -> list[AffineExpr]:
    return [dim(position) for position in positions]


def number(value: int) -> AffineExpr:
    return AffineExpr.constant(value)


def broadcast_index(shape: Sequence[int], target: Sequence[int]) -> list[AffineExpr]:
    """The index into a tensor of `shape` that is broadcast to loops over `target`."""
    first = len(target) - len(shape)
    return [
        dim(first + axis) if n == target[first + axis] else number(0)
        for axis, n in enumerate(shape)
    ]


class Scalars:
    """Builds the arithmetic on one element; numbers take the type of the other operand."""

    def __init__(self, block: Block, element: Attribute):
        self.block = block
        self.element = element

    def add_op(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def number(self, value: float, type: Attribute | None = None) -> SSAValue:
        type = type or self.element
        if isinstance(type, IntegerType):
            return self.add_op(arith.ConstantOp(IntegerAttr(int(value), type)))
        assert isinstance(type, AnyFloat)
        return self.add_op(arith.ConstantOp(FloatAttr(value, type)))

    def binary(self, kind: Callable[..., Operation], a: SSAValue, b: SSAValue | float) -> SSAValue:
        return self.add_op(kind(a, b if isinstance(b, SSAValue) else self.number(b, a.type)))

    def add(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        return self.binary(self._kind(a, arith.AddfOp, arith.AddiOp), a, b)

    def sub(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        return self.binary(self._kind(a, arith.SubfOp, arith.SubiOp), a, b)

    def mul(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        return self.binary(self._kind(a, arith.MulfOp, arith.MuliOp), a, b)

    def div(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        return self.binary(self._kind(a, arith.DivfOp, arith.DivSIOp), a, b)

    def unary(self, kind: Callable[[SSAValue], Operation], a: SSAValue) -> SSAValue:
        return self.add_op(kind(a))

    def less(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        other = b if isinstance(b, SSAValue) else self.number(b, a.type)
        if isinstance(a.type, IntegerType):
            return self.add_op(arith.CmpiOp(a, other, "slt"))
        return self.add_op(arith.CmpfOp(a, other, "olt"))

    def select(self, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.add_op(arith.SelectOp(condition, a, b))

    def at_least(self, a: SSAValue, low: SSAValue | float) -> SSAValue:
        """The larger of both; `a` when it is not a number."""
        low = low if isinstance(low, SSAValue) else self.number(low, a.type)
        return self.select(self.less(a, low), low, a)

    def at_most(self, a: SSAValue, high: SSAValue | float) -> SSAValue:
        """The smaller of both; `a` when it is not a number."""
        high = high if isinstance(high, SSAValue) else self.number(high, a.type)
        return self.select(self.less(high, a), high, a)

    def exp(self, a: SSAValue) -> SSAValue:
        return self.unary(math.ExpOp, a)

    @staticmethod
    def _kind(
        a: SSAValue, on_floats: Callable[..., Operation], on_integers: Callable[..., Operation]
    ) -> Callable[..., Operation]:
        return on_integers if isinstance(a.type, IntegerType) else on_floats


Body = Callable[..., SSAValue]
"""(scalars, elements read ..., element of the output) to the new element of the output."""


def check_element(op: Operation, type: Attribute) -> None:
    """Refuse elements that loops in C cannot compute with."""
    element = type.element_type if isinstance(type, TensorType) else type
    if str(element) not in ("f32", "f64", "i1", "i8", "i16", "i32", "i64"):
        refuse(op, f"loops in C take no elements of type {element}")


class Layer:
    """The function of one op; `to` holds the model that calls it."""

    def __init__(self, to: Bufferizer, op: Operation):
        for value in (*op.operands, *op.results):
            check_element(op, value.type)
        self.to, self.op = to, op
        self.block = Block()
        self._passed: dict[SSAValue, SSAValue] = {}
        """Buffer of the model to parameter of the function."""

    # Buffers

    def input(self, value: SSAValue) -> SSAValue:
        """The buffer of an operand: a parameter, or a constant."""
        if isinstance(value.owner, graph.ConstantOp):
            assert isinstance(value.type, TensorType)
            return self._constant(value.owner.global_name.string_value(), value.type)
        return self._parameter(self.to.values[value], value.name_hint or "x")

    def output(self) -> SSAValue:
        """The buffer of the result."""
        return self._parameter(self.to.result(self.op.results[0]), "y")

    def constant(self, name: str, array: NDArray[np.generic], element: Attribute) -> SSAValue:
        """A new constant."""
        type = TensorType(element, array.shape)
        symbol = graph.add_global(self.to.module, name, array, type).sym_name.data
        return self._constant(symbol, type)

    def temporary(self, shape: Sequence[int], element: Attribute, name: str) -> SSAValue:
        """Memory for the duration of the layer: on the stack if it is small."""
        if prod(shape) * 8 <= STACK_LIMIT:
            return self._local(shape, element, name)
        type = MemRefType(element, shape, NoneAttr(), StringAttr(self.to.memory))
        buffer = dma.BufferOp(type)
        self.to.block.add_op(buffer)
        return self._parameter(buffer.result, name)

    def window(self, shape: Sequence[int]) -> SSAValue:
        """A buffer that is never touched: its shape gives loops their bounds."""
        return self._local(shape, IntegerType(8), "window")

    def _local(self, shape: Sequence[int], element: Attribute, name: str) -> SSAValue:
        op = memref.AllocaOp.get(element, shape=shape)
        self.block.add_op(op)
        op.memref.name_hint = name
        return op.memref

    def _constant(self, symbol: str, type: TensorType) -> SSAValue:
        op = memref.GetGlobalOp(symbol, MemRefType(type.element_type, type.get_shape()))
        self.block.add_op(op)
        return op.memref

    def _parameter(self, buffer: SSAValue, hint: str) -> SSAValue:
        if buffer not in self._passed:
            argument = self.block.insert_arg(buffer.type, len(self.block.args))
            argument.name_hint = hint
            self._passed[buffer] = argument
        return self._passed[buffer]

    def part(
        self, buffer: SSAValue, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int]
    ) -> SSAValue:
        """`sizes` elements of each axis, from `offsets` on, `strides` apart."""
        assert isinstance(buffer.type, MemRefType)
        type = memref.SubviewOp.infer_result_type(buffer.type, offsets, sizes, strides)
        op = memref.SubviewOp.get(buffer, offsets, sizes, strides, type)
        self.block.add_op(op)
        return op.result

    # Loops

    def generic(
        self, out: Access, ins: Sequence[Access], loops: int, body: Body, reduction: int = 0
    ) -> None:
        """`out = body(ins, out)` over `loops` loops, the last `reduction` of which reduce."""
        buffers = [buffer for buffer, _ in (*ins, out)]
        maps = [AffineMapAttr(AffineMap(loops, 0, tuple(index))) for _, index in (*ins, out)]
        elements = [_element(buffer) for buffer in buffers]
        block = Block(arg_types=elements)
        result = body(Scalars(block, elements[-1]), *block.args)
        block.add_op(YieldOp(result))
        kinds = [PARALLEL] * (loops - reduction) + [REDUCTION] * reduction
        op = GenericOp(buffers[:-1], buffers[-1:], Region(block), ArrayAttr(maps), ArrayAttr(kinds))
        op.location = self.op.location
        self.block.add_op(op)

    def fill(self, buffer: SSAValue, value: float) -> None:
        """Set all elements."""
        rank = _rank(buffer)
        self.generic((buffer, dims(*range(rank))), [], rank, lambda s, _: s.number(value))

    def copy(self, source: SSAValue, target: SSAValue) -> None:
        """Move all elements to a buffer of the same shape."""
        index = dims(*range(_rank(target)))
        self.broadcast((source, index), target)

    def broadcast(self, source: Access, target: SSAValue) -> None:
        """Set each element of `target` to the element of `source` at its index."""
        rank = _rank(target)
        self.generic((target, dims(*range(rank))), [source], rank, lambda _, a, __: a)

    def finish(self) -> None:
        """Add the function to the module and call it."""
        self.block.add_op(func.ReturnOp())
        types = [argument.type for argument in self.block.args]
        name = self._symbol()
        function = func.FuncOp(name, (types, []), Region(self.block), "private")
        function.location = self.op.location
        self.to.module.body.block.add_op(function)
        self.to.emit(func.CallOp(name, list(self._passed), []), self.op)

    def _symbol(self) -> str:
        """A name in the module that is free."""
        ops = self.to.module.body.block.ops
        taken = {op.sym_name.data for op in ops if isinstance(op, func.FuncOp | graph.GlobalOp)}
        base, count = self.op.name.split(".")[1], 0
        while f"{base}_{count}" in taken:
            count += 1
        return f"{base}_{count}"


def _element(buffer: SSAValue) -> Attribute:
    assert isinstance(buffer.type, MemRefType)
    return buffer.type.element_type


def _rank(buffer: SSAValue) -> int:
    assert isinstance(buffer.type, MemRefType)
    return len(buffer.type.get_shape())
