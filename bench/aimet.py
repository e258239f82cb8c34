"""aimet-onnx beside runnel: the same ONNX files, calibration and test data, on this machine.

python bench/aimet.py --aimet PYTHON [--networks resnet8,...] [--recipes w8,...] [--count N]

PYTHON is of an environment with aimet-onnx 2.42 (python -m venv E; E/bin/pip install
aimet-onnx==2.42.0). AIMET's accuracy is that of its simulation, with min-max ranges, its default;
ours is that of the integers. `ahead` is what our row has more than AIMET's, in points, with the
standard error of the paired difference; `agree` is with the float model, SQNR that of the float
outputs; `rounding` is the seconds of CPU for choosing weights (AdaRound there with 2,000 iterations
a layer, flips and AdaRound here), `CPU s` those of all of quantization. `taskset -c 0` before the
command gives both one thread.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from runnel.bench.networks import Array
from runnel.bench.quantization import CASES, RECIPES, flat, outputs_of, paired_error, rows_of
from runnel.passes.quant.verdict import sqnr
from runnel.tools import api
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context
from runnel.tools.report.text_table import text_table

WORKER = Path(__file__).with_name("aimet_worker.py")

PAIRS: dict[str, tuple[str, ...]] = {
    "w8": ("w8", "w8 flips", "w8 depthwise flips"),
    "w8 tensor": ("w8 tensor",),
    "w8 tensor equalize": ("w8 tensor equalize", "w8 tensor equalize flips"),
    "w4": ("w4", "w4 bias"),
    "w4 adaround": ("w4 flips", "w4 adaround"),
}
"""AIMET's recipe to those of `quantization.py` beside it."""


@dataclass(frozen=True)
class Row:
    network: str
    tool: str
    recipe: str
    score: float
    agreement: float
    sqnr: float
    rounding: float
    seconds: float
    hits: Array | None
    """For each sample whether its class is the right one."""
    beside: Row | None = None
    """AIMET's."""

    @property
    def ahead(self) -> str:
        if self.beside is None:
            return ""
        points = 100 * (self.score - self.beside.score)
        return f"{points:+.2f} ± {100 * paired_error(self.hits, self.beside.hits):.2f}"


@dataclass(frozen=True)
class Setting:
    """One network with its data in files, and what it gives in float."""

    name: str
    model: Path
    data: Path
    test: Path
    inputs: Array
    reference: Array

    def row(self, tool: str, recipe: str, found: Array, rounding: float, seconds: float) -> Row:
        found = found.reshape(len(self.reference), -1)
        return Row(
            self.name,
            tool,
            recipe,
            CASES[self.name].score(self.inputs, found),
            float((found.argmax(1) == self.reference.argmax(1)).mean()),
            sqnr(self.reference, found),
            rounding,
            seconds,
            CASES[self.name].hits(found),
        )


def aimet(setting: Setting, recipe: str, python: str) -> Row:
    """What AIMET makes of it; a failure of its process is an error."""
    result = setting.test.with_name("result.npz")
    files = (setting.model, setting.data, setting.test, result)
    command = [python, str(WORKER), *map(str, files), recipe]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{recipe}: {done.stderr[-2000:]}")
    loaded = np.load(result)
    seconds = float(loaded["rounding"]), float(loaded["seconds"])
    return setting.row("aimet", recipe, loaded["outputs"], *seconds)


def runnel(setting: Setting, recipe: str) -> Row:
    """Our integers; the seconds of rounding are what the recipe takes more than without it."""
    words = RECIPES[recipe].split()
    plain = " ".join(word for word in words if not word.startswith("rounding="))
    seconds: list[float] = []
    module = api.load(setting.model)
    for text in dict.fromkeys((plain, " ".join(words))):
        module = api.load(setting.model)
        start = time.process_time()
        resolve_pipeline(f'quantize{{data="{setting.data}" {text}}}').run(new_context(), module)
        seconds.append(time.process_time() - start)
    found = flat(outputs_of(module, setting.inputs).result)
    return setting.row("runnel", recipe, found, seconds[-1] - seconds[0], seconds[-1])


def rows(name: str, recipes: Sequence[str], count: int | None, python: str) -> Iterator[Row]:
    case = CASES[name]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = case.path(folder)
        module = api.load(model)
        inputs = case.test()
        inputs = inputs if count is None else inputs[: count * rows_of(module)]
        data, test = folder / "calibration.npy", folder / "test.npy"
        np.save(data, case.calibration())
        np.save(test, inputs)
        reference = flat(outputs_of(module, inputs).result)
        setting = Setting(name, model, data, test, inputs, reference)
        for recipe in recipes:
            theirs = aimet(setting, recipe, python)
            yield theirs
            for ours in PAIRS[recipe]:
                yield replace(runnel(setting, ours), beside=theirs)


def table(found: Sequence[Row]) -> str:
    headers = ("network", "tool", "recipe", "score", "ahead", "agree", "SQNR", "rounding", "CPU s")
    cells = [
        (
            *(row.network, row.tool, row.recipe, f"{row.score:.4f}", row.ahead),
            f"{row.agreement:.4f}",
            *(f"{row.sqnr:.1f}", f"{row.rounding:.1f}", f"{row.seconds:.1f}"),
        )
        for row in found
    ]
    return text_table(headers, cells)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="aimet-onnx beside runnel.")
    add = parser.add_argument
    add("--aimet", required=True, metavar="PYTHON", help="of an environment with aimet-onnx")
    add("--networks", default="resnet8,dscnn,mobilenetv1_025,mobilenet_v1", help="names")
    add("--recipes", default=",".join(PAIRS), help=f"of {', '.join(PAIRS)}")
    add("--count", type=int, help="only the first inputs of each set")
    args = parser.parse_args(argv)
    found: list[Row] = []
    for name in args.networks.split(","):
        for row in rows(name, args.recipes.split(","), args.count, args.aimet):
            found.append(row)
            print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
