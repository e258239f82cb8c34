"""Records: frozen dataclasses with a schema, read from TOML and from IR text by the same rules.

A *raw* record is what `tomllib` gives (dict, list, str, int, float). `problems` lists all that is
wrong with one, by field path; `decode` turns a sound one into its dataclass and `encode` goes back.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite, nan
from types import NoneType
from typing import Annotated, Any, Literal, cast, get_args, get_origin, get_type_hints

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, StringAttr, f64, i64
from xdsl.dialects.dlti import DataLayoutEntryAttr
from xdsl.ir import Attribute
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .diagnostics import closest


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean "sram"?)``, or what there is to choose from."""
    names = list(known)
    if close := closest(word, names):
        return f' (did you mean "{close}"?)'
    return f" (there is {', '.join(names)})" if names else ""


def show(raw: object) -> str:
    """A raw value in a message: short, and spelled as in the file."""
    match raw:
        case bool():
            return str(raw).lower()
        case str():
            return f'"{raw}"'
        case Mapping():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(raw)


class Schema:
    """What one field holds: how it is checked, decoded, encoded and printed."""

    def problems(self, raw: object, path: str) -> Iterator[str]:
        raise NotImplementedError

    def decode(self, raw: Any) -> Any:
        return raw

    def encode(self, value: Any) -> Any:
        return value

    def print(self, raw: Any, printer: Printer) -> None:
        printer.print_string(str(raw))


@dataclass(frozen=True)
class Text(Schema):
    """A string that is not empty, if it need not be; one of `choices` if there are any; of the form
    of a C name.
    """

    choices: tuple[str, ...] = ()
    identifier: bool = False
    may_be_empty: bool = False

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if raw == "" and self.may_be_empty:
            return
        if not isinstance(raw, str) or not raw:
            yield f"{path}: expected a string that is not empty, got {show(raw)}"
        elif self.choices and raw not in self.choices:
            options = ", ".join(f'"{choice}"' for choice in self.choices)
            yield f"{path}: expected one of {options}, got {show(raw)}"
        elif self.identifier and not re.fullmatch(r"[A-Za-z]\w*", raw, re.ASCII):
            yield f"{path}: expected a letter, then letters, digits and _, got {show(raw)}"

    def print(self, raw: str, printer: Printer) -> None:
        printer.print_string_literal(raw)


@dataclass(frozen=True)
class Integer(Schema):
    """An integer in [minimum, maximum]; addresses and sizes print in hexadecimal."""

    minimum: int = 1
    maximum: int = 2**63 - 1
    hexadecimal: bool = False

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if type(raw) is int and self.minimum <= raw <= self.maximum:
            return
        kinds = {0: "an integer that is not negative", 1: "a positive integer"}
        kind = kinds.get(self.minimum, f"an integer of at least {self.minimum}")
        join = " and" if self.minimum > 1 else " of"
        limit = "" if self.maximum == 2**63 - 1 else f"{join} at most {self.maximum}"
        yield f"{path}: expected {kind}{limit}, got {show(raw)}"

    def print(self, raw: int, printer: Printer) -> None:
        printer.print_string(hex(raw) if self.hexadecimal else str(raw))


@dataclass(frozen=True)
class Number(Schema):
    """A finite real number that is not negative (unless `signed`); `positive` excludes zero."""

    positive: bool = False
    signed: bool = False

    def problems(self, raw: object, path: str) -> Iterator[str]:
        number = raw if isinstance(raw, int | float) and not isinstance(raw, bool) else nan
        if isfinite(number) and (self.signed or number > 0 or (number == 0 and not self.positive)):
            return
        kind = "a number that is not negative"
        if self.signed or self.positive:
            kind = "a finite number" if self.signed else "a positive number"
        yield f"{path}: expected {kind}, got {show(raw)}"

    def decode(self, raw: int | float) -> float:
        return float(raw)

    def print(self, raw: int | float, printer: Printer) -> None:
        text = repr(float(raw))
        # MLIR's lexer wants a point before an exponent.
        printer.print_string(text if "." in text else text.replace("e", ".0e"))


class Flag(Schema):
    """true or false."""

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if not isinstance(raw, bool):
            yield f"{path}: expected true or false, got {show(raw)}"

    def print(self, raw: bool, printer: Printer) -> None:
        printer.print_string(str(raw).lower())


@dataclass(frozen=True)
class List(Schema):
    """A list of `element`s, decoded to a tuple; of exactly `length` elements if given."""

    element: Schema
    length: int | None = None

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if not isinstance(raw, list):
            yield f"{path}: expected a list, got {show(raw)}"
            return
        items = cast(list[object], raw)
        if self.length is not None and len(items) != self.length:
            yield f"{path}: expected a list of {self.length}, got {len(items)}"
        for i, item in enumerate(items):
            yield from self.element.problems(item, f"{path}[{i}]")

    def decode(self, raw: list[Any]) -> tuple[Any, ...]:
        return tuple(self.element.decode(item) for item in raw)

    def encode(self, value: Sequence[Any]) -> list[Any]:
        return [self.element.encode(item) for item in value]

    def print(self, raw: list[Any], printer: Printer) -> None:
        records = isinstance(self.element, Record)
        with printer.in_square_brackets(), printer.indented():
            for i, item in enumerate(raw):
                printer.print_string(",\n" if i and records else ", " if i else "")
                printer.print_string("\n" if records and not i else "")
                self.element.print(item, printer)


class Facts(Schema):
    """A table of facts that only their reader knows, held as entries of DLTI.

    Not as a `#dlti.map`: in xDSL 0.74 any two of these compare equal.
    """

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if not isinstance(raw, dict):
            yield f"{path}: expected a table, got {show(raw)}"
            return
        for key, value in cast(dict[str, object], raw).items():
            number = isinstance(value, int | float) and isfinite(value)
            if isinstance(value, bool) or not (number or isinstance(value, str)):
                yield f"{path}.{key}: expected a number or a string, got {show(value)}"

    def decode(self, raw: Mapping[str, int | float | str]) -> tuple[DataLayoutEntryAttr, ...]:
        return tuple(DataLayoutEntryAttr(key, _fact(value)) for key, value in raw.items())

    def encode(self, value: Sequence[DataLayoutEntryAttr]) -> dict[str, int | float | str]:
        return {cast(StringAttr, entry.key).data: fact_value(entry.value) for entry in value}

    def print(self, raw: Mapping[str, int | float | str], printer: Printer) -> None:
        schemas: dict[type, Schema] = {int: Integer(), float: Number(), str: Text()}

        def entry(item: tuple[str, int | float | str]) -> None:
            printer.print_string(f"{item[0]} = ")
            schemas[type(item[1])].print(item[1], printer)

        with printer.in_braces():
            printer.print_list(raw.items(), entry)


def _fact(value: int | float | str) -> Attribute:
    if isinstance(value, str):
        return StringAttr(value)
    return IntegerAttr(value, i64) if isinstance(value, int) else FloatAttr(value, f64)


def fact_value(attribute: Attribute) -> int | float | str:
    """The Python value of one entry of a table of facts."""
    match attribute:
        case StringAttr():
            return attribute.data
        case IntegerAttr() | FloatAttr():
            return attribute.value.data
        case _:
            raise VerifyException(f"a fact is a number or a string, not {attribute}")


@dataclass(frozen=True)
class Record(Schema):
    """A nested record of dataclass `type`."""

    type: type[Any]

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if not isinstance(raw, dict):
            yield f"{path or 'platform'}: expected a table, got {show(raw)}"
            return
        fields = schemas(self.type)
        prefix = f"{path}." if path else ""
        for key, value in cast(dict[str, object], raw).items():
            if key not in fields:
                yield f"{prefix}{key}: unknown key{did_you_mean(key, fields)}"
            else:
                yield from fields[key].problems(value, prefix + key)
        for field in dataclasses.fields(self.type):
            optional = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
            if field.name not in raw and not optional:
                yield f"{prefix}{field.name}: missing"

    def decode(self, raw: dict[str, Any]) -> Any:
        fields = schemas(self.type)
        return self.type(**{key: fields[key].decode(value) for key, value in raw.items()})

    def encode(self, value: Any) -> dict[str, Any]:
        """The raw record, without the fields that have their default."""
        return {
            field.name: schemas(self.type)[field.name].encode(getattr(value, field.name))
            for field in dataclasses.fields(self.type)
            if getattr(value, field.name) != field.default
        }

    def print(self, raw: dict[str, Any], printer: Printer) -> None:
        with printer.in_braces():
            self.print_fields(raw, printer, ", ")

    def print_fields(self, raw: dict[str, Any], printer: Printer, separator: str) -> None:
        fields = schemas(self.type)
        for i, (key, value) in enumerate(raw.items()):
            printer.print_string(separator if i else "")
            printer.print_string(f"{key} = ")
            fields[key].print(value, printer)


@cache
def schemas(record: type[Any]) -> dict[str, Schema]:
    """The schema of each field of a record class, from its type."""
    hints = get_type_hints(record, include_extras=True)
    return {field.name: schema_of(hints[field.name]) for field in dataclasses.fields(record)}


def schema_of(hint: Any) -> Schema:
    """What a type says: `Annotated` with a schema, or the plain meaning of the type."""
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        return cast(Schema, arguments[1])
    if get_origin(hint) is Literal:
        return Text(arguments)
    if NoneType in arguments:
        return schema_of(next(option for option in arguments if option is not NoneType))
    if get_origin(hint) is tuple:
        length = None if arguments[-1] is Ellipsis else len(arguments)
        return List(schema_of(arguments[0]), length)
    if dataclasses.is_dataclass(hint):
        return Record(cast("type[Any]", hint))
    return {str: Text(), int: Integer(), float: Number(), bool: Flag()}[hint]


def parse_fields(parser: AttrParser) -> dict[str, Any]:
    """Parse `<key = value, ...>` to a raw record."""
    return _parse_entries(parser, parser.Delimiter.ANGLE) or {}


def _parse_entries(parser: AttrParser, delimiter: AttrParser.Delimiter) -> dict[str, Any] | None:
    raw: dict[str, Any] = {}

    def entry() -> None:
        start = parser.pos
        key = parser.parse_identifier(" for a field")
        if key in raw:
            parser.raise_error(f"field {key} is given twice", start, parser.pos)
        parser.parse_punctuation("=")
        raw[key] = _parse_value(parser)

    found = parser.parse_optional_comma_separated_list(delimiter, entry)
    return None if found is None else raw


def _parse_value(parser: AttrParser) -> Any:
    start = parser.pos
    if (text := parser.parse_optional_str_literal()) is not None:
        return text
    if (data := parser.parse_optional_bytes_literal()) is not None:  # a string beyond ASCII
        try:
            return data.decode()
        except UnicodeDecodeError:
            parser.raise_error("the string is not UTF-8", start, parser.pos)
    if (flag := parser.parse_optional_boolean()) is not None:
        return flag
    if (number := parser.parse_optional_number()) is not None:
        return number
    if (table := _parse_entries(parser, parser.Delimiter.BRACES)) is not None:
        return table
    items = parser.parse_optional_comma_separated_list(
        parser.Delimiter.SQUARE, lambda: _parse_value(parser)
    )
    if items is None:
        parser.raise_error("expected a string, a number, a list or a table in braces")
    return items
