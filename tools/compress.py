"""Compress a float model to a share of its cost, and tell what each layer and the network lost.

done = compress(model, samples, Plan("spatial-svd", 0.5), test=test, labels=labels)
Path("small.onnx").write_bytes(export_onnx(done.module).SerializeToString())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects.diagnostics import RunnelError, source_name
from ..dialects.graph_base import shape_of
from ..passes.compress.budget import Budget, budget_of
from ..passes.compress.costs import macs, weights
from ..passes.compress.ratios import SCORE, number_on, ratio_of
from ..passes.quant.observe import telling
from . import constants_file
from .fidelity import Fidelity, fidelity, outputs_of
from .pipeline import resolve_pipeline
from .progress import SILENT, Progress
from .quantize import accuracy, check_labels, has_classes, real
from .registry import new_context
from .road import is_quantized, level_of
from .signature import network_function

Array = NDArray[Any]
Samples = Mapping[str, Array]

AFTER = {"prune-channels": ",winnow"}
"""What a method needs behind it."""


@dataclass(frozen=True)
class Plan:
    """What to do: options of select-ratios."""

    method: str
    ratio: float
    cost: str = "macs"
    multiple: int = 1
    score: str = "sqnr"
    samples: int = 128
    select: bool = True
    """Search ratios per layer; else all layers get `ratio`."""


@dataclass(frozen=True)
class Row:
    """A layer with weights: before and after."""

    name: str
    op: str
    shape: str
    ratio: float | None
    """None where the method could not compress it."""
    kept: str
    """`rank 3 of 9`, `8 of 16 channels`."""
    before: int
    after: int
    score: float | None
    """Of the network with only this layer compressed."""


@dataclass(frozen=True)
class Totals:
    """Of a whole network."""

    macs: int
    weights: int
    activations: int
    """The greatest elements of a layer's inputs and output together: a bound of its memory."""
    accuracy: float | None


@dataclass(frozen=True)
class Compression:
    """The smaller network, and what it is against the one it came from."""

    plan: Plan
    module: ModuleOp
    """At the graph level."""
    rows: Sequence[Row]
    before: Totals
    after: Totals
    fidelity: Fidelity
    """Of the logits, against the network as it came, on the test samples."""


def compress(
    model: ModuleOp,
    data: Samples,
    plan: Plan,
    *,
    data_labels: Array | None = None,
    test: Samples | None = None,
    labels: Array | None = None,
    progress: Progress = SILENT,
) -> Compression:
    """Choose ratios and fit weights on `data`, measure on `test` (default: the same).

    `data_labels` are the classes of `data`, for the score `accuracy`; `labels` those of `test`.
    Raises `RunnelError` for a model that is not in float, and for a plan that cannot be met.
    """
    if level_of(model) != "graph" or is_quantized(model):
        raise RunnelError("the model is quantized already: compress it in float, then quantize")
    test = data if test is None else test
    if labels is not None:
        check_labels(labels, test, model)
    if data_labels is not None:
        check_labels(data_labels, data, model)
    context, whole = new_context(), model.clone()
    resolve_pipeline("simplify").run(context, whole)
    module = whole.clone()
    budget = budget_of(network_function(module), plan.method, plan.cost, plan.multiple)
    with TemporaryDirectory(prefix="runnel-") as folder:
        path, classes = Path(folder) / "data.npz", Path(folder) / "labels.npy"
        constants_file.save(path, {name: real(array) for name, array in data.items()})
        if data_labels is not None:
            np.save(classes, data_labels)
        if plan.select:
            text = select_text(plan, path, None if data_labels is None else classes)
            with progress.step("score layers"), telling(layers_shown(progress)):
                resolve_pipeline(text).run(context, module)
        rows = rows_of(budget, plan)
        with progress.step(f"{plan.method}: fit layers"):
            resolve_pipeline(apply_text(plan, path)).run(context, module)
    with progress.step("measure"):
        reference, found = (outputs_of(m, test) for m in (whole, module))
    return Compression(
        plan,
        module,
        rows,
        totals(whole, accuracy(reference.result, labels)),
        totals(module, accuracy(found.result, labels)),
        fidelity(reference.logits, found.logits, classes=labels is not None or has_classes(model)),
    )


def select_text(plan: Plan, data: Path, labels: Path | None) -> str:
    """The pass that chooses ratios."""
    given = "" if labels is None else f' labels="{labels}"'
    return (
        f'select-ratios{{data="{data}" method={plan.method} ratio={plan.ratio} cost={plan.cost} '
        f"multiple={plan.multiple} score={plan.score} samples={plan.samples}{given}}}"
    )


def apply_text(plan: Plan, data: Path) -> str:
    """The passes that compress, behind those that choose."""
    cost = "" if plan.method == "prune-channels" else f" cost={plan.cost}"
    return (
        f'{plan.method}{{data="{data}" ratio={1.0 if plan.select else plan.ratio} '
        f"multiple={plan.multiple} samples={plan.samples}{cost}}}"
        f"{AFTER.get(plan.method, '')},cleanup,remove-unused-globals"
    )


def layers_shown(progress: Progress) -> Any:
    def tell(done: int, count: int) -> None:
        progress.detail(f"score layers: {done} of {count}")

    return tell


def rows_of(budget: Budget, plan: Plan) -> list[Row]:
    """What is to become of each layer; before it is done."""
    default = 1.0 if plan.select else plan.ratio
    ratios = [ratio_of(unit.ops[0], default) for unit in budget.units]
    kept = {
        op: (ratio, unit.text(ratio))
        for unit, ratio in zip(budget.units, ratios, strict=True)
        for op in unit.ops
    }
    before, after = budget.costs([1.0] * len(ratios)), budget.costs(ratios)
    return [
        Row(
            source_name(op) or op.name,
            op.name.partition(".")[2],
            "x".join(map(str, shape_of(op.operands[1]))),
            *kept.get(op, (None, "not by this method")),
            was,
            stays,
            number_on(op, SCORE),
        )
        for op, was, stays in zip(budget.ops, before, after, strict=True)
    ]


def totals(module: ModuleOp, accuracy: float | None) -> Totals:
    ops = list(network_function(module).body.block.ops)
    return Totals(
        sum(map(macs, ops)), sum(map(weights, ops)), max(map(held, ops), default=0), accuracy
    )


def held(op: Operation) -> int:
    """Elements that a layer reads and makes."""
    if not weights(op):
        return 0
    return prod(shape_of(op.operands[0])) + prod(shape_of(op.results[0]))
