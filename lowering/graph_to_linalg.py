"""graph -> linalg: each op on tensors becomes a function on buffers, made of linalg.generic ops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from xdsl.context import Context
from xdsl.dialects import func, math
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.passes import ModulePass

from ..dialects import dma, graph
from ..dialects.diagnostics import refuse
from ..dialects.graph import ints, shape_of
from ..dialects.platform import platform_of
from .bufferizer import Bufferizer, memref_of
from .linalg_elementwise import ELEMENTWISE, convert
from .linalg_layer import Layer, Scalars, broadcast_index, dim, dims, number
from .linalg_windows import average_pool, convolution, max_pool


@dataclass(frozen=True)
class ConvertGraphToLinalg(ModulePass):
    """Turn tensors into buffers and each graph op into a private function on them.

    The model calls the functions in order; `plan-memory` places its buffers, and
    `convert-linalg-to-loops` with `convert-cortexm-to-c` writes it as C. `memory` is where the
    buffers live: by default the main memory of the module's platform.
    """

    name = "convert-graph-to-linalg"

    memory: str | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        memory = self.memory or platform_of(op).board.data
        for function in [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]:
            LoopBufferizer(op, memory).convert(function)


class LoopBufferizer(Bufferizer):
    """Puts all ops of a function on buffers, as loops."""

    def refuses(self, op: Operation) -> str | None:
        return None if has_loops(op) else "has no form as loops"

    def lower(self, op: Operation) -> None:
        lower_layer(op, self)


def has_loops(op: Operation) -> bool:
    """Whether `lower_layer` takes ops of this kind."""
    return type(op) in ELEMENTWISE or lower_layer.dispatch(type(op)) is not DEFAULT


@singledispatch
def lower_layer(op: Operation, to: Bufferizer) -> None:
    """Emit the function of `op` and its call."""
    if type(op) not in ELEMENTWISE:
        refuse(op, "has no form as loops")
    layer = Layer(to, op)
    shape = shape_of(op.results[0])
    rank = len(shape)
    ins = [(layer.input(value), _operand_index(op, value, shape)) for value in op.operands]
    function = ELEMENTWISE[type(op)]
    out = (layer.output(), dims(*range(rank)))
    layer.generic(out, ins, rank, lambda s, *values: function(op, s, *values[:-1]))
    layer.finish()


DEFAULT = lower_layer.dispatch(object)

lower_layer.register(graph.ConvOp, convolution)
lower_layer.register(graph.MaxPoolOp, max_pool)
lower_layer.register(graph.AveragePoolOp, average_pool)


def _operand_index(op: Operation, value: SSAValue, shape: Sequence[int]) -> list[AffineExpr]:
    if isinstance(op, graph.BatchNormalizationOp) and value is not op.input:
        return [dim(1)]
    return broadcast_index(shape_of(value), shape)


# Matrix products


def accumulate(s: Scalars, a: SSAValue, b: SSAValue, sum: SSAValue) -> SSAValue:
    return s.add(sum, s.mul(a, b))


@lower_layer.register
def matmul(op: graph.MatmulOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    a, b, shape = shape_of(op.lhs), shape_of(op.rhs), shape_of(op.result)
    rank, depth = len(shape), len(shape)
    has_row, has_column = len(a) > 1, len(b) > 1
    batch = rank - has_row - has_column
    row = dims(batch) if has_row else []
    column = dims(batch + has_row) if has_column else []
    left = [*broadcast_index(a[:-2], shape[:batch]), *row, dim(depth)]
    right = [*broadcast_index(b[:-2], shape[:batch]), dim(depth), *column]
    x, w, y = layer.input(op.lhs), layer.input(op.rhs), layer.output()
    layer.fill(y, 0)
    out = (y, dims(*range(rank)))
    layer.generic(out, [(x, left), (w, right)], rank + 1, accumulate, reduction=1)
    layer.finish()


@lower_layer.register
def gemm(op: graph.GemmOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    x, w = layer.input(op.lhs), layer.input(op.rhs)
    left = dims(2, 0) if op.trans_a.value.data else dims(0, 2)
    right = dims(1, 2) if op.trans_b.value.data else dims(2, 1)
    alpha, beta = op.alpha.value.data, op.beta.value.data
    bias = None
    if op.bias is not None:
        bias = (layer.input(op.bias), broadcast_index(shape_of(op.bias), shape_of(op.result)))
    y = layer.output()
    out = (y, dims(0, 1))
    if bias is not None and alpha == beta == 1:
        layer.broadcast(bias, y)
    else:
        layer.fill(y, 0)
    layer.generic(out, [(x, left), (w, right)], 3, accumulate, reduction=1)
    if alpha != 1 or (bias is not None and beta != 1):
        ins = [] if bias is None else [bias]

        def scale(s: Scalars, *values: SSAValue) -> SSAValue:
            product = s.mul(values[-1], alpha)
            return product if bias is None else s.add(product, s.mul(values[0], beta))

        layer.generic(out, ins, 2, scale)
    layer.finish()


# Reductions


def reduced_index(shape: Sequence[int], axes: Sequence[int]) -> list[AffineExpr]:
    """The index of all axes when the loops run over the kept ones first, then over `axes`."""
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    order = [*kept, *axes]
    return [dim(order.index(axis)) for axis in range(len(shape))]


def reduce(layer: Layer, op: graph.GraphOp, axes: Sequence[int], kind: str) -> None:
    """`kind` is sum, mean or max."""
    value = op.operands[0]
    shape, result = shape_of(value), shape_of(op.result)
    kept = len(shape) - len(axes)
    x, y = layer.input(value), layer.output()
    index = dims(*range(kept))
    if len(result) == len(shape):
        positions = iter(range(kept))
        index = [number(0) if axis in axes else dim(next(positions)) for axis in range(len(shape))]
    first = _least(op) if kind == "max" else 0.0
    layer.fill(y, first)
    body = larger if kind == "max" else added
    layer.generic((y, index), [(x, reduced_index(shape, axes))], len(shape), body, len(axes))
    if kind == "mean":
        count = 1
        for axis in axes:
            count *= shape[axis]
        rank = len(result)
        layer.generic((y, dims(*range(rank))), [], rank, lambda s, sum: s.div(sum, count))
    layer.finish()


def added(s: Scalars, x: SSAValue, sum: SSAValue) -> SSAValue:
    return s.add(sum, x)


def larger(s: Scalars, x: SSAValue, largest: SSAValue) -> SSAValue:
    return s.at_least(x, largest)


def _least(op: graph.GraphOp) -> float:
    """What no element is below."""
    element = op.result.type.element_type
    if isinstance(element, IntegerType):
        return -(1 << (element.width.data - 1))
    return float("-inf")


@lower_layer.register
def reduce_sum(op: graph.ReduceSumOp, to: Bufferizer) -> None:
    reduce(Layer(to, op), op, op.reduced(), "sum")


@lower_layer.register
def reduce_mean(op: graph.ReduceMeanOp, to: Bufferizer) -> None:
    reduce(Layer(to, op), op, op.reduced(), "mean")


@lower_layer.register
def reduce_max(op: graph.ReduceMaxOp, to: Bufferizer) -> None:
    reduce(Layer(to, op), op, op.reduced(), "max")


@lower_layer.register
def global_average_pool(op: graph.GlobalAveragePoolOp, to: Bufferizer) -> None:
    reduce(Layer(to, op), op, range(2, len(shape_of(op.input))), "mean")


@lower_layer.register
def softmax(op: graph.SoftmaxOp, to: Bufferizer) -> None:
    """exp(x - max) / sum along one axis."""
    layer = Layer(to, op)
    shape = shape_of(op.input)
    rank = len(shape)
    axis = op.axis.value.data % rank
    element = op.result.type.element_type
    kept = [n for i, n in enumerate(shape) if i != axis]
    x, y = layer.input(op.input), layer.output()
    largest = layer.temporary(kept, element, "largest")
    sum = layer.temporary(kept, element, "sum")
    all_axes, one = reduced_index(shape, [axis]), dims(*range(rank - 1))
    layer.fill(largest, float("-inf"))
    layer.generic((largest, one), [(x, all_axes)], rank, larger, reduction=1)
    layer.generic(
        (y, all_axes),
        [(x, all_axes), (largest, one)],
        rank,
        lambda s, a, top, _: s.exp(s.sub(a, top)),
    )
    layer.fill(sum, 0)
    layer.generic((sum, one), [(y, all_axes)], rank, added, reduction=1)
    layer.generic((y, all_axes), [(sum, one)], rank, lambda s, total, e: s.div(e, total))
    layer.finish()


@lower_layer.register
def layer_normalization(op: graph.LayerNormalizationOp, to: Bufferizer) -> None:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias along the last axis."""
    layer = Layer(to, op)
    shape, element = shape_of(op.input), op.result.type.element_type
    rank, count = len(shape), shape[-1]
    inputs = [layer.input(value) for value in op.operands]
    x, y = inputs[0], layer.output()
    mean, square = (layer.temporary(shape[:-1], element, name) for name in ("mean", "square"))
    every, one, last = dims(*range(rank)), dims(*range(rank - 1)), dims(rank - 1)
    layer.fill(mean, 0)
    layer.generic((mean, one), [(x, every)], rank, added, reduction=1)
    layer.generic(
        (y, every),
        [(x, every), (mean, one)],
        rank,
        lambda s, a, sum, _: s.sub(a, s.div(sum, count)),
    )
    layer.fill(square, 0)
    layer.generic(
        (square, one), [(y, every)], rank, lambda s, a, sum: s.add(sum, s.mul(a, a)), reduction=1
    )
    epsilon = float(op.epsilon.value.data)

    def normalize(
        s: Scalars, scale: SSAValue, bias: SSAValue, sum: SSAValue, a: SSAValue
    ) -> SSAValue:
        deviation = s.unary(math.SqrtOp, s.add(s.div(sum, count), epsilon))
        return s.add(s.mul(s.div(a, deviation), scale), bias)

    read = [(inputs[1], last), (inputs[2], last), (square, one)]
    layer.generic((y, every), read, rank, normalize)
    layer.finish()


# Movement


@lower_layer.register
def reshape(op: graph.ReshapeOp, to: Bufferizer) -> None:
    view = dma.ViewOp(to.values[op.input], memref_of(op.result.type, to.memory))
    to.emit(view, op)
    to.values[op.result] = view.result


@lower_layer.register
def transpose(op: graph.TransposeOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    perm = ints(op.perm)
    source = (layer.input(op.input), [dim(perm.index(axis)) for axis in range(len(perm))])
    layer.broadcast(source, layer.output())
    layer.finish()


@lower_layer.register
def concat(op: graph.ConcatOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    rank = len(shape_of(op.result))
    axis = op.axis.value.data % rank
    buffers = [layer.input(value) for value in op.inputs]
    y, offsets = layer.output(), [0] * rank
    for value, buffer in zip(op.inputs, buffers, strict=True):
        shape = shape_of(value)
        layer.copy(buffer, layer.part(y, offsets, shape, [1] * rank))
        offsets[axis] += shape[axis]
    layer.finish()


@lower_layer.register
def pad(op: graph.PadOp, to: Bufferizer) -> None:
    if op.mode.data != "constant":
        refuse(op, f"mode '{op.mode.data}' has no form as loops")
    layer = Layer(to, op)
    pairs = op.pad_pairs()
    x, y = layer.input(op.input), layer.output()
    layer.fill(y, op.value.value.data)
    begins = [before for before, _ in pairs]
    layer.copy(x, layer.part(y, begins, shape_of(op.input), [1] * len(begins)))
    layer.finish()


@lower_layer.register
def slice_(op: graph.SliceOp, to: Bufferizer) -> None:
    """A part of the input; axes with a negative stride are then read backwards."""
    layer = Layer(to, op)
    sizes, strides = ints(op.sizes), ints(op.strides)
    first = [
        min(offset, offset + (size - 1) * stride)
        for offset, size, stride in zip(ints(op.offsets), sizes, strides, strict=True)
    ]
    part = layer.part(layer.input(op.input), first, sizes, [abs(stride) for stride in strides])
    index = [
        dim(axis) if stride > 0 else number(size - 1) + dim(axis) * -1
        for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True))
    ]
    layer.broadcast((part, index), layer.output())
    layer.finish()


# Quantization


def parameter_index(
    op: graph.QuantizeLinearOp | graph.DequantizeLinearOp, rank: int
) -> list[AffineExpr]:
    """The index of a scale or zero point: none, the only one, or the one of the slice."""
    if op.block_size is not None and op.block_size.value.data:
        refuse(op, "scales per block have no form as loops")
    shape = shape_of(op.scale)
    if not shape:
        return []
    return [number(0) if shape == (1,) else dim(op.axis.value.data % rank)]


@lower_layer.register
def quantize_linear(op: graph.QuantizeLinearOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    rank = len(shape_of(op.result))
    index = parameter_index(op, rank)
    element = op.result.type.element_type
    assert isinstance(element, IntegerType)
    limit = 1 << (element.width.data - 1)
    ins = [(layer.input(op.input), dims(*range(rank))), (layer.input(op.scale), index)]
    if op.zero_point is not None:
        ins.append((layer.input(op.zero_point), index))

    def body(s: Scalars, x: SSAValue, scale: SSAValue, *rest: SSAValue) -> SSAValue:
        step = s.unary(math.RoundEvenOp, s.div(x, convert(s, scale, x.type)))
        if len(rest) > 1:
            step = s.add(step, convert(s, rest[0], x.type))
        step = s.at_most(s.at_least(step, -limit), limit - 1)
        return convert(s, step, element)

    layer.generic((layer.output(), dims(*range(rank))), ins, rank, body)
    layer.finish()


@lower_layer.register
def dequantize_linear(op: graph.DequantizeLinearOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    rank = len(shape_of(op.result))
    index = parameter_index(op, rank)
    ins = [(layer.input(op.input), dims(*range(rank))), (layer.input(op.scale), index)]
    if op.zero_point is not None:
        ins.append((layer.input(op.zero_point), index))
    assert isinstance(op.result.type, TensorType)
    wide = IntegerType(32)

    def body(s: Scalars, x: SSAValue, scale: SSAValue, *rest: SSAValue) -> SSAValue:
        value = convert(s, x, wide)
        if len(rest) > 1:
            value = s.sub(value, convert(s, rest[0], wide))
        return s.mul(convert(s, value, scale.type), scale)

    layer.generic((layer.output(), dims(*range(rank))), ins, rank, body)
    layer.finish()
