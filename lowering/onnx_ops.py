"""Which ONNX operator becomes which graph ops: the table, and the operators that compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import graph
from ..dialects.graph_base import shape_of, tensor_type
from . import onnx_movement as movement
from . import onnx_quantized as quantized
from . import onnx_windows as windows
from .onnx_node import Node
from .onnx_tensor import Array, ImportProblem

Converter = Callable[[Node], "SSAValue | Sequence[SSAValue] | Array"]

FLT_MAX = float(np.finfo(np.float32).max)


def unary(op: type[graph.UnaryOp]) -> Converter:
    """An operator without attributes that maps each element."""
    return lambda node: node.emit(op(node.input(0)))


def binary(op: type[graph.BinaryOp]) -> Converter:
    """An operator on two operands, broadcast."""
    return lambda node: node.emit(op(node.input(0), node.input(1)))


def variadic(op: type[graph.BinaryOp]) -> Converter:
    """An operator on any number of operands: a chain of the binary op."""

    def convert(node: Node) -> SSAValue:
        first, *rest = node.inputs()
        for operand in rest:
            first = node.emit(op(first, operand))
        return first

    return convert


def power(node: Node) -> SSAValue:
    """Pow; a constant exponent takes the type of the base."""
    base, exponent = node.input(0), node.name_of(1)
    if base.type == node.values.value(exponent).type or not node.known(1):
        return node.emit(graph.PowOp(base, node.input(1)))
    array = node.array(1, "exponent").astype(np.float32)
    return node.emit(graph.PowOp(base, node.constant("exponent", array)))


def leaky_relu(node: Node) -> SSAValue:
    """LeakyRelu."""
    return node.emit(graph.LeakyReluOp(node.input(0), node.float("alpha", 0.01)))


def elu(node: Node) -> SSAValue:
    """Elu."""
    return node.emit(graph.EluOp(node.input(0), node.float("alpha", 1.0)))


def hard_sigmoid(node: Node) -> SSAValue:
    """HardSigmoid."""
    alpha, beta = node.float("alpha", 0.2), node.float("beta", 0.5)
    return node.emit(graph.HardSigmoidOp(node.input(0), alpha, beta))


def prelu(node: Node) -> SSAValue:
    """PRelu."""
    return node.emit(graph.PReluOp(node.input(0), node.input(1)))


def clip(node: Node) -> SSAValue:
    """Clip: bounds are attributes before opset 11 and operands from then on."""
    if node.opset < 11:
        low, high = node.float("min", -FLT_MAX), node.float("max", FLT_MAX)
    else:
        low = node.scalar(1, "minimum") if node.present(1) else -FLT_MAX
        high = node.scalar(2, "maximum") if node.present(2) else FLT_MAX
    return node.emit(
        graph.ClipOp(
            node.input(0), low if low > -FLT_MAX else None, high if high < FLT_MAX else None
        )
    )


def softmax(node: Node) -> SSAValue:
    """Softmax; before opset 13 all axes from `axis` on count as one."""
    data = node.input(0)
    shape = shape_of(data)
    modern = node.opset >= 13
    axis = movement.normal_axis(node.int("axis", -1 if modern else 1), len(shape))
    if modern or all(extent == 1 for extent in shape[axis + 1 :]):
        return node.emit(graph.SoftmaxOp(data, axis))
    columns = int(np.prod(shape[axis:]))
    rows = int(np.prod(shape[:axis]))
    flat = node.emit(graph.ReshapeOp(data, [rows, columns]))
    return node.emit(graph.ReshapeOp(node.emit(graph.SoftmaxOp(flat, 1)), shape))


def gemm(node: Node) -> SSAValue:
    """Gemm."""
    return node.emit(
        graph.GemmOp(
            node.input(0),
            node.input(1),
            node.optional(2),
            alpha=node.float("alpha", 1.0),
            beta=node.float("beta", 1.0),
            trans_a=bool(node.int("transA", 0)),
            trans_b=bool(node.int("transB", 0)),
        )
    )


def matmul(node: Node) -> SSAValue:
    """MatMul."""
    return node.emit(graph.MatmulOp(node.input(0), node.input(1)))


def reduction(op: type[graph.ReduceOp], since: int) -> Converter:
    """A reduction whose axes are an operand from opset `since` on."""

    def convert(node: Node) -> SSAValue:
        data = node.input(0)
        axes = movement.axes_of(node, since)
        keep = bool(node.int("keepdims", 1))
        idle = bool(node.int("noop_with_empty_axes", 0))
        if not axes and idle:
            return data
        rank = len(shape_of(data))
        axes = list(range(rank)) if not axes else movement.normal_axes(axes, rank)
        return node.emit(op(data, axes, keep))

    return convert


def batch_normalization(node: Node) -> SSAValue:
    """BatchNormalization with its running statistics."""
    node.ignore("momentum")
    if node.int("training_mode", 0):
        raise ImportProblem("training_mode is set; export the model for inference")
    if not node.int("spatial", 1):
        raise ImportProblem("attribute 'spatial' of 0 (one statistic per element) is not supported")
    data, scale, bias, mean, variance = (node.input(index) for index in range(5))
    epsilon = node.float("epsilon", 1e-5)
    return node.emit(graph.BatchNormalizationOp(data, scale, bias, mean, variance, epsilon))


def layer_normalization(node: Node) -> SSAValue:
    """LayerNormalization; all axes from `axis` on count as one."""
    node.ignore("stash_type")
    data, scale = node.input(0), node.input(1)
    shape = shape_of(data)
    axis = movement.normal_axis(node.int("axis", -1), len(shape))
    count = int(np.prod(shape[axis:]))
    none = np.zeros(count, np.float32)
    bias = node.input(2) if node.present(2) else node.constant("bias", none)
    for value, what in ((scale, "scale"), (bias, "bias")):
        if int(np.prod(shape_of(value))) != count:
            found, expected = list(shape_of(value)), list(shape[axis:])
            raise ImportProblem(f"the {what} has shape {found}, expected {expected}")
    epsilon = node.float("epsilon", 1e-5)
    if axis == len(shape) - 1:
        return node.emit(
            graph.LayerNormalizationOp(data, flat(node, scale), flat(node, bias), epsilon)
        )
    rows = node.emit(graph.ReshapeOp(data, [*shape[:axis], count]))
    made = graph.LayerNormalizationOp(rows, flat(node, scale), flat(node, bias), epsilon)
    return node.emit(graph.ReshapeOp(node.emit(made), shape))


def flat(node: Node, value: SSAValue) -> SSAValue:
    """`value` with one axis."""
    shape = shape_of(value)
    return value if len(shape) == 1 else node.emit(graph.ReshapeOp(value, [int(np.prod(shape))]))


def identity(node: Node) -> SSAValue:
    """What only training changes: the result is the operand."""
    node.ignore("ratio", "seed")
    return node.input(0)


def cast_like(node: Node) -> SSAValue:
    """CastLike: a cast to the element type of the second operand."""
    node.ignore("saturate", "round_mode")
    return node.emit(graph.CastOp(node.input(0), tensor_type(node.input(1)).element_type))


def constant(node: Node) -> Array:
    """Constant: one of several attributes holds the value."""
    found: list[Array] = []
    if (tensor := node.tensor("value")) is not None:
        found.append(tensor)
    if node.has("value_float"):
        found.append(np.array(node.float("value_float", 0.0), np.float32))
    if node.has("value_int"):
        found.append(np.array(node.int("value_int", 0), np.int64))
    if (values := node.floats("value_floats")) is not None:
        found.append(np.array(values, np.float32))
    if (integers := node.ints("value_ints")) is not None:
        found.append(np.array(integers, np.int64))
    if len(found) != 1:
        raise ImportProblem("it must have one attribute that holds a tensor or numbers")
    return found[0]


def shape(node: Node) -> Array:
    """Shape: known, since all shapes are static."""
    extents = node.shape(0)
    start, end = node.int("start", 0), node.int("end", len(extents))
    return np.array(extents[start:end], np.int64)


def size(node: Node) -> Array:
    """Size: the number of elements."""
    return np.array(int(np.prod(node.shape(0), dtype=np.int64)), np.int64)


CONVERTERS: dict[tuple[str, str], Converter] = {
    ("", "Abs"): unary(graph.AbsOp),
    ("", "Add"): binary(graph.AddOp),
    ("", "AveragePool"): windows.average_pool,
    ("", "BatchNormalization"): batch_normalization,
    ("", "Cast"): movement.cast,
    ("", "CastLike"): cast_like,
    ("", "Clip"): clip,
    ("", "Concat"): movement.concat,
    ("", "Constant"): constant,
    ("", "Conv"): windows.conv,
    ("", "DepthToSpace"): movement.depth_to_space,
    ("", "DequantizeLinear"): quantized.dequantize_linear,
    ("", "Div"): binary(graph.DivOp),
    ("", "Dropout"): identity,
    ("", "Elu"): elu,
    ("", "Erf"): unary(graph.ErfOp),
    ("", "Exp"): unary(graph.ExpOp),
    ("", "Flatten"): movement.flatten,
    ("", "Gather"): movement.gather,
    ("", "Gemm"): gemm,
    ("", "GlobalAveragePool"): windows.global_average_pool,
    ("", "GlobalMaxPool"): windows.global_max_pool,
    ("", "HardSigmoid"): hard_sigmoid,
    ("", "HardSwish"): unary(graph.HardSwishOp),
    ("", "Identity"): identity,
    ("", "LayerNormalization"): layer_normalization,
    ("", "LeakyRelu"): leaky_relu,
    ("", "Log"): unary(graph.LogOp),
    ("", "MatMul"): matmul,
    ("", "Max"): variadic(graph.MaximumOp),
    ("", "MaxPool"): windows.max_pool,
    ("", "Min"): variadic(graph.MinimumOp),
    ("", "Mul"): binary(graph.MulOp),
    ("", "Neg"): unary(graph.NegOp),
    ("", "PRelu"): prelu,
    ("", "Pad"): movement.pad,
    ("", "Pow"): power,
    ("", "QLinearConv"): quantized.qlinear_conv,
    ("", "QLinearMatMul"): quantized.qlinear_matmul,
    ("", "QuantizeLinear"): quantized.quantize_linear,
    ("", "Reciprocal"): unary(graph.ReciprocalOp),
    ("", "ReduceMax"): reduction(graph.ReduceMaxOp, 18),
    ("", "ReduceMean"): reduction(graph.ReduceMeanOp, 18),
    ("", "ReduceSum"): reduction(graph.ReduceSumOp, 13),
    ("", "Relu"): unary(graph.ReluOp),
    ("", "Reshape"): movement.reshape,
    ("", "Resize"): movement.resize,
    ("", "Shape"): shape,
    ("", "Sigmoid"): unary(graph.SigmoidOp),
    ("", "Size"): size,
    ("", "Slice"): movement.slice_,
    ("", "Softmax"): softmax,
    ("", "SpaceToDepth"): movement.space_to_depth,
    ("", "Split"): movement.split,
    ("", "Sqrt"): unary(graph.SqrtOp),
    ("", "Squeeze"): movement.squeeze,
    ("", "Sub"): binary(graph.SubOp),
    ("", "Sum"): variadic(graph.AddOp),
    ("", "Tanh"): unary(graph.TanhOp),
    ("", "Transpose"): movement.transpose,
    ("", "Unsqueeze"): movement.unsqueeze,
    ("", "Upsample"): movement.resize,
    ("com.microsoft", "DequantizeLinear"): quantized.dequantize_linear,
    ("com.microsoft", "QGemm"): quantized.qgemm,
    ("com.microsoft", "QLinearAdd"): quantized.qlinear_binary(graph.AddOp),
    ("com.microsoft", "QLinearAveragePool"): quantized.qlinear_average_pool,
    ("com.microsoft", "QLinearConcat"): quantized.qlinear_concat,
    ("com.microsoft", "QLinearGlobalAveragePool"): quantized.qlinear_global_average_pool,
    ("com.microsoft", "QLinearLeakyRelu"): quantized.qlinear_leaky_relu,
    ("com.microsoft", "QLinearMul"): quantized.qlinear_binary(graph.MulOp),
    ("com.microsoft", "QLinearSigmoid"): quantized.qlinear_sigmoid,
    ("com.microsoft", "QLinearSoftmax"): quantized.qlinear_softmax,
    ("com.microsoft", "QuantizeLinear"): quantized.quantize_linear,
}
"""(domain, operator) to its converter; other operators are folded, or expanded by their body."""
