"""What is emulated, from a platform description.

The clusters' unit says with its facts what the hardware has; a fact that is not there has the value
below, which the reference programs gave. Times are in cycles of the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...dialects.diagnostics import RunnelError
from ...dialects.platform import PlatformAttr
from ...dialects.platform_records import Dma, Memory


@dataclass(frozen=True)
class Region:
    """A memory; latencies are cycles on top of the one that a load or store takes. The DMA starts
    after `dma_start_in` (to L1) or `dma_start_out` cycles and moves `dma_rate` bytes in 1,024
    cycles between this memory and L1; none if no engine does.
    """

    name: str
    address: int
    size: int
    core_latency: int
    controller_latency: int
    dma_start_in: int
    dma_start_out: int
    dma_rate: int
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
    dma_row_cycles: int = 1
    dma_max_bytes: int = 0x1_FFFF
    dma_queue: int = 16
    quantum: int = 20_000
    trace_limit: int = 2_000_000
    memories: tuple[Region, ...] = ()
    free: tuple[FreeRange, ...] = ()


FACTS = (
    *("controller_id", "base", "banks", "barrier_cycles", "device_cycles", "wake_cycles"),
    *("icache_bytes", "icache_ways", "icache_line", "icache_refill", "uncached_fetch"),
    *("dma_row_cycles", "dma_queue"),
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
            **_limits(platform.dma),
            "memories": tuple(_region(platform, memory, home) for memory in platform.memories),
        }  # pyright: ignore[reportArgumentType]
    )


def read_machine(facts: dict[str, Any]) -> Machine:
    """The machine that `asdict` made `facts` of."""
    memories = tuple(Region(**memory) for memory in facts["memories"])
    free = tuple(FreeRange(**entry) for entry in facts["free"])
    return Machine(**facts | {"memories": memories, "free": free})


def _limits(engines: tuple[Dma, ...]) -> dict[str, int]:
    """All engines of a platform are one to the emulator: entries only tell memories apart."""
    limits = [engine.max_bytes for engine in engines if engine.max_bytes is not None]
    return {"dma_max_bytes": min(limits)} if limits else {}


OUT_AFTER_IN = 6
"""Cycles that a transfer from L1 starts later than one to it."""

L1_FROM_CONTROLLER = 14
"""Cycles of the controller to L1, which is behind the cluster's port; all else is near."""


def _region(platform: PlatformAttr, memory: Memory, home: Memory) -> Region:
    engine = platform.dma_between(memory.name, home.name)
    is_l1 = memory is home
    start = 0 if engine is None else engine.start_cycles
    return Region(
        name=memory.name,
        address=memory.address,
        size=memory.size,
        core_latency=0 if is_l1 else memory.latency,
        controller_latency=L1_FROM_CONTROLLER if is_l1 else 0,
        dma_start_in=start,
        dma_start_out=start + OUT_AFTER_IN,
        dma_rate=0 if engine is None else round(1024 * engine.bytes_per_cycle),
        is_l1=is_l1,
    )
