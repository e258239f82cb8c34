"""Choose how much of each layer stays, so that the network keeps most at a given cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, choices, emit_remark
from ...dialects.graph_base import shape_of
from ...runtime.array_files import read_inputs, read_labels
from ...runtime.interpreter import input_names
from ..quant.observe import sample_count, told
from . import score_cache
from .budget import STAYS, Budget, budget_of
from .greedy import choose, monotone
from .prune_channels import PruneChannels
from .ratios import RATIO, SCORE, checked, forget, note
from .score import KINDS, Scorer, logits
from .spatial_svd import SpatialSVD
from .weight_svd import WeightSVD

PASS = "select-ratios"
Array = NDArray[Any]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class SelectRatios(ModulePass):
    """Write `compress.ratio` on layers, for the pass that `method` names, to reach `ratio` in all.

    Each layer (or group of layers, for prune-channels) alone is compressed to each of `candidates`
    and the network scored on `data` (as for `calibrate`): sqnr of what it gives before softmax, in
    dB; agreement with the greatest output of the network as it came; or accuracy, against the
    classes in the file `labels`, which are those of `data`. Scores are made to rise with the ratio.
    Then one score is searched by bisection that all layers must keep alone, each at its least
    ratio, such that the cost (`macs` or `weights`, see spatial-svd) is at most `ratio` of what it
    was. Layers that do not keep it at any candidate get ratio 1: they are left alone.

    The method gets the first `samples` samples, `positions`, `seed` and `multiple`; scores look at
    as many samples behind those as there are, or at the same ones if there are none. Scores are
    kept on disk by a hash of network, data and options (`cache=false`: not): another `ratio` takes
    no new ones.
    """

    name = PASS

    data: str
    method: str = "spatial-svd"
    ratio: float = 0.5
    cost: str = "macs"
    multiple: int = 1
    score: str = "sqnr"
    labels: str = ""
    candidates: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    samples: int = 128
    positions: int = 8192
    seed: int = 0
    cache: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.check()
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None:
            raise RunnelError(f"{PASS}: the module has no function")
        budget = budget_of(function, self.method, self.cost, self.multiple)
        for product in budget.ops:
            forget(product)
        if not budget.units:
            raise RunnelError(f"{PASS}: {self.method} can compress no layer of this network")
        self.select(function, budget, self.scores(op, function, budget))

    def check(self) -> None:
        checked(self.ratio, f"{PASS}: ratio")
        for candidate in self.candidates:
            checked(candidate, f"{PASS}: candidates")
        if list(self.candidates) != sorted(set(self.candidates)):
            raise RunnelError(f"{PASS}: candidates rise, not {self.candidates}")
        if self.score not in KINDS:
            raise RunnelError(f"{PASS}: score={self.score} is none of {choices(self.score, KINDS)}")
        if (self.score == "accuracy") != bool(self.labels):
            raise RunnelError(f"{PASS}: score=accuracy takes labels, other scores do not")

    def scores(self, module: ModuleOp, function: func.FuncOp, budget: Budget) -> Float:
        """[units, candidates]."""
        data = read_inputs(Path(self.data), input_names(function))
        step = shape_of(function.body.block.args[0])[0]
        place = self.scored(sample_count(data) // step)
        rows = slice(place.start * step, place.stop * step)
        inputs = {name: array[rows] for name, array in data.items()}
        classes = self.classes(sample_count(data), rows)
        scorer = Scorer(self.score, logits(module, function, inputs), classes)
        options = f"{self.method} {self.cost} {self.multiple} {self.score} {self.candidates} "
        options += f"{self.samples} {self.positions} {self.seed}"
        arrays = dict(data) if scorer.labels is None else {**data, ".labels": scorer.labels}
        key = score_cache.key_of(module, arrays, options)
        shape = len(budget.units), len(self.candidates)
        table = score_cache.load(key, shape) if self.cache else np.full(shape, np.nan)
        for index, unit in enumerate(budget.units):
            if np.isnan(table[index]).any():
                places = [list(function.body.block.ops).index(op) for op in unit.ops]
                texts = [unit.text(ratio) for ratio in self.candidates]
                table[index] = self.row(module, places, texts, inputs, scorer)
                if self.cache:
                    score_cache.store(key, table)
            told(index + 1, len(budget.units))
        return table

    def scored(self, count: int) -> slice:
        """Which of `count` samples are scored: those that nothing is fitted to, if there are."""
        start = self.samples if count > self.samples else 0
        return slice(start, min(count, start + self.samples))

    def classes(self, count: int, rows: slice) -> Array | None:
        """The labels of the samples that are scored."""
        if not self.labels:
            return None
        return read_labels(Path(self.labels), count)[rows]

    def row(
        self,
        module: ModuleOp,
        places: list[int],
        texts: list[str],
        inputs: Mapping[str, Array],
        scorer: Scorer,
    ) -> list[float]:
        """The scores of one unit. Ratios that come to the same rank have the same."""
        found: dict[str, float] = {STAYS: scorer.unchanged}
        for text, ratio in zip(texts, self.candidates, strict=True):
            if text not in found:
                found[text] = scorer.score(self.trial(module, places, ratio, inputs))
        return [found[text] for text in texts]

    def trial(
        self, module: ModuleOp, places: list[int], ratio: float, inputs: Mapping[str, Array]
    ) -> Array:
        """What the network gives with only the layers at `places` compressed."""
        copy = module.clone()
        function = next(op for op in copy.body.block.ops if isinstance(op, func.FuncOp))
        ops = list(function.body.block.ops)
        for place in places:
            note(ops[place], RATIO, ratio)
        self.compressor().apply(Context(), copy)
        return logits(copy, function, inputs)

    def compressor(self) -> ModulePass:
        """The pass of the method, for layers that have a ratio written on them."""
        limits = self.data, self.samples, self.positions, self.seed
        match self.method:
            case "spatial-svd":
                return SpatialSVD(1.0, 0, self.cost, self.multiple, *limits)
            case "weight-svd":
                return WeightSVD(1.0, 0, self.cost, self.multiple, *limits)
            case _:
                return PruneChannels(1.0, self.multiple, *limits)

    def select(self, function: func.FuncOp, budget: Budget, table: Float) -> None:
        """Search, and write what was found."""
        rising = np.stack([monotone(row) for row in table])
        whole = sum(budget.costs([1.0] * len(budget.units)))

        def cost(ratios: Any) -> int:
            return sum(budget.costs(ratios))

        found = choose(rising, self.candidates, cost, int(self.ratio * whole))
        if found is None:
            least = cost([self.candidates[0]] * len(budget.units)) / whole
            raise RunnelError(
                f"{PASS}: {self.method} of all layers to {self.candidates[0]:g} still takes "
                f"{least:.3f} of the {self.cost}, not {self.ratio:g}; give a greater ratio, lower "
                "candidates, or another method after this one"
            )
        ratios, threshold = found
        for unit, ratio, scores in zip(budget.units, ratios, rising, strict=True):
            stays = (kept := unit.text(ratio)) == STAYS
            for op in unit.ops:
                note(op, RATIO, 1.0 if stays else ratio)
            if stays:
                text = f"stays: no ratio that saves something keeps {self.score} {threshold:.3f}"
                emit_remark("missed", PASS, unit.ops[0], text)
            else:
                score = scores[self.candidates.index(ratio)]
                text = f"{kept} (ratio {ratio:g}), alone {self.score} {score:.3f}"
                emit_remark("passed", PASS, unit.ops[0], text)
                for op in unit.ops:
                    note(op, SCORE, score)
        text = f"{self.cost} {whole:,} -> {cost(ratios):,}, ratio {cost(ratios) / whole:.3f}"
        emit_remark("analysis", PASS, function, f"{text}; each alone keeps {threshold:.3f}")
