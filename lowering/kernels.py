"""What a C kernel is: which problems it runs on which unit, in which order it reads the weights.

The first entry of a table whose `isa` the unit has and whose `refuses` finds nothing is taken.
"""

from __future__ import annotations

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


def nothing(_: Problem) -> int:
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
    scratch: Callable[[Problem], int] = nothing
    """Bytes."""
    gather: Callable[[Problem], int] = nothing
    """Cycles of a core for each pixel before its products: gathering its window."""
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
