"""Run calibration data through the float graph and note the range of every tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, DictionaryAttr, ModuleOp, f64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, choices, emit_remark
from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names
from . import calibration_cache
from .calibrators import METHODS, calibrator
from .calibrators.batch_norm import trained_range, widen
from .calibrators.choice import keep_choice
from .calibrators.cost import histogram_sqnr
from .calibrators.cross_entropy import cross_entropy
from .calibrators.data_free import data_free_ranges
from .observe import Observer, collect
from .placement import Placement
from .rules import Rules
from .scheme import Scheme
from .statistics import RangeStatistics

PASS = "calibrate"
RANGE = "quant.range"
"""The attribute (on an op, or on a function argument) that holds [low, high]."""

PLATFORM = "platform"
"""The scheme of each tensor is what the platform asks."""

LOST = 0.1
"""Decibels below min-max from which a remark tells."""

Array = NDArray[Any]
Range = tuple[float, float]


@dataclass(frozen=True)
class Calibrate(ModulePass):
    """Write the range that `method` finds for each float tensor on its op as `quant.range`.

    `data` is an .npz with one array per network input (samples on the first axis), or an .npy for a
    network with one input. Methods: mse (least squared error), min-max, moving-average, percentile
    (of `percentile` %), sqnr (squared error in which clipping counts more), entropy, cross-entropy
    (mse, but for logits what softmax makes of them); batch-norm needs no data (`data=""`): ranges
    are `deviations` around the means that folded batch norms knew, carried through the network from
    inputs between `input-low` and `input-high`. `bits` and `scheme` are those that the search
    assumes: `platform` is for each tensor what the module's platform asks of it (asymmetric without
    one); asymmetric, symmetric, strict, power-of-two, symmetric-power-of-two and
    strict-power-of-two write a range that has such a grid over all codes.

    Data show what is usual, and an anomaly detector is there for what is not. So no range is less
    than `deviations` standard deviations around the mean of each channel, where a folded batch norm
    knew them (0: ranges are what the data show), and all are widened by the factor `headroom`. Nor
    is the top of logits cut off, as the greatest of a row decides: it is at least four deviations
    above the mean of the greatest ones (with min-max, which cuts nothing off, and with `deviations`
    of 0: what the method finds).

    Statistics are kept on disk by a hash of network and data (`cache=false`: not).
    """

    name = PASS

    data: str
    method: str = "mse"
    percentile: float = 99.99
    headroom: float = 1.0
    bits: int = 8
    scheme: str = PLATFORM
    deviations: float = 6.0
    input_low: float = -1.0
    input_high: float = 1.0
    batch: int = 32
    cache: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None:
            raise RunnelError("calibrate: the module has no function")
        ranges = self.ranges(op, function)
        if self.method == "batch-norm":
            self.without_data(function, ranges)
            return
        inputs = read_inputs(Path(self.data), input_names(function))
        seen = self.statistics(op, function, inputs)
        for inner, statistics in seen.ops.items():
            inner.attributes[RANGE] = note(ranges.of_op(inner, statistics, seen))
        arguments = function.body.block.args, argument_attributes(function), seen.arguments
        function.arg_attrs = ArrayAttr(
            DictionaryAttr({**old, RANGE: note(ranges.of_argument(function, value, statistics))})
            for value, old, statistics in zip(*arguments, strict=True)
        )

    def without_data(self, function: func.FuncOp, ranges: Ranges) -> None:
        """Write what batch norms tell."""
        if self.data or self.input_low >= self.input_high or not self.deviations:
            raise RunnelError(
                "calibrate: batch-norm takes no data, input-low below input-high, and deviations "
                "above 0"
            )
        bounds = (self.input_low, self.input_high)
        found = data_free_ranges(function, bounds, self.deviations)
        for inner in function.body.block.ops:
            if len(inner.results) == 1 and inner.results[0] in found:
                inner.attributes[RANGE] = note(ranges.finish(found[inner.results[0]]))
        function.arg_attrs = ArrayAttr(
            DictionaryAttr({**old, RANGE: note(ranges.finish(bounds))})
            for old in argument_attributes(function)
        )

    def ranges(self, module: ModuleOp, function: func.FuncOp) -> Ranges:
        """The options as rules, or RunnelError."""
        if self.method not in METHODS:
            raise RunnelError(
                f"unknown calibration '{self.method}', expected one of "
                f"{choices(self.method, METHODS)}"
            )
        if not 0 < self.percentile <= 100 or self.headroom <= 0 or self.deviations < 0:
            raise RunnelError(
                "calibrate: percentile is in (0, 100], headroom above 0, deviations at least 0"
            )
        try:
            given = self.scheme != PLATFORM
            scheme = Scheme(self.scheme if given else "asymmetric", self.bits)
        except ValueError as error:
            raise RunnelError(f"calibrate: {error}") from error
        placement = None if given else Placement(function.body.block, rules=Rules.of(module))
        return Ranges(
            self.method, self.percentile, self.headroom, self.deviations, scheme, placement
        )

    def statistics(
        self, module: ModuleOp, function: func.FuncOp, inputs: Mapping[str, Array]
    ) -> Observer:
        """What the data show, from the cache if they were seen before."""
        if not self.cache:
            return collect(module, function, inputs, self.batch)
        key = calibration_cache.key_of(module, inputs, self.batch)
        found = calibration_cache.load(key, function)
        if found is None:
            found = collect(module, function, inputs, self.batch)
            calibration_cache.store(key, found, function)
        else:
            emit_remark("analysis", PASS, function, f"statistics come from the cache ({key[:12]})")
        return found


@dataclass(frozen=True)
class Ranges:
    """How a range follows from statistics."""

    method: str
    percentile: float
    headroom: float
    deviations: float
    scheme: Scheme
    placement: Placement | None
    """Knows the scheme of each tensor; None: all have `scheme`."""

    def scheme_of(self, value: SSAValue) -> Scheme:
        """The scheme that the search for the range of `value` assumes."""
        if self.placement is None:
            return self.scheme
        return replace(self.placement.scheme(value), bits=self.scheme.bits)

    def of_argument(
        self, function: func.FuncOp, value: SSAValue, statistics: RangeStatistics
    ) -> Range:
        """The range of an input: its method alone."""
        found = self.found(value, statistics)
        self.tell_if_worse(function, value, found, statistics, None)
        return self.finish(found)

    def of_op(self, op: Operation, statistics: RangeStatistics, seen: Observer) -> Range:
        """The range of a result: with what training says of it."""
        if self.method == "cross-entropy" and op is seen.logits:
            found = cross_entropy(seen.rows, self.scheme_of(op.results[0]))
        else:
            found = self.found(op.results[0], statistics)
        trained = trained_range(op, self.deviations) if self.deviations else None
        wide = widen(found, trained)
        if wide != found:
            emit_remark(
                "analysis",
                PASS,
                op,
                f"widened from {text(found)} to {text(wide)}: {self.deviations:g} deviations "
                "of the batch norm that was folded here",
            )
        self.tell_if_worse(op, op.results[0], wide, statistics, trained)
        if op is seen.logits and self.deviations and self.method != "min-max":
            found, wide = wide, keep_choice(wide, seen.rows)
            if wide != found:
                why = "the greatest value of a row decides"
                emit_remark(
                    "analysis", PASS, op, f"widened from {text(found)} to {text(wide)}: {why}"
                )
        return self.finish(wide)

    def found(self, value: SSAValue, statistics: RangeStatistics) -> Range:
        """What the method finds in what was seen of `value`."""
        return calibrator(self.method, self.percentile)(statistics, self.scheme_of(value))

    def tell_if_worse(
        self,
        op: Operation,
        value: SSAValue,
        bounds: Range,
        statistics: RangeStatistics,
        trained: Range | None,
    ) -> None:
        """A remark at `op` where min-max, with what training says, had less error than `bounds`."""
        if self.method == "min-max":
            return
        scheme, whole = self.scheme_of(value), widen((statistics.low, statistics.high), trained)
        here = histogram_sqnr(statistics, *bounds, scheme)
        there = histogram_sqnr(statistics, *whole, scheme)
        if here < there - LOST:
            emit_remark(
                "missed",
                PASS,
                op,
                f"{self.method} has {there - here:.1f} dB less SQNR than min-max here: "
                f"{text(bounds)} of {text(whole)}",
            )

    def finish(self, bounds: Range) -> Range:
        """With headroom, and such that a grid over all codes has the scale of a given scheme; what
        the platform asks for, insert-quant-casts sees to.
        """
        low, high = bounds[0] * self.headroom, bounds[1] * self.headroom
        if self.placement is not None or self.scheme.name == "asymmetric":
            return low, high
        grid = self.scheme.grid(low, high)
        return grid.scale * (-(grid.most + 1) - grid.zero), grid.high


def text(bounds: Range) -> str:
    return f"[{bounds[0]:.4g}, {bounds[1]:.4g}]"


def note(bounds: Range) -> DenseArrayBase:
    """A range as an attribute."""
    return DenseArrayBase.from_list(f64, list(bounds))


def argument_attributes(function: func.FuncOp) -> list[Mapping[str, Attribute]]:
    """The attributes of each argument, empty where there are none."""
    if function.arg_attrs is None:
        return [{} for _ in function.body.block.args]
    return [entry.data for entry in function.arg_attrs]


def range_of(attributes: Mapping[str, Attribute]) -> Range | None:
    """The calibrated range among `attributes`."""
    found = attributes.get(RANGE)
    if not isinstance(found, DenseArrayBase):
        return None
    low, high = found.get_values()
    return float(low), float(high)
