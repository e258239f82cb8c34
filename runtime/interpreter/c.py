"""The meaning of the c dialect: functions, loops and expressions as C defines them.

What C leaves undefined is an error: overflow of signed integers, division by zero, shifts out of
range, access outside of an object. A call of a function that the module does not define goes to
<math.h> or to the kernels that the caller brings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, ModuleOp, StringAttr
from xdsl.dialects.emitc import EmitC_PointerType
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    ReturnedValues,
    impl,
    impl_callable,
    impl_terminator,
    register_impls,
)
from xdsl.ir import Attribute

from ...dialects import c
from ...dialects.diagnostics import RunnelError, refuse
from .c_memory import (
    Globals,
    Pointer,
    convert,
    is_signed,
    named_constant,
    new_object,
    pointer_to,
    text_pointer,
)

Values = tuple[Any, ...]
Kernel = Callable[..., Any]
"""A C function on Python values: numbers, and `Pointer`s whose `array(n)` is a NumPy view."""

MATH: dict[str, Kernel] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "cbrt": np.cbrt, "tanh": np.tanh,
    "sinh": np.sinh, "cosh": np.cosh, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "atan": np.arctan, "atan2": np.arctan2, "erf": math.erf, "fabs": np.abs, "pow": np.power,
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint, "fmin": np.fmin,
    "fmax": np.fmax, "copysign": np.copysign,
    "round": lambda a: np.copysign(np.floor(np.abs(a) + 0.5), a),
    "fma": lambda a, b, c: np.float64(a) * np.float64(b) + np.float64(c),
}  # fmt: skip


def call(
    module: ModuleOp,
    function: str,
    arguments: Sequence[NDArray[Any] | float | int],
    kernels: Mapping[str, Kernel] | None = None,
) -> Any:
    """Call a C function of `module`; arrays are passed as pointers, so that it can write them.

    `kernels` are the functions that only a header outside of the module declares.
    """
    found = next(
        (
            op
            for file in module.body.block.ops
            if isinstance(file, c.FileOp)
            for op in file.body.block.ops
            if isinstance(op, c.FuncOp) and op.sym_name.data == function and op.body.blocks
        ),
        None,
    )
    if found is None:
        raise RunnelError(f"no c.func @{function} with a body in the module")
    interpreter = Interpreter(module)
    interpreter.register_implementations(CFunctions(kernels))
    types = found.function_type.inputs.data
    if len(types) != len(arguments):
        raise RunnelError(f"@{function} takes {len(types)} arguments, got {len(arguments)}")
    values = tuple(
        pointer_to(value) if isinstance(value, np.ndarray) else convert(value, type)
        for value, type in zip(arguments, types, strict=True)
    )
    results = interpreter.call_op(found, values)
    return results[0] if results else None


def arithmetic(operator: str, a: Any, b: Any, type: Attribute) -> Any:
    """`a operator b` in `type`; refuses what C does not define."""
    if not isinstance(a, int):
        return _float_arithmetic(operator, a, b)
    match operator:
        case "+" | "-" | "*":
            exact = a + b if operator == "+" else a - b if operator == "-" else a * b
        case "/" | "%":
            if b == 0:
                raise ValueError(f"{a} {operator} 0")
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            exact = quotient if operator == "/" else a - quotient * b
        case "<<" | ">>":
            exact = _shifted(operator, a, b, type)
        case _:
            exact = {"&": a & b, "|": a | b, "^": a ^ b}[operator]
    value = convert(exact, type)
    if value != exact and is_signed(type):
        raise ValueError(f"{a} {operator} {b} overflows {type}")
    return value


def _shifted(operator: str, a: int, b: int, type: Attribute) -> int:
    width = type.width.data if isinstance(type, IntegerType) else 64
    if not 0 <= b < width or (operator == "<<" and a < 0):
        raise ValueError(f"{a} {operator} {b} is not defined for {type}")
    return a << b if operator == "<<" else a >> b


def _float_arithmetic(operator: str, a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        return {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}[operator](a, b)


def compare(operator: str, a: Any, b: Any) -> bool:
    if isinstance(a, Pointer):
        same = a.store is b.store and a.offset == b.offset
        return same if operator == "==" else not same
    comparisons: dict[str, Callable[[Any, Any], Any]] = {
        "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
        "&&": lambda a, b: a and b, "||": lambda a, b: a or b,
    }  # fmt: skip
    return bool(comparisons[operator](a, b))


def held_type(type: Attribute) -> Attribute:
    """What an lvalue or pointer holds, without const."""
    inner = type.type if isinstance(type, c.LValueType) else type
    if isinstance(inner, EmitC_PointerType):
        inner = inner.pointee_type
    return inner.type if isinstance(inner, c.ConstType) else inner


@register_impls
class CFunctions(InterpreterFunctions):
    """Pointers and lvalues are `Pointer`s, integers Python ints, floats NumPy scalars."""

    def __init__(self, kernels: Mapping[str, Kernel] | None = None):
        self.kernels = dict(kernels or {})
        self.globals = Globals()

    # Functions and statements

    @impl_callable(c.FuncOp)
    def function(self, interpreter: Interpreter, op: c.FuncOp, args: Values) -> Values:
        return interpreter.run_ssacfg_region(op.body, args, op.sym_name.data)

    @impl_terminator(c.ReturnOp)
    def return_(self, _: Interpreter, op: c.ReturnOp, args: Values) -> Any:
        return ReturnedValues(args), ()

    @impl(c.CallOp)
    def call(self, interpreter: Interpreter, op: c.CallOp, args: Values) -> Values:
        name = op.callee.string_value()
        found = c.find_definition(op, name)
        if isinstance(found, c.FuncOp) and found.body.blocks:
            results = interpreter.call_op(found, args)
            return results if op.result is not None else ()
        value = self._kernel(op, name)(*args)
        if op.result is None:
            return ()
        return (convert(value, op.result.type),)

    def _kernel(self, op: c.CallOp, name: str) -> Kernel:
        if name in self.kernels:
            return self.kernels[name]
        if op.pure is not None and name in MATH:
            return MATH[name]
        if op.pure is not None and name.removesuffix("f") in MATH:
            return MATH[name.removesuffix("f")]
        refuse(op, f"nothing says what @{name} does; pass it as a kernel")

    @impl(c.VariableOp)
    def variable(self, _: Interpreter, op: c.VariableOp, args: Values) -> Values:
        type = op.result.type
        place = new_object(type if isinstance(type, c.ArrayType) else held(type), zero=False)
        if args:
            place.save(args[0])
        return (place,)

    @impl(c.AssignOp)
    def assign(self, _: Interpreter, op: c.AssignOp, args: Values) -> Values:
        target, value = args
        target.save(value)
        return ()

    @impl(c.CommentOp)
    def comment(self, _: Interpreter, op: c.CommentOp, args: Values) -> Values:
        return ()

    @impl(c.DiscardOp)
    def discard(self, _: Interpreter, op: c.DiscardOp, args: Values) -> Values:
        return ()

    @impl(c.IfOp)
    def branch(self, interpreter: Interpreter, op: c.IfOp, args: Values) -> Values:
        interpreter.run_ssacfg_region(op.then_body if args[0] else op.else_body, (), "if")
        return ()

    @impl(c.ForOp)
    def loop(self, interpreter: Interpreter, op: c.ForOp, args: Values) -> Values:
        for index in range(*args):
            interpreter.run_ssacfg_region(op.body, (index,), "for")
        return ()

    # Expressions

    @impl(c.LiteralOp)
    def literal(self, _: Interpreter, op: c.LiteralOp, args: Values) -> Values:
        match op.value:
            case IntegerAttr() | FloatAttr():
                return (convert(op.value.value.data, op.result.type),)
            case StringAttr():
                return (text_pointer(op.value.data),)
            case value:
                return (convert(named_constant(value), op.result.type),)

    @impl(c.GetGlobalOp)
    def get_global(self, _: Interpreter, op: c.GetGlobalOp, args: Values) -> Values:
        name = op.symbol.string_value()
        found = c.find_definition(op, name)
        if not isinstance(found, c.GlobalOp) or found.extern is not None:
            refuse(op, f"no file of the module defines @{name}")
        return (self.globals.find(found),)

    @impl(c.BinaryOp)
    def binary(self, _: Interpreter, op: c.BinaryOp, args: Values) -> Values:
        operator = op.operator.data
        a, b = args
        if op.result.type == op.lhs.type and isinstance(a, Pointer):
            return (a.moved(b if operator == "+" else -b),)
        if operator in c.COMPARISONS or operator in c.LOGICAL:
            return (compare(operator, a, b),)
        return (arithmetic(operator, a, b, op.result.type),)

    @impl(c.UnaryOp)
    def unary(self, _: Interpreter, op: c.UnaryOp, args: Values) -> Values:
        (value,) = args
        match op.operator.data:
            case "!":
                return (not value,)
            case "~":
                return (convert(~value, op.result.type),)
            case _:
                if isinstance(value, int):
                    return (arithmetic("-", 0, value, op.result.type),)
                return (-value,)

    @impl(c.ConditionalOp)
    def conditional(self, _: Interpreter, op: c.ConditionalOp, args: Values) -> Values:
        return (args[1] if args[0] else args[2],)

    @impl(c.CastOp)
    def cast(self, _: Interpreter, op: c.CastOp, args: Values) -> Values:
        (value,) = args
        type = op.result.type
        if isinstance(type, EmitC_PointerType):
            return (value.cast(held_type(type)) if isinstance(value, Pointer) else value,)
        return (convert(value, type),)

    @impl(c.SubscriptOp)
    def subscript(self, _: Interpreter, op: c.SubscriptOp, args: Values) -> Values:
        base, index = args
        return (base.moved(index),)

    @impl(c.MemberOp)
    def member(self, _: Interpreter, op: c.MemberOp, args: Values) -> Values:
        struct = args[0].load()
        place = Pointer(struct, op.field.data)
        return (place.load() if isinstance(op.result.type, c.ArrayType) else place,)

    @impl(c.LoadOp)
    def load(self, _: Interpreter, op: c.LoadOp, args: Values) -> Values:
        return (convert(args[0].load(), op.result.type),)

    @impl(c.AddressOfOp)
    def address_of(self, _: Interpreter, op: c.AddressOfOp, args: Values) -> Values:
        return args


def held(type: Attribute) -> Attribute:
    """The type of the value of an lvalue."""
    assert isinstance(type, c.LValueType)
    return type.type.type if isinstance(type.type, c.ConstType) else type.type
