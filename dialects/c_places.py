"""The expressions of the c dialect that are places in memory, and what is read from them."""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.dialects.emitc import EmitC_PointerType
from xdsl.ir import Attribute, Operation, SSAValue, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, Pure
from xdsl.utils.exceptions import VerifyException

from .c_base import (
    VOID,
    ArrayType,
    ConstType,
    LValueType,
    assignable,
    check_name,
    is_integer,
    pointer,
    unqualified,
)
from .c_file import find_symbol
from .c_globals import GlobalOp
from .diagnostics import describe


def pointee(value: SSAValue) -> TypeAttribute | None:
    """What a pointer or an array holds, with its const; None for other values."""
    type = value.type
    if isinstance(type, EmitC_PointerType):
        return type.pointee_type
    return type.element_type if isinstance(type, ArrayType) else None


@irdl_op_definition
class GetGlobalOp(IRDLOperation):
    """A global by its name: the object itself, or a pointer to it or to its first element.

    ```mlir
    %0 = c.get_global @net_conv1_w : !emitc.ptr<!c.const<i8>>
    %1 = c.get_global @net_conv1 : !emitc.ptr<!c.const<!emitc.opaque<"rn_conv2d_shape">>>
    %2 = c.get_global @net_ready : !c.lvalue<i32>
    ```
    """

    name = "c.get_global"

    symbol = prop_def(SymbolRefAttr)
    result = result_def()

    traits = traits_def(Pure())

    assembly_format = "$symbol attr-dict `:` type($result)"

    def __init__(self, symbol: str, type: Attribute):
        super().__init__(properties={"symbol": SymbolRefAttr(symbol)}, result_types=[type])

    def verify_(self) -> None:
        symbol, type = self.symbol.string_value(), self.result.type
        check_name(self, symbol, "symbol")
        if not isinstance(type, EmitC_PointerType | LValueType):
            raise VerifyException(f"{describe(self)}: the result is a pointer or an lvalue")
        found = find_symbol(self, symbol)
        if found is None:
            return
        if not isinstance(found, GlobalOp):
            raise VerifyException(f"{describe(self)}: @{symbol} is a {found.name}, not an object")
        offered, const = found.element_type, found.const is not None
        address = pointer(offered, const=const)
        if isinstance(type, EmitC_PointerType) and not assignable(address, type):
            raise VerifyException(f"{describe(self)}: @{symbol} has the address type {address}")
        object = LValueType(ConstType(offered) if const else offered)
        if isinstance(type, LValueType) and type != object:
            raise VerifyException(f"{describe(self)}: @{symbol} is a {object}, not a {type}")


@irdl_op_definition
class SubscriptOp(IRDLOperation):
    """`a[i]`: an element of an array or of what a pointer points to, as an object.

    ```mlir
    %1 = c.subscript %a[%i] : (!emitc.ptr<!c.const<f32>>, i32) -> !c.lvalue<!c.const<f32>>
    ```
    """

    name = "c.subscript"

    base = operand_def()
    index = operand_def()
    result = result_def(LValueType)

    traits = traits_def(Pure())

    assembly_format = "$base `[` $index `]` attr-dict `:` functional-type(operands, results)"

    def __init__(self, base: SSAValue | Operation, index: SSAValue | Operation):
        element = pointee(SSAValue.get(base))
        if element is None:
            raise VerifyException(f"{SSAValue.get(base).type} has no elements")
        super().__init__(operands=[base, index], result_types=[LValueType(element)])

    def verify_(self) -> None:
        element = pointee(self.base)
        if element is None or unqualified(element) == VOID:
            raise VerifyException(f"{describe(self)}: {self.base.type} has no elements")
        if not is_integer(self.index.type):
            raise VerifyException(f"{describe(self)}: {self.index.type} is not an index")
        if self.result.type != LValueType(element):
            raise VerifyException(f"{describe(self)}: the element is a {LValueType(element)}")


@irdl_op_definition
class MemberOp(IRDLOperation):
    """`a.field`, or `a->field` of a pointer, as an object.

    ```mlir
    %1 = c.member %shape "in_h"
      : !emitc.ptr<!c.const<!emitc.opaque<"rn_conv2d_shape">>> -> !c.lvalue<!c.const<i32>>
    ```
    """

    name = "c.member"

    base = operand_def()
    field = prop_def(StringAttr)
    result = result_def()

    traits = traits_def(Pure())

    assembly_format = "$base $field attr-dict `:` type($base) `->` type($result)"

    def __init__(self, base: SSAValue | Operation, field: str, type: Attribute):
        super().__init__(
            operands=[base], properties={"field": StringAttr(field)}, result_types=[type]
        )

    def verify_(self) -> None:
        check_name(self, self.field.data, "field")
        base = self.base.type
        held = pointee(self.base) if isinstance(base, EmitC_PointerType) else None
        if isinstance(base, LValueType):
            held = base.type
        if held is None:
            raise VerifyException(f"{describe(self)}: a {base} has no fields")
        type = self.result.type
        if isinstance(type, ArrayType):
            return
        if not isinstance(type, LValueType):
            raise VerifyException(f"{describe(self)}: a field is an lvalue or an array")
        if isinstance(held, ConstType) != isinstance(type.type, ConstType):
            raise VerifyException(f"{describe(self)}: a field is const when its struct is")


@irdl_op_definition
class LoadOp(IRDLOperation):
    """The value of an object.

    ```mlir
    %1 = c.load %0 : !c.lvalue<!c.const<f32>> -> f32
    ```
    """

    name = "c.load"

    object = operand_def(LValueType)
    result = result_def()

    traits = traits_def(MemoryReadEffect())

    assembly_format = "$object attr-dict `:` type($object) `->` type($result)"

    def __init__(self, object: SSAValue | Operation):
        type = SSAValue.get(object).type
        assert isinstance(type, LValueType)
        super().__init__(operands=[object], result_types=[unqualified(type.type)])

    def verify_(self) -> None:
        type = self.object.type
        assert isinstance(type, LValueType)
        if self.result.type != unqualified(type.type):
            raise VerifyException(
                f"{describe(self)}: the value of a {type} is no {self.result.type}"
            )


@irdl_op_definition
class AddressOfOp(IRDLOperation):
    """`&a`: a pointer to an object, or to the first element of an array.

    ```mlir
    %1 = c.address_of %0 : !c.lvalue<i32> -> !emitc.ptr<i32>
    ```
    """

    name = "c.address_of"

    object = operand_def()
    result = result_def(EmitC_PointerType)

    traits = traits_def(Pure())

    assembly_format = "$object attr-dict `:` type($object) `->` type($result)"

    def __init__(self, object: SSAValue | Operation):
        value = SSAValue.get(object)
        held = value.type.type if isinstance(value.type, LValueType) else pointee(value)
        assert held is not None
        super().__init__(operands=[value], result_types=[EmitC_PointerType(held)])

    def verify_(self) -> None:
        type = self.object.type
        held = type.type if isinstance(type, LValueType) else None
        if isinstance(type, ArrayType):
            held = pointee(self.object)
        if held is None or self.result.type != EmitC_PointerType(held):
            raise VerifyException(f"{describe(self)}: {self.result.type} cannot point to a {type}")
