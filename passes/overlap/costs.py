"""Modelled cycles of ops on buffers, by the costs that the tiling search knows too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...dialects import cluster, dma, graph, npu
from ...dialects.diagnostics import RunnelError
from ...dialects.npu_job import Kind, job_cycles
from ...dialects.platform import PlatformAttr
from ...dialects.platform_records import Unit
from ...dialects.types import byte_size, memref_type
from ..tile.costs import ROUND_CYCLES, shared_work
from .bands import ROWS, Band

COPY = "cluster.copy"
"""By what name `[[units.costs]]` knows a copy within the near memory; without a row of its own it
takes what a table takes.
"""


@dataclass(frozen=True)
class Costs:
    """The units of a platform that work side by side; there may be no NPU."""

    platform: PlatformAttr
    cluster: Unit
    npu: Unit | None

    @staticmethod
    def of(platform: PlatformAttr) -> Costs | None:
        """None where there is no cluster."""
        if platform.cluster is None:
            return None
        jobs = next((unit for unit in platform.units if unit.kind == "npu"), None)
        return Costs(platform, platform.cluster, jobs)

    @property
    def launch(self) -> float:
        """What core 0 spends on asking for a job."""
        assert self.npu is not None
        return float(self.npu.fact("job_cycles"))

    def job(self, op: npu.Conv2DOp, band: Band | None) -> float:
        """From the start of a job, or of a band of it, to its end."""
        height, width, channels = npu.window_shape(op.output)
        if band is not None:
            assert band.axis == ROWS
            height = band.stop - band.first
        depthwise = op.mode.kind is Kind.DEPTHWISE
        depth = channels if depthwise else op.layer.channels_in.data
        return float(job_cycles(op.mode, depth, height, width, channels))

    def kernel(self, op: cluster.KernelOp, band: Band | None) -> float:
        """A kernel on all cores, or a band of it, with the barrier behind it."""
        shape = list(memref_type(op.outs[0]).get_shape())
        if band is not None:
            shape[band.axis] = band.stop - band.first
        name, reduced = _work(op)
        if name == COPY and self.cluster.cost_row(COPY) is None:
            name = "quant.table"
        work = shared_work(
            name, reduced, isinstance(op, cluster.ProductOp | cluster.MatmulOp), self.cluster
        )
        return float(work.cycles([np.asarray(n, np.int64) for n in shape])) + ROUND_CYCLES

    def transfer(self, op: dma.StartOp) -> float:
        """The engine's time for a copy; its rows are not counted."""
        source, target = memref_type(op.source), memref_type(op.target)
        far, near = str(source.memory_space), str(target.memory_space)
        engine = self.platform.dma_between(far.strip('"'), near.strip('"'))
        if engine is None:
            raise RunnelError(f"platform {self.platform.label}: no dma joins {far} and {near}")
        return engine.start_cycles + byte_size(source) / engine.bytes_per_cycle


def _work(op: cluster.KernelOp) -> tuple[str, int]:
    """The name in `[[units.costs]]`, and the products or reads of an element."""
    name = "quant." + op.name.partition(".")[2]
    match op:
        case cluster.Conv2DOp():
            return ("quant.depthwise_conv2d" if op.depthwise else name), op.chunk.depth.data
        case cluster.ProductOp():
            return name, op.chunk.depth.data
        case cluster.UnfoldOp():
            return name, 1
        case cluster.WindowOp():
            height, width, *_ = op.window.get_values()
            return name, height * width
        case cluster.MatmulOp():
            return name, memref_type(op.ins[0]).get_shape()[-1]
        case cluster.CopyOp():
            return COPY, 1
        case cluster.TransposeOp():
            return graph.TransposeOp.name, 1
        case _:
            return name, 1
