"""AIMET encodings: the quantizers of tensors by name, in JSON of version 0.6.1, 1.0.0 or 2.0.0.

0.6.1 and 1.0.0 count codes without sign and add an `offset`: real = scale * (code + offset); 2.0.0
has zero points as ONNX has them. Here codes are signed: real = scale * (code - zero point).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dialects.diagnostics import RunnelError
from .scheme import BITS

VERSIONS = ("0.6.1", "1.0.0", "2.0.0")
BIAS_BITS = 32


@dataclass(frozen=True)
class Encoding:
    """The grid of one tensor: signed codes from `bounds`, one scale and zero point per channel."""

    name: str
    bits: int
    scales: NDArray[np.float64]
    zero_points: NDArray[np.int64]
    bounds: tuple[int, int]
    per_channel: bool = False
    axis: int | None = None
    """Of the channels, where it is known: files before 2.0.0 do not tell."""

    @property
    def symmetric(self) -> bool:
        return not self.zero_points.any()


class Problem(Exception):
    """What is wrong with one encoding."""


def read_encodings(path: Path) -> list[Encoding]:
    """All encodings of a file; raises `RunnelError` with one message per problem."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunnelError(f"{path}: cannot be read as JSON: {error}") from error
    version = document.get("version") if isinstance(document, dict) else None
    if version not in VERSIONS:
        raise RunnelError(
            f"{path}: the version of the encodings is {version!r}, expected one of "
            f"{', '.join(VERSIONS)}"
        )
    found: list[Encoding] = []
    problems: list[str] = []
    try:
        entries = list(ENTRIES[version](document))
    except Problem as problem:
        raise RunnelError(f"{path}: {problem}") from problem
    for name, entry in entries:
        try:
            found.append(READERS[version](name, entry))
        except Problem as problem:
            problems.append(f"{path}: tensor '{name}': {problem}")
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            what = f"{type(error).__name__}: {error}"
            problems.append(f"{path}: tensor '{name}': is no encoding of {version} ({what})")
    problems += [f"{path}: tensor '{n}': is there twice" for n in twice(e.name for e in found)]
    if problems:
        raise RunnelError(*problems)
    return found


def twice(names: Iterable[str]) -> list[str]:
    """The names that come more than once."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [name for name, count in seen.items() if count > 1]


SECTIONS = ("activation_encodings", "param_encodings")
"""Before 2.0.0."""


def named_sections(document: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """0.6.1: a list of channels by name, in two sections."""
    for section in SECTIONS:
        entries = document.get(section)
        if not isinstance(entries, dict):
            raise Problem(f"'{section}' must be an object of names")
        yield from entries.items()


def listed_sections(document: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """1.0.0: objects with a name, in two sections."""
    for section in SECTIONS:
        yield from listed(document, section)


def listed(document: Mapping[str, Any], section: str = "encodings") -> Iterable[tuple[str, Any]]:
    """2.0.0: objects with a name, in one section."""
    entries = document.get(section)
    if not isinstance(entries, list):
        raise Problem(f"'{section}' must be a list")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise Problem(f"entry {index} of '{section}' has no name")
        yield entry["name"], entry


def read_0_6_1(name: str, channels: list[dict[str, Any]]) -> Encoding:
    first = channels[0]
    if first["dtype"] != "int":
        raise Problem(f"is {first['dtype']}; only integers have an integer form")
    if any((c["bitwidth"], c["dtype"]) != (first["bitwidth"], "int") for c in channels):
        raise Problem("its channels have different types")
    symmetric = str(first["is_symmetric"]).lower() == "true"
    scales, offsets = [c["scale"] for c in channels], [c["offset"] for c in channels]
    return of_offsets(name, first["bitwidth"], symmetric, scales, offsets, len(channels) > 1)


def read_1_0_0(name: str, entry: dict[str, Any]) -> Encoding:
    if entry["dtype"] != "INT":
        raise Problem(f"is {entry['dtype']}; only integers have an integer form")
    kind = entry["enc_type"]
    if kind not in ("PER_TENSOR", "PER_CHANNEL"):
        raise Problem(f"scales are {kind}; PER_TENSOR and PER_CHANNEL have an integer form")
    if any(entry.get("zero_point_shift", ())):
        raise Problem("the zero point lies between codes (zero_point_shift)")
    per_channel = kind == "PER_CHANNEL"
    return of_offsets(
        name, entry["bw"], entry["is_sym"], entry["scale"], entry["offset"], per_channel
    )


def of_offsets(
    name: str,
    bits: int,
    symmetric: bool,
    scales: Sequence[float],
    offsets: Sequence[float],
    per_channel: bool,
) -> Encoding:
    """Of codes without sign: the offset is the real of code 0, in steps.

    A symmetric grid that starts one step late is strict: it has no most negative code.
    """
    half = 1 << (check_bits(bits) - 1)
    starts = whole(offsets, "offset")
    least = int(starts.min())
    if symmetric and least in (-half, 1 - half) and (starts == least).all():
        zeros, bounds = np.zeros_like(starts), (least, half - 1)
    else:
        zeros, bounds = -starts - half, (-half, half - 1)
    return checked(Encoding(name, bits, reals(scales), zeros, bounds, per_channel))


def read_2_0_0(name: str, entry: dict[str, Any]) -> Encoding:
    if "block_size" in entry or "per_block_int_scale" in entry:
        raise Problem("scales are per block; per tensor and per channel have an integer form")
    match = re.fullmatch(r"(u?)int(\d+)", str(entry["output_dtype"]))
    if match is None:
        raise Problem(f"is {entry['output_dtype']}; only integers have an integer form")
    bits = check_bits(int(match[2]))
    half = 1 << (bits - 1)
    scales = reals(entry["y_scale"])
    given = entry.get("y_zero_point")
    zeros = np.zeros(len(scales), np.int64) if given is None else whole(given, "y_zero_point")
    zeros = zeros - (half if match[1] else 0)
    axis = entry.get("axis")
    if axis is not None and not isinstance(axis, int):
        raise Problem("the axis must be an integer")
    bounds = (-half, half - 1)
    return checked(Encoding(name, bits, scales, zeros, bounds, axis is not None, axis))


def check_bits(bits: object) -> int:
    if not isinstance(bits, int) or bits not in (*BITS, BIAS_BITS):
        raise Problem(f"has {bits} bits, expected one of {', '.join(map(str, BITS))}")
    return bits


def reals(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, np.float64).reshape(-1)


def whole(values: Any, what: str) -> NDArray[np.int64]:
    """Numbers without a fraction, as integers."""
    array = reals(values)
    if not (np.isfinite(array) & (np.abs(array) <= 2.0**32) & (array == np.rint(array))).all():
        raise Problem(f"{what} holds {array.tolist()[:3]}, expected integers")
    return array.astype(np.int64)


def checked(encoding: Encoding) -> Encoding:
    """The same, if its numbers are those of a grid."""
    scales, zeros = encoding.scales, encoding.zero_points
    if len(scales) != len(zeros) or not len(scales):
        raise Problem(f"has {len(scales)} scales and {len(zeros)} zero points")
    if len(scales) != 1 and not encoding.per_channel:
        raise Problem(f"has {len(scales)} scales for one tensor")
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise Problem("has scales that are not above 0")
    least, most = encoding.bounds
    if ((zeros < least) | (zeros > most)).any():
        raise Problem(f"zero is not among its {encoding.bits}-bit codes")
    return encoding


ENTRIES: dict[str, Callable[[Mapping[str, Any]], Iterable[tuple[str, Any]]]] = {
    "0.6.1": named_sections,
    "1.0.0": listed_sections,
    "2.0.0": listed,
}
READERS: dict[str, Callable[[str, Any], Encoding]] = {
    "0.6.1": read_0_6_1,
    "1.0.0": read_1_0_0,
    "2.0.0": read_2_0_0,
}
