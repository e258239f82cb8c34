"""A user's kernels, from a TOML file; they come before those of the runtime.

A drop-in kernel has the signature of the portable one, of a single core (`rn_add_s8.h`) or of a
cluster (`rn_cluster_add_s8.h`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.utils.exceptions import VerifyException

from ..dialects.cortexm import PackingAttr
from ..dialects.diagnostics import RunnelError
from ..dialects.platform import KERNELS
from .kernels import Kernel
from .kernels_portable import PORTABLE


def read_kernels(path: Path) -> tuple[Kernel, ...]:
    """A user's kernels from TOML: `[[kernels]]` with op, symbol, header, and optionally unit, isa,
    packing = {rows, cols, segments, order, flip, column_first} and scratch (bytes; of a cluster's
    kernel per core).

    Raises `RunnelError` with all that is wrong.
    """
    try:
        entries = tomllib.loads(path.read_text())["kernels"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise RunnelError(f"{path}: not a kernel table: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RunnelError(f"{path}: not a kernel table: expected [[kernels]]")
    kernels: list[Kernel] = []
    problems: list[str] = []
    for index, entry in enumerate(cast("list[dict[str, Any]]", entries)):
        found = problems_of(entry, path.parent)
        problems += [f"{path}: kernels[{index}]{problem}" for problem in found]
        if not found:
            kernels.append(user_kernel(entry, path.parent))
    if problems:
        raise RunnelError(*problems)
    return tuple(kernels)


def problems_of(entry: Mapping[str, Any], folder: Path) -> list[str]:
    """What is wrong with an entry of a user's table; each text starts with the field."""
    problems = [f": missing {key}" for key in ("op", "symbol", "header") if key not in entry]
    for key, value in entry.items():
        if key not in FIELDS:
            problems.append(f": unknown key {key}")
        elif type(value) is not FIELDS[key]:
            problems.append(f".{key}: expected {FIELDS[key].__name__}, got {value!r}")
        elif (reason := field_problem(key, value, folder)) is not None:
            problems.append(f".{key}: {reason}")
    return problems


FIELDS: dict[str, type] = {
    "op": str, "symbol": str, "header": str, "unit": str, "isa": list, "packing": dict,
    "scratch": int,
}  # fmt: skip
"""What an entry of a user's table holds."""


UNITS: tuple[str, ...] = ("cpu", "cluster")
"""The kinds of units that take kernels of a user."""


def field_problem(key: str, value: Any, folder: Path) -> str | None:
    """What is wrong with one field of the right type."""
    known = sorted({kernel.op for kernel in PORTABLE})
    match key:
        case "op" if value not in known:
            return f"unknown op {value}, one of {', '.join(known)}"
        case "unit" if value not in UNITS:
            return f"unknown unit {value}, one of {', '.join(UNITS)}"
        case "symbol" if not re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", value):
            return f"'{value}' is no C identifier"
        case "header" if not (folder / value).is_file():
            return f"no file {folder / value}"
        case "isa" if not all(isinstance(feature, str) for feature in value):
            return f"expected names of features, got {value}"
        case "scratch" if value < 0:
            return f"a size is at least 0, not {value}"
        case "packing":
            try:
                PackingAttr.get(**value)
            except (TypeError, ValueError, VerifyException) as error:
                return str(error)
    return None


def user_kernel(entry: Mapping[str, Any], folder: Path) -> Kernel:
    """The kernel of an entry that has no problems."""
    packing, size = PackingAttr.get(**entry.get("packing", {})), entry.get("scratch", 0)
    return Kernel(
        entry["op"],
        entry["symbol"],
        frozenset(entry.get("isa", ())),
        packing=lambda _: packing,
        scratch=lambda _: size,
        header=(folder / entry["header"]).resolve(),
        unit=entry.get("unit", "cpu"),
    )


def own_kernels(module: ModuleOp, unit: str) -> tuple[Kernel, ...]:
    """The kernels of the user's table that a module names, for one kind of unit."""
    table = module.attributes.get(KERNELS)
    if not isinstance(table, StringAttr):
        return ()
    return tuple(kernel for kernel in read_kernels(Path(table.data)) if kernel.unit == unit)
