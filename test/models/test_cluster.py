"""The networks on a cluster: with NPU, on the cores alone, on plain rv32imc; L1 of 16 to 256 KiB.

The interpreter at tile, dma and cluster and the program on the emulated SoC give the bytes of the
integer level on real inputs, twice in one memory, also with `poison`; so do threads of this machine
under the sanitizers. Bytes moved and cycles stay below what the project promises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from runnel.bench.cluster_networks import L1_KIB, PLATFORMS, Start, on_threads, start, variant
from runnel.bench.equal_bytes import SANITIZERS
from runnel.bench.networks import NETWORKS
from runnel.runtime.emulator.cycles import CycleReport
from runnel.runtime.runners import Emulation
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.report.cycle_table import floor_bytes
from runnel.tools.validation import (
    Check,
    check_built,
    check_levels,
    check_lowered,
    check_program,
)

pytestmark = pytest.mark.shared

COUNT = 20
POISON = (Emulation(), Emulation(poison=True))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For platform files."""
    return tmp_path_factory.mktemp("platforms")


@cache
def portable(name: str) -> Start:
    return start(name, COUNT)


@cache
def compiled(name: str, platform: str) -> Artifact:
    return api.retarget(portable(name).artifact, platform)


def cycles_of(check: Check) -> CycleReport:
    """What the emulator measured."""
    assert check.cycles is not None
    return check.cycles


def measured(name: str, platform: str, count: int = 2) -> CycleReport:
    """What the emulator measures of the program on a few inputs."""
    artifact, few = compiled(name, platform), portable(name).first(count)
    reference, _ = check_levels(artifact, few)
    return cycles_of(check_program(artifact, few, reference))


@pytest.mark.parametrize("l1", L1_KIB)
@pytest.mark.parametrize("base", PLATFORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_levels_and_program_give_the_same_bytes(
    name: str, base: str, l1: int, folder: Path, tmp_path: Path, row: Callable[..., None]
) -> None:
    artifact, samples = compiled(name, variant(folder, base, l1)), portable(name).samples
    reference, checks = check_levels(artifact, samples)
    checks += check_lowered(artifact, samples, reference)
    program = artifact.build(tmp_path, flags=["-Werror"])
    checks += [check_built(artifact, program, samples, reference, how) for how in POISON]
    assert [check for check in checks if not check.passed] == []
    assert {check.inferences for check in checks} == {COUNT}
    plain = cycles_of(checks[-2])
    moved = (plain.total.bytes_in + plain.total.bytes_out) / floor_bytes(artifact)
    found = f"tile, dma, cluster, program, poison: {COUNT} inputs twice"
    row(name, f"{l1} KiB", base, f"{found}; {plain.total.cycles:,} cycles, DMA {moved:.2f} x")


@pytest.mark.parametrize("l1", L1_KIB)
@pytest.mark.parametrize("base", ["siracusa", "siracusa-cores"])
@pytest.mark.parametrize("name", NETWORKS)
def test_threads_are_clean_under_sanitizers(
    name: str, base: str, l1: int, folder: Path, tmp_path: Path
) -> None:
    """The same C. One sanitizer each; `bench/equal_bytes.py --sanitize` has all."""
    artifact = on_threads(compiled(name, variant(folder, base, l1)), folder)
    samples = portable(name).first(2)
    reference, _ = check_levels(artifact, samples)
    sanitizer = SANITIZERS["asan" if l1 == 64 else "tsan"]
    program = artifact.build(tmp_path, flags=["-Werror", *sanitizer])
    checks = [check_built(artifact, program, samples, reference, how) for how in POISON]
    assert [check for check in checks if not check.passed] == []


AT_64 = {"autoencoder": 1.05, "dscnn": 1.3, "resnet8": 1.5, "mobilenetv1_025": 1.5}


@pytest.mark.parametrize("base", ["siracusa", "siracusa-cores"])
@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_moved_stay_near_the_floor(name: str, base: str, folder: Path) -> None:
    """The floor: all constants once, the network's input and output."""
    for l1, limit in ((64, AT_64[name]), (256, 1.1)):
        platform = variant(folder, base, l1)
        total = measured(name, platform).total
        moved = total.bytes_in + total.bytes_out
        assert moved <= limit * floor_bytes(compiled(name, platform)), (l1, moved)


@pytest.mark.parametrize(
    ("name", "base", "limit"),
    [
        ("resnet8", "siracusa-cores", 1_370_000),
        ("autoencoder", "siracusa-cores", 78_500),
        ("mobilenetv1_025", "siracusa", 520_000),
    ],
)
def test_cycles_are_below_those_of_the_nearest_peer(
    name: str, base: str, limit: int, folder: Path
) -> None:
    """Authors' figures for a sister SoC; ours are those of the emulator."""
    assert measured(name, variant(folder, base, 256)).total.cycles <= limit


def test_eight_cores_are_six_and_a_half_times_as_fast_as_one(folder: Path) -> None:
    eight, one = (
        measured("resnet8", variant(folder, "siracusa-cores", 256, cores=cores)) for cores in (8, 1)
    )
    assert one.total.cycles >= 6.5 * eight.total.cycles


@pytest.mark.parametrize("name", ["resnet8", "mobilenetv1_025"])
def test_transfers_hide_behind_the_work_of_the_cores(name: str, folder: Path) -> None:
    """In layers that are bound by compute at least 90 % of the transfer time is hidden; the first
    one waits for the network's input, which nothing can hide.
    """
    report = measured(name, variant(folder, "siracusa-cores", 64))
    bound = [layer for layer in report.layers.values() if layer.dma < layer.cycles / 2]
    exposed, moved = (
        sum(getattr(layer, name) for layer in bound[1:]) for name in ("exposed_dma", "dma")
    )
    assert moved > 0
    assert exposed <= 0.1 * moved
