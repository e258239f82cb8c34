"""What is emulated, from a platform description.

The clusters' unit says with its facts what the hardware has; a fact that is not there has the value
below, which the reference programs gave. Times are in cycles of the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects.diagnostics import RunnelError
from ...dialects.platform import Dma, Memory, PlatformAttr


@dataclass(frozen=True)
class Region:
    """A memory; latencies are cycles on top of the one that a load or store takes."""

    name: str
    address: int
    size: int
    core_latency: int
    controller_latency: int
    is_l1: bool


@dataclass(frozen=True)
class FreeRange:
    """Bytes that nobody needs after `layer` (the mark at its end); `poison` destroys them there."""

    layer: int
    address: int
    size: int


@dataclass(frozen=True)
class Machine:
    """All numbers of the model, in the order and with the names of `soc_config` in soc.h first."""

    cores: int = 8
    controller_id: int = 0x3E0
    base: int = 0x1000_0000
    has_npu: int = 0
    contention: int = 1
    poison: int = 0
    icache_model: int = 1
    banks: int = 16
    barrier_cycles: int = 2
    device_cycles: int = 0
    wake_cycles: int = 2
    icache_bytes: int = 4096
    icache_ways: int = 8
    icache_line: int = 16
    icache_refill: int = 5
    uncached_fetch: int = 15
    dma_start_in: int = 8
    dma_start_out: int = 14
    dma_bytes_per_cycle: int = 8
    dma_row_cycles: int = 1
    dma_max_bytes: int = 0x1_0000
    quantum: int = 20_000
    trace_limit: int = 2_000_000
    memories: tuple[Region, ...] = ()
    free: tuple[FreeRange, ...] = ()


FACTS = (
    *("controller_id", "base", "banks", "barrier_cycles", "device_cycles", "wake_cycles"),
    *("icache_bytes", "icache_ways", "icache_line", "icache_refill", "uncached_fetch"),
)
"""Facts of the cluster that the machine takes as they are."""


def machine_of(platform: PlatformAttr, *, poison: bool = False, contention: bool = True) -> Machine:
    """The machine of a platform with one cluster; raises `RunnelError` if it has none."""
    cluster = platform.cluster
    if cluster is None:
        raise RunnelError(
            f"platform {platform.label}: the emulator runs clusters, and there is no unit of kind "
            '"cluster"'
        )
    facts = {key: value for key in FACTS if (value := cluster.find_fact(key)) is not None}
    banks = facts.get("banks", Machine.banks)
    if banks not in (1, 2, 4, 8, 16, 32, 64):
        raise RunnelError(
            f"platform {platform.label}: the L1 has {banks} banks; the emulator takes a power of "
            "two up to 64"
        )
    home = platform.cluster_memory or platform.memories[0]
    npu = any(unit.kind == "npu" for unit in platform.units)
    return Machine(
        **{
            "cores": cluster.cores,
            "has_npu": int(npu),
            "contention": int(contention),
            "poison": int(poison),
            **facts,
            **(_dma(platform.dma[0]) if platform.dma else {}),
            "memories": tuple(_region(memory, home.name) for memory in platform.memories),
        }  # pyright: ignore[reportArgumentType]
    )


def _dma(engine: Dma) -> dict[str, int]:
    numbers = {
        "dma_start_in": engine.start_cycles,
        "dma_bytes_per_cycle": int(engine.bytes_per_cycle),
    }
    if engine.max_bytes is not None:
        numbers["dma_max_bytes"] = engine.max_bytes
    return numbers


def _region(memory: Memory, l1: str) -> Region:
    """The controller is near everything but the L1, which is behind the cluster's port."""
    is_l1 = memory.name == l1
    near, far = memory.latency, memory.latency
    if is_l1:
        near, far = 0, 14
    return Region(memory.name, memory.address, memory.size, near, 0 if not is_l1 else far, is_l1)
