"""Types and values of options in words, as one writes them in a pipeline."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from xdsl.utils.hints import type_repr

from .messages import listing

WORDS: dict[Any, tuple[str, str]] = {
    int: ("an integer", "a list of integers"),
    float: ("a number", "a list of numbers"),
    bool: ("true or false", "a list of true and false"),
    str: ("a text", "a list of texts"),
}
"""One, and many between commas."""


def type_text(wanted: Any) -> str:
    """What an option of this type takes."""
    arguments = get_args(wanted)
    if wanted in WORDS:
        return WORDS[wanted][0]
    if get_origin(wanted) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return WORDS[arguments[0]][1] if arguments[0] in WORDS else type_repr(wanted)
    if get_origin(wanted) is Literal:
        return listing([value_text(value) for value in arguments])
    if get_origin(wanted) in (Union, types.UnionType):
        return " or ".join(type_text(part) for part in arguments if part is not type(None))
    return type_repr(wanted)


def value_text(value: Any) -> str:
    """A value as in a pipeline; nothing for none."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple() | list():
            return ",".join(value_text(part) for part in value)
        case _:
            return str(value)


def options_of(kind: type) -> Iterator[tuple[str, str, str | None]]:
    """(name, type, default) of each option of a pass or target; None for one that must be given."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.init and field.name != "name":
            default = None if field.default is dataclasses.MISSING else value_text(field.default)
            yield field.name.replace("_", "-"), type_text(hints[field.name]), default


def default_text(default: str | None, quote: str = "") -> str:
    """What stands behind the type of an option."""
    if default is None:
        return ", must be given"
    return f" = {quote}{default}{quote}" if default else ""
