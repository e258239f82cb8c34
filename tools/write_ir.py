"""Writing programs: MLIR text with large constants elided, and every other target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.printer import Printer
from xdsl.utils.target import Target

from . import constants_file
from .messages import LocatedError, Message, listing, suggestion
from .options_text import build_from_text
from .pipeline_text import PassText, parse_pipeline_text
from .registry import multiverse


@dataclass(frozen=True)
class PrintStyle:
    """How MLIR text looks."""

    generic: bool = False
    locations: bool = False
    limit: int | None = constants_file.DEFAULT_LIMIT
    """Constants of more elements are elided; None prints all."""


def op_text(op: Operation, style: PrintStyle, context: Context | None = None) -> str:
    """`op` as MLIR text that ends with a new line.

    An op that does not verify may not be printable in its own form: then all is generic.
    """
    try:
        return _op_text(op, style, context)
    except Exception:
        if style.generic:
            raise
        return _op_text(op, replace(style, generic=True), context)


def _op_text(op: Operation, style: PrintStyle, context: Context | None) -> str:
    stream = StringIO()
    printer = Printer(
        stream=stream, print_generic_format=style.generic, print_debuginfo=style.locations
    )
    printer.print_op(op)
    if context is not None:
        printer.print_metadata(context.loaded_dialects)
    return stream.getvalue() + "\n"


def module_text(
    module: ModuleOp, style: PrintStyle, context: Context | None = None
) -> tuple[str, dict[str, Any]]:
    """The text of `module` and the arrays that were elided from it, by name."""
    with constants_file.elided(module, style.limit) as data:
        return op_text(module, style, context), data


def data_path(text_path: Path) -> Path:
    """The file with the constants of a text: `model.npz` for `model.mlir`."""
    return text_path.with_suffix(".npz")


def write_module(path: Path, module: ModuleOp, style: PrintStyle | None = None) -> None:
    """Write MLIR text to `path`, and the data of large constants beside it."""
    text, data = module_text(module, style or PrintStyle())
    path.write_text(text, encoding="utf-8")
    if data:
        constants_file.save(data_path(path), data)


def resolve_target(text: str) -> Target:
    """The target that `name{option=value}` names; LocatedError when it cannot be had."""
    items = parse_pipeline_text(text, "<target>")
    known = multiverse().all_targets
    item = items[0] if len(items) == 1 else None
    if not isinstance(item, PassText) or item.name not in known:
        name = item.name if isinstance(item, PassText) else text
        hint = suggestion(name, known) or f", expected one of {listing(sorted(known), 20)}"
        raise LocatedError(Message("error", f"unknown target '{name}'{hint}"))
    factory: Callable[[], type[Target]] = known[item.name]
    try:
        target = factory()
    except Exception as error:
        what = f"target '{item.name}' cannot be loaded: {type(error).__name__}: {error}"
        raise LocatedError(Message("error", what)) from error
    problems: list[Message] = []
    built = build_from_text("target", item, target, problems)
    if built is None:
        raise LocatedError(*problems)
    return built


def emit_target(target: Target, context: Context, module: ModuleOp) -> str:
    """What `target` makes of `module`."""
    stream = StringIO()
    target.emit(context, module, stream)
    return stream.getvalue()
