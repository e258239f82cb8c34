"""The kernel table: which C kernel runs an op on a unit, in which order it reads the weights.

The first entry whose `isa` the unit has and whose `refuses` finds nothing is taken. A user's
entries (a TOML file) come first: a drop-in kernel has the signature of the portable one, of a
single core (`rn_add_s8.h`) or of a cluster (`rn_cluster_add_s8.h`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.utils.exceptions import VerifyException

from ..dialects.cortexm import PackingAttr, Window
from ..dialects.diagnostics import RunnelError
from ..dialects.platform import KERNELS
from ..dialects.quant_types import RequantAttr


@dataclass(frozen=True)
class Problem:
    """The facts about one op that choose its kernel."""

    op: str
    """The name of the op without its dialect, e.g. `conv2d`."""
    window: Window | None = None
    groups: int = 1
    rows: int = 0
    """Rows, depth and outputs of a matrix product."""
    depth: int = 0
    outputs: int = 0
    requant: RequantAttr | None = None
    """In its high-word form; `acc_shift` is by what accumulators are shifted up before."""
    acc_shift: int = 0
    types: str = "s8"
    """`s8` where all quantized tensors have 8 bits; else the types of all, as `s8_s16`."""
    weight_bits: int = 8
    """Those that hold every weight: 4 or 8."""

    @property
    def shape(self) -> Window:
        """The window of a convolution or pooling."""
        assert self.window is not None
        return self.window


def row_major(_: Problem) -> PackingAttr:
    return PackingAttr.get()


def no_scratch(_: Problem) -> int:
    return 0


def takes_all(_: Problem) -> str | None:
    return None


def rounds_elsewhere(
    problem: Problem, greatest: int, roundings: Sequence[str] = ("single",)
) -> str | None:
    """The fast kernels round in the high word of the product, most of them half up only: shifts 33
    to `greatest`.
    """
    requant = problem.requant
    if requant is None:
        return None
    if requant.rounding.data not in roundings:
        return f"rounds {' or '.join(roundings)} only, not {requant.rounding.data}"
    least, most = int(requant.shift_array().min()), int(requant.shift_array().max())
    if least < 33 or most > greatest:
        return f"takes shifts from 33 to {greatest}, not {least} to {most}"
    return None


@dataclass(frozen=True)
class Kernel:
    """One C kernel: a symbol, declared in the header of the same name unless `header` says else."""

    op: str
    symbol: str
    isa: frozenset[str] = frozenset()
    packing: Callable[[Problem], PackingAttr] = row_major
    scratch: Callable[[Problem], int] = no_scratch
    """Bytes."""
    refuses: Callable[[Problem], str | None] = takes_all
    """Why the kernel cannot run the problem, or None."""
    header: Path | None = None
    """A user's own header; None for the kernels of the runtime."""
    types: str = "s8"
    """Of the tensors that it takes, as in a `Problem`."""
    file: str = ""
    """The runtime's header, where that is not named after the symbol."""
    unit: str = "cpu"
    """The kind of unit that calls it: by one core (`cpu`), or by all of a `cluster`."""
    weight_bits: int = 8
    """Of the weights as they are stored; narrower ones fit."""
    work: float = 0.0
    """Instructions per product (per element of the result where there is none): what
    `runnel analyze` counts on large layers, for comparing; 0 where nobody has measured.
    """

    @property
    def include(self) -> str:
        if self.header is not None:
            return self.header.name
        return self.file or f"{self.symbol}.h"


PORTABLE = (
    Kernel("conv2d", "rn_conv2d_s8", work=5.8),
    Kernel("depthwise_conv2d", "rn_depthwise_conv2d_s8", work=20.0),
    Kernel("fully_connected", "rn_fully_connected_s8", work=5.1),
    Kernel("add", "rn_add_s8"),
    Kernel("mul", "rn_mul_s8"),
    Kernel("avg_pool2d", "rn_avg_pool2d_s8"),
    Kernel("max_pool2d", "rn_max_pool2d_s8"),
    Kernel("table", "rn_table_s8"),
    Kernel("softmax", "rn_softmax_s8", work=28.0),
    Kernel("quantize", "rn_quantize_f32_s8"),
    Kernel("dequantize", "rn_dequantize_s8_f32"),
    Kernel("transpose", "rn_transpose"),
    Kernel("copy", "rn_copy_box"),
    Kernel("pad", "rn_pad_box", file="rn_copy_box.h"),
)
"""The kernels in plain C99: they run everything, everywhere."""


def all_kernels() -> tuple[Kernel, ...]:
    """The runtime's kernels, the most specific flavours first."""
    from .kernels_dsp import DSP
    from .kernels_dsp_s16 import DSP_S16
    from .kernels_mve import MVE
    from .kernels_mve_s16 import MVE_S16
    from .kernels_rv32 import RV32
    from .kernels_rvv import RVV
    from .kernels_s16 import S16
    from .kernels_w4 import W4
    from .kernels_xpulp import XPULP

    return (*MVE, *MVE_S16, *DSP, *DSP_S16, *RVV, *XPULP, *RV32, *W4, *PORTABLE, *S16)


def choose_kernel(
    problem: Problem, isa: frozenset[str], kernels: Sequence[Kernel]
) -> tuple[Kernel, list[str]]:
    """The kernel for `problem`, and why each faster one that the unit has was passed over."""
    missed: list[str] = []
    for kernel in kernels:
        alike = kernel.op == problem.op and kernel.types == problem.types
        if not alike or not kernel.isa <= isa or kernel.weight_bits < problem.weight_bits:
            continue
        reason = kernel.refuses(problem)
        if reason is None:
            return kernel, missed
        missed.append(f"{kernel.symbol}: {reason}")
    reasons = "; ".join(missed) or "none is known"
    raise RunnelError(f"no kernel runs {problem.op} of {problem.types} here: {reasons}")


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
