"""The ops of the c dialect that compute: literals, operators and casts."""

from __future__ import annotations

from math import isfinite
from typing import ClassVar, Self

import numpy as np
from xdsl.dialects.builtin import (
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    i1,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr, EmitC_PointerType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    AnyAttr,
    BaseAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .c_base import (
    STRING,
    ConstType,
    check_constant_name,
    check_type,
    is_float,
    is_integer,
    is_promoted,
)
from .diagnostics import describe

ARITHMETIC = ("+", "-", "*", "/", "%")
BITWISE = ("&", "|", "^", "<<", ">>")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
LOGICAL = ("&&", "||")
BINARY = (*ARITHMETIC, *BITWISE, *COMPARISONS, *LOGICAL)
UNARY = ("-", "~", "!")


@irdl_op_definition
class LiteralOp(IRDLOperation):
    """A constant: a finite number, a string, or the name of a macro or an enumerator.

    ```mlir
    %0 = c.literal 42 : i32
    %1 = c.literal 1.5 : f32
    %2 = c.literal "input" : !emitc.ptr<!c.const<!emitc.opaque<"char">>>
    %3 = c.literal #emitc.opaque<"RN_SINGLE"> : i32
    ```
    """

    name = "c.literal"

    value = prop_def(
        BaseAttr(IntegerAttr)
        | BaseAttr(FloatAttr)
        | BaseAttr(StringAttr)
        | BaseAttr(EmitC_OpaqueAttr)
    )
    result = result_def()

    traits = traits_def(Pure())

    def __init__(self, value: int | float | str | Attribute, type: Attribute | None = None):
        """A str is a string literal, `#emitc.opaque` a name; numbers and names need a `type`."""
        if isinstance(value, str):
            value, type = StringAttr(value), STRING
        assert type is not None
        if isinstance(type, Float32Type | Float64Type) and isinstance(value, int | float):
            value = FloatAttr(value, type)
        elif isinstance(value, int | float):
            value = IntegerAttr(int(value), type if isinstance(type, IntegerType) else 64)
        super().__init__(properties={"value": value}, result_types=[type])

    def verify_(self) -> None:
        type = self.result.type
        check_type(self, type)
        match self.value:
            case IntegerAttr():
                fits = is_integer(type)
                if isinstance(type, IntegerType):
                    fits = self.value.type == type
            case FloatAttr():
                fits = self.value.type == type and isfinite(self.value.value.data)
            case StringAttr():
                fits = type == STRING
            case _:
                assert isinstance(self.value, EmitC_OpaqueAttr)
                check_constant_name(self, self.value)
                fits = True
        if not fits:
            raise VerifyException(f"{describe(self)}: {self.value} is not a value of type {type}")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        number = parser.parse_optional_number()
        value = parser.parse_attribute() if number is None else number
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        if is_float(type) and isinstance(value, int):
            parser.raise_error(f"a {type} is written with a decimal point")
        op = cls(value, type)
        op.attributes |= attributes
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        match self.value:
            case IntegerAttr():
                printer.print_string(str(self.value.value.data))
            case FloatAttr():
                printer.print_string(decimal(self.value))
            case value:
                printer.print_attribute(value)
        if self.attributes:
            printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)


def decimal(value: FloatAttr) -> str:
    """The shortest decimal number that reads back as `value`, with a point."""
    number = value.value.data
    text = str(np.float32(number) if isinstance(value.type, Float32Type) else np.float64(number))
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}{e}{exponent}" if "." in mantissa else f"{mantissa}.0{e}{exponent}"


@irdl_op_definition
class BinaryOp(IRDLOperation):
    """`a operator b`. Operands of arithmetic have one type of at least 32 bits: C would widen a
    narrower one to int. A pointer plus or minus an integer is a pointer. Comparisons give i1.

    ```mlir
    %2 = c.binary %0 "+" %1 : (i32, i32) -> i32
    %3 = c.binary %p "+" %1 : (!emitc.ptr<i8>, i32) -> !emitc.ptr<i8>
    %4 = c.binary %0 "<" %1 : (i32, i32) -> i1
    ```
    """

    name = "c.binary"

    lhs = operand_def()
    rhs = operand_def()
    operator = prop_def(StringAttr)
    result = result_def()

    traits = traits_def(Pure())

    assembly_format = "$lhs $operator $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, operator: str, lhs: SSAValue | Operation, rhs: SSAValue | Operation):
        left, right = SSAValue.get(lhs), SSAValue.get(rhs)
        result = i1 if operator in (*COMPARISONS, *LOGICAL) else left.type
        super().__init__(
            operands=[left, right],
            properties={"operator": StringAttr(operator)},
            result_types=[result],
        )

    def verify_(self) -> None:
        operator, left, right = self.operator.data, self.lhs.type, self.rhs.type
        if operator not in BINARY:
            raise VerifyException(
                f"{describe(self)}: unknown operator '{operator}', one of {' '.join(BINARY)}"
            )
        if operator in LOGICAL:
            fits, result = left == right == i1, i1
        elif operator in COMPARISONS:
            same_pointers = isinstance(left, EmitC_PointerType) and left == right
            fits = (left == right and (is_integer(left) or is_float(left))) or same_pointers
            result = i1
        elif isinstance(left, EmitC_PointerType):
            fits, result = operator in "+-" and is_integer(right), left
        else:
            kind = is_integer if operator in BITWISE or operator == "%" else is_promoted
            fits, result = left == right and is_promoted(left) and kind(left), left
            if operator in ("&", "|", "^") and left == right == i1:
                fits = True
        if not fits:
            raise VerifyException(
                f"{describe(self)}: {left} {operator} {right} is not C arithmetic: operands have "
                "one type of at least 32 bits (cast narrower ones first)"
            )
        if self.result.type != result:
            raise VerifyException(
                f"{describe(self)}: {left} {operator} {right} has type {result}, "
                f"not {self.result.type}"
            )


@irdl_op_definition
class UnaryOp(IRDLOperation):
    """`-a`, `~a` or `!a`.

    ```mlir
    %1 = c.unary "-" %0 : i32
    ```
    """

    name = "c.unary"

    T: ClassVar = VarConstraint("T", AnyAttr())

    operator = prop_def(StringAttr)
    operand = operand_def(T)
    result = result_def(T)

    traits = traits_def(Pure())

    assembly_format = "$operator $operand attr-dict `:` type($result)"

    def __init__(self, operator: str, operand: SSAValue | Operation):
        value = SSAValue.get(operand)
        super().__init__(
            operands=[value],
            properties={"operator": StringAttr(operator)},
            result_types=[value.type],
        )

    def verify_(self) -> None:
        operator, type = self.operator.data, self.operand.type
        if operator not in UNARY:
            raise VerifyException(
                f"{describe(self)}: unknown operator '{operator}', one of {' '.join(UNARY)}"
            )
        fits = {
            "-": is_promoted(type),
            "~": is_promoted(type) and is_integer(type),
            "!": type == i1,
        }[operator]
        if not fits:
            raise VerifyException(f"{describe(self)}: {operator} of a {type} is no {type} in C")


@irdl_op_definition
class ConditionalOp(IRDLOperation):
    """`condition ? a : b`

    ```mlir
    %3 = c.conditional %0 ? %1 : %2 : i32
    ```
    """

    name = "c.conditional"

    T: ClassVar = VarConstraint("T", AnyAttr())

    condition = operand_def(i1)
    true_value = operand_def(T)
    false_value = operand_def(T)
    result = result_def(T)

    traits = traits_def(Pure())

    assembly_format = "$condition `?` $true_value `:` $false_value attr-dict `:` type($result)"

    def __init__(
        self,
        condition: SSAValue | Operation,
        true_value: SSAValue | Operation,
        false_value: SSAValue | Operation,
    ):
        super().__init__(
            operands=[condition, true_value, false_value],
            result_types=[SSAValue.get(true_value).type],
        )


@irdl_op_definition
class CastOp(IRDLOperation):
    """`(T)a`

    ```mlir
    %1 = c.cast %0 : i8 to i32
    ```
    """

    name = "c.cast"

    operand = operand_def()
    result = result_def()

    traits = traits_def(Pure())

    assembly_format = "$operand attr-dict `:` type($operand) `to` type($result)"

    def __init__(self, operand: SSAValue | Operation, type: Attribute):
        super().__init__(operands=[operand], result_types=[type])

    def verify_(self) -> None:
        source, target = self.operand.type, self.result.type
        check_type(self, target)
        pointers = isinstance(source, EmitC_PointerType), isinstance(target, EmitC_PointerType)
        scalars = all(is_integer(type) or is_float(type) for type in (source, target))
        if not (all(pointers) or scalars):
            raise VerifyException(f"{describe(self)}: C does not convert a {source} to a {target}")
        if (
            isinstance(source, EmitC_PointerType)
            and isinstance(target, EmitC_PointerType)
            and isinstance(source.pointee_type, ConstType)
            and not isinstance(target.pointee_type, ConstType)
        ):
            raise VerifyException(f"{describe(self)}: the cast to {target} loses a const")
