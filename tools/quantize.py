"""Search for a quantization that keeps the accuracy: cheapest methods first, until it is enough.

found = search(model, samples, Goal(drop=0.5), labels=labels)
write_module(Path("model.mlir"), found.best.integer)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from ..dialects.diagnostics import RunnelError
from ..passes import PASSES
from ..passes.quant.observe import telling
from ..passes.quant.placement import PRODUCTS
from . import constants_file
from .fidelity import Fidelity, Outputs, fidelity, outputs_of
from .pipeline import resolve_pipeline
from .progress import SILENT, Progress
from .registry import new_context
from .road import is_quantized, level_of, platform_text
from .signature import signature_of

Array = NDArray[Any]
Samples = Mapping[str, Array]

TO_INTEGERS = "convert-graph-to-quant{rounding=platform},cleanup,remove-unused-globals"


@dataclass(frozen=True)
class Recipe:
    """One way to quantize: a calibration method, and passes around the placing of quantizers."""

    method: str
    before: tuple[str, ...] = ()
    """Passes on the float graph."""
    after: tuple[str, ...] = ()
    """Passes on the graph with casts; `$data` stands for the data file."""
    per_channel: bool = True
    encodings: Path | None = None
    """A file with the grids of tensors, which come before calibrated ranges."""
    between: tuple[str, ...] = ()
    """Passes on the calibrated graph."""

    def __str__(self) -> str:
        given = () if self.encodings is None else ("encodings",)
        parts = (*self.before, *given, self.method, *self.between, *self.after)
        return " + ".join(SHORT.get(part.partition("{")[0], part) for part in parts)

    def pipeline(self, data: Path) -> str:
        """The passes from the simplified float graph to simulated quantization."""
        steps = (
            *self.before,
            f'calibrate{{data="{data}" method={self.method}}}',
            *self.given(),
            *(step.replace("$data", f'"{data}"') for step in self.between),
            f"insert-quant-casts{{per-channel={str(self.per_channel).lower()}}}",
            *(step.replace("$data", f'"{data}"') for step in self.after),
        )
        return ",".join(steps)

    def given(self) -> tuple[str, ...]:
        if self.encodings is None:
            return ()
        return (f'import-encodings{{file="{self.encodings}" strict=false}}',)


SHORT = {
    "equalize": "equalization",
    "round-weights": "rounding",
    "correct-bias": "bias correction",
    "mixed-precision": "16-bit activations",
}
"""What a table calls a pass."""

CALIBRATIONS = {
    "min-max": "ranges are all that was seen",
    "mse": "ranges with the least squared error",
    "percentile": "ranges leave out 0.01 % of the values on each side",
}
"""Tried one after another; the best one stays."""


@dataclass(frozen=True)
class Addition:
    """A pass that is added to the best recipe so far, and stays if it helps."""

    step: str
    why: str
    place: Literal["before", "between", "after"] = "after"
    """The field of a recipe that it goes to."""

    @property
    def name(self) -> str:
        return self.step.partition("{")[0]

    def to(self, recipe: Recipe) -> Recipe:
        match self.place:
            case "before":
                return replace(recipe, before=(*recipe.before, self.step))
            case "between":
                return replace(recipe, between=(*recipe.between, self.step))
            case "after":
                return replace(recipe, after=(*recipe.after, self.step))


ADDITIONS = (
    Addition("equalize", "weights of neighbouring layers get equal ranges per channel", "before"),
    Addition("correct-bias{data=$data}", "biases take out the mean error of each layer"),
    Addition("round-weights{data=$data}", "weights are rounded by what that does to the output"),
    Addition(
        "mixed-precision{data=$data sqnr=25}",
        "activations that make the most noise get 16 bits",
        "between",
    ),
)
"""In the order of their cost; those whose pass is not there are left out."""


@dataclass(frozen=True)
class Goal:
    """When a quantization is good enough.

    `drop` is in points: of accuracy with labels, else of agreement with the float choice. A network
    whose result is no choice between classes needs `sqnr` dB.
    """

    drop: float = 0.5
    sqnr: float = 30.0


@dataclass(frozen=True)
class Score:
    """What a module gives on the test samples."""

    fidelity: Fidelity
    """Of the logits."""
    accuracy: float | None
    """Top-1, with labels."""


@dataclass(frozen=True)
class Attempt:
    """One recipe and what came of it."""

    recipe: Recipe
    why: str
    casts: ModuleOp
    """The graph with casts: simulated quantization."""
    integer: ModuleOp
    """The module at the quant level."""
    simulated: Score
    exact: Score
    """Of the integer module."""
    drop: float | None
    """Points lost by the integer module; None where there are no classes."""
    met: bool
    seconds: float
    logits: Array
    """Of the integer module, on the test samples."""


@dataclass
class Search:
    """The attempts in order, and the best one."""

    goal: Goal
    accuracy: float | None
    """Of the float model, with labels."""
    classes: bool
    reference: Array
    """The logits of the float model on the test samples."""
    attempts: list[Attempt] = field(default_factory=list[Attempt])

    @property
    def best(self) -> Attempt:
        """The first one that is good enough, else the one of most SQNR."""
        for attempt in self.attempts:
            if attempt.met:
                return attempt
        return max(self.attempts, key=quality)


def quality(attempt: Attempt) -> float:
    """What attempts are compared by: it is less noisy than accuracy on a few hundred samples."""
    return attempt.exact.fidelity.sqnr


@dataclass(frozen=True)
class Trial:
    """All that attempts share."""

    graph: ModuleOp
    """The simplified float graph."""
    data: Path
    test: Samples
    labels: Array | None
    goal: Goal
    classes: bool
    reference: Outputs
    progress: Progress

    def score(self, outputs: Outputs) -> Score:
        return Score(
            fidelity(self.reference.logits, outputs.logits, classes=self.classes),
            accuracy(outputs.result, self.labels),
        )

    def attempt(self, recipe: Recipe, why: str) -> Attempt:
        """Quantize by `recipe`, and measure."""
        start = perf_counter()
        with self.progress.step(f"quantize: {recipe}"), telling(batches_shown(self.progress)):
            casts = self.graph.clone()
            context = new_context()
            resolve_pipeline(recipe.pipeline(self.data)).run(context, casts)
            integer = casts.clone()
            resolve_pipeline(TO_INTEGERS).run(context, integer)
        with self.progress.step(f"measure: {recipe}"):
            simulated = self.score(outputs_of(casts, self.test))
            outputs = outputs_of(integer, self.test)
            exact = self.score(outputs)
        drop = self.drop(exact)
        met = drop <= self.goal.drop if drop is not None else quality_met(exact, self.goal)
        seconds = perf_counter() - start
        modules = (casts, integer)
        return Attempt(recipe, why, *modules, simulated, exact, drop, met, seconds, outputs.logits)

    def drop(self, score: Score) -> float | None:
        if score.accuracy is not None:
            return 100 * ((accuracy(self.reference.result, self.labels) or 0.0) - score.accuracy)
        return None if score.fidelity.top1 is None else 100 * (1 - score.fidelity.top1)


def quality_met(score: Score, goal: Goal) -> bool:
    return score.fidelity.sqnr >= goal.sqnr


def batches_shown(progress: Progress) -> Callable[[int, int], None]:
    """Calibration's progress on a terminal."""

    def tell(done: int, count: int) -> None:
        progress.detail(f"calibrate: {done} of {count} samples")

    return tell


def accuracy(outputs: Array, labels: Array | None) -> float | None:
    """Top-1."""
    if labels is None:
        return None
    return float((outputs.reshape(len(labels), -1).argmax(1) == labels).mean())


def has_classes(model: ModuleOp) -> bool:
    """Whether the first result looks like scores of classes: a vector, and no copy of the input."""
    signature = signature_of(model)
    shape = signature.outputs[0].model_shape
    wide = [extent for extent in shape[1:] if extent > 1]
    return len(wide) == 1 and all(shape != info.model_shape for info in signature.inputs)


def search(
    model: ModuleOp,
    data: Samples,
    goal: Goal,
    *,
    test: Samples | None = None,
    labels: Array | None = None,
    every: bool = False,
    per_channel: bool = True,
    encodings: Path | None = None,
    platform: str = "host",
    runtime_config: Path | None = None,
    progress: Progress = SILENT,
) -> Search:
    """Quantize a float model, cheapest methods first, until `goal` is met (or all, with `every`).

    `data` calibrates, `test` (default: the same) measures; `labels` are those of `test`. Where
    quantizers stand and on which grids, the `platform` says, or a `runtime_config` of AIMET.
    Weights have a scale per output channel if it allows that, or one per tensor. With AIMET
    `encodings` there is one attempt: the grids of that file, and calibrated ones where it has none.
    Raises `RunnelError` for a model that is not in float, for labels and for encodings that do not
    fit.
    """
    if level_of(model) != "graph" or is_quantized(model):
        raise RunnelError("the model is quantized already: compile takes it as it is")
    test = data if test is None else test
    if labels is not None:
        check_labels(labels, test)
    if encodings is not None:
        check_encodings(model, encodings)
    with TemporaryDirectory(prefix="runnel-") as folder:
        path = Path(folder) / "calibration.npz"
        constants_file.save(path, {name: real(array) for name, array in data.items()})
        graph = model.clone()
        steps = f"{platform_text(platform, runtime_config)},simplify"
        resolve_pipeline(steps).run(new_context(), graph)
        with progress.step("run the float model"):
            reference = outputs_of(graph, test)
        classes = labels is not None or has_classes(model)
        trial = Trial(graph, path, test, labels, goal, classes, reference, progress)
        found = Search(goal, accuracy(reference.result, labels), classes, reference.logits)
        for attempt in attempts(trial, found, per_channel, encodings):
            found.attempts.append(attempt)
            if attempt.met and not every:
                break
    return found


def attempts(
    trial: Trial, found: Search, per_channel: bool, encodings: Path | None
) -> Iterator[Attempt]:
    """All recipes in order; each addition builds on what was best before it."""
    if encodings is not None:
        why = f"the grids of {encodings.name}; where it has none, ranges with the least error"
        yield trial.attempt(Recipe("mse", per_channel=per_channel, encodings=encodings), why)
        return
    for method, why in CALIBRATIONS.items():
        yield trial.attempt(Recipe(method, per_channel=per_channel), why)
    layers = any(isinstance(op, PRODUCTS) for op in trial.graph.walk())
    for addition in ADDITIONS if layers else ():
        if addition.name in PASSES:
            best = max(found.attempts, key=quality)
            yield trial.attempt(addition.to(best.recipe), addition.why)


def check_encodings(model: ModuleOp, encodings: Path) -> None:
    """Refuse encodings of tensors that the model, as it came in, does not have."""
    resolve_pipeline(f'import-encodings{{file="{encodings}"}}').run(new_context(), model.clone())


def real(array: Array) -> Array:
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def check_labels(labels: Array, test: Samples) -> None:
    """Refuse labels that are not one integer per sample."""
    count = len(next(iter(test.values())))
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) != count:
        raise RunnelError(
            f"labels are one integer per sample: expected [{count}], got {labels.dtype} "
            f"{list(labels.shape)}"
        )
