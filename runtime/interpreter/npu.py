"""The NumPy meaning of the npu dialect, from the bytes of a chunk and the NPU's own arithmetic.

A job computes when it is waited for; until then its output holds `POISON`, so that a missing wait
shows. Jobs run in the order in which they were asked for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls

from ...dialects import npu
from ...dialects.diagnostics import OpError, refuse
from ...dialects.npu_chunk import Constants
from ...dialects.npu_job import Geometry, Kind, Mode, Pitch, room_problem
from .dma import POISON
from .integer import matmul, windows

Values = tuple[Any, ...]
Wide = NDArray[np.int64]


class Overflow(ValueError):
    """A number that 32 bits do not hold."""


def in_accumulator(what: str, value: Wide) -> Wide:
    """`value`, if the NPU's accumulator holds it."""
    if value.size and (value.min() < -(2**31) or value.max() >= 2**31):
        raise Overflow(f"{what} reaches [{value.min()}, {value.max()}], beyond 32 bits")
    return value


def sums(mode: Mode, weights: NDArray[Any], view: NDArray[Any]) -> Wide:
    """Products of windows [n, h, w, c, k, k] with weights [O, k, k, I] summed up: [n, h, w, O]."""
    if mode.kind is Kind.DEPTHWISE:
        taps = weights[..., 0].transpose(1, 2, 0)[None, None, None]
        products = view.transpose(0, 1, 2, 4, 5, 3).astype(np.int64) * taps
        return products.sum((3, 4))
    patches = view.transpose(0, 1, 2, 4, 5, 3).reshape(*view.shape[:3], -1)
    return matmul(patches, weights.reshape(len(weights), -1).T)


def convolve(
    mode: Mode,
    constants: Constants,
    x: NDArray[Any],
    size: tuple[int, int],
    pads: tuple[int, int],
) -> Wide:
    """The outputs [n, *size, O] made of x [n, h, w, c] with `pads` rows and columns before it."""
    kernel, steps = mode.kind.kernel, mode.steps
    behind = [
        max(0, (wanted - 1) * step + kernel - before - there)
        for wanted, step, before, there in zip(size, steps, pads, x.shape[1:3], strict=True)
    ]
    margins = [(0, 0), *zip(pads, behind, strict=True), (0, 0)]
    padded = np.pad(x, margins, constant_values=mode.padding)
    view = windows(padded, (kernel, kernel), steps)[:, : size[0], : size[1]]
    total = in_accumulator("a sum", sums(mode, constants.weights, view))
    scaled = in_accumulator("a product", total * constants.scale)
    shifted = in_accumulator("a result", scaled + constants.bias) >> constants.shift
    return shifted.clip(-128, 127) if mode.output_signed else shifted.clip(0, 255)


def as_window(array: NDArray[Any]) -> NDArray[Any]:
    """[1, h, w, c] of a window or of vectors [n, c]."""
    return array if array.ndim == 4 else array[None, None]


@dataclass(frozen=True, eq=False)
class Job:
    """A job on views of the memory."""

    op: npu.Conv2DOp
    x: NDArray[Any]
    constants: NDArray[Any]
    y: NDArray[Any]
    pads: tuple[int, int]

    def made(self) -> NDArray[Any]:
        """The outputs that the job makes: those of the window and those between them."""
        mode, y = self.op.mode, as_window(self.y)
        _, out_h, out_w, channels = y.shape
        _, row, pixel, _ = y.strides
        _, in_h, in_w, in_c = as_window(self.x).shape
        places = Pitch(0, 0), Pitch(row, pixel)
        g = Geometry(in_h, in_w, in_c, out_h, out_w, channels, *self.pads, *places)
        if (problem := room_problem(mode, g)) is not None:
            refuse(self.op, problem)
        strides = row // mode.gaps[0], pixel // mode.gaps[1], 1
        return as_strided(y, (1, *mode.made(out_h, out_w), channels), (0, *strides))

    def begin(self) -> None:
        """The output is no longer what it was."""
        self.made().view(np.uint8)[...] = POISON

    def run(self) -> None:
        """The output is there."""
        y = self.made()
        known = self.op.chunk.unpack(np.ascontiguousarray(self.constants).reshape(-1).view("u1"))
        size = y.shape[1], y.shape[2]
        y[...] = convolve(
            self.op.mode, known.slice(0, y.shape[3]), as_window(self.x), size, self.pads
        )


@dataclass
class Queue:
    """The jobs that were asked for and not waited for, the oldest first."""

    jobs: deque[Job] = field(default_factory=deque[Job])

    def push(self, job: Job) -> None:
        if not self.jobs:
            job.begin()
        self.jobs.append(job)

    def run_until(self, job: Job) -> None:
        """Run `job` and all before it."""
        while job in self.jobs:
            self.jobs.popleft().run()
            if self.jobs:
                self.jobs[0].begin()


@register_impls
class NpuFunctions(InterpreterFunctions):
    @impl(npu.Conv2DOp)
    def conv2d(self, interpreter: Interpreter, op: npu.Conv2DOp, args: Values) -> Values:
        x, constants, y, top, left = args
        job = Job(op, x, constants, y, (int(top), int(left)))
        interpreter.get_data(NpuFunctions, "queue", Queue).push(job)
        return (job,)

    @impl(npu.WaitOp)
    def wait(self, interpreter: Interpreter, op: npu.WaitOp, args: Values) -> Values:
        (job,) = args
        try:
            interpreter.get_data(NpuFunctions, "queue", Queue).run_until(job)
        except Overflow as error:
            raise OpError((job.op, str(error))) from error
        return ()
