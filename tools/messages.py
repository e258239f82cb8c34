"""One located message per problem: what errors, remarks and notes become for the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn, cast

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, FusedLoc, NameLoc, UnknownLoc
from xdsl.ir import Attribute, IRNode, Operation
from xdsl.utils.diagnostic import Diagnostic
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    MultipleSpansParseError,
    ParseError,
    UnregisteredConstructException,
)
from xdsl.utils.lexer import Span

from ..dialects.diagnostics import OpError, Remark, RunnelError, closest, describe, source_name

Severity = Literal["error", "warning", "remark", "note"]
Positions = Mapping[Operation, FileLineColLoc]
"""Where the text of an op began, for ops whose own location says something else (a source node)."""


@dataclass(frozen=True)
class Place:
    """A line and a column (both from 1) of a named text."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Message:
    """What is wrong or worth knowing, and where; prints as compilers print it."""

    severity: Severity
    text: str
    place: Place | None = None
    source_line: str | None = None
    width: int = 1

    def __str__(self) -> str:
        head = "" if self.place is None else f"{self.place}: "
        lines = [f"{head}{self.severity}: {self.text}"]
        if self.place is not None and self.source_line is not None:
            shown, column = _window(self.source_line, self.place.column)
            underline = "^" + "~" * (min(self.width, len(shown) - column + 1) - 1)
            lines += [f"  {shown}", f"  {' ' * (column - 1)}{underline}"]
        return "\n".join(lines)


def _window(line: str, column: int, limit: int = 160) -> tuple[str, int]:
    """The part of a long line (constants!) around `column`, and the column in that part."""
    line = line.replace("\t", " ")
    if len(line) <= limit:
        return line, column
    start = max(0, min(column - 1 - limit // 2, len(line) - limit))
    return line[start : start + limit], column - start


class LocatedError(RunnelError):
    """A problem of the user's input whose messages know their places."""

    def __init__(self, *located: Message):
        super().__init__(*(str(message) for message in located))
        self.located = located


class InvalidIR(RunnelError):
    """The IR breaks rules of its ops: every broken one with its reason."""

    def __init__(self, *problems: tuple[Operation, str]):
        super().__init__(*(f"{op.name}: {reason}" for op, reason in problems))
        self.problems = problems


class PassFailure(RunnelError):
    """A pass stopped (`cause` says why), or left IR that does not verify (`afterwards`)."""

    def __init__(
        self,
        pass_name: str,
        cause: BaseException,
        span: Span[Any] | None = None,
        *,
        afterwards: bool = False,
    ):
        """`span` is where the text of the pipeline names the pass."""
        self.pass_name = pass_name
        self.span = span
        self.cause = cause
        self.afterwards = afterwards
        super().__init__(*(str(message) for message in messages_of(self, Sources())))

    def placed(self, message: Message) -> Message:
        """An error that no op is to blame for stands at the pass, in the text of the pipeline."""
        if message.place is not None or self.span is None:
            return message
        return span_message(message.text, self.span, message.severity)

    def explain(self, message: Message) -> Message:
        if message.severity != "error":
            return message
        when = "the IR is wrong after pass" if self.afterwards else "pass"
        return replace(message, text=f"{when} '{self.pass_name}': {message.text}")


class Sources:
    """The texts read so far, to show the line that a message points at."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, text: str) -> None:
        self._lines[name] = text.split("\n")

    def line(self, place: Place | None) -> str | None:
        if place is None:
            return None
        lines = self._lines.get(place.file, [])
        return lines[place.line - 1] if place.line <= len(lines) else None

    def message(self, severity: Severity, text: str, place: Place | None) -> Message:
        return Message(severity, text, place, self.line(place))


def span_message(text: str, span: Span[Any], severity: Severity = "error") -> Message:
    """A message at a piece of a text that was being read."""
    location = span.get_location()
    start = span.input.get_start_of_line(span.start)
    raw = span.input.content[start : span.input.get_end_of_line(span.start)]
    line = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else cast(str, raw)
    width = max(1, min(span.len, len(line) - (span.start - start)))
    place = Place(location.file, location.line, location.col)
    return Message(severity, text, place, line, width)


def location_place(location: Attribute) -> Place | None:
    """The place in a text that a location attribute leads to, if it leads to one."""
    match location:
        case FileLineColLoc():
            return Place(location.filename.data, location.line.data, location.column.data)
        case NameLoc():
            return location_place(location.location)
        case CallSiteLoc():
            return location_place(location.callee)
        case FusedLoc():
            parts = cast(Iterable[Attribute], location.locations)
            places = (location_place(part) for part in parts)
            return next((place for place in places if place is not None), None)
        case _:
            return None


def op_place(op: Operation, positions: Positions) -> Place | None:
    """Where `op` stands in the text that was read, if it came from one.

    An op that a pass made stands where the op does that it came from, whose location it has; else
    where the op does that holds it.
    """
    place = location_place(op.location)
    if place is None and op in positions:
        place = location_place(positions[op])
    if place is None and not isinstance(op.location, UnknownLoc):
        alike = (at for other, at in positions.items() if other.location == op.location)
        place = next(map(location_place, alike), None)
    if place is None and (holder := op.parent_op()) is not None:
        place = op_place(holder, positions)
    return place


def op_message(text: str, op: Operation, sources: Sources, positions: Positions) -> Message:
    """An error at `op`: its place in the text, else its name and source node."""
    place = op_place(op, positions)
    node = source_name(op) if isinstance(op.location, NameLoc) else None
    named = f"'{op.name}'" + (f" (node '{node}')" if node else "")
    if op.name not in text or (node and node not in text):
        text = f"{named}: {text}"
    return sources.message("error", text, place)


def remark_message(remark: Remark, sources: Sources) -> Message:
    place = location_place(remark.location)
    if place is None:
        return Message("remark", str(remark).removeprefix("remark: "))
    text = f"{remark.kind}: {remark.pass_name}: {remark.message}"
    return sources.message("remark", text, place)


@contextmanager
def errors_know_their_op() -> Iterator[None]:
    """Within this, an error that xDSL raises about an op has that op as its attribute `op`.

    xDSL prints the whole module into the error instead, which costs more than compiling a network.
    """
    original = Diagnostic.raise_exception

    def raise_exception(self: Diagnostic, ir: IRNode, underlying_error: Exception) -> NoReturn:
        if isinstance(ir, Operation) and not hasattr(underlying_error, "op"):
            underlying_error.op = ir  # pyright: ignore[reportAttributeAccessIssue]
        raise underlying_error

    Diagnostic.raise_exception = raise_exception
    try:
        yield
    finally:
        Diagnostic.raise_exception = original


def messages_of(
    error: BaseException, sources: Sources, positions: Positions | None = None
) -> list[Message]:
    """The messages that tell a user what `error` means; a bug of ours is called one."""
    match error:
        case LocatedError():
            return list(error.located)
        case PassFailure():
            inner = messages_of(error.cause, sources, positions)
            return [error.explain(message) for message in inner]
        case InvalidIR():
            where = positions or {}
            return [op_message(text, op, sources, where) for op, text in error.problems]
        case OpError():
            where = positions or {}
            return [
                sources.message("error", f"{describe(op)}: {text}", op_place(op, where))
                for op, text in error.problems
            ]
        case RunnelError():
            return [Message("error", text.removeprefix("error: ")) for text in error.messages]
        case ParseError():
            return _parse_messages(error)
        case ArgSpecParseError():
            return [Message("error", str(error).strip())]
        case DiagnosticException() | UnregisteredConstructException():
            op = getattr(error, "op", None)
            text = str(error).strip()
            if isinstance(op, Operation):
                return [op_message(text, op, sources, positions or {})]
            return [Message("error", text)]
        case UnicodeDecodeError():
            return [Message("error", f"not UTF-8 text (byte {error.start}: {error.reason})")]
        case OSError():
            return [Message("error", f"{error.filename or 'file'}: {error.strerror or error}")]
        case RecursionError():
            return [Message("error", "the input is nested too deeply")]
        case MemoryError():
            return [Message("error", "out of memory")]
        case _:
            what = f"{type(error).__name__}: {error}".strip().rstrip(":")
            return [Message("error", f"internal error: {what} (--debug shows where)")]


def _parse_messages(error: ParseError) -> list[Message]:
    found = [span_message(error.msg.strip(), error.span)]
    if isinstance(error, MultipleSpansParseError):
        for span, text in error.refs:
            found.append(span_message(text or error.ref_text or "here", span, "note"))
    return found


def suggestion(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` or nothing."""
    close = closest(name, known)
    return f", did you mean '{close}'?" if close else ""


def listing(names: Sequence[str], limit: int = 12) -> str:
    """`a, b, c` or `a, b, ... (40 in all)`."""
    if len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[:limit])}, ... ({len(names)} in all)"
