"""Run a graph, with casts or in float, and carry gradients back through it (reverse mode).

Rounding counts as the identity between the ends of its range and as a constant beyond them
(straight-through, Bengio et al., arXiv:1308.3432).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.diagnostics import refuse
from ...dialects.graph_base import ints
from ...runtime.interpreter.windows import pad_spatial, taps
from .prefix import Prefix, is_constant

Array = NDArray[Any]
Values = Mapping[SSAValue, Array]


@dataclass(frozen=True)
class Tape:
    """The ops from the inputs to `output`; `casts=False` passes values by all quantizers."""

    network: Prefix
    output: SSAValue
    casts: bool

    @property
    def ops(self) -> Sequence[Operation]:
        every = [op for op in self.network.function.body.block.ops if op.results]
        last = self.output.owner
        until = every.index(last) + 1 if isinstance(last, Operation) else 0
        return [op for op in every[:until] if not is_constant(op)]

    @property
    def unknown(self) -> Sequence[Operation]:
        """The ops that no gradient goes through."""
        return [op for op in self.ops if type(op) not in RULES]

    def run(self, inputs: Values, parameters: Values) -> dict[SSAValue, Array]:
        """All values; `parameters` are weights and biases that take the place of constants."""
        values = {**inputs, **parameters}
        for op in self.ops:
            values[op.results[0]] = self.step(op, values)
        return values

    def step(self, op: Operation, values: Values) -> Array:
        if isinstance(op, CASTS) and not self.casts:
            return self.network.value(op.operands[0], values)
        return self.network.run(op, values)

    def back(self, values: Values, slopes: Values) -> dict[SSAValue, Array]:
        """The gradients of a sum of terms with respect to everything in `values`; `slopes` are
        those that terms have with respect to some values directly.
        """
        found = dict(slopes)
        for op in reversed(self.ops):
            slope = found.get(op.results[0])
            if slope is None:
                continue
            arguments = [values.get(operand) for operand in op.operands]
            for operand, part in zip(op.operands, self.parts(op, arguments, slope), strict=True):
                if operand in values:
                    found[operand] = found[operand] + part if operand in found else part
        return found

    def parts(
        self, op: Operation, arguments: Sequence[Array | None], slope: Array
    ) -> Sequence[Array]:
        """The gradient with respect to each operand; `arguments` are None for constants."""
        if isinstance(op, CASTS) and not self.casts:
            return (slope,)
        rule = RULES.get(type(op))
        if rule is None:
            refuse(op, f"the gradient of {op.name} is not known here")
        known = [
            self.network.constant(operand) if argument is None else argument
            for operand, argument in zip(op.operands, arguments, strict=True)
        ]
        return rule(op, known, slope)


CASTS = (quant.CastOp,)


def _gemm(op: graph.GemmOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    """y = x w^T + b, of factors 1 (`layer_of`)."""
    x, weight, *bias = arguments
    stored = bool(op.trans_b.value.data)
    rows = weight if stored else weight.T
    turned = slope.T @ x
    return (slope @ rows, turned if stored else turned.T, *(slope.sum(0) for _ in bias))


def _matmul(op: graph.MatmulOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    x, weight = arguments
    return slope @ weight.T, x.T @ slope


def _conv(op: graph.ConvOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    """Tap by tap: each meets a view of the padded input."""
    x, weight, *bias = arguments
    groups, pads = op.group.value.data, op.pad_pairs()
    count, spatial = len(x), slope.shape[2:]
    padded = pad_spatial(x, pads)
    back, turned = np.zeros_like(padded), np.zeros_like(weight)
    steps = op.kernel(), ints(op.strides), ints(op.dilations)
    grouped = slope.reshape(count, groups, -1, *spatial)
    for (place, view), (_, into) in zip(taps(padded, *steps), taps(back, *steps), strict=True):
        tap = weight[(slice(None), slice(None), *place)].reshape(groups, -1, weight.shape[1])
        seen = view.reshape(count, groups, -1, *spatial)
        into += np.einsum("ngo...,goi->ngi...", grouped, tap, optimize=True).reshape(view.shape)
        turned[(slice(None), slice(None), *place)] = np.einsum(
            "ngox,ngix->goi",
            grouped.reshape(*grouped.shape[:3], -1),
            seen.reshape(*seen.shape[:3], -1),
            optimize=True,
        ).reshape(weight.shape[:2])
    inner = tuple(slice(low, low + n) for (low, _), n in zip(pads, x.shape[2:], strict=True))
    around = (0, *range(2, slope.ndim))
    return back[(..., *inner)], turned, *(slope.sum(around) for _ in bias)


def _relu(op: graph.ReluOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    return (slope * (arguments[0] > 0),)


def _clip(op: graph.ClipOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    low, high = op.bounds()
    return (slope * ((arguments[0] > low) & (arguments[0] < high)),)


def _add(op: graph.AddOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    if any(argument.shape != slope.shape for argument in arguments):
        refuse(op, "the gradient of a sum of different shapes is not known here")
    return slope, slope


def _reshape(op: graph.ReshapeOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    return (slope.reshape(arguments[0].shape),)


def _mean(
    op: graph.GlobalAveragePoolOp, arguments: Sequence[Array], slope: Array
) -> Sequence[Array]:
    shape = arguments[0].shape
    return (np.broadcast_to(slope / np.prod(shape[2:]), shape),)


def _average_pool(
    op: graph.AveragePoolOp, arguments: Sequence[Array], slope: Array
) -> Sequence[Array]:
    """Every value of a window has the same share; padding has one where it counts."""
    x, pads = arguments[0], op.pad_pairs()
    steps = op.kernel(), ints(op.strides), ints(op.dilations)
    counts = op.count_include_pad.value.data
    inside = pad_spatial(np.ones_like(x[:1, :1]), pads, 1.0 if counts else 0.0)
    shared = slope / sum(view for _, view in taps(inside, *steps))
    back = pad_spatial(np.zeros_like(x), pads)
    for _, into in taps(back, *steps):
        into += shared
    inner = tuple(slice(low, low + n) for (low, _), n in zip(pads, x.shape[2:], strict=True))
    return (back[(..., *inner)],)


def _qcast(op: quant.QuantizeCastOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    """Of activations, which have one scale."""
    element = quant.quantized(op.result)
    low, high = element.bounds
    zero = int(element.zero_point_array()[0])
    codes = arguments[0] / np.float32(element.scale) + np.float32(zero)
    return (slope * ((codes >= low - 0.5) & (codes <= high + 0.5)),)


def _dcast(op: quant.CastOp, arguments: Sequence[Array], slope: Array) -> Sequence[Array]:
    """Slopes of codes are kept in real units."""
    return (slope,)


RULES: dict[type[Operation], Callable[[Any, Sequence[Array], Array], Sequence[Array]]] = {
    graph.GemmOp: _gemm,
    graph.MatmulOp: _matmul,
    graph.ConvOp: _conv,
    graph.ReluOp: _relu,
    graph.ClipOp: _clip,
    graph.AddOp: _add,
    graph.ReshapeOp: _reshape,
    graph.AveragePoolOp: _average_pool,
    graph.GlobalAveragePoolOp: _mean,
    quant.QuantizeCastOp: _qcast,
    quant.DequantizeCastOp: _dcast,
    quant.WidenOp: _dcast,
}
"""By op: from its arguments and the slope of its result, the slopes of its operands."""
