"""Spatial SVD: a convolution by a column, then one by a row."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.ir import Operation

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of, tensor_type, with_shape
from ..graph.constants import float_array, new_constant, symbol_of
from ..quant.layers import Layer
from .low_rank import Float, LowRank, Split, why_not_dense

PASS = "spatial-svd"


class SpatialFactors:
    """A window of kh x kw as one of kh x 1 (no bias) and one of 1 x kw."""

    def why_not(self, layer: Layer) -> str | None:
        if not isinstance(layer.op, graph.ConvOp) or len(layer.op.kernel()) != 2:
            return "it has no window of two dimensions; weight-svd may split it"
        if 1 in layer.op.kernel():
            height, width = layer.op.kernel()
            return f"its window is {height} x {width} already; weight-svd may split it"
        return why_not_dense(layer)

    def split(self, layer: Layer, cost: str) -> Split:
        conv = layer.op
        assert isinstance(conv, graph.ConvOp)
        outputs, inputs, height, width = shape_of(conv.weight)
        column, row = inputs * height, outputs * width
        most = min(column, row)
        if cost == "weights":
            return Split(prod(shape_of(conv.weight)), column + row, most)
        batch, _, rows, columns = shape_of(conv.result)
        positions = batch * rows * columns
        # The first layer strides over rows only: it runs at the full width of the input.
        wide = batch * rows * shape_of(conv.input)[3]
        return Split(positions * outputs * column * width, wide * column + positions * row, most)

    def matrix(self, layer: Layer) -> Float:
        weight = float_array(layer.weight)
        assert weight is not None
        outputs, inputs, height, width = weight.shape
        return weight.transpose(1, 2, 0, 3).reshape(inputs * height, outputs * width)

    def ops(self, layer: Layer, left: Float, right: Float) -> list[Operation]:
        conv, rank = layer.op, left.shape[1]
        assert isinstance(conv, graph.ConvOp)
        outputs, inputs, height, width = shape_of(conv.weight)
        column = left.reshape(inputs, 1, height, rank).transpose(3, 0, 2, 1)
        row = right.reshape(rank, outputs, width, 1).transpose(1, 0, 3, 2)
        name, type = symbol_of(conv.weight, "weight"), tensor_type(conv.weight)
        first = new_constant(conv, f"{name}_column", column, with_shape(type, column.shape))
        second = new_constant(conv, f"{name}_row", row, with_shape(type, row.shape))
        (down, across), (top, left_pad, bottom, right_pad) = ints(conv.strides), ints(conv.pads)
        high, wide = ints(conv.dilations)
        a = graph.ConvOp(
            conv.input,
            first.result,
            strides=(down, 1),
            pads=(top, 0, bottom, 0),
            dilations=(high, 1),
        )
        b = graph.ConvOp(
            a.result,
            second.result,
            conv.bias,
            strides=(1, across),
            pads=(0, left_pad, 0, right_pad),
            dilations=(1, wide),
        )
        return [first, second, a, b]


@dataclass(frozen=True)
class SpatialSVD(LowRank):
    """Split each convolution of kh x kw into kh x 1 and 1 x kw with `rank` channels between.

    Jaderberg et al., arXiv:1405.3866 (scheme 2); Zhang et al., arXiv:1505.06798. The weight
    [n, m, kh, kw] as a matrix [m kh, n kw] is A B; A becomes the first layer, B the second, which
    has the bias. At full rank min(m kh, n kw) the results stay the same up to rounding.

    `ratio` is the share of the layer's cost that the two may take together, and `compress.ratio` on
    a layer comes before it (see select-ratios); 1 leaves a layer alone. `cost` is what is counted:
    macs (the first layer runs at the full width of the input) or weights. Ranks are rounded up to
    `multiple`. `rank` takes that rank for all layers, whatever it costs.

    With `data` (as for `calibrate`) layers go in order. The matrix is weighted by the covariance of
    what meets the first layer, and the second one is fitted: least squares to the outputs of the
    network as it came, on the inputs that the smaller one gives, from up to `samples` samples and
    `positions` positions per layer (at least 8 for each weight of an output).
    """

    name = PASS
    factors = SpatialFactors()
