"""Graph ops that combine operands or axes: sums, matrix products, reductions, normalisation."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, BoolAttr, DenseArrayBase, FloatAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_operand_def, prop_def

from .graph_base import (
    GraphOp,
    axis_of,
    broadcast,
    ints,
    require,
    require_float,
    require_number,
    require_rank,
    require_shape,
    shape_of,
    tensor_type,
    with_shape,
)


class BinaryOp(GraphOp):
    """A function of two elements, with NumPy broadcasting; both operands have one element type."""

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        super().__init__([lhs, rhs])

    def infer(self) -> TensorType:
        require_number(self.lhs, self.rhs)
        return with_shape(tensor_type(self.lhs), broadcast(shape_of(self.lhs), shape_of(self.rhs)))


@irdl_op_definition
class AddOp(BinaryOp):
    """lhs + rhs.

    ```mlir
    %2 = graph.add %0, %1 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.add"


@irdl_op_definition
class SubOp(BinaryOp):
    """lhs - rhs.

    ```mlir
    %2 = graph.sub %0, %1 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.sub"


@irdl_op_definition
class MulOp(BinaryOp):
    """lhs * rhs.

    ```mlir
    %2 = graph.mul %0, %1 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.mul"


@irdl_op_definition
class DivOp(BinaryOp):
    """lhs / rhs; integers are divided towards zero, as ONNX says.

    ```mlir
    %2 = graph.div %0, %1 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.div"


@irdl_op_definition
class PowOp(BinaryOp):
    """lhs ** rhs.

    ```mlir
    %2 = graph.pow %0, %1 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.pow"


@irdl_op_definition
class MaximumOp(BinaryOp):
    """The larger of the two.

    ```mlir
    %2 = graph.maximum %0, %1 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.maximum"


@irdl_op_definition
class MinimumOp(BinaryOp):
    """The smaller of the two.

    ```mlir
    %2 = graph.minimum %0, %1 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.minimum"


@irdl_op_definition
class PReluOp(GraphOp):
    """x where x >= 0, else slope * x; the slope is broadcast to x, never the other way.

    ```mlir
    %2 = graph.prelu %0, %1 : (tensor<1x8x4x4xf32>, tensor<8x1x1xf32>) -> tensor<1x8x4x4xf32>
    ```
    """

    name = "graph.prelu"
    input = operand_def(TensorType)
    slope = operand_def(TensorType)

    def __init__(self, input: SSAValue, slope: SSAValue):
        super().__init__([input, slope])

    def infer(self) -> TensorType:
        require_float(self.input, self.slope)
        shape = shape_of(self.input)
        require(
            broadcast(shape, shape_of(self.slope)) == shape,
            f"a slope of shape {list(shape_of(self.slope))} does not broadcast to {list(shape)}",
        )
        return tensor_type(self.input)


@irdl_op_definition
class MatmulOp(GraphOp):
    """The matrix product of NumPy's `matmul`: leading dimensions are broadcast.

    ```mlir
    %2 = graph.matmul %0, %1 : (tensor<1x64xf32>, tensor<64x10xf32>) -> tensor<1x10xf32>
    ```
    """

    name = "graph.matmul"
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        super().__init__([lhs, rhs])

    def infer(self) -> TensorType:
        require_float(self.lhs, self.rhs)
        a, b = shape_of(self.lhs), shape_of(self.rhs)
        require(bool(a) and bool(b), "a matrix product takes no scalars")
        rows, columns = a[:-1][-1:], b[1:][-1:]
        inner = b[-2:][0]
        require(
            a[-1] == inner, f"{list(a)} x {list(b)}: the inner extents {a[-1]} and {inner} differ"
        )
        return with_shape(tensor_type(self.lhs), broadcast(a[:-2], b[:-2]) + rows + columns)


@irdl_op_definition
class GemmOp(GraphOp):
    """alpha * lhs @ rhs + beta * bias, the matrices transposed first where told.

    ```mlir
    %3 = graph.gemm %0, %1, %2 {trans_b = true}
         : (tensor<1x64xf32>, tensor<10x64xf32>, tensor<10xf32>) -> tensor<1x10xf32>
    ```
    """

    name = "graph.gemm"
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    bias = opt_operand_def(TensorType)
    alpha = prop_def(FloatAttr, default_value=FloatAttr(1.0, 32))
    beta = prop_def(FloatAttr, default_value=FloatAttr(1.0, 32))
    trans_a = prop_def(BoolAttr, default_value=BoolAttr.from_bool(False))
    trans_b = prop_def(BoolAttr, default_value=BoolAttr.from_bool(False))

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        bias: SSAValue | None = None,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        trans_a: bool = False,
        trans_b: bool = False,
    ):
        super().__init__(
            [lhs, rhs, bias],
            {"alpha": alpha, "beta": beta, "trans_a": trans_a, "trans_b": trans_b},
        )

    def infer(self) -> TensorType:
        require_float(self.lhs, self.rhs, self.bias)
        require_rank(self.lhs, 2, "lhs")
        require_rank(self.rhs, 2, "rhs")
        rows, inner = shape_of(self.lhs)[:: -1 if self.trans_a.value.data else 1]
        other, columns = shape_of(self.rhs)[:: -1 if self.trans_b.value.data else 1]
        require(inner == other, f"the inner extents {inner} and {other} differ")
        shape = (rows, columns)
        if self.bias is not None:
            require(
                broadcast(shape, shape_of(self.bias)) == shape,
                f"a bias of shape {list(shape_of(self.bias))} does not broadcast to {list(shape)}",
            )
        return with_shape(tensor_type(self.lhs), shape)


class ReduceOp(GraphOp):
    """A reduction over `axes`; the reduced dimensions stay as 1 when `keepdims` is set."""

    input = operand_def(TensorType)
    axes = prop_def(DenseArrayBase[I64])
    keepdims = prop_def(BoolAttr, default_value=BoolAttr.from_bool(True))

    def __init__(self, input: SSAValue, axes: Sequence[int], keepdims: bool = True):
        super().__init__([input], {"axes": axes, "keepdims": keepdims})

    def reduced(self) -> tuple[int, ...]:
        """The reduced axes as non-negative indices, in order."""
        rank = len(shape_of(self.input))
        return tuple(sorted(axis_of(axis, rank) for axis in ints(self.axes)))

    def infer(self) -> TensorType:
        require_number(self.input)
        axes = self.reduced()
        require(len(set(axes)) == len(axes), f"an axis occurs twice in {list(ints(self.axes))}")
        kept = [
            1 if index in axes else extent
            for index, extent in enumerate(shape_of(self.input))
            if self.keepdims.value.data or index not in axes
        ]
        return with_shape(tensor_type(self.input), kept)


@irdl_op_definition
class ReduceMeanOp(ReduceOp):
    """The mean over `axes`.

    ```mlir
    %1 = graph.reduce_mean %0 {axes = array<i64: 2, 3>, keepdims = false}
         : (tensor<1x8x4x4xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.reduce_mean"


@irdl_op_definition
class ReduceSumOp(ReduceOp):
    """The sum over `axes`.

    ```mlir
    %1 = graph.reduce_sum %0 {axes = array<i64: 1>} : (tensor<1x8xf32>) -> tensor<1x1xf32>
    ```
    """

    name = "graph.reduce_sum"


@irdl_op_definition
class ReduceMaxOp(ReduceOp):
    """The largest element over `axes`.

    ```mlir
    %1 = graph.reduce_max %0 {axes = array<i64: 1>} : (tensor<1x8xf32>) -> tensor<1x1xf32>
    ```
    """

    name = "graph.reduce_max"


@irdl_op_definition
class BatchNormalizationOp(GraphOp):
    """scale * (x - mean) / sqrt(variance + epsilon) + bias, per channel (axis 1), for inference.

    ```mlir
    %5 = graph.batch_normalization %0, %1, %2, %3, %4 {epsilon = 1.0e-5 : f32}
         : (tensor<1x8x4x4xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
         -> tensor<1x8x4x4xf32>
    ```
    """

    name = "graph.batch_normalization"
    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    bias = operand_def(TensorType)
    mean = operand_def(TensorType)
    variance = operand_def(TensorType)
    epsilon = prop_def(FloatAttr)

    def __init__(
        self,
        input: SSAValue,
        scale: SSAValue,
        bias: SSAValue,
        mean: SSAValue,
        variance: SSAValue,
        epsilon: float,
    ):
        super().__init__([input, scale, bias, mean, variance], {"epsilon": epsilon})

    def infer(self) -> TensorType:
        require_float(*self.operands)
        shape = shape_of(self.input)
        require(len(shape) >= 2, f"the input must have a channel dimension, but is {list(shape)}")
        for value, what in zip(
            self.operands[1:], ("scale", "bias", "mean", "variance"), strict=True
        ):
            require_shape(value, shape[1:2], what)
        return tensor_type(self.input)
