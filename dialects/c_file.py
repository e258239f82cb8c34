"""The c dialect at file level: files, includes, macros, types and global objects."""

from __future__ import annotations

from collections.abc import Iterator
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
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr, EmitC_OpaqueType
from xdsl.ir import Attribute, Block, Operation, Region, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException

from .c_base import (
    STRING,
    ArrayType,
    check_constant_name,
    check_name,
    check_object_type,
    is_integer,
    is_pointer,
)
from .diagnostics import describe
from .types import dtype_of


@irdl_op_definition
class FileOp(IRDLOperation):
    """One C file. A `guard` makes it a header: include guard, and `extern "C"` for C++. With a
    `prefix`, all that the linker or an including file sees begins with it.

    ```mlir
    c.file "net.h" guard "NET_H" prefix "net_" {
      c.func @net_run(!emitc.ptr<!c.const<i8>>, !emitc.ptr<i8>) -> i32
    }
    c.file "net.c" prefix "net_" {
      c.include "net.h"
    }
    ```
    """

    name = "c.file"

    filename = prop_def(StringAttr)
    guard = opt_prop_def(StringAttr)
    prefix = opt_prop_def(StringAttr)
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), NoTerminator(), SymbolTable())

    assembly_format = (
        "$filename (`guard` $guard^)? (`prefix` $prefix^)? attr-dict-with-keyword $body"
    )

    def __init__(self, filename: str, *, guard: str | None = None, prefix: str | None = None):
        super().__init__(
            properties={
                "filename": StringAttr(filename),
                "guard": None if guard is None else StringAttr(guard),
                "prefix": None if prefix is None else StringAttr(prefix),
            },
            regions=[Region(Block())],
        )

    def verify_(self) -> None:
        name = self.filename.data
        if not name or name.startswith("/") or ".." in name.split("/") or not name.isprintable():
            raise VerifyException(f"c.file '{name}': the name is no path below the output folder")
        if self.guard is not None:
            check_name(self, self.guard.data, "guard")
        if self.prefix is not None:
            for op in self.body.block.ops:
                self._check_prefix(op, self.prefix.data)
        self._check_siblings()

    def _check_prefix(self, op: Operation, prefix: str) -> None:
        """Public names begin with the prefix, macros and enumerators with it in capitals."""
        name = symbol_name(op)
        if name is None or "static" in op.properties:
            return
        if isinstance(op, EnumOp):
            _require_prefix(op, list(op.entries.data), prefix.upper())
        _require_prefix(op, [name], prefix.upper() if isinstance(op, DefineOp) else prefix)

    def _check_siblings(self) -> None:
        """Files have different names, the linker sees each definition once, declarations agree."""
        for other in self.parent.ops if self.parent is not None else ():
            if other is self:
                break
            if isinstance(other, FileOp) and other.filename == self.filename:
                raise VerifyException(f"two files are named '{self.filename.data}'")
            both = _definitions(self) & _definitions(other) if isinstance(other, FileOp) else None
            if both:
                raise VerifyException(f"@{min(both)} is defined in two files")
        mine = {symbol_name(op): op for op in self.body.block.ops}
        for file in [f for f in visible_files(self) if f is not self]:
            for op in file.body.block.ops:
                name = symbol_name(op)
                if name is not None and name in mine and not _agree(op, mine[name]):
                    raise VerifyException(
                        f"@{name} is not the same in '{file.filename.data}' and "
                        f"'{self.filename.data}'"
                    )


def _agree(declared: Operation, defined: Operation) -> bool:
    """Whether C takes the second op as the definition of the first."""
    facts = ("type", "function_type", "const", "static")
    return type(declared) is type(defined) and all(
        declared.properties.get(fact) == defined.properties.get(fact) for fact in facts
    )


def _require_prefix(op: Operation, names: list[str], prefix: str) -> None:
    for name in names:
        if not name.startswith(prefix):
            raise VerifyException(
                f"{describe(op)}: '{name}' is visible to other files and must begin with '{prefix}'"
            )


def _definitions(file: FileOp) -> set[str]:
    """The names that `file` gives to the linker."""
    return {
        name
        for op in file.body.block.ops
        if (isinstance(op, GlobalOp) or (op.regions and op.regions[0].blocks))
        and not {"static", "extern"} & op.properties.keys()
        and (name := symbol_name(op)) is not None
    }


def visible_files(file: FileOp) -> Iterator[FileOp]:
    """`file` and the files of the module that it includes, each once."""
    siblings = {
        other.filename.data: other
        for other in (file.parent.ops if file.parent is not None else ())
        if isinstance(other, FileOp)
    }
    todo, seen = [file], {file.filename.data}
    while todo:
        current = todo.pop(0)
        yield current
        for op in current.body.block.ops:
            if isinstance(op, IncludeOp):
                name = op.header.data
                if name in siblings and name not in seen:
                    seen.add(name)
                    todo.append(siblings[name])


def file_of(op: Operation) -> FileOp | None:
    """The file around `op`."""
    current: Operation | None = op
    while current is not None and not isinstance(current, FileOp):
        current = current.parent_op()
    return current


def find_symbol(op: Operation, name: str) -> Operation | None:
    """What `name` stands for at `op`: None if no file of the module declares it, so that it must
    come from a header outside. Refuses a use before the declaration.
    """
    file = file_of(op)
    if file is None:
        return None
    late = False
    for visible in visible_files(file):
        for candidate in visible.body.block.ops:
            if symbol_name(candidate) == name:
                return candidate
            if candidate.is_ancestor(op):
                late = any(symbol_name(other) == name for other in visible.body.block.ops)
                break
    if late:
        raise VerifyException(f"{describe(op)}: @{name} is used before it is declared")
    return None


def symbol_name(op: Operation) -> str | None:
    """The name that `op` declares."""
    symbol = op.properties.get("sym_name")
    return symbol.data if isinstance(symbol, StringAttr) else None


@irdl_op_definition
class IncludeOp(IRDLOperation):
    """`#include "..."`, or `#include <...>` of a system header.

    ```mlir
    c.include system "stdint.h"
    c.include "rn_conv2d_s8.h"
    ```
    """

    name = "c.include"

    system = opt_prop_def(UnitAttr)
    header = prop_def(StringAttr)

    traits = traits_def(HasParent(FileOp))

    assembly_format = "(`system` $system^)? $header attr-dict"

    def __init__(self, header: str, *, system: bool = False):
        super().__init__(
            properties={"header": StringAttr(header), "system": UnitAttr() if system else None}
        )

    def verify_(self) -> None:
        header = self.header.data
        if not header or not header.isprintable() or set(header) & set('"<>\\'):
            raise VerifyException(f"c.include: '{header}' is no name of a header")


@irdl_op_definition
class DefineOp(IRDLOperation):
    """`#define NAME value`, for sizes and numbers that users of a header need.

    ```mlir
    c.define @NET_ARENA_SIZE = 4096 : i32
    c.define @NET_INPUT_SCALE = 0.25 : f32
    c.define @NET_NAME = "net"
    ```
    """

    name = "c.define"

    sym_name = prop_def(SymbolNameConstraint())
    value = prop_def()

    traits = traits_def(HasParent(FileOp), SymbolOpInterface())

    assembly_format = "$sym_name `=` $value attr-dict"

    def __init__(self, name: str, value: Attribute):
        super().__init__(properties={"sym_name": StringAttr(name), "value": value})

    def verify_(self) -> None:
        check_name(self, self.sym_name.data, "macro")
        if not isinstance(self.value, IntegerAttr | FloatAttr | StringAttr | EmitC_OpaqueAttr):
            raise VerifyException(f"c.define: {self.value} is no number, string or name")


@irdl_op_definition
class EnumOp(IRDLOperation):
    """`typedef enum { ... } name;`

    ```mlir
    c.enum @net_status {NET_OK = 0 : i32, NET_BAD_SIZE = 1 : i32}
    ```
    """

    name = "c.enum"

    sym_name = prop_def(SymbolNameConstraint())
    entries = prop_def(DictionaryAttr)

    traits = traits_def(HasParent(FileOp), SymbolOpInterface())

    assembly_format = "$sym_name $entries attr-dict"

    def __init__(self, name: str, entries: dict[str, int]):
        values = {key: IntegerAttr(value, 32) for key, value in entries.items()}
        super().__init__(
            properties={"sym_name": StringAttr(name), "entries": DictionaryAttr(values)}
        )

    def verify_(self) -> None:
        check_name(self, self.sym_name.data, "enum")
        if not self.entries.data:
            raise VerifyException(f"c.enum @{self.sym_name.data} has no entries")
        for name, value in self.entries.data.items():
            check_name(self, name, "enumerator")
            if not isinstance(value, IntegerAttr):
                raise VerifyException(f"c.enum: the value of {name} is no integer")


@irdl_op_definition
class StructOp(IRDLOperation):
    """`typedef struct { ... } name;`; its type is `!emitc.opaque<"name">`.

    ```mlir
    c.struct @net_tensor {scale = f32, shape = !c.array<4 x i32>}
    ```
    """

    name = "c.struct"

    sym_name = prop_def(SymbolNameConstraint())
    fields = prop_def(DictionaryAttr)

    traits = traits_def(HasParent(FileOp), SymbolOpInterface())

    assembly_format = "$sym_name $fields attr-dict"

    def __init__(self, name: str, fields: dict[str, Attribute]):
        super().__init__(
            properties={"sym_name": StringAttr(name), "fields": DictionaryAttr(fields)}
        )

    def verify_(self) -> None:
        check_name(self, self.sym_name.data, "struct")
        if not self.fields.data:
            raise VerifyException(f"c.struct @{self.sym_name.data} has no fields")
        for name, type in self.fields.data.items():
            check_name(self, name, "field")
            check_object_type(self, type)


@irdl_op_definition
class GlobalOp(IRDLOperation):
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

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(TypeAttribute)
    value = opt_prop_def()
    extern = opt_prop_def(UnitAttr)
    static = opt_prop_def(UnitAttr)
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

    @property
    def element_type(self) -> TypeAttribute:
        """The type of the object, or of the elements of an array."""
        type = self.type
        element = type.element_type if isinstance(type, ArrayType) else type
        return cast(TypeAttribute, element)

    def verify_(self) -> None:
        name = self.sym_name.data
        check_name(self, name, "global")
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
                self.value.print_without_type(printer)
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
