"""Weight SVD: fewer channels first, then the layer on those."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.ir import Operation

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of, tensor_type, with_shape
from ..graph.constants import new_constant, symbol_of
from ..quant.layers import Layer
from .low_rank import Float, LowRank, Split, why_not_dense

PASS = "weight-svd"


class WeightFactors:
    """A layer of m inputs as a 1 x 1 layer from m to fewer channels (no bias), and one on these."""

    def why_not(self, layer: Layer) -> str | None:
        return why_not_dense(layer)

    def split(self, layer: Layer, cost: str) -> Split:
        weight = shape_of(layer.weight)
        inputs = layer.inputs
        rest = prod(weight) // inputs
        most = min(inputs, rest)
        if cost == "weights":
            return Split(prod(weight), inputs + rest, most)
        batch, _, *extents = shape_of(layer.op.result)
        before = batch * prod(shape_of(layer.input)[2:])
        after = batch * prod(extents)
        return Split(after * inputs * rest, before * inputs + after * rest, most)

    def matrix(self, layer: Layer) -> Float:
        weight = layer.float_weight()
        assert weight is not None
        return weight[0].transpose(1, 0, 2).reshape(weight.shape[2], -1)

    def ops(self, layer: Layer, left: Float, right: Float) -> list[Operation]:
        name, type = symbol_of(layer.weight, "weight"), tensor_type(layer.weight)
        if isinstance(layer.op, graph.ConvOp):
            return self.conv_ops(layer.op, left, right)
        if not layer.transposed:
            left, right = left.T, right.T
        first = new_constant(layer.op, f"{name}_narrow", left, with_shape(type, left.shape))
        second = new_constant(layer.op, f"{name}_wide", right, with_shape(type, right.shape))
        if isinstance(layer.op, graph.MatmulOp):
            narrow = graph.MatmulOp(layer.input, first.result)
            return [first, second, narrow, graph.MatmulOp(narrow.result, second.result)]
        turned = not layer.transposed
        narrow = graph.GemmOp(layer.input, first.result, trans_b=turned)
        wide = graph.GemmOp(narrow.result, second.result, layer.op.bias, trans_b=turned)
        return [first, second, narrow, wide]

    def conv_ops(self, conv: graph.ConvOp, left: Float, right: Float) -> list[Operation]:
        rank, spatial = left.shape[1], conv.kernel()
        ones = [1] * len(spatial)
        mixed = left.T.reshape(rank, -1, *ones)
        taps = np.moveaxis(right.reshape(rank, -1, *spatial), 0, 1)
        name, type = symbol_of(conv.weight, "weight"), tensor_type(conv.weight)
        first = new_constant(conv, f"{name}_narrow", mixed, with_shape(type, mixed.shape))
        second = new_constant(conv, f"{name}_wide", taps, with_shape(type, taps.shape))
        none = [0] * (2 * len(spatial))
        a = graph.ConvOp(conv.input, first.result, strides=ones, pads=none, dilations=ones)
        b = graph.ConvOp(
            a.result,
            second.result,
            conv.bias,
            strides=ints(conv.strides),
            pads=ints(conv.pads),
            dilations=ints(conv.dilations),
        )
        return [first, second, a, b]


@dataclass(frozen=True)
class WeightSVD(LowRank):
    """Split each layer of m inputs into a 1 x 1 layer from m to `rank` channels and one on those.

    The weight as a matrix [m, outputs * taps] is A B (a fully connected layer: [m, n]); A becomes
    the first layer, B, with the window, strides, padding and bias, the second. At full rank the
    results stay the same up to rounding. Options are those of spatial-svd.
    """

    name = PASS
    factors = WeightFactors()
