"""The c dialect at file level: files, includes, macros and types."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Self

from xdsl.dialects.builtin import (
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    UnitAttr,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr
from xdsl.ir import Attribute, Block, Operation, Region
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
    check_name,
    check_object_type,
    with_block,
)
from .diagnostics import describe


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

    def __init__(self, filename: str, *, guard: str | None = None, prefix: str | None = None):
        super().__init__(
            properties={
                "filename": StringAttr(filename),
                "guard": None if guard is None else StringAttr(guard),
                "prefix": None if prefix is None else StringAttr(prefix),
            },
            regions=[Region(Block())],
        )

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        op = cls(parser.parse_str_literal())
        for word in ("guard", "prefix"):
            if parser.parse_optional_keyword(word) is not None:
                op.properties[word] = StringAttr(parser.parse_str_literal())
        attributes = parser.parse_optional_attr_dict_with_keyword()
        op.attributes |= attributes.data if attributes is not None else {}
        op.detach_region(op.body)
        op.add_region(with_block(parser.parse_region()))
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.filename.data)
        for word, value in (("guard", self.guard), ("prefix", self.prefix)):
            if value is not None:
                printer.print_string(f" {word} ")
                printer.print_string_literal(value.data)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_empty_block=False)

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
            theirs = _definitions(other) if isinstance(other, FileOp) else ()
            for name in {symbol_name(op) for op in _definitions(self)} & set(
                map(symbol_name, theirs)
            ):
                raise VerifyException(f"@{name} is defined in two files")
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


def _definitions(file: FileOp) -> Iterator[LinkedOp]:
    """What `file` gives to the linker."""
    for op in file.body.block.ops:
        if isinstance(op, LinkedOp) and op.is_definition() and op.static is None:
            yield op


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
        around = visible.body.block.find_ancestor_op_in_block(op)
        for candidate in visible.body.block.ops:
            if symbol_name(candidate) == name:
                return candidate
            if candidate is around:
                late = any(symbol_name(other) == name for other in visible.body.block.ops)
                break
    if late:
        raise VerifyException(f"{describe(op)}: @{name} is used before it is declared")
    return None


def find_definition(op: Operation, name: str) -> Operation | None:
    """Like `find_symbol`, but a declaration leads to the definition in another file, if any."""
    found = find_symbol(op, name)
    file = file_of(op)
    if not isinstance(found, LinkedOp) or found.is_definition() or file is None:
        return found
    siblings = file.parent.ops if file.parent is not None else ()
    files = [other for other in siblings if isinstance(other, FileOp)]
    return next(
        (o for other in files for o in _definitions(other) if symbol_name(o) == name), found
    )


def symbol_name(op: Operation) -> str | None:
    """The name that `op` declares."""
    symbol = op.properties.get("sym_name")
    return symbol.data if isinstance(symbol, StringAttr) else None


class LinkedOp(IRDLOperation, ABC):
    """What the linker knows by name, a function or an object: declared or defined."""

    sym_name = prop_def(SymbolNameConstraint())
    static = opt_prop_def(UnitAttr)

    @abstractmethod
    def is_definition(self) -> bool:
        """Whether this makes the function or object, and does not only declare it."""


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
