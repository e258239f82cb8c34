"""aimet-onnx beside runnel: the same ONNX files, calibration and test data, on this machine.

python bench/aimet.py --aimet PYTHON [--networks resnet8,...] [--recipes w8,...] [--count N]
                      [--draws N] [--json FILE]

PYTHON is of an environment with aimet-onnx 2.42 (python -m venv E; E/bin/pip install
aimet-onnx==2.42.0). AIMET's accuracy is that of its simulation, with min-max ranges, its default;
ours is that of the integers. `ahead` is what our row has more than AIMET's, in points, with the
standard error of the paired difference and, where that is less than nothing, how likely it is by
chance (McNemar's exact test, one-sided); `agree` is with the float model, SQNR that of the float
outputs; `rounding` is the seconds of CPU for choosing weights (AdaRound there with 2,000 iterations
a layer, flips and AdaRound here), `CPU s` those of all of quantization. `taskset -c 0` before the
command gives both one thread.

Which side of a decision a sample that is close to it falls on is luck, and another calibration set
would throw again. With `--draws N` both tools get N sets, each half of the calibration samples
(chosen by numpy's generator seeded with 1 to N), and the table has the mean over them, of hits for
each sample, too.

With --json all rows are kept in FILE. Those of AIMET for the same model, data and worker are taken
from there by a later run, which needs no --aimet then; ours are always made anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from math import comb
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from xdsl.ir import Operation

from runnel.bench.networks import Array
from runnel.bench.notes import Notes
from runnel.bench.options import add_names
from runnel.bench.quantization import (
    CASES,
    RECIPES,
    flat,
    joined,
    outputs_of,
    paired_error,
    rows_of,
)
from runnel.passes.quant.round_weights import RoundWeights
from runnel.tools import api
from runnel.tools.fidelity import fidelity
from runnel.tools.pipeline import Instrument, PassStep, resolve_pipeline
from runnel.tools.registry import new_context
from runnel.tools.report.text_table import text_table

WHOLE = 0
"""The draw that is all of the calibration data."""

WORKER = Path(__file__).with_name("aimet_worker.py")

NETWORKS = ("resnet8", "dscnn", "mobilenetv1_025", "mobilenet_v1", "autoencoder")

PAIRS: dict[str, tuple[str, ...]] = {
    "w8": ("w8", "w8 flips", "w8 depthwise flips"),
    "w8 tensor": ("w8 tensor nearest", "w8 tensor"),
    "w8 tensor equalize": (
        *("w8 tensor equalize nearest", "w8 tensor equalize", "w8 tensor equalize flips"),
        *("w8 tensor noise", "w8 tensor noise flips"),
    ),
    "w4": ("w4 nearest", "w4"),
    "w4 adaround": ("w4 flips", "w4 adaround"),
}
"""AIMET's recipe to those of `quantization.py` beside it."""


@dataclass(frozen=True)
class Row:
    network: str
    tool: str
    recipe: str
    digest: str
    """Of the model, the data, and the program that runs AIMET on them."""
    score: float
    agreement: float
    sqnr: float
    rounding: float
    seconds: float
    hits: str | None
    """For each sample whether its class is the right one: 0 or 1."""
    draw: int = WHOLE
    """Which half of the calibration data it is of."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.network, self.tool, self.recipe, self.draw)


@dataclass(frozen=True)
class Mean:
    """Of the rows of one network, tool and recipe over draws."""

    rows: Sequence[Row]

    def of(self, field: str) -> float:
        return float(np.mean([getattr(row, field) for row in self.rows]))

    @cached_property
    def hits(self) -> Array | None:
        """For each sample the share of rows that get it right."""
        found = [list(row.hits) for row in self.rows if row.hits is not None]
        return np.array(found, int).mean(0) if found else None

    def ahead(self, other: Mean) -> str:
        points = 100 * (self.of("score") - other.of("score"))
        if self.hits is None or other.hits is None:
            return f"{points:+.2f}"
        text = f"{points:+.2f} ± {100 * paired_error(self.hits, other.hits):.2f}"
        if points >= 0 or len(self.rows) > 1:
            return text
        return f"{text}, p {chance(self.hits, other.hits):.2f}"

    def cells(self, ahead: str) -> tuple[str, ...]:
        first = self.rows[0]
        score, agreement, sqnr, rounding, seconds = map(
            self.of, ("score", "agreement", "sqnr", "rounding", "seconds")
        )
        return (
            *(first.network, first.tool, first.recipe, f"{score:.4f}", ahead),
            *(f"{agreement:.4f}", f"{sqnr:.1f}", f"{rounding:.1f}", f"{seconds:.1f}"),
        )


def chance(ours: Array, theirs: Array) -> float:
    """How likely ours has so few of the samples that only one of both gets right, or fewer, if
    both are equally good (McNemar's exact test, one-sided).
    """
    won, lost = int((ours > theirs).sum()), int((ours < theirs).sum())
    return sum(comb(won + lost, i) for i in range(won + 1)) / 2 ** (won + lost)


@dataclass(frozen=True)
class Setting:
    """One network with its data in files, and what it gives in float."""

    name: str
    model: Path
    data: Path
    test: Path
    inputs: Array
    reference: Array
    draw: int

    @cached_property
    def digest(self) -> str:
        parts = [file.read_bytes() for file in (self.model, self.data, self.test, WORKER)]
        return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16]

    def row(self, tool: str, recipe: str, found: Array, rounding: float, seconds: float) -> Row:
        found = found.reshape(len(self.reference), -1)
        hits = CASES[self.name].hits(found)
        return Row(
            *(self.name, tool, recipe, self.digest),
            CASES[self.name].score(self.inputs, found),
            float((found.argmax(1) == self.reference.argmax(1)).mean()),
            fidelity(self.reference, found).sqnr,
            rounding,
            seconds,
            None if hits is None else "".join("01"[int(hit)] for hit in hits),
            self.draw,
        )


def aimet(setting: Setting, recipe: str, python: str | None) -> Row:
    """What AIMET makes of it; a failure of its process is an error."""
    if python is None:
        raise SystemExit(f"{setting.name} {recipe}: no row is kept; --aimet PYTHON makes it")
    result = setting.test.with_name("result.npz")
    files = (setting.model, setting.data, setting.test, result)
    command = [python, str(WORKER), *map(str, files), recipe]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{recipe}: {done.stderr[-2000:]}")
    loaded = np.load(result)
    seconds = float(loaded["rounding"]), float(loaded["seconds"])
    return setting.row("aimet", recipe, loaded["outputs"], *seconds)


class Rounding(Instrument):
    """The seconds of CPU that weights are rounded."""

    seconds = 0.0

    def before_pass(self, step: PassStep, op: Operation) -> None:
        if step.name == RoundWeights.name:
            self.seconds -= time.process_time()

    def after_pass(self, step: PassStep, op: Operation) -> None:
        if step.name == RoundWeights.name:
            self.seconds += time.process_time()


def runnel(setting: Setting, recipe: str) -> Row:
    """Our integers."""
    module, rounding = api.load(setting.model), Rounding()
    pipeline = resolve_pipeline(f'quantize{{data="{setting.data}" {RECIPES[recipe]}}}')
    start = time.process_time()
    pipeline.run(new_context(), module, [rounding])
    seconds = time.process_time() - start
    found = flat(outputs_of(module, setting.inputs).result)
    return setting.row("runnel", recipe, found, rounding.seconds, seconds)


def drawn(samples: Array, rows: int, draw: int) -> Array:
    """Half of the samples, of so many rows each, in their order; all of them if `draw` is WHOLE."""
    if draw == WHOLE:
        return samples
    count = len(samples) // rows
    chosen = np.random.default_rng(draw).choice(count, count // 2, replace=False)
    return samples[np.isin(np.arange(count), chosen).repeat(rows)]


def rows(
    name: str,
    recipes: Sequence[str],
    count: int | None,
    python: str | None,
    notes: Notes[Row],
    draw: int,
) -> Iterator[Row]:
    """The float network; for each recipe AIMET's row, which may be known, and ours."""
    case = CASES[name]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = case.path(folder)
        module = api.load(model)
        inputs = joined(case.tests(), module, count)
        data, test = folder / "calibration.npy", folder / "test.npy"
        np.save(data, drawn(case.calibration(), rows_of(module), draw))
        np.save(test, inputs)
        reference = flat(outputs_of(module, inputs).result)
        setting = Setting(name, model, data, test, inputs, reference, draw)
        yield setting.row("float", "", reference, 0.0, 0.0)
        for recipe in recipes:
            known = notes.get((name, "aimet", recipe, draw), setting.digest)
            yield known or aimet(setting, recipe, python)
            for ours in PAIRS[recipe]:
                yield runnel(setting, ours)


def table(notes: Notes[Row], draws: Sequence[int]) -> str:
    """The means over these draws of all that is known: of each network the float one, AIMET's rows,
    and behind each ours of the same files.
    """
    headers = ("network", "tool", "recipe", "score", "ahead", "agree", "SQNR", "rounding", "CPU s")
    cells: list[tuple[str, ...]] = []
    real = [row for row in notes.found.values() if row.tool == "float" and row.draw in draws]
    for network in dict.fromkeys(row.network for row in real):
        floats = [row for row in real if row.network == network]
        cells.append(Mean(floats).cells(""))
        for recipe, beside in PAIRS.items():
            theirs = mean(notes, floats, "aimet", recipe)
            if theirs is None:
                continue
            cells.append(theirs.cells(""))
            found = [mean(notes, floats, "runnel", ours) for ours in beside]
            cells += [ours.cells(ours.ahead(theirs)) for ours in found if ours is not None]
    return text_table(headers, cells)


def mean(notes: Notes[Row], floats: Sequence[Row], tool: str, recipe: str) -> Mean | None:
    """Over the draws of the float rows, if it is known of all of the same files."""
    keys = [((row.network, tool, recipe, row.draw), row.digest) for row in floats]
    found = [notes.get(key, digest) for key, digest in keys]
    known = [row for row in found if row is not None]
    return Mean(known) if len(known) == len(floats) else None


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="aimet-onnx beside runnel.")
    add = parser.add_argument
    add("--aimet", metavar="PYTHON", help="of an environment with aimet-onnx")
    add_names(parser, "--networks", CASES, NETWORKS)
    add_names(parser, "--recipes", PAIRS)
    add("--count", type=int, help="only the first test inputs")
    add("--draws", type=int, metavar="N", help="N halves of the calibration data; the mean of them")
    add("--json", type=Path, metavar="FILE", help="keep all rows in FILE, and take AIMET's from it")
    args = parser.parse_args(argv)
    notes = Notes.of(args.json, Row)
    draws = [WHOLE] if args.draws is None else [*range(1, args.draws + 1)]
    for draw in draws:
        for name in args.networks:
            for row in rows(name, args.recipes, args.count, args.aimet, notes, draw):
                notes.note(row)
                print(*Mean([row]).cells(""), sep="  ", file=sys.stderr, flush=True)
    print(table(notes, draws), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
