"""The networks on a cluster: with NPU, on the cores alone, on plain rv32imc; L1 of 16 to 256 KiB.

The interpreter at tile, dma and cluster and the program on the emulated SoC give the bytes of the
integer level on real inputs, twice in one memory, also with `poison`; so do threads of this machine
under the sanitizers. Bytes moved and cycles stay below what the project promises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from runnel.bench.networks import NETWORKS
from runnel.runtime.emulator.cycles import CycleReport
from runnel.runtime.runners import Emulation
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.report.cycle_table import floor_bytes
from runnel.tools.validation import Array, Check, check_levels, check_lowered, check_program

pytestmark = pytest.mark.shared

COUNT = 20
KIB = 1024
PLATFORMS = ("siracusa", "siracusa-cores", "siracusa-rv32")
SIZES = (16, 64, 128, 256)
SANITIZERS = {
    "thread": ["-Werror", "-fsanitize=thread"],
    "address": ["-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For platform files."""
    return tmp_path_factory.mktemp("platforms")


def platform_file(folder: Path, base: str, l1: int, *, cores: int | None = None) -> str:
    """A platform like `base` with `l1` KiB of L1, and `cores` cores if given."""
    name = f"{base}-{l1}" if cores is None else f"{base}-{l1}-{cores}"
    text = f'base = "{base}"\nname = "{name}"\n[[memories]]\nname = "l1"\nsize = {l1 * KIB}\n'
    if cores is not None:
        text += f'[[units]]\nname = "cluster"\ncores = {cores}\n'
    path = folder / f"{name}.toml"
    path.write_text(text)
    return str(path)


@cache
def samples(name: str) -> dict[str, Array]:
    """Real inputs from all over the test set."""
    network = NETWORKS[name]
    inputs = network.inputs(network.tests[0])
    return {"input": np.ascontiguousarray(inputs[:: len(inputs) // COUNT][:COUNT])}


@cache
def portable(name: str) -> Artifact:
    """The network on the levels that know no platform; compiled for the host."""
    return api.compile(api.load(NETWORKS[name].path("qdq"), name=name), "host")


@cache
def compiled(name: str, platform: str) -> Artifact:
    return api.retarget(portable(name), platform)


def cycles_of(check: Check) -> CycleReport:
    """What the emulator measured."""
    assert check.cycles is not None
    return check.cycles


def measured(name: str, platform: str, count: int = 2) -> CycleReport:
    """What the emulator measures of the program on a few inputs."""
    artifact = compiled(name, platform)
    few = {key: array[:count] for key, array in samples(name).items()}
    reference, _ = check_levels(artifact, few)
    return cycles_of(check_program(artifact, few, reference))


@pytest.mark.parametrize("l1", SIZES)
@pytest.mark.parametrize("base", PLATFORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_levels_and_program_give_the_same_bytes(
    name: str, base: str, l1: int, folder: Path, row: Callable[..., None]
) -> None:
    artifact = compiled(name, platform_file(folder, base, l1))
    reference, checks = check_levels(artifact, samples(name))
    checks += check_lowered(artifact, samples(name), reference)
    checks.append(check_program(artifact, samples(name), reference))
    checks.append(
        check_program(artifact, samples(name), reference, emulation=Emulation(poison=True))
    )
    assert [check for check in checks if not check.passed] == []
    assert {check.inferences for check in checks} == {COUNT}
    plain = cycles_of(checks[-2])
    moved = (plain.total.bytes_in + plain.total.bytes_out) / floor_bytes(artifact)
    found = f"tile, dma, cluster, program, poison: {COUNT} inputs twice"
    row(name, f"{l1} KiB", base, f"{found}; {plain.total.cycles:,} cycles, DMA {moved:.2f} x")


@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_threads_are_clean_under_sanitizers(name: str, sanitizer: str, folder: Path) -> None:
    artifact = compiled(name, platform_file(folder, "host-cluster", 64))
    few = {key: array[:2] for key, array in samples(name).items()}
    reference, _ = check_levels(artifact, few)
    for emulation in (Emulation(), Emulation(poison=True)):
        check = check_program(
            artifact, few, reference, flags=SANITIZERS[sanitizer], emulation=emulation
        )
        assert check.passed, check


AT_64 = {"autoencoder": 1.05, "dscnn": 1.3, "resnet8": 1.5, "mobilenetv1_025": 1.5}


@pytest.mark.parametrize("base", ["siracusa", "siracusa-cores"])
@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_moved_stay_near_the_floor(name: str, base: str, folder: Path) -> None:
    """The floor: all constants once, the network's input and output."""
    for l1, limit in ((64, AT_64[name]), (256, 1.1)):
        platform = platform_file(folder, base, l1)
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
    assert measured(name, platform_file(folder, base, 256)).total.cycles <= limit


def test_eight_cores_are_six_and_a_half_times_as_fast_as_one(folder: Path) -> None:
    eight, one = (
        measured("resnet8", platform_file(folder, "siracusa-cores", 256, cores=cores))
        for cores in (8, 1)
    )
    assert one.total.cycles >= 6.5 * eight.total.cycles


@pytest.mark.parametrize("name", ["resnet8", "mobilenetv1_025"])
def test_transfers_hide_behind_the_work_of_the_cores(name: str, folder: Path) -> None:
    """In layers that are bound by compute at least 90 % of the transfer time is hidden; the first
    one waits for the network's input, which nothing can hide.
    """
    report = measured(name, platform_file(folder, "siracusa-cores", 64))
    bound = [layer for layer in report.layers.values() if layer.dma < layer.cycles / 2]
    exposed, moved = (
        sum(getattr(layer, name) for layer in bound[1:]) for name in ("exposed_dma", "dma")
    )
    assert moved > 0
    assert exposed <= 0.1 * moved
