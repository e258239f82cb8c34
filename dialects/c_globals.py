"""The c dialect: global objects and what initialises them."""

from __future__ import annotations

from io import StringIO
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I64,
    AnyDenseElement,
    AnyFloat,
    ArrayAttr,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr, EmitC_OpaqueType
from xdsl.ir import Attribute, Operation, TypeAttribute
from xdsl.irdl import (
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from .c_base import (
    STRING,
    ArrayType,
    check_constant_name,
    check_global_name,
    check_name,
    check_object_type,
    is_integer,
    is_pointer,
)
from .c_file import FileOp, LinkedOp, StructOp, find_symbol
from .types import dtype_of


@irdl_op_definition
class GlobalOp(LinkedOp):
    """A global object: array, struct or number; initialised, zero, or (`extern`) only declared.

    A struct is initialised by field, an array by elements or by raw bytes. `@symbol` is the address
    of another global, `#emitc.opaque<"NAME">` a macro or an enumerator. Without a value the object
    is zero when the program starts. `align` is in bytes.

    ```mlir
    c.global static const @net_w : !c.array<4 x i8> = dense<[1, 2, 3, 4]>
    c.global static const @net_conv1 : !emitc.opaque<"rn_channels"> = {bias = @net_b}
    c.global static @net_arena : !c.array<4096 x i8> align 16 section ".sram"
    c.global extern const @net_inputs : !c.array<1 x !emitc.opaque<"net_tensor">>
    ```
    """

    name = "c.global"

    type = prop_def(TypeAttribute)
    value = opt_prop_def()
    extern = opt_prop_def(UnitAttr)
    const = opt_prop_def(UnitAttr)
    section = opt_prop_def(StringAttr)
    alignment = opt_prop_def(IntegerAttr[I64])

    traits = traits_def(HasParent(FileOp), SymbolOpInterface())

    def __init__(
        self,
        name: str,
        type: TypeAttribute,
        value: Attribute | NDArray[np.generic] | None = None,
        *,
        extern: bool = False,
        static: bool = False,
        const: bool = False,
        section: str | None = None,
        alignment: int | None = None,
    ):
        if isinstance(value, np.ndarray):
            value = dense(type, value)
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "type": type,
                "value": value,
                "extern": UnitAttr() if extern else None,
                "static": UnitAttr() if static else None,
                "const": UnitAttr() if const else None,
                "section": None if section is None else StringAttr(section),
                "alignment": None if alignment is None else IntegerAttr(alignment, i64),
            }
        )

    def is_definition(self) -> bool:
        return self.extern is None

    @property
    def element_type(self) -> TypeAttribute:
        """The type of the object, or of the elements of an array."""
        type = self.type
        element = type.element_type if isinstance(type, ArrayType) else type
        return cast(TypeAttribute, element)

    def verify_(self) -> None:
        name = self.sym_name.data
        check_global_name(self, name, "global")
        check_object_type(self, self.type)
        if self.extern is not None and (self.static is not None or self.value is not None):
            raise VerifyException(f"c.global @{name}: extern is neither static nor initialised")
        if self.const is not None and self.extern is None and self.value is None:
            raise VerifyException(f"c.global @{name}: a constant needs a value")
        alignment = 1 if self.alignment is None else self.alignment.value.data
        if alignment < 1 or alignment & (alignment - 1):
            raise VerifyException(f"c.global @{name}: alignment {alignment} is no power of two")
        if self.section is not None and set(self.section.data) & set('"\\\n'):
            raise VerifyException(f"c.global @{name}: '{self.section.data}' is no section name")
        if self.value is not None:
            problem = initializer_problem(self, self.type, self.value)
            if problem is not None:
                raise VerifyException(f"c.global @{name}: {problem}")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        flags = {
            word: parser.parse_optional_keyword(word) is not None
            for word in ("extern", "static", "const")
        }
        name = parser.parse_symbol_name().data
        parser.parse_punctuation(":")
        type = cast(TypeAttribute, parser.parse_type())
        value = _parse_value(parser, type) if parser.parse_optional_punctuation("=") else None
        alignment = section = None
        if parser.parse_optional_keyword("align") is not None:
            alignment = parser.parse_integer()
        if parser.parse_optional_keyword("section") is not None:
            section = parser.parse_str_literal()
        op = cls(name, type, value, section=section, alignment=alignment, **flags)
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        for word in ("extern", "static", "const"):
            if word in self.properties:
                printer.print_string(f" {word}")
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" : ")
        printer.print_attribute(self.type)
        if self.value is not None:
            printer.print_string(" = ")
            if isinstance(self.value, DenseIntOrFPElementsAttr):
                printer.print_string(_dense_text(self.value))
            elif isinstance(self.value, DenseResourceAttr):
                printer.print_string(f"dense_resource<{self.value.resource_handle.data}>")
            else:
                printer.print_attribute(self.value)
        if self.alignment is not None:
            printer.print_string(f" align {self.alignment.value.data}")
        if self.section is not None:
            printer.print_string(" section ")
            printer.print_string_literal(self.section.data)
        printer.print_op_attributes(self.attributes)

    def array(self) -> NDArray[np.generic]:
        """The elements of a global that is initialised by raw bytes, as a read-only view."""
        if not isinstance(self.value, DenseIntOrFPElementsAttr):
            raise VerifyException(f"c.global @{self.sym_name.data} holds no plain elements")
        return np.frombuffer(self.value.data.data, dtype_of(self.value.type.element_type))


def _dense_text(value: DenseIntOrFPElementsAttr) -> str:
    """The elements, or their bytes where xDSL prints floats as bits and reads those as integers."""
    text = StringIO()
    value.print_without_type(Printer(text))
    if isinstance(value.type.element_type, AnyFloat) and "0x" in text.getvalue():
        return f'dense<"0x{value.data.data.hex().upper()}">'
    return text.getvalue()


def _tensor_of(type: ArrayType) -> TensorType[AnyDenseElement]:
    """The type of the elements as one attribute; refuses elements that are no numbers."""
    element = type.element_type
    if not isinstance(element, IntegerType | AnyFloat):
        raise VerifyException(f"elements of type {element} are given one by one, not as bytes")
    return TensorType(element, [type.length.data])


def dense(type: Attribute, array: NDArray[np.generic]) -> DenseIntOrFPElementsAttr:
    """The elements of `array` as the value of a global of array `type`."""
    assert isinstance(type, ArrayType)
    tensor = _tensor_of(type)
    data = np.ascontiguousarray(array, dtype_of(tensor.element_type)).tobytes()
    return DenseIntOrFPElementsAttr(tensor, BytesAttr(data))


def _parse_value(parser: Parser, type: Attribute) -> Attribute:
    if not isinstance(type, ArrayType):
        return parser.parse_attribute()
    if parser.parse_optional_keyword("dense") is not None:
        return parser.parse_dense_int_or_fp_elements_attr(_tensor_of(type))
    if parser.parse_optional_keyword("dense_resource") is not None:
        with parser.in_angle_brackets():
            return DenseResourceAttr.from_params(parser.parse_identifier(), _tensor_of(type))
    return parser.parse_attribute()


def initializer_problem(op: Operation, type: Attribute, value: Attribute) -> str | None:
    """Why `value` cannot initialise an object of `type`, or None."""
    if isinstance(type, ArrayType):
        return _array_problem(op, type, value)
    match value:
        case DictionaryAttr():
            return _struct_problem(op, type, value)
        case EmitC_OpaqueAttr():
            check_constant_name(op, value)
            fits = True
        case SymbolRefAttr():
            known = find_symbol(op, value.string_value())
            fits = is_pointer(type) and isinstance(known, GlobalOp)
        case StringAttr():
            fits = type == STRING
        case IntegerAttr():
            fits = value.type == type if isinstance(type, IntegerType) else is_integer(type)
        case FloatAttr():
            fits = value.type == type
        case _:
            fits = False
    return None if fits else f"{value} is not a value of type {type}"


def _array_problem(op: Operation, type: ArrayType, value: Attribute) -> str | None:
    if isinstance(value, DenseIntOrFPElementsAttr | DenseResourceAttr):
        expected = _tensor_of(type)
        if value.type != expected:
            return f"a value of type {value.type} cannot be the elements of {type}"
        if isinstance(value, DenseResourceAttr):
            return None
        size = type.length.data * dtype_of(expected.element_type).itemsize
        held = len(value.data.data)
        return None if held == size else f"holds {held} bytes, {type} needs {size}"
    if not isinstance(value, ArrayAttr):
        return f"{value} is not a value of type {type}"
    items = cast("ArrayAttr[Attribute]", value)
    if len(items) != type.length.data:
        return f"{len(items)} elements cannot fill {type}"
    problems = (initializer_problem(op, type.element_type, item) for item in items)
    return next((problem for problem in problems if problem is not None), None)


def _struct_problem(op: Operation, type: Attribute, value: DictionaryAttr) -> str | None:
    """Fields are checked against a `c.struct` if there is one: other structs live in headers."""
    if not isinstance(type, EmitC_OpaqueType):
        return f"{type} has no fields"
    if not value.data:
        return "a struct is initialised by at least one field"
    struct = find_symbol(op, type.value.data)
    for name, entry in value.data.items():
        check_name(op, name, "field")
        if isinstance(struct, StructOp):
            if name not in struct.fields.data:
                return f"{type.value.data} has no field '{name}'"
            problem = initializer_problem(op, struct.fields.data[name], entry)
        else:
            problem = _unknown_field_problem(op, entry)
        if problem is not None:
            return f"field '{name}': {problem}"
    return None


def _unknown_field_problem(op: Operation, value: Attribute) -> str | None:
    """What can be said about the value of a field whose type a header outside declares."""
    match value:
        case IntegerAttr() | FloatAttr() | StringAttr():
            return None
        case EmitC_OpaqueAttr():
            return check_constant_name(op, value)
        case SymbolRefAttr():
            known = isinstance(find_symbol(op, value.string_value()), GlobalOp)
            return None if known else f"no global {value} comes before it"
        case ArrayAttr():
            items = cast("ArrayAttr[Attribute]", value).data
        case DictionaryAttr():
            items = value.data.values()
        case _:
            return f"{value} cannot be written in C"
    problems = (_unknown_field_problem(op, item) for item in items)
    return next((problem for problem in problems if problem is not None), None)
