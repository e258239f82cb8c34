"""Errors that tell the user where and what to do, and remarks that tell what a pass did."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, NoReturn

from xdsl.dialects.builtin import FileLineColLoc, LocationAttr, NameLoc, NoneAttr, StringAttr
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException, PassFailedException, VerifyException


class RunnelError(DiagnosticException):
    """A problem of the user's input: one message per problem, each with its place and a way out."""

    def __init__(self, *messages: str):
        super().__init__("\n".join(messages))
        self.messages = messages


class OpError(RunnelError, PassFailedException):
    """Problems of ops, each with its op: the message stands at the op's place, and names op and
    source node before it says why and what to do.
    """

    def __init__(self, *problems: tuple[Operation, str]):
        super().__init__(*(f"{describe(op)}: {reason}" for op, reason in problems))
        self.problems = problems


def refuse(op: Operation, reason: str) -> NoReturn:
    """Stop at `op`: it cannot be done, because of `reason`."""
    raise OpError((op, reason))


@contextmanager
def blaming(op: Operation) -> Iterator[None]:
    """Within this, a refusal that names no op stands at `op`."""
    try:
        yield
    except OpError:
        raise
    except (RunnelError, PassFailedException, VerifyException) as error:
        raise OpError((op, str(error))) from error


def closest(word: str, known: Iterable[str]) -> str | None:
    """The name among `known` that a mistyped `word` most likely means."""
    return next(iter(get_close_matches(word, list(known), n=1)), None)


def choices(word: str, known: Iterable[str]) -> str:
    """`a, b, c (did you mean 'b'?)`, for a `word` that is none of them."""
    names = list(known)
    close = closest(word, names)
    return ", ".join(names) + (f" (did you mean '{close}'?)" if close else "")


def location_name(location: LocationAttr) -> str | None:
    """The readable place of a location: a source node's name, or file:line:column."""
    if isinstance(location, NameLoc):
        return location.desc.data
    if isinstance(location, FileLineColLoc):
        return f"{location.filename.data}:{location.line.data}:{location.column.data}"
    return None


def source_name(op: Operation) -> str | None:
    """The name of the ONNX node that `op` came from; None where only a place in a file is known."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else None


def layer_name(op: Operation) -> str:
    """What tables and emitted names call the layer that `op` computes: its source node's name, else
    the kind of the op.
    """
    return source_name(op) or op.name.partition(".")[2]


def tensor_names(op: Operation) -> list[str]:
    """The names that the source has for what `op` makes: locations within that of its node.

    The first is its own; others are of tensors before it that it makes no more.
    """
    names: list[str] = []
    inner = op.location.location if isinstance(op.location, NameLoc) else None
    while isinstance(inner, NameLoc):
        names.append(inner.desc.data)
        inner = inner.location
    return names


def node_location(op: Operation) -> LocationAttr:
    """The location of `op` for what is not its result: without tensors."""
    if isinstance(op.location, NameLoc):
        return NameLoc(op.location.desc, NoneAttr())
    return op.location


def takes_in(op: Operation, later: Operation) -> LocationAttr:
    """The location of what stands for `op` and for `later`, which reads it: node of one, tensors of
    both.
    """
    if not isinstance(op.location, NameLoc):
        return op.location
    inner = op.location.location
    for name in reversed(tensor_names(later)):
        inner = NameLoc(StringAttr(name), inner)
    return NameLoc(op.location.desc, inner)


def describe(op: Operation) -> str:
    """How a message that stands at `op` names it: `graph.conv (node 'conv2d_1')`, or a symbol:
    `func.func @main`.
    """
    name, symbol = source_name(op), op.get_attr_or_prop("sym_name")
    kind = f"{op.name} @{symbol.data}" if isinstance(symbol, StringAttr) else op.name
    return kind if name is None else f"{kind} (node '{name}')"


def refer_to(op: Operation) -> str:
    """How a message that stands elsewhere names `op`: with its place, `test.op (net.mlir:3:5)`."""
    name = location_name(op.location)
    return describe(op) if source_name(op) or name is None else f"{op.name} ({name})"


@dataclass(frozen=True)
class Remark:
    """What a pass did (`passed`), could not do (`missed`) or found out (`analysis`)."""

    kind: Literal["passed", "missed", "analysis"]
    pass_name: str
    message: str
    location: LocationAttr

    def __str__(self) -> str:
        place = location_name(self.location)
        at = "" if place is None else f" [{place}]"
        return f"remark: {self.kind}: {self.pass_name}{at}: {self.message}"


RemarkHandler = Callable[[Remark], None]
_handlers: list[RemarkHandler] = []


def emit_remark(
    kind: Literal["passed", "missed", "analysis"], pass_name: str, op: Operation, message: str
) -> None:
    """Tell every listener what `pass_name` did at `op`."""
    if _handlers:
        remark = Remark(kind, pass_name, message, op.location)
        for handler in _handlers:
            handler(remark)


def add_remark_handler(handler: RemarkHandler) -> Callable[[], None]:
    """Listen to all remarks; returns the function that stops listening."""
    _handlers.append(handler)
    return lambda: _handlers.remove(handler)


@contextmanager
def unheard() -> Iterator[None]:
    """Within this nobody hears remarks: for passes on a copy that is thrown away."""
    listening = _handlers.copy()
    _handlers.clear()
    try:
        yield
    finally:
        _handlers[:] = listening
