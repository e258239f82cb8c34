"""What a tile costs in modelled cycles: computing it, and moving its windows.

A cluster computes at the linear costs of its platform (`[[units.costs]]`, for all cores together),
times the imbalance of the partition: cores share blocks of outputs, and the slowest one counts. An
NPU takes what its unit model says. A transfer takes the engine's `start_cycles`, a cycle for each
row, and its bytes at `bytes_per_cycle`; core 0 also spends `PROGRAM_CYCLES` on it. Costs of the
platform are calibrated on the emulator: bench/cluster_kernels.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from ...dialects.diagnostics import RunnelError, refuse
from ...dialects.platform import PlatformAttr
from ...dialects.platform_records import Cost, Dma, Unit
from ...dialects.tiling import shape_of, tiling_of
from ...dialects.unit_model import UnitModel, unit_model
from ...lowering.chain_windows import ChainWindows
from ...lowering.tile_buffers import item_size

FloatArray = NDArray[np.float64]

PROGRAM_CYCLES = 24
"""What core 0 spends on starting one transfer."""
ROUND_CYCLES = 60
"""A round beside its kernels: barrier, waits, and the arithmetic of windows."""
GROUP_CYCLES = 80
"""A group beside its rounds."""

SOFTWARE = (
    Cost("quant.add", per_element=8.0),
    Cost("quant.table", per_element=6.0),
    Cost("quant.max_pool2d", per_element=6.0, per_mac=4.0),
    Cost("quant.unfold", start=300.0, per_element=5.1),
    Cost("*", per_element=12.0, per_mac=3.0),
)
"""Cycles of one core without a special instruction: for a platform that states no costs."""


def cost_name(op: Operation) -> str:
    """By what name `[[units.costs]]` knows an op: that of the op, but depthwise convolutions have
    one of their own.
    """
    return "quant.depthwise_conv2d" if getattr(op, "depthwise", False) else op.name


@dataclass(frozen=True)
class Work:
    """How the costs of an op grow on its unit."""

    start: float
    per_element: float
    """With all the products of the element."""
    per_column: float
    pixels: int
    channels: int
    """The block of outputs that cores do not divide."""
    cores: int

    def cycles(self, extents: Sequence[NDArray[np.int64]]) -> FloatArray:
        """Cycles of tiles with these extents, channels last."""
        channels = -(-extents[-1] // self.channels)
        pixels = -(-_product(extents[:-1]) // self.pixels)
        rounds = _share(pixels, channels, self.cores)
        each = self.per_element * self.pixels * self.channels * self.cores
        columns = _product(extents[-2:]) if len(extents) == 4 else 0
        return np.asarray(self.start + each * rounds + self.per_column * columns, np.float64)


def _product(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    result = np.ones((), np.int64)
    for array in arrays:
        result = result * array
    return result


def _share(a: NDArray[np.int64], b: NDArray[np.int64], cores: int) -> NDArray[np.int64]:
    """Blocks of the slowest core where `cores` share a x b blocks in the best of their grids."""
    grids = [(cores // q, q) for q in range(1, cores + 1) if cores % q == 0]
    return np.min(
        [np.broadcast_arrays(-(-a // p) * -(-b // q), a + b)[0] for p, q in grids], axis=0
    )


@dataclass(frozen=True)
class Jobs:
    """Tiles of an op as jobs of an NPU: one after the other, as its unit model has them."""

    op: Operation
    unit: Unit
    model: UnitModel

    @staticmethod
    def of(op: Operation, unit: Unit) -> Jobs:
        model = unit_model(unit)
        if model is None:
            refuse(
                op,
                f'unit "{unit.name}" has no model that says what this costs; name one in `model` '
                "of the platform",
            )
        return Jobs(op, unit, model)

    def cycles(self, extents: Sequence[NDArray[np.int64]]) -> FloatArray:
        """Cycles of tiles with these extents, channels last."""
        return self.model.tile_cost(self.op, self.unit, extents)


def work_of(op: Operation, unit: Unit) -> Work | Jobs:
    """The costs of `op` on a unit."""
    tiling = tiling_of(op)
    assert tiling is not None
    if unit.kind == "npu":
        return Jobs.of(op, unit)
    return shared_work(cost_name(op), tiling.reduced(op), tiling.macs(op) > 0, unit)


def shared_work(name: str, reduced: int, multiplies: bool, unit: Unit) -> Work:
    """The costs on all cores of `unit` of an op that `[[units.costs]]` knows as `name`, and which
    sums up `reduced` products (or reads) for an element.
    """
    row, cores = unit.cost_row(name), 1
    if row is None:
        row, cores = next(row for row in SOFTWARE if row.op in (name, "*")), unit.cores
    each = (row.per_element + row.per_mac * reduced) / cores
    pixels, channels = (2, 4) if name == "quant.conv2d" else (1, 4) if multiplies else (1, 1)
    return Work(row.start, each, row.per_column, pixels, channels, unit.cores)


@dataclass(frozen=True)
class Traffic:
    """What moving windows takes, per tile."""

    cycles: FloatArray
    bytes: NDArray[np.int64]
    starts: NDArray[np.int64]
    """Transfers that core 0 programs."""


@dataclass(frozen=True)
class Machine:
    """One unit, and the engines that bring activations and constants to its near memory."""

    unit: Unit
    dma: Dma
    constants: Dma
    far: Mapping[Operation, Dma] = field(default_factory=dict[Operation, Dma])
    """The engines for the constants of ops that lie elsewhere."""

    @staticmethod
    def of(
        platform: PlatformAttr, unit: Unit, near: str, far: Mapping[Operation, Dma] | None = None
    ) -> Machine:
        """The unit on its platform; activations live in the board's `data` memory, constants where
        the code is, but for those of the ops in `far`.
        """
        board = platform.board
        data, code = _engine(platform, board.data, near), _engine(platform, board.code, near)
        return Machine(unit, data, code, far or {})

    def window(self, value: SSAValue, windows: ChainWindows) -> Traffic:
        """Copying the windows of a channels-last tensor."""
        extents = windows.extents(value)
        run: Any = np.int64(item_size(value))
        rows: Any = np.int64(1)
        pieces: Any = np.int64(1)
        strides: Any = np.int64(0)
        contiguous: Any = np.bool_(True)
        filled: Any = np.bool_(True)
        for extent, size in zip(reversed(extents), reversed(shape_of(value)), strict=True):
            # Behind a dimension that is filled rows go on at the same stride.
            strides = strides + (~contiguous & ~filled & (extent > 1))
            pieces = pieces * np.where(strides > self.dma.dimensions - 1, extent, 1)
            rows = np.where(contiguous, rows, rows * extent)
            run = np.where(contiguous, run * extent, run)
            filled = extent == size
            contiguous = contiguous & filled
        rows, run = np.broadcast_arrays(rows, run)
        return _traffic(self.dma, rows * run, rows, pieces)

    def chunk(self, op: Operation, size: int) -> Traffic:
        """Copying `size` bytes of the constants of `op`."""
        engine = self.far.get(op, self.constants)
        return _traffic(engine, np.int64(size), np.int64(1), np.int64(1))


def _engine(platform: PlatformAttr, far: str, near: str) -> Dma:
    dma = platform.dma_between(far, near)
    if dma is None:
        raise RunnelError(
            f'platform {platform.label}: no dma joins "{far}" and "{near}"; name one in [[dma]]'
        )
    return dma


def _traffic(dma: Dma, size: Any, rows: Any, pieces: Any) -> Traffic:
    """`pieces` transfers that copy `rows` of `size` bytes in all."""
    starts = pieces if dma.max_bytes is None else np.maximum(pieces, -(-size // dma.max_bytes))
    cycles = starts * dma.start_cycles + rows + size / dma.bytes_per_cycle
    return Traffic(cycles, np.asarray(size), np.asarray(starts))
