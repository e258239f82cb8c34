"""`// expected-error@+1 {{text}}`: messages that a test expects, compared with those that came.

    expected-(error|warning|remark|note)(-re)? (@(+N|-N|above|below|unknown))? {{text}}

Without @ the message is expected on the same line; `above` and `below` go to the nearest line that
expects nothing itself; `unknown` takes a message without a place. The text is a part of the
message; with `-re`, pieces of it in further {{braces}} are regular expressions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .messages import Message, Place

_EXPECTED = re.compile(
    r"expected-(?P<severity>error|warning|remark|note)(?P<regex>-re)?"
    r"\s*(@(?P<where>[+-]\d+|above|below|unknown))?\s*\{\{(?P<text>.*?)\}\}(?!\})"
)
_EXPECTED_RE = re.compile(
    r"expected-(?P<severity>error|warning|remark|note)(?P<regex>-re)"
    r"\s*(@(?P<where>[+-]\d+|above|below|unknown))?\s*\{\{(?P<text>.*)\}\}\s*$"
)


@dataclass(frozen=True)
class Expectation:
    """One message that must come: `line` is None for a message without a place."""

    severity: str
    line: int | None
    pattern: re.Pattern[str]
    text: str
    place: Place

    def accepts(self, message: Message) -> bool:
        line = None if message.place is None else message.place.line
        return (
            message.severity == self.severity
            and line == self.line
            and self.pattern.search(message.text) is not None
        )


def expectations(text: str, name: str) -> list[Expectation]:
    """All expectations in the comments of `text`."""
    lines = text.split("\n")
    matches = [_matches(line) for line in lines]
    found: list[Expectation] = []
    for index, in_line in enumerate(matches):
        for match in in_line:
            line = _line_of(match["where"], index, matches)
            pattern = _pattern(match["text"], is_regex=match["regex"] is not None)
            place = Place(name, index + 1, match.start() + 1)
            found.append(Expectation(match["severity"], line, pattern, match["text"], place))
    return found


def _matches(line: str) -> list[re.Match[str]]:
    _, comment, rest = line.partition("//")
    if not comment or "expected-" not in rest:
        return []
    if match := _EXPECTED_RE.search(line):
        return [match]
    return list(_EXPECTED.finditer(line))


def _line_of(where: str | None, index: int, matches: list[list[re.Match[str]]]) -> int | None:
    """The line (from 1) that an expectation on line `index` (from 0) speaks of."""
    if where == "unknown":
        return None
    if where in ("above", "below"):
        step = 1 if where == "below" else -1
        other = index + step
        while 0 <= other < len(matches) and matches[other]:
            other += step
        return other + 1
    return index + 1 + int(where or 0)


def _pattern(text: str, *, is_regex: bool) -> re.Pattern[str]:
    if not is_regex:
        return re.compile(re.escape(text))
    pieces = re.split(r"\{\{(.*?)\}\}", text)
    return re.compile("".join(p if i % 2 else re.escape(p) for i, p in enumerate(pieces)))


def compare(
    expected: Sequence[Expectation], messages: Sequence[Message], *, remarks_too: bool
) -> list[Message]:
    """What differs: messages that nobody expected, and expectations that nothing met.

    Remarks that nobody expected are differences only with `remarks_too`.
    """
    open_ones = list(expected)
    differences: list[Message] = []
    for message in messages:
        met = next((one for one in open_ones if one.accepts(message)), None)
        if met is not None:
            open_ones.remove(met)
        elif message.severity != "remark" or remarks_too:
            text = f'unexpected {message.severity}: "{message.text}"'
            differences.append(Message("error", text, message.place, message.source_line))
    for one in open_ones:
        differences.append(
            Message("error", f'expected {one.severity} "{one.text}" was not produced', one.place)
        )
    return differences
