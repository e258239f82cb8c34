"""Reading programs: MLIR text with a place for every op, ONNX models, files of several pieces."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import NoReturn

from xdsl.context import Context
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr, UnknownLoc
from xdsl.ir import Operation
from xdsl.parser import Parser, ParserState
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Input, Span
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRTokenKind

from ..dialects.diagnostics import RunnelError
from .messages import errors_know_their_op, listing, suggestion

_OP_NAME = re.compile(r'(?:%[^=\n]*=\s*)?"?([\w.$]+)"?')
SEPARATOR = "// -----"
REPRODUCER = "mlir_reproducer"


@dataclass
class Program:
    """A module, and what is known of the text that it came from."""

    module: ModuleOp
    positions: dict[Operation, FileLineColLoc] = field(
        default_factory=dict[Operation, FileLineColLoc]
    )
    resources: dict[str, dict[str, str | bool]] = field(
        default_factory=dict[str, dict[str, "str | bool"]]
    )
    """External resources of the text: owner to key to value."""


class LinearLexer(MLIRLexer):
    """xDSL's lexer, whose time for a string that never ends grows exponentially with its length."""

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')


class LocatedParser(Parser):
    """xDSL's parser that gives every op its place, and every failure a place in the text."""

    def __init__(self, context: Context, text: str, name: str):
        super().__init__(context, "", name)
        self._parser_state = ParserState(LinearLexer(Input(text, name)))
        self._file = StringAttr(name)
        self._line_starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        self.positions: dict[Operation, FileLineColLoc] = {}
        self.resources: dict[str, dict[str, str | bool]] = {}

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        try:
            op = super().parse_operation()
        except (ParseError, RecursionError):
            raise
        except Exception as error:
            self._explain(error, start)
        line = bisect_right(self._line_starts, start)
        column = start - self._line_starts[line - 1] + 1
        position = FileLineColLoc(self._file, IntAttr(line), IntAttr(column))
        self.positions[op] = position
        if isinstance(op.location, UnknownLoc):
            op.location = position
        return op

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        """A text without ops is an empty module, as in MLIR."""
        if allow_implicit_module and self._current_token.kind == MLIRTokenKind.EOF:
            return ModuleOp([])
        return super().parse_module(allow_implicit_module)

    def _explain(self, error: Exception, start: int) -> NoReturn:
        """An op at `start` whose parts refuse each other, or text that xDSL did not foresee."""
        text = self.lexer.input.content
        match = _OP_NAME.match(text, start)
        name = f"'{match[1]}': " if match else ""
        span = Span(start, match.end() if match else start + 1, self.lexer.input)
        known = isinstance(error, VerifyException | RunnelError)
        kind = "" if known else f"cannot be read: {type(error).__name__}: "
        try:
            self.raise_error(f"{name}{kind}{error}".strip().rstrip(":"), span)
        except ParseError as located:
            raise located from error

    def _get_op_by_name(self, name: str) -> type[Operation]:
        if found := self.ctx.get_optional_op(name, dialect_stack=self._parser_state.dialect_stack):
            return found
        prefix = name.partition(".")[0]
        start = self.lexer.input.content.rfind(name, 0, self._current_token.span.start)
        span = Span(start, start + len(name), self.lexer.input)
        dialect = self.ctx.get_optional_dialect(prefix)
        if dialect is not None:
            hint = suggestion(name, [op.name for op in dialect.operations])
            self.raise_error(f"the dialect '{prefix}' has no op '{name}'{hint}", span)
        hint = suggestion(prefix, list(self.ctx.registered_dialect_names))
        self.raise_error(
            f"unknown op '{name}': no dialect '{prefix}'{hint or ' is installed'} "
            "(--allow-unregistered-dialect reads it all the same)",
            span,
        )

    def _parse_external_resources(self) -> None:
        def owner() -> None:
            name = self.parse_identifier(" for the owner of resources")
            self.parse_punctuation(":")
            entries = self.resources.setdefault(name, {})
            self.parse_comma_separated_list(self.Delimiter.BRACES, lambda: entry(entries))

        def entry(entries: dict[str, str | bool]) -> None:
            key = self.parse_identifier(" for the key of a resource")
            self.parse_punctuation(":")
            flag = self.parse_optional_boolean()
            entries[key] = self.parse_str_literal() if flag is None else flag

        self.parse_comma_separated_list(self.Delimiter.BRACES, owner)

    def parse_program(self, *, implicit_module: bool = True) -> Program:
        """The whole text; without `implicit_module` it must hold exactly one module."""
        try:
            with errors_know_their_op():
                module = self.parse_module(implicit_module)
        except (ParseError, RecursionError):
            raise
        except Exception as error:
            self._explain(error, self._current_token.span.start)
        if not implicit_module and self._current_token.kind == MLIRTokenKind.FILE_METADATA_BEGIN:
            self._parse_file_metadata_dictionary()
        return Program(module, self.positions, self.resources)


def read_bytes(path: str) -> bytes:
    """A file, or standard input for `-`."""
    if path == "-":
        return sys.stdin.buffer.read()
    return Path(path).read_bytes()


def decode(data: bytes, name: str) -> str:
    """UTF-8 text; says what a binary file is that was given in its place."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RunnelError(
            f"{name}:{line}: not UTF-8 text (byte {error.start}); for an ONNX model use a file "
            "that ends in .onnx, or -f onnx"
        ) from error


def split_chunks(text: str) -> list[str]:
    """The pieces between `// -----` lines; empty lines before each keep the line numbers right."""
    pieces = text.split(SEPARATOR)
    offsets = accumulate([0, *(piece.count("\n") for piece in pieces[:-1])])
    return ["\n" * offset + piece for offset, piece in zip(offsets, pieces, strict=True)]


def read_mlir(context: Context, text: str, name: str, *, implicit_module: bool = True) -> Program:
    """Parse MLIR text; ParseError with the place of the first mistake."""
    return LocatedParser(context, text, name).parse_program(implicit_module=implicit_module)


def read_onnx(
    path: str,
    data: bytes,
    *,
    dims: Mapping[str, int] | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Program:
    """Import an ONNX model; external data is looked for beside `path`.

    `dims` (by name) and `input_shapes` (by input) give symbolic dimensions their sizes.
    """
    from ..lowering.import_onnx import import_onnx

    model = data if path == "-" else path
    return Program(import_onnx(model, dims=dims, input_shapes=input_shapes))


FRONTENDS = ("mlir", "onnx")


def frontend_of(path: str, chosen: str | None) -> str:
    """`mlir` or `onnx`, from the option or the ending of the name."""
    if Path(path).is_dir():
        raise RunnelError(f"{path}: is a folder, expected an .mlir or .onnx file")
    if chosen is not None:
        return chosen
    ending = Path(path.removesuffix(".xz")).suffix.removeprefix(".")
    if path == "-" or ending in FRONTENDS:
        return ending or "mlir"
    raise RunnelError(
        f"{path}: unknown kind of file '.{ending}', expected {listing(FRONTENDS)} "
        "(or say which with -f)"
    )
