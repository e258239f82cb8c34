"""Loops over buffers -> c: func, scf, memref, arith and math become functions of C.

Buffers are dense and row major and become pointers; a parameter that is only read points to const.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import affine, func, memref, scf
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    MemRefType,
    ModuleOp,
    NoneAttr,
    TensorType,
    i1,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import PassFailedException

from ..dialects import c, dma, graph
from ..dialects.diagnostics import blaming, refuse
from ..dialects.types import byte_size, dtype_of, stored_element
from .arith_to_c import lower_expression
from .c_builder import Builder, c_type, literal_of

STACK_LIMIT = 1024
"""Bytes: larger buffers do not belong on the stack of a small machine."""


@dataclass(frozen=True)
class ConvertLoopsToC(ModulePass):
    """Write all functions on buffers and the constants that they read into one C file.

    Private functions become static ones. Constants are `memref.global` or `graph.global`.
    """

    name = "convert-loops-to-c"

    file: str = "loops.c"
    """The name of the file."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        old = list(op.body.block.ops)
        functions = [o for o in old if isinstance(o, func.FuncOp) and o.body.blocks]
        lowered = [lower_function(function) for function in callees_first(functions)]
        file = c.FileOp(self.file)
        body = file.body.block
        body.add_ops(includes(lowered))
        for name in dict.fromkeys(name for function in lowered for name in function.constants):
            body.add_op(constant_global(op, name, name))
        body.add_ops(function.arena for function in lowered if function.arena is not None)
        body.add_ops(function.op for function in lowered)
        for replaced in old:
            if isinstance(replaced, func.FuncOp | memref.GlobalOp | graph.GlobalOp):
                op.body.block.erase_op(replaced, safe_erase=False)
        op.body.block.add_op(file)


def callees_first(functions: Sequence[func.FuncOp]) -> list[func.FuncOp]:
    """The functions in an order in which C can declare them."""
    known = {function.sym_name.data: function for function in functions}
    done: dict[str, func.FuncOp] = {}
    open_: set[str] = set()

    def visit(function: func.FuncOp) -> None:
        name = function.sym_name.data
        if name in open_:
            refuse(function, "calls itself")
        if name in done:
            return
        open_.add(name)
        for op in function.walk():
            callee = op.callee.string_value() if isinstance(op, func.CallOp) else None
            if callee in known:
                visit(known[callee])
        open_.discard(name)
        done[name] = function

    for function in functions:
        visit(function)
    return list(done.values())


@dataclass
class LoweredFunction:
    """A function of C and what its file needs for it."""

    op: c.FuncOp
    constants: list[str] = field(default_factory=list[str])
    """The symbols of the module whose data it reads, in the order of first use."""
    arena: c.GlobalOp | None = None
    """The memory of its `dma.buffer`s."""


def includes(functions: Sequence[LoweredFunction]) -> list[c.IncludeOp]:
    """The system headers that the functions need."""
    ops = [op for function in functions for op in function.op.walk()]
    types = [result.type for op in ops for result in op.results]
    types += [type for function in functions for type in function.op.function_type.inputs]
    names = ["stdint.h"]
    if any(_needs_math(op) for op in ops):
        names.insert(0, "math.h")
    if i1 in types:
        names.insert(-1, "stdbool.h")
    return [c.IncludeOp(name, system=True) for name in names]


def _needs_math(op: Operation) -> bool:
    if isinstance(op, c.LiteralOp) and isinstance(op.value, EmitC_OpaqueAttr):
        return op.value.value.data in ("INFINITY", "NAN")
    return isinstance(op, c.CallOp) and op.pure is not None


def constant_data(module: ModuleOp, name: str) -> tuple[NDArray[np.generic], Attribute]:
    """The elements of a constant of the module and their C type."""
    found = SymbolTable.lookup_symbol(module, name)
    match found:
        case graph.GlobalOp():
            assert isinstance(found.type, TensorType)
            return found.array(), c_type(found.type.element_type)
        case memref.GlobalOp() if isinstance(found.initial_value, DenseIntOrFPElementsAttr):
            element = found.type.element_type
            data = found.initial_value.data.data
            return np.frombuffer(data, dtype_of(element)), c_type(element)
        case _:
            raise PassFailedException(f"no constant @{name} with data in the module")


def constant_global(module: ModuleOp, name: str, c_name: str) -> c.GlobalOp:
    """The constant `name` of the module as a static array."""
    array, element = constant_data(module, name)
    type = c.ArrayType(array.size, element)
    return c.GlobalOp(c_name, type, array.reshape(-1), static=True, const=True)


def lower_function(
    function: func.FuncOp,
    name: str | None = None,
    constant_name: Callable[[str], str] = lambda symbol: symbol,
) -> LoweredFunction:
    """`function` as C, named `name`; `constant_name` gives the C name of a constant it reads."""
    if len(function.body.blocks) != 1:
        refuse(
            function,
            "C is written from structured control flow "
            "(scf.for, scf.if), not from branches between blocks",
        )
    outputs = function.function_type.outputs.data
    if len(outputs) > 1:
        refuse(function, "C returns one value")
    name = name or function.sym_name.data
    parameters = _parameters(function)
    result = c.FuncOp(
        name,
        _distinct([(hint, _parameter_type(function, value)) for hint, value in parameters]),
        c_type(outputs[0]) if outputs else None,
        static=function.sym_visibility is not None,
    )
    lowered = LoweredFunction(result, arena=_arena(function, f"{name}_arena"))
    lowering = FunctionLowering(Builder(result.body.block), lowered, constant_name)
    for (_, old), new in zip(parameters, result.args, strict=True):
        lowering.values[old] = new
        if not old.uses:
            result.body.block.add_op(c.DiscardOp(new))
    lowering.lower_block(function.body.block)
    return lowered


def _parameters(function: func.FuncOp) -> list[tuple[str, SSAValue]]:
    """Names and values of the parameters: arguments, then the buffers of inputs and outputs."""
    block = function.body.block
    found: list[tuple[str, SSAValue]] = []
    found += [(value.name_hint or f"arg{i}", value) for i, value in enumerate(block.args)]
    buffers = [op for op in block.ops if isinstance(op, dma.BufferOp)]
    for role in ("input", "output"):
        given = [op for op in buffers if op.role is not None and op.role.data == role]
        for op in sorted(given, key=lambda op: op.index.value.data if op.index else 0):
            found.append((op.result.name_hint or role, op.result))
    return found


def _arena(function: func.FuncOp, name: str) -> c.GlobalOp | None:
    """The memory of the buffers that are no parameters."""
    own = [op for op in function.walk() if isinstance(op, dma.BufferOp) and op.role is None]
    if not own:
        return None
    size = max(dma.offset_of(op) + op.size for op in own)
    return c.GlobalOp(
        name, c.ArrayType(max(size, 1), c.BYTE), static=True, alignment=dma.BUFFER_ALIGNMENT
    )


def _distinct(arguments: Sequence[tuple[str, Attribute]]) -> list[tuple[str, Attribute]]:
    seen: dict[str, int] = {}
    result: list[tuple[str, Attribute]] = []
    for name, type in arguments:
        seen[name] = seen.get(name, 0) + 1
        result.append((name if seen[name] == 1 else f"{name}_{seen[name]}", type))
    return result


def _parameter_type(function: func.FuncOp, value: SSAValue) -> Attribute:
    type = value.type
    if not isinstance(type, MemRefType):
        return c_type(type)
    if not type.has_static_shape() or not isinstance(type.layout, NoneAttr):
        refuse(function, f"{type} is not a dense buffer of static shape")
    return c.pointer(c_type(type.element_type), const=not _written(value))


def _written(value: SSAValue) -> bool:
    """Whether something writes through `value`; a call is taken to."""
    for use in value.uses:
        user = use.operation
        if isinstance(user, dma.ViewOp | memref.SubviewOp):
            if _written(user.result):
                return True
        elif not isinstance(user, memref.LoadOp):
            return True
    return False


class FunctionLowering:
    """Lowers the ops of one function; `values` maps each value to its C value."""

    def __init__(
        self, builder: Builder, lowered: LoweredFunction, constant_name: Callable[[str], str]
    ):
        self.to = builder
        self.constants = lowered.constants
        self.arena = lowered.arena
        self.constant_name = constant_name
        self.values: dict[SSAValue, SSAValue] = {}

    def lower_block(self, block: Block) -> None:
        for op in block.ops:
            with blaming(op):
                self.lower(op)

    def lower(self, op: Operation) -> None:
        match op:
            case memref.LoadOp():
                element = self.element(op.memref, op.indices)
                self.set(op.res, self.to.add(c.LoadOp(element)))
            case memref.StoreOp():
                element = self.element(op.memref, op.indices)
                self.to.block.add_op(c.AssignOp(element, self.values[op.value]))
            case memref.AllocOp() | memref.AllocaOp():
                self.allocate(op)
            case memref.DeallocOp():
                pass
            case memref.GetGlobalOp():
                self.get_global(op)
            case memref.SubviewOp():
                self.values[op.result] = self.values[op.source]
            case dma.BufferOp():
                self.buffer(op)
            case dma.ViewOp():
                pointer = self.values[op.source]
                self.set(op.result, self.to.cast(pointer, self.view_type(op, pointer)))
            case scf.ForOp():
                self.loop(op)
            case scf.IfOp():
                self.branch(op)
            case func.CallOp():
                self.call(op)
            case func.ReturnOp():
                value = self.values[op.arguments[0]] if op.arguments else None
                self.to.block.add_op(c.ReturnOp(value))
            case scf.YieldOp():
                pass
            case _ if isinstance(op, affine.ApplyOp) or op.name.startswith(("arith.", "math.")):
                values = tuple(self.values[operand] for operand in op.operands)
                self.set(op.results[0], lower_expression(op, values, self.to))
            case _:
                refuse(op, "has no form in C here")

    def set(self, old: SSAValue, new: SSAValue) -> None:
        if new.name_hint is None and old.name_hint is not None:
            new.name_hint = old.name_hint
        self.values[old] = new

    def element(self, buffer: SSAValue, indices: Sequence[SSAValue]) -> SSAValue:
        assert isinstance(buffer.type, MemRefType)
        given = [self.values[index] for index in indices]
        return self.to.element(self.values[buffer], buffer.type, given)

    def allocate(self, op: memref.AllocOp | memref.AllocaOp) -> None:
        """A local array; one that nothing reads or writes only gave loops their bounds."""
        type = op.memref.type
        assert isinstance(type, MemRefType)
        if not any(not isinstance(use.operation, memref.DeallocOp) for use in op.memref.uses):
            return
        if byte_size(type) > STACK_LIMIT:
            refuse(
                op,
                f"{type} takes {byte_size(type)} bytes of stack, the limit is "
                f"{STACK_LIMIT}: pass a buffer instead",
            )
        array = c.ArrayType(max(prod(type.get_shape()), 1), c_type(type.element_type))
        self.set(op.memref, self.to.add(c.VariableOp(array)))

    def get_global(self, op: memref.GetGlobalOp) -> None:
        symbol = op.name_.string_value()
        if SymbolTable.lookup_symbol(op, op.name_) is None:
            refuse(op, f"the module has no constant @{symbol}")
        if symbol not in self.constants:
            self.constants.append(symbol)
        assert isinstance(op.memref.type, MemRefType)
        type = c.pointer(c_type(op.memref.type.element_type), const=True)
        self.set(op.memref, self.to.add(c.GetGlobalOp(self.constant_name(symbol), type)))

    def buffer(self, op: dma.BufferOp) -> None:
        """A place in the arena; inputs and outputs are parameters."""
        if op.role is not None or self.arena is None or op.offset is None:
            return
        start = self.to.add(c.GetGlobalOp(self.arena.sym_name.data, c.pointer(c.BYTE)))
        place = self.to.binary("+", start, self.to.literal(op.offset.value.data))
        self.set(op.result, self.to.cast(place, c_type(op.result.type)))

    def view_type(self, op: dma.ViewOp, pointer: SSAValue) -> Attribute:
        assert isinstance(op.result.type, MemRefType)
        target = stored_element(op.result.type.element_type)
        pointee = getattr(pointer.type, "pointee_type", None)
        return c.pointer(c_type(target), const=isinstance(pointee, c.ConstType))

    def call(self, op: func.CallOp) -> None:
        arguments = [self.values[value] for value in op.arguments]
        result = c_type(op.res[0].type) if op.res else None
        call = c.CallOp(op.callee.string_value(), arguments, result)
        self.to.block.add_op(call)
        if call.result is not None:
            self.set(op.res[0], call.result)

    # Control flow

    def loop(self, op: scf.ForOp) -> None:
        """Values carried around the loop live in variables; a single round needs no loop."""
        lower, upper, step = (self.values[value] for value in (op.lb, op.ub, op.step))
        counter, *carried = op.body.block.args
        if self.runs_once(lower, upper, step):
            self.values[counter] = lower
            for old, value in zip(carried, op.iter_args, strict=True):
                self.values[old] = self.values[value]
            for old, value in zip(op.res, self.yielded(op.body.block), strict=True):
                self.set(old, value)
            return
        variables = [
            self.to.add(c.VariableOp(c_type(value.type), self.values[value]))
            for value in op.iter_args
        ]
        for variable, old in zip(variables, carried, strict=True):
            variable.name_hint = old.name_hint
        loop = c.ForOp(lower, upper, step)
        loop.counter.name_hint = counter.name_hint
        self.values[counter] = loop.counter
        self.to.block.add_op(loop)
        self.inside(loop.body.block, op.body.block, carried, variables)
        for old, variable in zip(op.res, variables, strict=True):
            self.set(old, self.to.add(c.LoadOp(variable)))

    @staticmethod
    def runs_once(lower: SSAValue, upper: SSAValue, step: SSAValue) -> bool:
        first, last, by = literal_of(lower), literal_of(upper), literal_of(step)
        if first is None or last is None or by is None:
            return False
        return first < last <= first + by

    def branch(self, op: scf.IfOp) -> None:
        variables = [self.to.add(c.VariableOp(c_type(result.type))) for result in op.output]
        condition = c.IfOp(self.values[op.cond])
        self.to.block.add_op(condition)
        self.inside(condition.then_body.block, op.true_region.block, (), variables)
        if op.false_region.blocks and op.false_region.block.ops:
            condition.else_body.add_block(Block())
            self.inside(condition.else_body.block, op.false_region.block, (), variables)
        for old, variable in zip(op.output, variables, strict=True):
            self.set(old, self.to.add(c.LoadOp(variable)))

    def inside(
        self, target: Block, block: Block, carried: Sequence[SSAValue], variables: list[SSAValue]
    ) -> None:
        """Lower `block` into `target`: `carried` and its yield are kept in `variables`."""
        outer = self.to
        self.to = Builder(target)
        for old, variable in zip(carried, variables, strict=False):
            if old.uses:
                self.values[old] = self.to.add(c.LoadOp(variable))
        for variable, value in zip(variables, self.yielded(block), strict=True):
            self.to.block.add_op(c.AssignOp(variable, value))
        self.to = outer

    def yielded(self, block: Block) -> list[SSAValue]:
        """Lower `block` in place; what it yields."""
        self.lower_block(block)
        last = block.last_op
        assert isinstance(last, scf.YieldOp)
        return [self.values[value] for value in last.arguments]
