"""What equalization, rounding and bias correction keep: accuracy of the integers, by recipe.

python bench/quantization.py [--networks resnet8,mobilenet_v1] [--recipes NAME,...] [--count N]
                             [--json FILE]

Every recipe is options of the `quantize` pipeline, or a search for some, on the calibration set of
the shared folder alone; the integers it gives run on all test data: a row for all of a network's
sets, and where there is more than one, a row for each. `lost` is in points against float, with the
standard error of the paired difference; `agree` the share of inputs for which they
choose the class of the float model, with its standard error; `SQNR` in dB is that of the logits
(before a softmax, or else the first result), `gain` a factor that they have in common with those of
the float network and `SQNR / gain` what is left with it divided out; `seconds` what the pipeline
took on this machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from runnel.bench.networks import NETWORKS, Array, DataSet, models_folder
from runnel.bench.options import add_names
from runnel.tools import api, fidelity
from runnel.tools.fidelity import Outputs
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.progress import Progress
from runnel.tools.quantize import Goal, quality, search
from runnel.tools.registry import new_context
from runnel.tools.report.text_table import text_table
from runnel.tools.samples import every_nth
from runnel.tools.signature import signature_of

CROP = 224

HELD_OUT = 4
"""One of so many calibration samples is held out."""

DISTILLED, SEARCHED = "distilled", "searched"
"""What begins recipes that are not options of the pipeline `quantize`."""

RECIPES: dict[str, str] = {
    "w8": "",
    "w8 percentile": "method=percentile",
    "w8 tuned": "method=percentile tune=32",
    "w8 depthwise": "method=percentile depthwise=data",
    "w8 depthwise flips": "method=percentile depthwise=data rounding=flips",
    "w8 depthwise flips bias": "depthwise=data rounding=flips bias-correction=data",
    "w8 flips": "rounding=flips",
    "w8 mixed flips": "mixed=25 rounding=flips",
    "w8 tensor": "channels=false",
    "w8 tensor nearest": "channels=false bias-correction=off",
    "w8 tensor equalize": "channels=false equalize=bounded",
    "w8 tensor equalize nearest": "channels=false equalize=bounded bias-correction=off",
    "w8 tensor flips": "channels=false rounding=flips",
    "w8 tensor equalize flips": "channels=false equalize=bounded rounding=flips",
    "w8 tensor depthwise flips": "channels=false equalize=bounded depthwise=data rounding=flips",
    "w8 tensor depthwise flips bias": "channels=false equalize=bounded depthwise=data "
    "rounding=flips bias-correction=data",
    "w8 noise": "noise=data",
    "w8 noise flips": "noise=data rounding=flips",
    "w8 tensor noise": "channels=false noise=data",
    "w8 tensor noise flips": "channels=false noise=data rounding=flips",
    "w8 without data": 'data="" method=batch-norm bias-correction=analytic',
    "w8 tensor without data": 'data="" method=batch-norm channels=false equalize=bounded '
    "absorb=batch-norm bias-correction=analytic",
    "w8 distilled": "distilled",
    "w8 tensor distilled": "distilled channels=false",
    "w4": "weight-bits=4",
    "w4 nearest": "weight-bits=4 bias-correction=off",
    "w4 flips": "weight-bits=4 rounding=flips",
    "w4 equalize flips": "weight-bits=4 equalize=bounded rounding=flips",
    "w4 adaround": "weight-bits=4 rounding=adaround",
    "w4 distill flips": "weight-bits=4 rounding=flips distill=2048",
    "w4 distill learn": "weight-bits=4 rounding=flips distill=2048 learn=2000",
    "w4 depthwise flips": "weight-bits=4 method=percentile depthwise=data rounding=flips",
    "w4 depthwise adaround": "weight-bits=4 method=percentile depthwise=data rounding=adaround",
    "searched": "searched",
    "searched tensor": "searched channels=false",
    "searched held out": "searched held-out",
}
"""Name to options of the pipeline `quantize`, or of `quantize-without-data` behind `distilled`;
`tensor` is one scale per weight tensor, `tuned` moves ends of ranges by what that does to the
outputs (`tune-ranges`), `depthwise` evens out the channels that depthwise layers read
(`equalize-depthwise`), `noise` all channels by what they do to the output (`equalize-noise`),
`distill` rounds on samples that batch norms describe, `learn` goes on by the network's output
(`learn-weights`), `bias` corrects biases after rounding (those of layers whose channels use fewer
than 8 bits are corrected by default, with `nearest` they are not), `without data` takes all from
folded batch norms, `distilled` samples too that they describe, `mixed` gives activations 16 bits
until those of 8 bits keep so many dB, `searched` is what `runnel quantize --all` leaves the most
SQNR with on the calibration data, `held out` on each fourth sample, which no method is shown."""


class Case(Protocol):
    """A network with its data."""

    def path(self, folder: Path) -> Path:
        """The float model; `folder` is for what must be unpacked."""
        ...

    def calibration(self) -> Array: ...

    def tests(self) -> dict[str, Array]:
        """The inputs of each test set."""
        ...

    def hits(self, outputs: Array) -> Array | None:
        """Of outputs for all test sets after one another, or the first of them: for each sample
        whether its class is the right one; None for what is no classifier.
        """
        ...

    def score(self, inputs: Array, outputs: Array) -> float:
        """The share of hits; a network that is no classifier has its own measure."""
        hits = self.hits(outputs)
        assert hits is not None
        return float(hits.mean())


@dataclass(frozen=True)
class Tiny(Case):
    """A network of `networks.py`."""

    name: str

    def path(self, folder: Path) -> Path:
        return NETWORKS[self.name].path("float")

    def calibration(self) -> Array:
        return NETWORKS[self.name].calibration_inputs()

    def tests(self) -> dict[str, Array]:
        network = NETWORKS[self.name]
        return {data.name: network.inputs(data) for data in network.tests}

    def hits(self, outputs: Array) -> Array | None:
        network = NETWORKS[self.name]
        if network.metric != "top1":
            return None
        labels = np.concatenate([network.labels(data) for data in network.tests])
        return outputs.argmax(1) == labels[: len(outputs)]

    def score(self, inputs: Array, outputs: Array) -> float:
        network = NETWORKS[self.name]
        if network.metric == "top1":
            return super().score(inputs, outputs)
        (data,) = network.tests
        count = len(network.labels(data)) * len(inputs) // len(network.inputs(data))
        return network.score(data, inputs, outputs, count)


@dataclass(frozen=True)
class Stored(Case):
    """A classifier of stored samples; `sets`: the files of inputs and labels of each test set,
    `order`: the outputs that stand for the labels 0, 1, ...
    """

    folder: str
    file: str
    calibrate: str
    sets: Sequence[tuple[str, str]]
    normalize: Callable[[Array], Array]
    order: Sequence[int] | None = None

    def path(self, folder: Path) -> Path:
        return models_folder() / self.folder / "models" / self.file

    def calibration(self) -> Array:
        return self.normalize(self.array(self.calibrate))

    def tests(self) -> dict[str, Array]:
        return {DataSet(x, y).name: self.normalize(self.array(x)) for x, y in self.sets}

    def hits(self, outputs: Array) -> Array:
        chosen = outputs if self.order is None else outputs[:, list(self.order)]
        labels = np.concatenate([self.array(y) for _, y in self.sets])
        return chosen.argmax(1) == labels[: len(chosen)]

    def array(self, file: str) -> Array:
        loaded: Any = np.load(models_folder() / self.folder / file)
        return loaded["x"] if file.endswith(".npz") else loaded


MEAN, DEVIATION = (
    np.array(values, np.float32)[:, None, None]
    for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
)


def torchvision(stored: Array) -> Array:
    """Images [n, h, w, 3] of bytes as torchvision normalizes them, [n, 3, h, w]."""
    moved = stored.astype(np.float32).transpose(0, 3, 1, 2) / np.float32(255)
    return np.ascontiguousarray((moved - MEAN) / DEVIATION)


def sequences(stored: Array) -> Array:
    """[n, steps, features] as one sequence of steps for each inference."""
    return stored.astype(np.float32).reshape(-1, stored.shape[-1])


def plus_minus_one(image: Array) -> Array:
    return image / np.float32(127.5) - 1


def as_it_is(image: Array) -> Array:
    return image


def caffe(image: Array) -> Array:
    """Blue, green, red around their means."""
    return image[::-1] - np.array([104, 117, 123], np.float32)[:, None, None]


@dataclass(frozen=True)
class ImageNet(Case):
    """A classifier of photographs of `size` pixels; `offset` outputs come before the classes."""

    file: str
    size: int
    normalize: Callable[[Array], Array] = plus_minus_one
    offset: int = 0

    def path(self, folder: Path) -> Path:
        stored = models_folder() / "imagenet/models" / self.file
        if stored.suffix != ".xz":
            return stored
        unpacked = folder / stored.stem
        unpacked.write_bytes(lzma.decompress(stored.read_bytes()))
        return unpacked

    def calibration(self) -> Array:
        return self.images("calib")

    def tests(self) -> dict[str, Array]:
        return {"val": self.images("val")}

    def images(self, part: str) -> Array:
        return np.stack([self.normalize(image) for image in photographs(part, self.size)])

    def hits(self, outputs: Array) -> Array:
        with open(models_folder() / "imagenet/val_labels.csv") as file:
            labels = np.array([int(label) for _, label in csv.reader(file)])[: len(outputs)]
        return outputs[:, self.offset :].argmax(1) == labels


CASES: dict[str, Case] = {
    **{name: Tiny(name) for name in NETWORKS},
    "mobilenet_v1": ImageNet("mobilenetv1_025_128_bn.onnx", 128),
    "mobilenet_v2": ImageNet("mobilenetv2_100_224_deq.onnx.xz", 224, offset=1),
    "mobilenet_v3_small": ImageNet("mobilenetv3_small_100_224_deq.onnx.xz", 224, as_it_is),
    "squeezenet": ImageNet("squeezenet1.1.onnx.xz", 227, caffe),
    "resnet20": Stored(
        "mlperf_ic",
        "resnet20_bn.onnx",
        "calib_x.npy",
        (
            ("ic01_x.npy", "ic01_y.npy"),
            ("cifar10_test_jpeg_x.npz", "cifar10_test_jpeg_y.npy"),
        ),
        torchvision,
    ),
    "kwt1": Stored(
        "mlperf_kws",
        "kwt1.onnx",
        "calib_kwt_x.npy",
        (("gsc_kwt_x.npy", "gsc_kwt_y.npy"),),
        sequences,
        order=(5, 11, 6, 3, 9, 8, 7, 10, 4, 2, 0, 1),
    ),
}


def photographs(part: str, size: int) -> Iterator[Array]:
    """Images [3, size, size] of 0..255: centre crop, then a bilinear resize."""
    from PIL import Image  # only these networks take photographs

    root = models_folder() / "imagenet"
    with open(root / f"{part}_labels.csv") as file:
        rows = list(csv.reader(file))
    for name, _ in rows:
        with Image.open(root / f"{part}_jpeg" / name) as stored:
            image = stored.convert("RGB")
        crop = max(size, CROP)
        edge = (image.size[0] - crop) // 2
        image = image.crop((edge, edge, edge + crop, edge + crop))
        if size != crop:
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        yield np.asarray(image, np.float32).transpose(2, 0, 1)


@dataclass(frozen=True)
class Row:
    network: str
    data: str
    """The test set, or all."""
    recipe: str
    inputs: int
    score: float
    lost: float
    """Points below the float network."""
    lost_error: float
    """Standard error of `lost`, from the samples that one of both gets right; nan if no classes."""
    agreement: float
    sqnr: float
    gain: float
    compensated: float
    """SQNR with the gain divided out."""
    seconds: float


def rows_of(module: ModuleOp) -> int:
    """How many rows of the first input are one sample: more than 1 where it has no batch."""
    return signature_of(module).inputs[0].model_shape[0]


def outputs_of(module: ModuleOp, inputs: Array) -> Outputs:
    """The first output for all `inputs`, which are those of the only input of `module`."""
    (info,) = signature_of(module).inputs
    return fidelity.outputs_of(module, {info.name: inputs})


def flat(outputs: Array) -> Array:
    """[n, values]"""
    return outputs.reshape(len(outputs), -1)


def measure(
    name: str, recipes: Sequence[str], count: int | None, progress: Progress
) -> Iterator[Row]:
    """The float network, then each recipe."""
    case = CASES[name]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = api.load(case.path(folder))
        tests = case.tests()
        inputs = joined(tests, model, count)
        with progress.step(f"{name} float"):
            real = outputs_of(model, inputs)
        compared = Compared(name, case, parts(tests, len(real.result)), inputs, real)
        yield from compared.rows("float", real, 0.0)
        data = folder / "calibration.npy"
        np.save(data, case.calibration())
        for recipe in recipes:
            start = time.perf_counter()
            with progress.step(f"{name} {recipe}"):
                module = integers(recipe, model, data)
                seconds = time.perf_counter() - start
                outputs = outputs_of(module, inputs)
            yield from compared.rows(recipe, outputs, seconds)


def joined(tests: dict[str, Array], model: ModuleOp, count: int | None) -> Array:
    """All test sets after one another, or the first `count` samples of `model`."""
    inputs = np.concatenate(list(tests.values()))
    return inputs if count is None else inputs[: count * rows_of(model)]


def parts(tests: dict[str, Array], count: int) -> dict[str, slice]:
    """Where in `count` outputs those of a set lie: `all` of them, and if there is more than one
    set, each.
    """
    found = {"all": slice(0, count)}
    if len(tests) == 1:
        return found
    start = 0
    for name, inputs in tests.items():
        if start < count:
            found[name] = slice(start, min(start + len(inputs), count))
        start += len(inputs)
    return found


@dataclass(frozen=True)
class Compared:
    """A network, its test data and what it gives for them in float."""

    name: str
    case: Case
    parts: dict[str, slice]
    inputs: Array
    real: Outputs

    def rows(self, recipe: str, outputs: Outputs, seconds: float) -> Iterator[Row]:
        """One for each part of the data."""
        reference, found = flat(self.real.result), flat(outputs.result)
        before, after = self.case.hits(reference), self.case.hits(found)
        same = found.argmax(1) == reference.argmax(1)
        for part, place in self.parts.items():
            if before is None or after is None:
                score = self.case.score(self.inputs, found)
                lost, error = self.case.score(self.inputs, reference) - score, np.nan
            else:
                score = float(after[place].mean())
                lost = float(before[place].mean()) - score
                error = paired_error(before[place], after[place])
            logits = fidelity.fidelity(self.real.logits[place], outputs.logits[place])
            yield Row(
                *(self.name, part, recipe, len(same[place]), score, 100 * lost, 100 * error),
                float(same[place].mean()),
                *(logits.sqnr, logits.gain, logits.compensated, seconds),
            )


def integers(recipe: str, model: ModuleOp, data: Path) -> ModuleOp:
    """A recipe's integer network."""
    if RECIPES[recipe].startswith(SEARCHED):
        (info,) = signature_of(model).inputs
        per_channel = "channels=false" not in RECIPES[recipe]
        samples, test = {info.name: np.load(data)}, None
        if "held-out" in RECIPES[recipe]:
            test, samples = every_nth(samples, [info], HELD_OUT)
        found = search(model, samples, Goal(), test=test, every=True, per_channel=per_channel)
        return max(found.attempts, key=quality).integer
    module = model.clone()
    resolve_pipeline(pipeline_text(recipe, data)).run(new_context(), module)
    return module


def pipeline_text(recipe: str, data: Path) -> str:
    """With `data` to calibrate on, unless the recipe takes none."""
    options = RECIPES[recipe]
    if options.startswith(DISTILLED):
        made = data.with_name("distilled.npy")
        return f'quantize-without-data{{file="{made}"{options.removeprefix(DISTILLED)}}}'
    given = "" if options.startswith("data=") else f'data="{data}" '
    return f"quantize{{{given}{options}}}"


def paired_error(first: Array | None, second: Array | None) -> float:
    """Standard error of the difference of two means of hits on the same samples."""
    if first is None or second is None:
        return np.nan
    difference = first.astype(np.float64) - second
    return float(difference.std() / np.sqrt(len(difference)))


def table(rows: Sequence[Row]) -> str:
    names = ("network", "data", "recipe", "inputs", "score", "lost", "agree", "SQNR", "gain")
    cells = [
        (
            *(row.network, row.data, row.recipe, row.inputs, f"{row.score:.4f}"),
            *(lost_text(row), agreement_text(row)),
            *(f"{row.sqnr:.1f}", f"{row.gain:.3f}", f"{row.compensated:.1f}"),
            f"{row.seconds:.1f}",
        )
        for row in rows
    ]
    return text_table((*names, "SQNR / gain", "seconds"), cells)


def lost_text(row: Row) -> str:
    error = "" if np.isnan(row.lost_error) else f" ± {row.lost_error:.2f}"
    return f"{row.lost:+.2f}{error}"


def agreement_text(row: Row) -> str:
    """Empty for what is no classifier."""
    if np.isnan(row.lost_error):
        return ""
    error = np.sqrt(row.agreement * (1 - row.agreement) / row.inputs)
    return f"{row.agreement:.4f} ± {error:.4f}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Accuracy of integers by quantization recipe.")
    add = parser.add_argument
    add_names(parser, "--networks", CASES)
    add_names(parser, "--recipes", RECIPES)
    add("--count", type=int, help="only the first test inputs")
    add("--json", type=Path, metavar="FILE", help="write the numbers to FILE too")
    args = parser.parse_args(argv)
    rows: list[Row] = []
    for name in args.networks:
        for row in measure(name, args.recipes, args.count, Progress()):
            rows.append(row)
            print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(rows), end="")
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
