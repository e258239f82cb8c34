"""The kernel table: which C kernel runs an op on a unit, in which order it reads the weights.

The first entry whose `isa` the unit has and whose `refuses` finds nothing is taken. A user's
entries (a TOML file) come first: a drop-in kernel has the signature of the portable one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dialects.cortexm import PackingAttr, Window
from ..dialects.diagnostics import RunnelError
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


def rounds_elsewhere(problem: Problem, greatest: int) -> str | None:
    """The fast kernels round in the high word of the product: half up, shifts 33 to `greatest`."""
    requant = problem.requant
    if requant is None:
        return None
    if requant.rounding.data != "single":
        return f"rounds half up only, not {requant.rounding.data}"
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

    @property
    def include(self) -> str:
        return f"{self.symbol}.h" if self.header is None else self.header.name


PORTABLE = (
    Kernel("conv2d", "rn_conv2d_s8"),
    Kernel("depthwise_conv2d", "rn_depthwise_conv2d_s8"),
    Kernel("fully_connected", "rn_fully_connected_s8"),
    Kernel("add", "rn_add_s8"),
    Kernel("avg_pool2d", "rn_avg_pool2d_s8"),
    Kernel("max_pool2d", "rn_max_pool2d_s8"),
    Kernel("table", "rn_table_s8"),
    Kernel("softmax", "rn_softmax_s8"),
    Kernel("quantize", "rn_quantize_f32_s8"),
    Kernel("dequantize", "rn_dequantize_s8_f32"),
    Kernel("transpose", "rn_transpose"),
)
"""The kernels in plain C99: they run everything, everywhere."""


def all_kernels() -> tuple[Kernel, ...]:
    """The runtime's kernels, the most specific flavours first."""
    from .kernels_dsp import DSP
    from .kernels_mve import MVE

    return (*MVE, *DSP, *PORTABLE)


def choose_kernel(
    problem: Problem, isa: frozenset[str], kernels: Sequence[Kernel]
) -> tuple[Kernel, list[str]]:
    """The kernel for `problem`, and why each faster one that the unit has was passed over."""
    missed: list[str] = []
    for kernel in kernels:
        if kernel.op != problem.op or not kernel.isa <= isa:
            continue
        reason = kernel.refuses(problem)
        if reason is None:
            return kernel, missed
        missed.append(f"{kernel.symbol}: {reason}")
    raise RunnelError(f"no kernel runs {problem.op} here: {'; '.join(missed) or 'none is known'}")


def read_kernels(path: Path) -> tuple[Kernel, ...]:
    """A user's kernels from TOML: `[[kernels]]` with op, symbol, header, and optionally isa,
    packing = {rows, cols, segments, order} and scratch (bytes).
    """
    try:
        entries = tomllib.loads(path.read_text())["kernels"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise RunnelError(f"{path}: not a kernel table: {error}") from error
    problems: list[str] = []
    known = {kernel.op for kernel in PORTABLE}
    kernels: list[Kernel] = []
    for index, entry in enumerate(entries):
        where = f"{path}: kernels[{index}]"
        missing = [key for key in ("op", "symbol", "header") if key not in entry]
        unknown = set(entry) - {"op", "symbol", "header", "isa", "packing", "scratch"}
        problems += [f"{where}: missing {key}" for key in missing]
        problems += [f"{where}: unknown key {key}" for key in sorted(unknown)]
        if missing or unknown:
            continue
        if entry["op"] not in known:
            problems.append(f"{where}.op: unknown op {entry['op']}, one of {sorted(known)}")
            continue
        header = (path.parent / entry["header"]).resolve()
        if not header.is_file():
            problems.append(f"{where}.header: no file {header}")
        packing = PackingAttr.get(**entry.get("packing", {}))
        size = int(entry.get("scratch", 0))
        kernels.append(
            Kernel(
                entry["op"],
                entry["symbol"],
                frozenset(entry.get("isa", ())),
                packing=lambda _, packing=packing: packing,
                scratch=lambda _, size=size: size,
                header=header,
            )
        )
    if problems:
        raise RunnelError(*problems)
    return tuple(kernels)
