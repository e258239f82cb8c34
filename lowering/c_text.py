"""How types, constants and initialisers of the c dialect are spelled, and how long lines break."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    Signedness,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.dialects.emitc import (
    EmitC_OpaqueAttr,
    EmitC_OpaqueType,
    EmitC_PointerType,
    EmitC_PtrDiffT,
    EmitC_SizeT,
)
from xdsl.ir import Attribute, Operation

from ..dialects import c
from ..dialects.diagnostics import RunnelError, refuse
from ..dialects.types import dtype_of

WIDTH = 100
INDENT = "    "


def type_name(type: Attribute) -> str:
    """The C name of a type that is neither pointer nor array."""
    match type:
        case IntegerType() if type.width.data == 1:
            return "bool"
        case IntegerType():
            sign = "u" if type.signedness.data is Signedness.UNSIGNED else ""
            return f"{sign}int{type.width.data}_t"
        case Float32Type():
            return "float"
        case Float64Type():
            return "double"
        case EmitC_SizeT():
            return "size_t"
        case EmitC_PtrDiffT():
            return "ptrdiff_t"
        case EmitC_OpaqueType():
            return type.value.data
        case _:
            raise RunnelError(f"{type} has no C type")


def declare(type: Attribute, name: str, *, const: bool = False) -> str:
    """The declaration of `name` with `type`; a const pointer is itself not written."""
    if isinstance(type, c.ArrayType):
        return declare(type.element_type, f"{name}[{type.length.data}]", const=const)
    if not isinstance(type, EmitC_PointerType):
        return f"{'const ' if const else ''}{type_name(type)} {name}".rstrip()
    target = type.pointee_type
    is_const = isinstance(target, c.ConstType)
    inner = target.type if isinstance(target, c.ConstType) else target
    return declare(inner, f"*{'const ' if const else ''}{name}".rstrip(), const=is_const)


def cast_name(type: Attribute) -> str:
    """The type as it stands in a cast."""
    return declare(type, "")


def integer(value: int, type: Attribute) -> str:
    """An integer constant that has `type` in arithmetic."""
    if not isinstance(type, IntegerType):
        return str(value)
    width, unsigned = type.width.data, type.signedness.data is Signedness.UNSIGNED
    if width == 1:
        return "true" if value else "false"
    if unsigned:
        value %= 1 << width
        return {32: f"{value}U", 64: f"UINT64_C({value})"}.get(width, str(value))
    if value == -(1 << (width - 1)) and width >= 32:
        return f"INT{width}_MIN"
    if width == 64:
        return f"INT64_C({value})" if value >= 0 else f"-INT64_C({-value})"
    return str(value)


def floating(value: float, type: Attribute) -> str:
    """The shortest decimal constant that reads back as `value`."""
    suffix = "f" if isinstance(type, Float32Type) else ""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return str(np.float32(value) if suffix else np.float64(value)) + suffix


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "?": "\\?"}


def string(text: str) -> str:
    """A string literal; bytes beyond ASCII as octal escapes, which end by themselves."""
    spelled = (
        _ESCAPES.get(chr(byte)) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")
        for byte in text.encode()
    )
    return f'"{"".join(spelled)}"'


def constant(value: Attribute, type: Attribute | None = None) -> str:
    """A number, a string or a name; `type` when the attribute does not say it."""
    match value:
        case IntegerAttr():
            return integer(value.value.data, type or value.type)
        case FloatAttr():
            return floating(value.value.data, type or value.type)
        case StringAttr():
            return string(value.data)
        case EmitC_OpaqueAttr():
            return value.value.data
        case _:
            raise RunnelError(f"{value} is no constant of C")


def elements(array: NDArray[np.generic]) -> list[str]:
    """Each element as a constant."""
    if array.dtype.kind == "f":
        flat = array.ravel()
        suffix = "f" if flat.dtype == np.float32 else ""
        texts = [f"{text}{suffix}" for text in flat.astype("U32").tolist()]
        if not np.isfinite(flat).all():
            names = {"nan": "NAN", "inf": "INFINITY", "-inf": "-INFINITY"}
            texts = [names.get(text.removesuffix("f"), text) for text in texts]
        return texts
    texts = list(map(str, array.ravel().tolist()))
    bits = array.dtype.itemsize * 8
    if array.dtype.kind == "u" and bits >= 32:
        return [f"{text}U" for text in texts]
    if array.dtype.kind == "i" and bits >= 32:
        least = str(-(1 << (bits - 1)))
        return [f"INT{bits}_MIN" if text == least else text for text in texts]
    return texts


def braces(items: Sequence[str], indent: str, before: int) -> str:
    """`{a, b}` on one line after `before` columns if it fits, else as a table or line by line."""
    line = "{" + ", ".join(items) + "}"
    if before + len(line) < WIDTH and "\n" not in line:
        return line
    inner = indent + INDENT
    widest = max(map(len, items))
    if any("\n" in item for item in items):
        rows = [f"{inner}{item}," for item in items]
    else:
        per_row = max(1, (WIDTH - len(inner)) // (widest + 2))
        if widest > 16:
            rows = _filled(items, inner)
        else:
            rows = [
                f"{inner}{', '.join(items[start : start + per_row])},"
                for start in range(0, len(items), per_row)
            ]
    return "\n".join(("{", *rows, f"{indent}}}"))


def _filled(items: Sequence[str], indent: str) -> list[str]:
    """Rows of items, each as long as the width allows."""
    rows, row = [], indent
    for item in items:
        if len(row) + len(item) + 1 > WIDTH and row.strip():
            rows.append(row.rstrip())
            row = indent
        row += f"{item}, "
    return [*rows, row.rstrip()]


def initializer(
    op: Operation, value: Attribute, type: Attribute | None, indent: str, before: int
) -> str:
    """The text after `=`; `before` is the column where it starts."""
    match value:
        case DenseIntOrFPElementsAttr():
            dtype = dtype_of(value.type.element_type)
            return braces(elements(np.frombuffer(value.data.data, dtype)), indent, before)
        case ArrayAttr():
            entries = cast("ArrayAttr[Attribute]", value)
            element = type.element_type if isinstance(type, c.ArrayType) else None
            inner, start = indent + INDENT, len(indent + INDENT)
            items = [initializer(op, entry, element, inner, start) for entry in entries]
            return braces(items, indent, before)
        case DictionaryAttr():
            inner = indent + INDENT
            items = [
                f".{name} = " + initializer(op, entry, None, inner, len(inner) + len(name) + 4)
                for name, entry in value.data.items()
            ]
            return braces(items, indent, before)
        case SymbolRefAttr():
            return address(op, value.string_value())
        case IntegerAttr() | FloatAttr() | StringAttr() | EmitC_OpaqueAttr():
            return constant(value, type)
        case _:
            refuse(op, f"the value {value} has no text in C")


def address(op: Operation, symbol: str) -> str:
    """A pointer to a global or to its first element."""
    found = c.find_symbol(op, symbol)
    is_array = not isinstance(found, c.GlobalOp) or isinstance(found.type, c.ArrayType)
    return symbol if is_array else f"&{symbol}"


def comment(text: str, indent: str) -> list[str]:
    """The lines of a comment."""
    room = WIDTH - len(indent) - 6
    lines = [row for line in text.split("\n") for row in textwrap.wrap(line, room) or [""]]
    if len(lines) == 1:
        return [f"{indent}/* {lines[0]} */"]
    rows = [f"{indent} * {line}".rstrip() for line in lines[1:]]
    return [f"{indent}/* {lines[0]}", *rows[:-1], f"{rows[-1]} */"]


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def wrapped(text: str, indent: str) -> list[str]:
    """A statement on lines of at most WIDTH columns, broken where it nests least."""
    lines: list[str] = []
    rest = _STRING.sub(lambda found: found.group().replace(" ", "\0"), text)
    while len(indent) + len(rest) > WIDTH and (at := _break(rest, WIDTH - len(indent))):
        lines.append(f"{indent}{rest[:at]}")
        rest = rest[at + 1 :]
        indent = indent if len(lines) > 1 else indent + 2 * INDENT
    return [line.replace("\0", " ") for line in (*lines, indent + rest)]


def _break(text: str, room: int) -> int:
    """Where to break `text`: the last of the blanks inside the fewest brackets, not too early."""
    depth, least, late, early = 0, len(text), 0, 0
    for position, character in enumerate(text):
        if position > room and (late or early):
            break
        depth += (character in "([{") - (character in ")]}")
        if character != " ":
            continue
        if position <= room // 3:
            early = position
        elif depth <= least:
            least, late = depth, position
    return late or early
