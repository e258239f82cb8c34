"""Options in braces to the fields of a pass or a target, each checked where it is written."""

from __future__ import annotations

import re
from typing import Any, TypeVar, get_type_hints

from xdsl.utils.arg_spec import (
    ArgSpec,
    ArgSpecConvertible,
    ParameterListType,
    ParameterType,
)
from xdsl.utils.hints import isa

from ..dialects.diagnostics import closest
from .messages import Message, listing, span_message, suggestion
from .option_types import type_text
from .pipeline_text import Option, PassText

Built = TypeVar("Built", bound=ArgSpecConvertible)


def build_from_text(
    kind: str, item: PassText, wanted: type[Built], problems: list[Message]
) -> Built | None:
    """An instance of `wanted` with the options of `item`; None after adding to `problems`."""
    before = len(problems)
    values = _option_values(kind, item, wanted, problems)
    if len(problems) > before:
        return None
    try:
        return wanted.from_spec(ArgSpec(item.name, values))
    except Exception as error:
        problems.append(span_message(f"{kind} '{item.name}': {error}", item.span))
        return None


def _option_values(
    kind: str, item: PassText, wanted: type[ArgSpecConvertible], problems: list[Message]
) -> dict[str, ParameterListType]:
    hints = get_type_hints(wanted)
    fields: dict[str, Any] = {
        name: hints[name]
        for name, field in wanted.__dataclass_fields__.items()
        if field.init and name != "name"
    }
    values: dict[str, ParameterListType] = {}
    spelled = [name.replace("_", "-") for name in fields]
    given: set[str] = set()
    """What is there, maybe misspelled: nobody has to hear that it is missing, too."""
    for option in item.options:
        name = option.key.replace("-", "_")
        given.add(name)
        if name not in fields:
            text = f"{kind} '{item.name}' has no option '{option.key}'"
            text += suggestion(option.key, spelled) or known_options(spelled)
            problems.append(span_message(text, option.span))
            given.add((closest(option.key, spelled) or "").replace("-", "_"))
            continue
        value = _convert(option, fields[name])
        if value is None:
            text = f"option '{option.key}' of {kind} '{item.name}' takes {type_text(fields[name])}"
            problems.append(span_message(text, option.span))
        else:
            values[name] = value
    for name in sorted(wanted.required_fields() - given):
        option, type = name.replace("_", "-"), type_text(fields[name])
        text = f"{kind} '{item.name}' needs the option '{option}' ({type})"
        problems.append(span_message(text, item.span))
    return values


def known_options(names: list[str]) -> str:
    """`; it has a, b`, for a message about an option that is not among them."""
    return f"; it has {listing(names)}" if names else "; it has none"


def _convert(option: Option, wanted: Any) -> ParameterListType | None:
    """The values as `wanted` takes them, or None: 1 may be meant as an int, a float or a text."""
    if not option.values:
        return (True,) if isa(True, wanted) else (() if isa(None, wanted) else None)
    natural = tuple(_natural(text, quoted) for text, quoted in option.values)
    floats = tuple(float(v) if isinstance(v, int) else v for v in natural)
    texts = tuple(text for text, _ in option.values)
    for values in (natural, floats, texts):
        if (len(values) == 1 and isa(values[0], wanted)) or isa(values, wanted):
            return values
    return None


def _natural(text: str, quoted: bool) -> ParameterType:
    if quoted:
        return text
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
