"""What runs on the emulated cluster: five networks, with real inputs, and variants of platforms.

MobileNetV2 (1.0, 224 x 224) is quantized here, min-max on a few images. Its 3.5 MB of constants do
not fit the L2 of the platforms, so that it takes one more memory.
"""

from __future__ import annotations

import argparse
import lzma
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from runnel.bench.calibration import IMAGES, MODEL, read_images
from runnel.bench.networks import NETWORKS, Array, models_folder
from runnel.bench.options import add_names
from runnel.runtime.platforms import DIRECTORY
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.road import Options

MOBILENET_V2 = "mobilenet_v2"
NAMES = (*NETWORKS, MOBILENET_V2)
PLATFORMS = ("siracusa", "siracusa-cores", "siracusa-rv32")
L1_KIB = (16, 64, 128, 256)
CALIBRATION_IMAGES = 8


@dataclass(frozen=True)
class Start:
    """A network as far as no platform matters, channels last, with inputs; `seconds` is what that
    took from the ONNX file on.
    """

    name: str
    artifact: Artifact
    samples: dict[str, Array]
    seconds: float

    @property
    def external(self) -> bool:
        """Whether it takes the memory of siracusa-ext."""
        return self.name == MOBILENET_V2

    def first(self, count: int, after: int = 0) -> dict[str, Array]:
        """`count` inputs, or as many as there are, behind the first `after`."""
        return {name: array[after : after + count] for name, array in self.samples.items()}


def start(name: str, inputs: int) -> Start:
    """The integer network, and inputs from all over its test set."""
    if name == MOBILENET_V2:
        return _mobilenet_v2(inputs)
    network = NETWORKS[name]
    begin = perf_counter()
    road = api.lower(api.load(network.path("qdq"), name=name), Options(), until="channels-last")
    seconds = perf_counter() - begin
    every = network.inputs(network.tests[0])
    samples = np.ascontiguousarray(every[:: len(every) // inputs][:inputs])
    return Start(name, Artifact(road), {road.start.signature.inputs[0].name: samples}, seconds)


def _mobilenet_v2(inputs: int) -> Start:
    images = read_images(models_folder() / IMAGES, max(inputs, CALIBRATION_IMAGES))
    with TemporaryDirectory(prefix="runnel-") as name:
        model, data = Path(name) / f"{MOBILENET_V2}.onnx", Path(name) / "images.npy"
        model.write_bytes(lzma.decompress((models_folder() / MODEL).read_bytes()))
        np.save(data, images[:CALIBRATION_IMAGES])
        begin = perf_counter()
        module = api.load(model, name=MOBILENET_V2)
        options = Options(method="min-max")
        road = api.lower(module, options, calibrate=data, until="channels-last")
        seconds = perf_counter() - begin
    samples = {road.start.signature.inputs[0].name: images[:inputs]}
    return Start(MOBILENET_V2, Artifact(road), samples, seconds)


def variant(
    folder: Path, base: str, l1_kib: int, *, cores: int | None = None, external: bool = False
) -> str:
    """The path of a TOML in `folder`: a shipped platform with another L1 and number of cores, and
    with the memory of siracusa-ext.
    """
    parts = [base, f"{l1_kib}k"]
    tables = [f'[[memories]]\nname = "l1"\nsize = {l1_kib * 1024}\n']
    if cores is not None:
        parts.append(f"{cores}-cores")
        tables.append(f'[[units]]\nname = "cluster"\ncores = {cores}\n')
    if external:
        parts.append("ext")
        tables.append(_tables("siracusa-ext"))
    return _write(folder, base, "-".join(parts), *tables)


def on_threads(artifact: Artifact, folder: Path) -> Artifact:
    """The very C of the artifact, whose platform is a file, as threads of this machine."""
    base = artifact.road.options.platform
    file = _write(folder, base, f"{artifact.platform.label}-threads", _tables("host-npu"))
    options = replace(artifact.road.options, platform=file)
    return Artifact(replace(artifact.road, options=options), artifact.sources)


def _write(folder: Path, base: str, name: str, *tables: str) -> str:
    path = folder / f"{name}.toml"
    text = "\n".join([f'base = "{base}"\nname = "{name}"\n', *tables])
    path.write_text(text, encoding="utf-8")
    return str(path)


def _tables(platform: str) -> str:
    """What a shipped variant changes of its base, but for its name."""
    text = (DIRECTORY / f"{platform}.toml").read_text(encoding="utf-8")
    return text[text.index("\n[") + 1 :]


def matrix_options(parser: argparse.ArgumentParser) -> None:
    """Which networks, platforms and sizes of L1; by default all."""
    add_names(parser, "--networks", NAMES)
    add_names(parser, "--platforms", PLATFORMS)
    parser.add_argument(
        "--l1",
        type=sizes,
        default=list(L1_KIB),
        metavar="KIB",
        help=f"sizes of L1 in KiB ({','.join(map(str, L1_KIB))})",
    )


def sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]
