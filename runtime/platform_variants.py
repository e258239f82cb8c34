"""Platforms that say only in what they differ from another: `base = "siracusa"` in their TOML.

Tables are taken key by key. In the lists of memories, units, DMA engines and links an entry with
the name of one of the base changes that one, key by key; another is added behind them. `without`
lists names of entries that are left out, also where memories and engines name their units.
Everything else replaces what the base says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

from ..dialects.records import did_you_mean

LISTS = ("memories", "units", "dma", "links")
Table = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """A merged description, and what is wrong with how it names its base's parts."""

    raw: Table
    base: str
    entries: dict[tuple[str, int], int]
    """Where an entry of a merged list is in the variant's own list."""
    problems: tuple[str, ...]

    def located(self, problem: str) -> str:
        """A problem of the merged description with the path that it has in the variant's file."""
        found = re.match(r"(\w+)\[(\d+)\]", problem)
        if found is None or found[1] not in LISTS:
            return problem
        own = self.entries.get((found[1], int(found[2])))
        if own is None:
            return f'{problem} (this entry comes from base "{self.base}")'
        return f"{found[1]}[{own}]{problem[found.end() :]}"


def merge(base: Table, changes: Table, base_name: str) -> Variant:
    """`changes` (without their `base`) on top of a sound description."""
    raw = deepcopy(base)
    own = dict(changes)
    problems = list(_leave_out(raw, own.pop("without", []), base_name))
    entries: dict[tuple[str, int], int] = {}
    for key, value in own.items():
        if key in LISTS and isinstance(value, list):
            merged = raw.setdefault(key, [])
            entries |= _merge_list(key, merged, cast(list[Any], value))
        else:
            raw[key] = _merged(raw.get(key), value)
    if "name" not in own:
        problems.append(f'name: missing, a variant of "{base_name}" has one of its own')
    return Variant(raw, base_name, entries, tuple(problems))


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    result = cast(Table, old)
    for key, value in cast(Table, new).items():
        result[key] = _merged(result.get(key), value)
    return result


def _merge_list(key: str, merged: list[Any], own: list[Any]) -> dict[tuple[str, int], int]:
    """Changes `merged`; says where each entry of `own` has gone."""
    places = {entry["name"]: place for place, entry in enumerate(merged)}
    entries: dict[tuple[str, int], int] = {}
    for index, entry in enumerate(own):
        name = cast(Table, entry).get("name") if isinstance(entry, dict) else None
        place = places.pop(name, None) if isinstance(name, str) else None
        if place is None:
            place = len(merged)
            merged.append(entry)
        else:
            merged[place] = _merged(merged[place], entry)
        entries[key, place] = index
    return entries


def _leave_out(raw: Table, names: Any, base: str) -> Iterator[str]:
    if not isinstance(names, list):
        yield f"without: expected a list, got {names!r}"
        return
    for index, name in enumerate(cast(list[Any], names)):
        known = [entry["name"] for key in LISTS for entry in raw.get(key, [])]
        if name not in known:
            hint = did_you_mean(str(name), known)
            yield f'without[{index}]: "{base}" has nothing of the name "{name}"{hint}'
        for key in LISTS:
            if key in raw:
                raw[key] = [_forget(e, name) for e in raw[key] if e["name"] != name]


def _forget(entry: Table, unit: Any) -> Table:
    """The entry without a mention of `unit`."""
    if "units" not in entry:
        return entry
    return entry | {"units": [name for name in entry["units"] if name != unit]}
