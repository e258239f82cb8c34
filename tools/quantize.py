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
from ..dialects.platform import platform_of
from ..passes.quant.integer_forms import PRODUCTS
from ..passes.quant.observe import telling
from ..passes.quant.pareto import Point, points_of
from ..passes.quant.precision_price import Price, price_of
from . import constants_file
from .fidelity import Fidelity, Outputs, fidelity, outputs_of
from .pipeline import resolve_pipeline
from .progress import SILENT, Progress
from .recipes import ADDITIONS, CALIBRATIONS, Recipe, narrowed
from .registry import new_context
from .road import is_quantized, level_of, platform_text
from .samples import sample_count
from .signature import network_function, signature_of

Array = NDArray[Any]
Samples = Mapping[str, Array]

TO_INTEGERS = "convert-graph-to-quant{rounding=platform},cleanup,remove-unused-globals"


@dataclass(frozen=True)
class Goal:
    """When a quantization is good enough.

    `drop` is in points: of accuracy with labels, else of agreement with the float choice. A network
    whose result is no choice between classes needs `sqnr` dB. On the platform it may take
    `max_bytes` of parameters, and `max_cycles` as mixed-precision models them. With `minimize`
    (bytes or cycles) the search goes on from the first that is good enough to the cheapest.
    """

    drop: float = 0.5
    sqnr: float = 30.0
    max_bytes: int | None = None
    max_cycles: float | None = None
    minimize: Literal["bytes", "cycles"] | None = None

    @property
    def counts(self) -> bool:
        """Whether what a quantization costs matters."""
        return (self.max_bytes, self.max_cycles, self.minimize) != (None, None, None)

    def fits(self, price: Price) -> bool:
        small = self.max_bytes is None or price.parameters <= self.max_bytes
        return small and (self.max_cycles is None or price.cycles <= self.max_cycles)

    def amount(self, price: Price) -> float:
        """What is to be little."""
        return price.cycles if self.minimize == "cycles" else float(price.parameters)


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
    price: Price
    """What it costs on the platform of the search."""
    kept: bool
    """It loses no more than the goal allows."""
    met: bool
    """It is also cheap enough."""
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
        """The first one that is good enough (the cheapest, if that is the goal), else the one of
        most SQNR among those that are cheap enough.
        """
        met = [attempt for attempt in self.attempts if attempt.met]
        if not met:
            return max(self.attempts, key=lambda a: (self.goal.fits(a.price), quality(a)))
        if self.goal.minimize is None:
            return met[0]
        return min(met, key=lambda attempt: self.goal.amount(attempt.price))

    @property
    def noisier(self) -> list[tuple[str, float]]:
        """Calibrations that leave the output less SQNR than min-max does, and how many dB less."""
        sqnr = {a.recipe.method: a.exact.fidelity.sqnr for a in self.attempts if a.recipe.plain}
        most = sqnr.get("min-max", -np.inf)
        return [(method, most - found) for method, found in sqnr.items() if found < most]

    @property
    def pareto(self) -> list[Point]:
        """What the last choice of bits was made from; the one of `best`, if it has chosen bits."""
        for attempt in (self.best, *reversed(self.attempts)):
            if found := points_of(network_function(attempt.casts)):
                return found
        return []


def quality(attempt: Attempt) -> float:
    """What attempts are compared by: it is less noisy than accuracy on a few hundred samples. A
    factor that all logits have in common chooses no other class.
    """
    found = attempt.exact.fidelity
    return found.sqnr if found.top1 is None else found.compensated


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
    labels_file: Path | None = None
    """Labels of the calibration data, if there are."""

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
            price = price_of(integer)
        with self.progress.step(f"measure: {recipe}"):
            simulated = self.score(outputs_of(casts, self.test, exact=True))
            outputs = outputs_of(integer, self.test)
            exact = self.score(outputs)
        drop = self.drop(exact)
        kept = drop <= self.goal.drop if drop is not None else quality_met(exact, self.goal)
        met = kept and self.goal.fits(price)
        seconds, scores = perf_counter() - start, (simulated, exact, drop)
        made = (casts, integer, *scores, price, kept, met, seconds, outputs.logits)
        return Attempt(recipe, why, *made)

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
    data_labels: Array | None = None,
    every: bool = False,
    per_channel: bool = True,
    encodings: Path | None = None,
    platform: str = "host",
    runtime_config: Path | None = None,
    progress: Progress = SILENT,
) -> Search:
    """Quantize a float model, cheapest methods first, until `goal` is met (or all, with `every`).

    `data` calibrates, `test` (default: the same) measures; `labels` are those of `test`. Bits are
    chosen by agreement with float, or by `data_labels` of the first samples of `data`. Where
    quantizers stand, on which grids and at what cost, the `platform` says (or a `runtime_config` of
    AIMET). Weights have a scale per output channel if it allows that, or one per tensor. With AIMET
    `encodings` there is one attempt: the grids of that file, and calibrated ones where it has none.
    Raises `RunnelError` for a model that is not in float, for labels and for encodings that do not
    fit.
    """
    if level_of(model) != "graph" or is_quantized(model):
        raise RunnelError("the model is quantized already: compile takes it as it is")
    if test is None:
        test, data_labels = data, labels
    if labels is not None:
        check_labels(labels, test, model)
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
        known = None if data_labels is None else Path(folder) / "labels.npy"
        if known is not None and data_labels is not None:
            np.save(known, data_labels)
        shared = (graph, path, test, labels, goal, classes, reference, progress)
        trial = Trial(*shared, known)
        found = Search(goal, accuracy(reference.result, labels), classes, reference.logits)
        for attempt in attempts(trial, found, per_channel, encodings):
            found.attempts.append(attempt)
            done = attempt.met and (goal.minimize is None or attempt.recipe.narrow)
            if done and not every:
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
        if trial.goal.counts and found.attempts[-1].kept:
            break
    layers = any(isinstance(op, PRODUCTS) for op in trial.graph.walk())
    for addition in ADDITIONS if layers else ():
        if trial.goal.counts and any(attempt.kept for attempt in found.attempts):
            break
        best = max(found.attempts, key=quality)
        yield trial.attempt(addition.to(best.recipe), addition.why)
    if layers and trial.goal.counts:
        yield from narrow_attempts(trial, max(found.attempts, key=quality).recipe)


def narrow_attempts(trial: Trial, recipe: Recipe) -> Iterator[Attempt]:
    """Fewer bits for weights, then also more for activations, by the limits of the goal."""
    goal = trial.goal
    npu = any(unit.kind == "npu" for unit in platform_of(trial.graph).units)
    options = [f"weight-bits={'2,3,4,5,6,8' if npu else '4,8'}"]
    if goal.minimize == "cycles" or (goal.max_bytes is None and goal.max_cycles is not None):
        options.append("minimize=cycles")
    options += [f"max-bytes={goal.max_bytes}"] if goal.max_bytes is not None else []
    options += [f"max-cycles={goal.max_cycles}"] if goal.max_cycles is not None else []
    if goal.max_bytes is None and goal.max_cycles is None:
        kept = f"target-drop={goal.drop}" if trial.classes else f"sqnr={goal.sqnr}"
        options.append(kept)
    if trial.labels_file is not None:
        options.append(f'labels="{trial.labels_file}"')
    text = " ".join(options)
    first = trial.attempt(
        narrowed(recipe, text, (8,)),
        "weights that lose the least for what that saves get less bits",
    )
    yield first
    corrected = replace(first.recipe, after=(*first.recipe.after, "correct-bias{data=$data}"))
    yield trial.attempt(corrected, "biases take out the mean error of each layer")
    why = "activations that make the most noise get 16 bits, for what that costs"
    yield trial.attempt(narrowed(recipe, text, (8, 16)), why)


def check_encodings(model: ModuleOp, encodings: Path) -> None:
    """Refuse encodings of tensors that the model, as it came in, does not have."""
    resolve_pipeline(f'import-encodings{{file="{encodings}"}}').run(new_context(), model.clone())


def real(array: Array) -> Array:
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def check_labels(labels: Array, samples: Samples, model: ModuleOp) -> None:
    """Refuse labels that are not one integer per sample."""
    count = sample_count(samples, signature_of(model).inputs)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) != count:
        raise RunnelError(
            f"labels are one integer per sample: expected [{count}], got {labels.dtype} "
            f"{list(labels.shape)}"
        )
