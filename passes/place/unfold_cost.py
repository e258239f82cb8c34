"""What a convolution takes as it is, and what over unfolded windows, in modelled cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import BlockArgument, SSAValue

from ...dialects import graph, quant
from ...dialects.npu_job import Kind, Mode, job_cycles
from ...dialects.platform import platform_of
from ...dialects.platform_records import Unit
from ...dialects.tiling import shape_of
from ...lowering.cluster_unit import ClusterBackend
from ...lowering.unit_backends import backend_of
from ..memory.limits import space_for_buffers
from ..tile.costs import GROUP_CYCLES, ROUND_CYCLES, Machine, shared_work, work_of
from .npu_model import shape_refusal, type_refusal, weight_bits

WORD = 4
"""Windows are whole words: what kernels read at a time."""


@dataclass(frozen=True)
class UnfoldCost:
    """The units of a platform that an unfolded convolution can run on."""

    cluster: Unit
    backend: ClusterBackend
    machine: Machine
    npu: Unit | None
    space: float
    """Bytes of the near memory."""

    @staticmethod
    def of(module: ModuleOp) -> UnfoldCost | None:
        """None without a cluster."""
        platform = platform_of(module)
        cluster = platform.cluster
        if cluster is None:
            return None
        backend = backend_of(module, cluster.name)
        assert isinstance(backend, ClusterBackend)
        space = space_for_buffers(module, backend.near)
        return UnfoldCost(
            cluster,
            backend,
            Machine.of(platform, cluster, backend.near),
            next((unit for unit in platform.units if unit.kind == "npu"), None),
            float("inf") if space is None else space.bytes,
        )

    def runs_unfolded(self, op: quant.Conv2DOp) -> bool:
        """Whether unfolding could be of use: the NPU has no job for the op, but the cores have a
        kernel, and the windows fit the near memory beside what they come from and go to: written
        to the far memory they would move more than they save.
        """
        if self.backend.refuses(op) is not None:
            return False
        if self.npu is not None and shape_refusal(op, self.npu) is None:
            return False
        sizes = (shape_of(op.input), shape_of(op.result), windows_shape(op))
        constants = self.backend.chunk_bytes(op, shape_of(op.result)[-1])
        return sum(map(prod, sizes)) + constants <= self.space

    def before(self, op: quant.Conv2DOp) -> float:
        """The op on the cores. The constants of the first op come while nothing else goes on."""
        gathering = self.backend.gather_cycles(op) * prod(shape_of(op.result)[:3])
        return self._first_wait(op) + self._conv(op) + gathering / self.cluster.cores

    def after(self, op: quant.Conv2DOp) -> float:
        """Unfolding on the cores, while constants come, and the faster unit for the rest."""
        unfold = self._shared("quant.unfold", 1, windows_shape(op), multiplies=False)
        rest = self._shared("quant.conv2d", windows_shape(op)[-1], shape_of(op.result))
        if self.npu is not None and type_refusal(op, self.npu) is None:
            rest = min(rest, self._job(op, self.npu))
        begin = max(unfold, self._first_wait(op))
        return begin + rest + ROUND_CYCLES + GROUP_CYCLES

    def _first_wait(self, op: quant.Conv2DOp) -> float:
        if not is_first(op.input):
            return 0.0
        size = self.backend.chunk_bytes(op, shape_of(op.result)[-1])
        return float(self.machine.chunk(op, size).cycles)

    def _conv(self, op: quant.Conv2DOp) -> float:
        return float(work_of(op, self.cluster).cycles(extents(shape_of(op.result))))

    def _shared(
        self, name: str, reduced: int, shape: Sequence[int], *, multiplies: bool = True
    ) -> float:
        return float(shared_work(name, reduced, multiplies, self.cluster).cycles(extents(shape)))

    def _job(self, op: quant.Conv2DOp, npu: Unit) -> float:
        _, height, width, channels = shape_of(op.result)
        bits = weight_bits(op)
        assert bits is not None
        mode = Mode(Kind.POINTWISE, weight_bits=bits)
        job = job_cycles(mode, windows_shape(op)[-1], height, width, channels)
        return float(job) + float(npu.fact("job_cycles"))


def windows_shape(op: quant.Conv2DOp) -> tuple[int, ...]:
    """The shape of the unfolded windows of `op`, channels last."""
    depth = prod(shape_of(op.weight)[1:])
    return (*shape_of(op.result)[:3], -(-depth // WORD) * WORD)


def is_first(value: SSAValue) -> bool:
    """Whether an input of the network is read as it comes: nothing runs before."""
    while isinstance(value.owner, graph.ReshapeOp):
        value = value.owner.input
    return isinstance(value, BlockArgument)


def extents(shape: Sequence[int]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """One tile: all of a tensor."""
    return [np.asarray(size, np.int64) for size in shape]
