"""MobileNetV2 (1.0, 224 x 224) on a cluster: 3.5 MB of weights, which do not fit L2, so that an
external memory holds them, and layers of which no L1 holds more than a few rows.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runnel.bench.calibration import IMAGES, MODEL, read_images
from runnel.bench.networks import models_folder
from runnel.runtime.runners import Emulation
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.validation import Array, check_levels, check_lowered, check_program

pytestmark = [pytest.mark.shared, pytest.mark.xdist_group("mobilenet_v2")]

KIB = 1024
SIZES = (16, 64, 128, 256)
UNITS = {
    "npu": "",
    "cores": 'without = ["npu"]\n',
    "rv32": 'without = ["npu"]\n',
}
CORES = """[[units]]
name = "cluster"
extensions = []
[toolchain]
cpu = ["-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs"]
"""


@pytest.fixture(scope="module")
def images() -> Array:
    pytest.importorskip("PIL", reason="reads JPEG files")
    return read_images(models_folder() / IMAGES, 8)


@pytest.fixture(scope="module")
def portable(images: Array, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The quantized network, compiled for the host."""
    folder = tmp_path_factory.mktemp("mobilenet_v2")
    model, data = folder / "mobilenet_v2.onnx", folder / "images.npy"
    model.write_bytes(lzma.decompress((models_folder() / MODEL).read_bytes()))
    np.save(data, images)
    return api.compile(api.load(model), "host", calibrate=data, method="min-max")


@pytest.mark.parametrize("l1", SIZES)
@pytest.mark.parametrize("units", UNITS)
def test_levels_and_program_give_the_same_bytes(
    units: str, l1: int, portable: Artifact, images: Array, tmp_path: Path, row: Callable[..., None]
) -> None:
    name = f"{units}-{l1}"
    memory = f'[[memories]]\nname = "l1"\nsize = {l1 * KIB}\n'
    cores = CORES if units == "rv32" else ""
    path = tmp_path / f"{name}.toml"
    path.write_text(f'base = "siracusa-ext"\nname = "{name}"\n{UNITS[units]}{memory}{cores}')
    artifact = api.retarget(portable, str(path))
    (info,) = artifact.road.start.signature.inputs
    samples = {info.name: images[:1]}
    reference, checks = check_levels(artifact, samples)
    checks += check_lowered(artifact, samples, reference)
    checks.append(check_program(artifact, samples, reference))
    checks.append(check_program(artifact, samples, reference, emulation=Emulation(poison=True)))
    assert [check for check in checks if not check.passed] == []
    report = checks[-2].cycles
    assert report is not None
    found = "tile, dma, cluster, program, poison: 1 input twice"
    row("mobilenet_v2", f"{l1} KiB", units, f"{found}; {report.total.cycles:,} cycles")
