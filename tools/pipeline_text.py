"""The text of a pass pipeline, MLIR's spelling and xDSL's, to a tree of names with their places.

pipeline ::= (item (`,` item)*)?
item     ::= name options? | name `(` pipeline `)`
options  ::= `{` (key (`=` value (`,` value)*)?)* `}`
value    ::= "text" | 'text' | balanced braces | characters up to a space, comma or brace
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.utils.lexer import Input, Span

from .messages import LocatedError, span_message

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"[^\s,{}\"']+")
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"|\'([^\']*)\'', re.DOTALL)
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)


@dataclass(frozen=True)
class Option:
    """`key=a,b`: the values as written, and whether each was quoted (then it is text)."""

    key: str
    values: tuple[tuple[str, bool], ...]
    span: Span


@dataclass(frozen=True)
class PassText:
    """A pass or a named pipeline with its options."""

    name: str
    options: tuple[Option, ...]
    span: Span
    external: str | None = None
    """The text between the brackets of `mlir-opt[...]`."""


@dataclass(frozen=True)
class NestText:
    """`func.func(...)`: a pipeline for the ops of that name."""

    anchor: str
    items: tuple[PassText | NestText, ...]
    span: Span


def parse_pipeline_text(
    text: str, name: str = "<pass-pipeline>"
) -> tuple[PassText | NestText, ...]:
    """The items of a pipeline; LocatedError with a caret where the text is wrong."""
    reader = _Reader(Input(text, name))
    items = reader.items(closing=None)
    return tuple(items)


@dataclass
class _Reader:
    input: Input
    pos: int = field(default=0)

    def fail(self, text: str, start: int | None = None, end: int | None = None) -> NoReturn:
        start = self.pos if start is None else start
        raise LocatedError(span_message(text, Span(start, end or start + 1, self.input)))

    def look(self) -> str:
        """The next character after spaces, or '' at the end."""
        match = _SPACE.match(self.input.content, self.pos)
        assert match is not None
        self.pos = match.end()
        return self.input.content[self.pos : self.pos + 1]

    def found(self) -> str:
        return f"found '{self.look()}'" if self.look() else "found the end of the text"

    def items(self, closing: int | None) -> list[PassText | NestText]:
        """Items up to the end, or up to `)` when `closing` is the position of its `(`."""
        items: list[PassText | NestText] = []
        end = "" if closing is None else ")"
        if self.look() == end:
            return items
        while True:
            items.append(self.item())
            if self.look() == ",":
                self.pos += 1
            elif self.look() == end:
                return items
            elif closing is not None and not self.look():
                self.fail("this '(' is never closed", closing)
            else:
                wanted = "',' or the end" if closing is None else "',' or ')'"
                self.fail(f"expected {wanted} after a pass, {self.found()}")

    def item(self) -> PassText | NestText:
        self.look()
        match = _NAME.match(self.input.content, self.pos)
        if match is None:
            self.fail(f"expected the name of a pass, {self.found()}")
        self.pos = match.end()
        span = Span(match.start(), match.end(), self.input)
        match self.look():
            case "(":
                opening = self.pos
                self.pos += 1
                items = self.items(closing=opening)
                self.pos += 1
                return NestText(match.group(), tuple(items), span)
            case "{":
                return PassText(match.group(), self.options(), span)
            case "[" if match.group() == "mlir-opt":
                return PassText(match.group(), (), span, external=self.bracketed("[", "]"))
            case _:
                return PassText(match.group(), (), span)

    def bracketed(self, left: str, right: str) -> str:
        """The text between balanced brackets; the next character is the first of them."""
        opening, depth = self.pos, 0
        for position in range(opening, len(self.input.content)):
            depth += {left: 1, right: -1}.get(self.input.content[position], 0)
            if depth == 0:
                self.pos = position + 1
                return self.input.content[opening + 1 : position]
        self.fail(f"this '{left}' is never closed", opening)

    def options(self) -> tuple[Option, ...]:
        opening = self.pos
        self.pos += 1
        options: dict[str, Option] = {}
        while (character := self.look()) != "}":
            if not character:
                self.fail("this '{' is never closed", opening)
            match = _NAME.match(self.input.content, self.pos)
            if match is None:
                self.fail(f"expected the name of an option, {self.found()}")
            start, self.pos = self.pos, match.end()
            values: list[tuple[str, bool]] = []
            if self.look() == "=":
                self.pos += 1
                values.append(self.value())
                while self.look() == ",":
                    self.pos += 1
                    values.append(self.value())
            key = match.group()
            if key in options:
                self.fail(f"option '{key}' is given twice", start, match.end())
            end = len(self.input.content[: self.pos].rstrip())
            options[key] = Option(key, tuple(values), Span(start, end, self.input))
        self.pos += 1
        return tuple(options.values())

    def value(self) -> tuple[str, bool]:
        character = self.look()
        if character == "{":
            return self.bracketed("{", "}"), True
        if match := _QUOTED.match(self.input.content, self.pos):
            self.pos = match.end()
            double, single = match.groups()
            return (single if double is None else _unescape(double)), True
        if character in ('"', "'"):
            self.fail("this text is never closed")
        if match := _BARE.match(self.input.content, self.pos):
            self.pos = match.end()
            return match.group(), False
        self.fail(f"expected a value, {self.found()}")


def _unescape(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code, 16)) if len(code) == 2 else {"n": "\n", "t": "\t"}.get(code, code)

    return _ESCAPE.sub(character, text)
