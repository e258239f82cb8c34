"""Quantized ONNX: QDQ nodes as they are, QOperator nodes as dequantize -> float op -> quantize.

So there is one road for both forms: the quant passes fuse the three ops to an integer one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import IntegerType, Signedness
from xdsl.ir import SSAValue

from ..dialects import graph
from ..dialects.graph_base import shape_of, tensor_type
from .onnx_movement import normal_axis
from .onnx_node import Node
from .onnx_tensor import ImportProblem, element_of
from .onnx_windows import pool_average, read_window

_UINT8 = IntegerType(8, Signedness.UNSIGNED)


def quantize_linear(node: Node) -> SSAValue:
    """QuantizeLinear."""
    node.ignore("saturate")  # it is about 8-bit floats only
    if node.int("precision", 0):
        raise ImportProblem("attribute 'precision' is not supported")
    data, zero_point = node.input(0), _optional_parameter(node, 2)
    wanted = node.int("output_dtype", 0)
    element = element_of(wanted) if wanted else _UINT8
    if zero_point is not None:
        element = tensor_type(zero_point).element_type
    return node.emit(
        graph.QuantizeLinearOp(
            data,
            _parameter(node, 1),
            zero_point,
            element,
            axis=_axis(node, data),
            block_size=node.int("block_size", 0),
        )
    )


def dequantize_linear(node: Node) -> SSAValue:
    """DequantizeLinear."""
    data, scale = node.input(0), _parameter(node, 1)
    wanted = node.int("output_dtype", 0)
    if wanted and element_of(wanted) != tensor_type(scale).element_type:
        raise ImportProblem("an output_dtype that is not the type of the scale is not supported")
    return node.emit(
        graph.DequantizeLinearOp(
            data,
            scale,
            _optional_parameter(node, 2),
            axis=_axis(node, data),
            block_size=node.int("block_size", 0),
        )
    )


def _axis(node: Node, data: SSAValue) -> int:
    axis, rank = node.int("axis", 1), len(shape_of(data))
    if int(np.prod(node.shape(1))) == 1:
        return 1  # one scale: the axis says nothing
    return normal_axis(axis, rank)


def _parameter(node: Node, index: int) -> SSAValue:
    """Operand `index`, a scale or zero point; of shape [1] it is the scalar that it stands for."""
    if node.shape(index) != (1,):
        return node.input(index)
    if not node.known(index):
        return node.emit(graph.ReshapeOp(node.input(index), []))
    name = f"{node.name_of(index)}.scalar"
    node.values.arrays[name] = node.array(index, "parameter").reshape(())
    return node.values.value(name)


def _optional_parameter(node: Node, index: int) -> SSAValue | None:
    return _parameter(node, index) if node.present(index) else None


def _dequantized(
    node: Node, data: int, scale: int, zero_point: int, axis: int | None = None
) -> SSAValue:
    """The real values of operand `data`; parameters with several values belong to `axis`."""
    value = node.input(data)
    slices = int(np.prod(node.shape(scale)))
    if slices > 1 and axis is None:
        raise ImportProblem(f"operand {scale} holds {slices} scales, expected one")
    return node.emit(
        graph.DequantizeLinearOp(
            value,
            _parameter(node, scale),
            _optional_parameter(node, zero_point),
            axis=1 if slices == 1 or axis is None else normal_axis(axis, len(shape_of(value))),
        )
    )


def _quantized(node: Node, value: SSAValue, scale: int, zero_point: int) -> SSAValue:
    """`value` quantized with two operands; without a zero point as unsigned bytes."""
    zero = _optional_parameter(node, zero_point)
    element = _UINT8 if zero is None else tensor_type(zero).element_type
    return node.emit(graph.QuantizeLinearOp(value, _parameter(node, scale), zero, element))


def _bias(node: Node, bias: int, data_scale: int, weight_scale: int) -> SSAValue | None:
    """The real bias: its scale is the product of the scales of data and weight."""
    if not node.present(bias):
        return None
    scale = node.array(data_scale, "data scale") * node.array(weight_scale, "weight scale")
    scale = scale.reshape(()) if scale.size == 1 else scale.reshape(-1)
    return node.emit(
        graph.DequantizeLinearOp(node.input(bias), node.constant("bias_scale", scale), axis=0)
    )


def qlinear_conv(node: Node) -> SSAValue:
    """QLinearConv: x, its scale and zero point, w, ..., y's scale and zero point, bias."""
    data = _dequantized(node, 0, 1, 2)
    weight = _dequantized(node, 3, 4, 5, axis=0)
    window = read_window(node, shape_of(data)[2:], shape_of(weight)[2:])
    result = node.emit(
        graph.ConvOp(
            data,
            weight,
            _bias(node, 8, 1, 4),
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
            group=node.int("group", 1),
        )
    )
    return _quantized(node, result, 6, 7)


def qlinear_matmul(node: Node) -> SSAValue:
    """QLinearMatMul: a, its scale and zero point, b, ..., y's scale and zero point."""
    lhs, rhs = _dequantized(node, 0, 1, 2), _dequantized(node, 3, 4, 5, axis=-1)
    return _quantized(node, node.emit(graph.MatmulOp(lhs, rhs)), 6, 7)


def qgemm(node: Node) -> SSAValue:
    """QGemm of com.microsoft: a, scale, zero point, b, ..., bias, y's scale and zero point."""
    trans_b = bool(node.int("transB", 0))
    lhs = _dequantized(node, 0, 1, 2)
    rhs = _dequantized(node, 3, 4, 5, axis=0 if trans_b else 1)
    alpha = node.float("alpha", 1.0)
    result = node.emit(
        graph.GemmOp(
            lhs,
            rhs,
            _bias(node, 6, 1, 4),
            alpha=alpha,
            beta=alpha,  # the bias is added to the integer product, before the factor
            trans_a=bool(node.int("transA", 0)),
            trans_b=trans_b,
        )
    )
    return _quantized(node, result, 7, 8) if node.present(7) else result


def qlinear_binary(op: type[graph.BinaryOp]) -> Callable[[Node], SSAValue]:
    """QLinearAdd and QLinearMul: a, scale, zero point, b, scale, zero point, y's scale, zero."""

    def convert(node: Node) -> SSAValue:
        lhs, rhs = _dequantized(node, 0, 1, 2), _dequantized(node, 3, 4, 5)
        return _quantized(node, node.emit(op(lhs, rhs)), 6, 7)

    return convert


def qlinear_average_pool(node: Node) -> SSAValue:
    """QLinearAveragePool; with `channels_last` between two transposes."""
    last = bool(node.int("channels_last", 0))
    data = _channels_first(node, _dequantized(node, 0, 1, 2), last)
    result = _channels_last(node, pool_average(node, data), last)
    return _quantized(node, result, 3, 4)


def qlinear_global_average_pool(node: Node) -> SSAValue:
    """QLinearGlobalAveragePool."""
    last = bool(node.int("channels_last", 0))
    data = _channels_first(node, _dequantized(node, 0, 1, 2), last)
    result = _channels_last(node, node.emit(graph.GlobalAveragePoolOp(data)), last)
    return _quantized(node, result, 3, 4)


def _channels_first(node: Node, value: SSAValue, last: bool) -> SSAValue:
    rank = len(shape_of(value))
    if not last:
        return value
    return node.emit(graph.TransposeOp(value, [0, rank - 1, *range(1, rank - 1)]))


def _channels_last(node: Node, value: SSAValue, last: bool) -> SSAValue:
    rank = len(shape_of(value))
    if not last:
        return value
    return node.emit(graph.TransposeOp(value, [0, *range(2, rank), 1]))


def qlinear_sigmoid(node: Node) -> SSAValue:
    """QLinearSigmoid."""
    result = node.emit(graph.SigmoidOp(_dequantized(node, 0, 1, 2)))
    return _quantized(node, result, 3, 4)


def qlinear_leaky_relu(node: Node) -> SSAValue:
    """QLinearLeakyRelu."""
    data = _dequantized(node, 0, 1, 2)
    return _quantized(node, node.emit(graph.LeakyReluOp(data, node.float("alpha", 0.01))), 3, 4)


def qlinear_softmax(node: Node) -> SSAValue:
    """QLinearSoftmax; its attribute `opset` says which Softmax it stands for."""
    data = _dequantized(node, 0, 1, 2)
    shape = shape_of(data)
    axis = normal_axis(node.int("axis", -1), len(shape))
    if node.int("opset", 13) < 13 and any(extent != 1 for extent in shape[axis + 1 :]):
        raise ImportProblem("a softmax over several axes is not supported in quantized form")
    return _quantized(node, node.emit(graph.SoftmaxOp(data, axis)), 3, 4)


def qlinear_concat(node: Node) -> SSAValue:
    """QLinearConcat: y's scale and zero point, then value, scale, zero point of each operand."""
    starts = range(2, len(node.proto.input), 3)
    values = [_dequantized(node, index, index + 1, index + 2) for index in starts]
    if not values:
        raise ImportProblem("there is nothing to concatenate")
    axis = normal_axis(node.int("axis", 1), len(shape_of(values[0])))
    return _quantized(node, node.emit(graph.ConcatOp(values, axis)), 0, 1)
