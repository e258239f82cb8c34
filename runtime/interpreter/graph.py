"""What the graph ops compute, on NumPy arrays: the meanings of the ONNX operator specification.

`independent` below says which ops may see a whole batch at once; all others run sample by sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import Operation

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of
from ...dialects.quant_types import UniformQuantizedType, quantize_real
from ...dialects.types import dtype_of
from . import windows
from .batch import batch_factor, per_sample
from .resize import resample_axis

Array = NDArray[Any]

_erf = np.frompyfunc(math.erf, 1, 1)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(x.dtype)


def softmax(x: Array, axis: int) -> Array:
    """exp(x) normalised along `axis`, shifted by the maximum so that nothing overflows."""
    exponentials = np.exp(x - x.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def divide(lhs: Array, rhs: Array) -> Array:
    """lhs / rhs; integers towards zero."""
    if np.issubdtype(lhs.dtype, np.floating):
        return lhs / rhs
    quotient = np.abs(lhs) // np.abs(rhs)
    return (np.sign(lhs) * np.sign(rhs) * quotient).astype(lhs.dtype)


def spread(parameter: Array, x: Array, axis: int, block_size: int) -> Array:
    """A scale or zero point in a shape that broadcasts to `x`."""
    if block_size:
        return np.repeat(parameter, block_size, axis=axis).take(range(x.shape[axis]), axis=axis)
    if parameter.size == 1:
        return parameter.reshape(())
    return parameter.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def quantize(x: Array, scale: Array, zero_point: Array) -> Array:
    """saturate(round_half_even(x / scale) + zero_point) in the type of `zero_point`."""
    bounds = np.iinfo(zero_point.dtype)
    steps = np.rint(x / scale.astype(x.dtype)).astype(np.float64) + zero_point
    return np.clip(steps, bounds.min, bounds.max).astype(zero_point.dtype)


def dequantize(x: Array, scale: Array, zero_point: Array) -> Array:
    """(x - zero_point) * scale in the type of `scale`."""
    wide = np.int64 if x.dtype.itemsize > 2 else np.int32
    return (x.astype(wide) - zero_point.astype(wide)).astype(scale.dtype) * scale


def _relu(op: graph.ReluOp, x: Array) -> Array:
    return np.maximum(x, 0)


def _clip(op: graph.ClipOp, x: Array) -> Array:
    low, high = (x.dtype.type(end) if np.isfinite(end) else None for end in op.bounds())
    return np.clip(x, low, high)


def _leaky_relu(op: graph.LeakyReluOp, x: Array) -> Array:
    return np.where(x >= 0, x, x * x.dtype.type(op.alpha.value.data))


def _elu(op: graph.EluOp, x: Array) -> Array:
    return np.where(x >= 0, x, np.expm1(np.minimum(x, 0)) * x.dtype.type(op.alpha.value.data))


def _hard_sigmoid(op: graph.HardSigmoidOp, x: Array) -> Array:
    alpha, beta = x.dtype.type(op.alpha.value.data), x.dtype.type(op.beta.value.data)
    return np.clip(alpha * x + beta, 0, 1)


def _hard_swish(op: graph.HardSwishOp, x: Array) -> Array:
    return x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1)


def _prelu(op: graph.PReluOp, x: Array, slope: Array) -> Array:
    return np.where(x >= 0, x, x * slope)


def _softmax(op: graph.SoftmaxOp, x: Array) -> Array:
    return softmax(x, op.axis.value.data)


def _gemm(op: graph.GemmOp, a: Array, b: Array, bias: Array | None = None) -> Array:
    lhs = a.T if op.trans_a.value.data else a
    rhs = b.T if op.trans_b.value.data else b
    result = (lhs @ rhs) * a.dtype.type(op.alpha.value.data)
    return result if bias is None else result + bias * a.dtype.type(op.beta.value.data)


def _reduce(function: Callable[..., Array]) -> Callable[..., Array]:
    def compute(op: graph.ReduceOp, x: Array) -> Array:
        return np.asarray(
            function(x, axis=op.reduced(), keepdims=bool(op.keepdims.value.data)), x.dtype
        )

    return compute


def _batch_normalization(
    op: graph.BatchNormalizationOp, x: Array, scale: Array, bias: Array, mean: Array, var: Array
) -> Array:
    shape = [1, -1] + [1] * (x.ndim - 2)
    factor = scale / np.sqrt(var + var.dtype.type(op.epsilon.value.data))
    return (x - mean.reshape(shape)) * factor.reshape(shape) + bias.reshape(shape)


def _layer_normalization(
    op: graph.LayerNormalizationOp, x: Array, scale: Array, bias: Array
) -> Array:
    centered = x - x.mean(-1, keepdims=True, dtype=x.dtype)
    variance = np.square(centered).mean(-1, keepdims=True, dtype=x.dtype)
    deviation = np.sqrt(variance + x.dtype.type(op.epsilon.value.data))
    return centered / deviation * scale + bias


def _conv(op: graph.ConvOp, x: Array, weight: Array, bias: Array | None = None) -> Array:
    return windows.convolution(
        x,
        weight,
        bias,
        strides=ints(op.strides),
        pads=op.pad_pairs(),
        dilations=ints(op.dilations),
        group=op.group.value.data,
    )


def _max_pool(op: graph.MaxPoolOp, x: Array) -> Array:
    return windows.max_pool(
        x,
        kernel=op.kernel(),
        strides=ints(op.strides),
        pads=op.pad_pairs(),
        dilations=ints(op.dilations),
    )


def _average_pool(op: graph.AveragePoolOp, x: Array) -> Array:
    return windows.average_pool(
        x,
        kernel=op.kernel(),
        strides=ints(op.strides),
        pads=op.pad_pairs(),
        dilations=ints(op.dilations),
        count_include_pad=bool(op.count_include_pad.value.data),
    )


def _global_average_pool(op: graph.GlobalAveragePoolOp, x: Array) -> Array:
    return x.mean(axis=tuple(range(2, x.ndim)), keepdims=True, dtype=x.dtype)


def _reshape(op: graph.ReshapeOp, x: Array) -> Array:
    shape = shape_of(op.result)
    if not shape:
        return x.reshape(shape)
    # The samples of a batch stay one after another, whatever the shape of one of them.
    return x.reshape(batch_factor(x, op.input) * shape[0], *shape[1:])


def _pad(op: graph.PadOp, x: Array) -> Array:
    if op.mode.data == "constant":
        value, element = op.value.value.data, op.result.type.element_type
        if isinstance(element, UniformQuantizedType):
            value = quantize_real(value, element)
        return np.pad(x, op.pad_pairs(), constant_values=value)
    return np.pad(x, op.pad_pairs(), "edge" if op.mode.data == "edge" else "reflect")


def _slice(op: graph.SliceOp, x: Array) -> Array:
    offsets, sizes, strides = ints(op.offsets), ints(op.sizes), ints(op.strides)
    for axis, (offset, size, stride) in enumerate(zip(offsets, sizes, strides, strict=True)):
        if (offset, size, stride) != (0, shape_of(op.input)[axis], 1):
            x = np.take(x, np.arange(size) * stride + offset, axis=axis)
    return x


def _gather(op: graph.GatherOp, x: Array, indices: Array) -> Array:
    return np.take(x, indices, axis=op.axis.value.data)


def _resize(op: graph.ResizeOp, x: Array) -> Array:
    for axis, (source, target, scale) in enumerate(
        zip(shape_of(op.input), shape_of(op.result), op.scales.iter_values(), strict=True)
    ):
        if source != target or scale != 1:
            x = resample_axis(
                x,
                axis,
                target,
                float(scale),
                mode=op.mode.data,
                coordinates=op.coordinates.data,
                nearest=op.nearest.data,
            )
    return x


def _cast(op: graph.CastOp, x: Array) -> Array:
    return x.astype(dtype_of(op.result.type.element_type))


def _quantize_linear(
    op: graph.QuantizeLinearOp, x: Array, scale: Array, zero_point: Array | None = None
) -> Array:
    block = op.block_size.value.data if op.block_size is not None else 0
    if zero_point is None:
        zero_point = np.zeros(scale.shape, dtype_of(op.result.type.element_type))
    axis = op.axis.value.data
    return quantize(x, spread(scale, x, axis, block), spread(zero_point, x, axis, block))


def _dequantize_linear(
    op: graph.DequantizeLinearOp, x: Array, scale: Array, zero_point: Array | None = None
) -> Array:
    block = op.block_size.value.data if op.block_size is not None else 0
    if zero_point is None:
        zero_point = np.zeros(scale.shape, x.dtype)
    axis = op.axis.value.data
    return dequantize(x, spread(scale, x, axis, block), spread(zero_point, x, axis, block))


MEANINGS: dict[type[Operation], Callable[..., Array]] = {
    graph.ReluOp: _relu,
    graph.SigmoidOp: lambda op, x: sigmoid(x),
    graph.TanhOp: lambda op, x: np.tanh(x),
    graph.ExpOp: lambda op, x: np.exp(x),
    graph.LogOp: lambda op, x: np.log(x),
    graph.SqrtOp: lambda op, x: np.sqrt(x),
    graph.ReciprocalOp: lambda op, x: np.reciprocal(x),
    graph.ErfOp: lambda op, x: np.asarray(_erf(x)).astype(x.dtype),
    graph.AbsOp: lambda op, x: np.abs(x),
    graph.NegOp: lambda op, x: np.negative(x),
    graph.HardSwishOp: _hard_swish,
    graph.LeakyReluOp: _leaky_relu,
    graph.EluOp: _elu,
    graph.HardSigmoidOp: _hard_sigmoid,
    graph.ClipOp: _clip,
    graph.SoftmaxOp: _softmax,
    graph.AddOp: lambda op, a, b: np.add(a, b),
    graph.SubOp: lambda op, a, b: np.subtract(a, b),
    graph.MulOp: lambda op, a, b: np.multiply(a, b),
    graph.DivOp: lambda op, a, b: divide(a, b),
    graph.PowOp: lambda op, a, b: np.power(a, b),
    graph.MaximumOp: lambda op, a, b: np.maximum(a, b),
    graph.MinimumOp: lambda op, a, b: np.minimum(a, b),
    graph.PReluOp: _prelu,
    graph.MatmulOp: lambda op, a, b: np.matmul(a, b),
    graph.GemmOp: _gemm,
    graph.ReduceMeanOp: _reduce(np.mean),
    graph.ReduceSumOp: _reduce(np.sum),
    graph.ReduceMaxOp: _reduce(np.max),
    graph.BatchNormalizationOp: _batch_normalization,
    graph.LayerNormalizationOp: _layer_normalization,
    graph.ConvOp: _conv,
    graph.MaxPoolOp: _max_pool,
    graph.AveragePoolOp: _average_pool,
    graph.GlobalAveragePoolOp: _global_average_pool,
    graph.ReshapeOp: _reshape,
    graph.TransposeOp: lambda op, x: np.transpose(x, ints(op.perm)),
    graph.ConcatOp: lambda op, *xs: np.concatenate(xs, axis=op.axis.value.data),
    graph.PadOp: _pad,
    graph.SliceOp: _slice,
    graph.GatherOp: _gather,
    graph.ResizeOp: _resize,
    graph.CastOp: _cast,
    graph.QuantizeLinearOp: _quantize_linear,
    graph.DequantizeLinearOp: _dequantize_linear,
}
"""The meaning of each op: the op and its operands' arrays to the result's array."""


def independent(op: Operation, arrays: PythonValues) -> bool:
    """May `op` see a batch at once: does no sample of it touch another one?"""
    held = [batch_factor(a, v) for a, v in zip(arrays, op.operands, strict=True)]
    batched = [factor > 1 for factor in held]
    first_only = batched[:1] == [True] and not any(batched[1:])
    match op:
        case graph.ReshapeOp() | graph.UnaryOp() if not isinstance(op, graph.SoftmaxOp):
            return True
        case graph.SoftmaxOp():
            return op.axis.value.data % arrays[0].ndim != 0
        case graph.BinaryOp() | graph.PReluOp():
            return _broadcasts(op, arrays, batched)
        case graph.MatmulOp():
            return len(shape_of(op.lhs)) > 1 and _broadcasts(op, arrays, batched, matrices=True)
        case graph.GemmOp():
            alone = op.bias is None or shape_of(op.bias)[-2:-1] in ((), (1,))
            return first_only and alone and not op.trans_a.value.data
        case graph.LayerNormalizationOp():
            return first_only and arrays[0].ndim > 1
        case graph.ReduceOp():
            return 0 not in op.reduced()
        case graph.TransposeOp():
            return ints(op.perm)[0] == 0
        case graph.ConcatOp():
            return all(batched) and op.axis.value.data % arrays[0].ndim != 0
        case graph.PadOp():
            return op.pad_pairs()[0] == (0, 0)
        case graph.SliceOp():
            extent = shape_of(op.input)[0]
            return (ints(op.offsets)[0], ints(op.sizes)[0], ints(op.strides)[0]) == (0, extent, 1)
        case graph.GatherOp():
            return first_only and op.axis.value.data % arrays[0].ndim != 0
        case graph.ResizeOp():
            return shape_of(op.input)[0] == shape_of(op.result)[0]
        case graph.QuantizeLinearOp() | graph.DequantizeLinearOp():
            sliced = arrays[1].size > 1
            inside = arrays[1].ndim == 1 and op.axis.value.data % max(1, arrays[0].ndim) != 0
            return first_only and (inside or not sliced)
        case _:
            return first_only


def _broadcasts(
    op: Operation, arrays: PythonValues, batched: list[bool], matrices: bool = False
) -> bool:
    """Do the leading axes of the batched operands meet each other or an axis of extent 1 only?

    The last axes of a matrix product are not broadcast: a single matrix on the right is shared.
    """
    rank, leading = len(shape_of(op.results[0])), shape_of(op.results[0])[0]
    if matrices and rank == 2:
        return batched == [True, False]
    for array, value, whole in zip(arrays, op.operands, batched, strict=True):
        shape = shape_of(value)
        if whole and (len(shape) != rank or shape[0] != leading):
            return False
        if not whole and len(shape) == rank and array.shape[0] != 1:
            return False
    return True


def evaluate(op: Operation, arrays: PythonValues) -> Array:
    """The result of a graph op on `arrays`, each of one sample or of a batch."""
    meaning = MEANINGS[type(op)]
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        if independent(op, arrays):
            result = meaning(op, *arrays)
        else:
            result = per_sample(lambda *sample: meaning(op, *sample), op.operands, arrays)
    return np.asarray(result)


def _implementation(op_type: type[Operation]) -> Any:
    def run_op(
        self: InterpreterFunctions, interpreter: Interpreter, op: Operation, args: PythonValues
    ) -> PythonValues:
        return (evaluate(op, args),)

    return impl(op_type)(run_op)


class _Meanings(InterpreterFunctions):
    """One method per entry of `MEANINGS`."""


for _op_type in MEANINGS:
    setattr(_Meanings, f"run_{_op_type.name.replace('.', '_')}", _implementation(_op_type))


@register_impls
class GraphFunctions(_Meanings):
    """Runs the graph dialect."""

    @impl(graph.ConstantOp)
    def run_constant(
        self, interpreter: Interpreter, op: graph.ConstantOp, args: PythonValues
    ) -> PythonValues:
        arrays: dict[str, Array] = interpreter.get_data(GraphFunctions, "constants", dict)
        symbol = op.global_name.string_value()
        if symbol not in arrays:  # looking a symbol up walks the module: once per run is enough
            arrays[symbol] = op.global_op().array()
        return (arrays[symbol],)
