"""quant ops as jobs of the N-EUREKA NPU on windows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import IndexType, IntegerAttr, MemRefType, NoneAttr
from xdsl.ir import Operation, SSAValue

from ..dialects import cluster, dma, npu, quant
from ..dialects.npu_chunk import Chunk
from ..dialects.npu_job import Kind, Mode
from ..dialects.platform_records import Unit
from ..dialects.tiling import shape_of
from ..passes.place.npu_model import MODEL, Layer, constants_of, mode_of
from .cluster_arguments import sizes_of
from .units import TileOperands, is_untiled


class NpuBackend:
    """One NPU; beside it the cluster, whose cores take the outputs of a strided job apart."""

    def __init__(self, unit: Unit):
        self.unit = unit
        self.near = str(unit.fact("l1"))

    def refuses(self, op: Operation) -> str | None:
        if isinstance(op, quant.Conv2DOp) and op.layout.data != "nhwc":
            return "jobs are channels-last; run channels-last first"
        reason = is_untiled(op) or MODEL.refuses(op, self.unit)
        return None if reason is None else f'unit "{self.unit.name}": {reason}'

    def granule(self, op: Operation) -> int:
        kind = _mode(op).kind
        return kind.lanes_out if kind is Kind.DEPTHWISE else 4

    def chunk_bytes(self, op: Operation, channels: int) -> int:
        return _chunk(op, channels).size

    def scratch_bytes(self, op: Operation, tile: Sequence[int]) -> int:
        mode = _mode(op)
        if mode.gaps == (1, 1):
            return 0
        rows, _ = mode.made(tile[1], 1)
        return rows * _scratch_row(op, tile[3])

    def chunks(self, op: Operation, channels: int) -> NDArray[Any]:
        assert isinstance(op, Layer)
        constants, chunk = constants_of(op), _chunk(op, channels)
        starts = range(0, len(constants.bias), channels)
        packed = [chunk.pack(constants.slice(at, at + channels)) for at in starts]
        return np.stack(packed).view(np.int8)

    def compute(self, op: Operation, tile: TileOperands) -> list[Operation]:
        assert tile.constants is not None
        before: list[Operation] = []
        after: list[Operation] = []
        target, pads, channels = tile.out, tile.pads, tile.channels
        if tile.scratch is not None:
            before, target = _spread(op, tile.out, tile.scratch, channels)
            after = [cluster.CopyOp("rn_cluster_copy_s8", [target], tile.out, {})]
        if not pads:
            zero = arith.ConstantOp(IntegerAttr(0, IndexType()))
            before.append(zero)
            pads = (zero.result, zero.result)
        chunk = _chunk(op, channels)
        layer = npu.LayerAttr.get(chunk.mode, chunk.channels_in, channels)
        job = npu.Conv2DOp(tile.ins[0], tile.constants, target, pads[0], pads[1], layer)
        made = [*before, job, npu.WaitOp(job.token), *after]
        for new in made:
            new.location = op.location
        return made


def _mode(op: Operation) -> Mode:
    assert isinstance(op, Layer)
    return mode_of(op)


def _chunk(op: Operation, channels: int) -> Chunk:
    """The layout of the constants for `channels` output channels."""
    assert isinstance(op, Layer)
    mode = mode_of(op)
    depth = channels if mode.kind is Kind.DEPTHWISE else shape_of(op.input)[-1]
    return Chunk(mode, depth, channels)


def _scratch_row(op: Operation, channels: int) -> int:
    """Bytes of a row of all outputs that a strided job makes, as wide as the whole layer."""
    return _mode(op).made(1, shape_of(op.results[0])[2])[1] * channels


def _spread(
    op: Operation, out: SSAValue, scratch: SSAValue, channels: int
) -> tuple[list[Operation], SSAValue]:
    """A window of the scratch like `out` whose rows and pixels have room between them."""
    assert isinstance(out.type, MemRefType) and isinstance(scratch.type, MemRefType)
    row = _scratch_row(op, channels)
    shape = (1, prod(scratch.type.get_shape()) // row, row // channels, channels)
    whole = MemRefType(out.type.element_type, shape, NoneAttr(), out.type.memory_space)
    view = dma.ViewOp(scratch, whole)
    offsets, sizes = [0] * 4, list(sizes_of(out))
    strides = [1, *_mode(op).gaps, 1]
    type = memref.SubviewOp.infer_result_type(whole, offsets, sizes, strides)
    window = memref.SubviewOp.get(view.result, offsets, sizes, strides, type)
    return [view, window], window.result
