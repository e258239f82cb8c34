"""AIMET encodings: the quantizers of tensors by name, in JSON of version 0.6.1, 1.0.0 or 2.0.0.

0.6.1 and 1.0.0 count codes without sign and add an `offset`: real = scale * (code + offset); 2.0.0
has zero points as ONNX has them. Here codes are signed: real = scale * (code - zero point).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dialects.diagnostics import RunnelError
from .scheme import BITS

VERSIONS = ("0.6.1", "1.0.0", "2.0.0")
BIAS_BITS = 32
STORED = 128
"""The most negative code of weights, negated."""


@dataclass(frozen=True)
class BlockSteps:
    """The integers [channels, blocks] that the scale of a channel is multiplied by in its blocks of
    `size` inputs (AIMET's LPBQ).
    """

    size: int
    steps: NDArray[np.int64]
    axis: int | None = None
    """Of the blocks, where it is known."""
    rank: int = 2
    """Of the weight, where that is."""


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
    blocks: BlockSteps | None = None

    @property
    def symmetric(self) -> bool:
        return not self.zero_points.any()

    @property
    def of_channels(self) -> Encoding:
        """The finer grid, of 8 bits, that the codes of blocks lie on when they are multiplied."""
        if self.blocks is None:
            return self
        return replace(self, bits=8, bounds=(-STORED, STORED - 1), blocks=None)


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
        except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as error:
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
    if kind not in ("PER_TENSOR", "PER_CHANNEL", "LPBQ"):
        raise Problem(f"scales are {kind}; PER_TENSOR, PER_CHANNEL and LPBQ have an integer form")
    if any(entry.get("zero_point_shift", ())):
        raise Problem("the zero point lies between codes (zero_point_shift)")
    if kind == "LPBQ":
        return lpbq_1_0_0(name, entry)
    per_channel = kind == "PER_CHANNEL"
    return of_offsets(
        name, entry["bw"], entry["is_sym"], entry["scale"], entry["offset"], per_channel
    )


def lpbq_1_0_0(name: str, entry: dict[str, Any]) -> Encoding:
    """Blocks channel by channel; offsets are those of codes times their integers, of `bw` bits."""
    scales = reals(entry["scale"])
    if not entry["is_sym"] or (whole(entry["offset"], "offset") != -(1 << entry["bw"] - 1)).any():
        raise Problem("has scales per block and is not symmetric; expected zero points of 0")
    steps = whole(entry["per_block_int_scale"], "per_block_int_scale")
    if len(steps) % len(scales):
        raise Problem(f"has {len(steps)} blocks in {len(scales)} channels")
    blocks = BlockSteps(entry["block_size"], steps.reshape(len(scales), -1))
    return of_blocks(name, entry["compressed_bw"], scales, blocks)


def of_blocks(
    name: str, bits: int, scales: NDArray[np.float64], blocks: BlockSteps, axis: int | None = None
) -> Encoding:
    """Of symmetric codes of `bits` bits whose products with the integers of blocks have 8."""
    half = 1 << (check_bits(bits) - 1)
    steps = blocks.steps
    if not steps.size:
        raise Problem("has no blocks")
    if steps.min() < 1 or steps.max() * half > STORED:
        raise Problem(
            f"scales of blocks are {steps.min()} to {steps.max()} times those of channels; "
            f"{bits}-bit codes have an integer form with 1 to {STORED // half}"
        )
    if not isinstance(blocks.size, int) or blocks.size < 1:
        raise Problem(f"a block has {blocks.size} inputs, expected at least 1")
    zeros = np.zeros(len(scales), np.int64)
    return checked(Encoding(name, bits, scales, zeros, (-half, half - 1), True, axis, blocks))


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
    match = re.fullmatch(r"(u?)int(\d+)", str(entry["output_dtype"]))
    if match is None:
        raise Problem(f"is {entry['output_dtype']}; only integers have an integer form")
    bits = check_bits(int(match[2]))
    if "block_size" in entry:
        return blocks_2_0_0(name, entry, bits)
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


def blocks_2_0_0(name: str, entry: dict[str, Any], bits: int) -> Encoding:
    """Scales have as many axes as the weight: those of channels lie along theirs, the integers of
    blocks along that and the axis of the blocks.
    """
    if "per_block_int_scale" not in entry:
        raise Problem(
            "scales are per block; those that are integers times the scale of a channel "
            "(per_block_int_scale) have an integer form"
        )
    if entry["output_dtype"] != f"int{bits}" or np.any(entry.get("y_zero_point", 0)):
        raise Problem("has scales per block and is not symmetric; expected zero points of 0")
    along = np.asarray(entry["per_block_int_scale"])
    scales = np.asarray(entry["per_channel_float_scale"], np.float64)
    axis = entry["axis"] % max(along.ndim, 1)
    others = [a for a in range(along.ndim) if a != axis and along.shape[a] != 1]
    channel = others[0] if others else int(axis == 0)
    if len(others) > 1 or scales.size != along.shape[channel]:
        raise Problem(
            f"has scales of {list(scales.shape)} channels and {list(along.shape)} blocks; expected "
            "channels along one axis, and blocks along one more"
        )
    steps = whole(np.moveaxis(along, channel, 0), "per_block_int_scale")
    blocks = BlockSteps(entry["block_size"], steps.reshape(scales.size, -1), axis, along.ndim)
    return of_blocks(name, bits, scales.reshape(-1), blocks, channel)


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
