"""What is wrong with the raw description of a platform, by field path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, cast

from .platform_records import CORE_STACK, SCHEMA, Board
from .records import did_you_mean


def platform_problems(raw: object) -> list[str]:
    """All that is wrong with a raw platform, each with its field path; empty if it is sound."""
    problems = list(SCHEMA.problems(raw, ""))
    if isinstance(raw, dict):
        problems += _relations(cast(dict[str, Any], raw))
    return problems


def _entries(raw: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    """The tables of a list with their paths; what is not a table was reported already."""
    items = raw.get(key)
    found = cast(list[Any], items) if isinstance(items, list) else []
    return [(f"{key}[{i}]", item) for i, item in enumerate(found) if isinstance(item, dict)]


def _relations(raw: dict[str, Any]) -> Iterator[str]:
    """What fields must be to each other; skips what the schema has refused."""
    names: dict[str, list[str]] = {}
    for kind in ("memories", "units", "dma", "links"):
        names[kind] = []
        for path, entry in _entries(raw, kind):
            name = entry.get("name")
            if not isinstance(name, str):
                continue
            if name in names[kind]:
                yield f'{path}.name: "{name}" is taken by {kind}[{names[kind].index(name)}]'
            names[kind].append(name)
    for kind in ("memories", "units"):
        if raw.get(kind) == []:
            yield f"{kind}: there must be at least one"
    yield from _overlaps(_entries(raw, "memories"))
    for kind in ("memories", "dma"):
        for path, entry in _entries(raw, kind):
            yield from _unknown(entry.get("units"), f"{path}.units", names["units"], "unit")
    for path, entry in _entries(raw, "dma"):
        yield from _unknown(entry.get("joins"), f"{path}.joins", names["memories"], "memory")
        yield from _self_joins(entry.get("joins"), f"{path}.joins")
    yield from _links(raw, names["units"])
    yield from _clusters(_entries(raw, "units"), _entries(raw, "memories"), names["memories"])
    if isinstance(raw.get("board"), dict):
        yield from _board(raw["board"], _entries(raw, "memories"), names["memories"])


def _unknown(reference: Any, path: str, known: Sequence[str], what: str) -> Iterator[str]:
    if isinstance(reference, list):
        for i, item in enumerate(cast(list[Any], reference)):
            yield from _unknown(item, f"{path}[{i}]", known, what)
    elif isinstance(reference, str) and reference not in known:
        yield f'{path}: there is no {what} "{reference}"{did_you_mean(reference, known)}'


def _self_joins(joins: Any, path: str) -> Iterator[str]:
    for i, pair in enumerate(cast(list[Any], joins) if isinstance(joins, list) else []):
        if isinstance(pair, list) and len(cast(list[Any], pair)) == 2 and pair[0] == pair[1]:
            yield f'{path}[{i}]: joins "{pair[0]}" with itself'


def _overlaps(memories: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    ranges = [
        (path, entry.get("name"), entry["address"], entry["address"] + entry["size"])
        for path, entry in memories
        if type(entry.get("address")) is int and type(entry.get("size")) is int
    ]
    for (_, a, start_a, end_a), (path, b, start_b, end_b) in combinations(ranges, 2):
        if start_a < end_b and start_b < end_a:
            yield (
                f'{path}: memory "{b}" [{start_b:#x}, {end_b:#x}) overlaps '
                f'"{a}" [{start_a:#x}, {end_a:#x})'
            )


def _links(raw: dict[str, Any], units: Sequence[str]) -> Iterator[str]:
    kinds = {entry.get("name"): entry.get("kind") for _, entry in _entries(raw, "units")}
    linked: set[Any] = set()
    for path, entry in _entries(raw, "links"):
        unit = entry.get("unit")
        yield from _unknown(unit, f"{path}.unit", units, "unit")
        if isinstance(unit, str):
            linked.add(unit)
            if unit in kinds and kinds[unit] != "remote":
                yield f'{path}.unit: unit "{unit}" is a {kinds[unit]}, a link leads to a remote'
    for path, entry in _entries(raw, "units"):
        if entry.get("kind") == "remote" and entry.get("name") not in linked:
            yield f'{path}: no link leads to remote unit "{entry.get("name")}"; add one to links'


def _clusters(
    units: list[tuple[str, dict[str, Any]]],
    memories: list[tuple[str, dict[str, Any]]],
    names: Sequence[str],
) -> Iterator[str]:
    """The memory in which the cores of a cluster work, and their stacks there."""
    sizes = {entry.get("name"): entry.get("size") for _, entry in memories}
    for path, entry in units:
        facts = cast(dict[str, Any], entry.get("facts"))
        if entry.get("kind") != "cluster" or not isinstance(facts, dict):
            continue
        l1, stack, cores = facts.get("l1"), facts.get("stack", CORE_STACK), entry.get("cores", 1)
        yield from _unknown(l1, f"{path}.facts.l1", names, "memory")
        if type(stack) is not int or stack < 0 or stack % 16:
            yield f"{path}.facts.stack: expected bytes, a multiple of 16, got {stack!r}"
        elif type(size := sizes.get(l1)) is int and type(cores) is int and cores * stack > size:
            yield (
                f'{path}.facts.stack: {cores} stacks of {stack} bytes do not fit "{l1}" of {size} '
                "bytes"
            )


def _board(
    board: dict[str, Any], memories: list[tuple[str, dict[str, Any]]], names: Sequence[str]
) -> Iterator[str]:
    for key in ("code", "data", "vectors"):
        yield from _unknown(board.get(key), f"board.{key}", names, "memory")
    kinds = {entry.get("name"): entry.get("kind") for _, entry in memories}
    data = board.get("data")
    if isinstance(data, str) and kinds.get(data) == "flash":
        yield f'board.data: "{data}" is flash, data must be in a ram'
    sizes = {entry.get("name"): entry.get("size") for _, entry in memories}
    size, stack = (
        sizes.get(data) if isinstance(data, str) else None,
        board.get("stack", Board.stack),
    )
    if type(size) is int and type(stack) is int and stack > size:
        yield f'board.stack: {stack} bytes do not fit "{data}" of {size} bytes'
    if board.get("runner") == "qemu":
        for key in ("machine", "timer_address", "timer_hz", "icount_shift"):
            if key not in board:
                yield f"board.{key}: missing, the qemu runner needs it"
