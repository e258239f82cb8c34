"""What the table of cycles says of a layer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runnel.runtime.emulator.cycles import Cycles
from runnel.tools.report.cycle_table import bound

LAYER = Cycles(
    cycles=1000,
    instructions=0,
    busy=(1000, 400, 400, 400),
    wait_barrier=0,
    wait_dma=0,
    wait_npu=0,
    bytes_in=0,
    bytes_out=0,
    transfers=0,
    dma=0,
    exposed_dma=0,
    npu=0,
    npu_jobs=0,
)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (replace(LAYER, busy=(900, 800, 700, 700)), "compute"),
        # 500 on the cores behind 900 of a transfer: faster cores would only wait for longer.
        (replace(LAYER, busy=(550, 500, 500, 500), dma=900, wait_dma=450), "DMA"),
        # Transfers for the next layer all the time, for which nobody waits.
        (replace(LAYER, busy=(1000, 900, 900, 900), dma=1000), "compute"),
        # Core 0 waits for one while the NPU works.
        (replace(LAYER, busy=(100, 0, 0, 0), npu=990, dma=800, wait_dma=700, wait_npu=200), "NPU"),
        (replace(LAYER, busy=(100, 0, 0, 0), npu=700, dma=300, wait_dma=200, wait_npu=700), "NPU"),
        (replace(LAYER, busy=(100, 0, 0, 0), npu=300, dma=700, wait_dma=600, wait_npu=300), "DMA"),
        (replace(LAYER, busy=(900, 10, 10, 10), npu=100, dma=100), "core 0"),
        # Core 0 sleeps at the barrier until the slowest core is there.
        (replace(LAYER, busy=(300, 900, 300, 300), wait_barrier=600), "compute"),
    ],
)
def test_the_bound_is_what_takes_the_longest(layer: Cycles, expected: str):
    assert bound(layer) == expected
