"""Graph ops that change the element type: cast, quantize, dequantize."""

from __future__ import annotations

from math import prod

from xdsl.dialects.builtin import I64, AnyFloat, IntegerAttr, IntegerType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_operand_def, opt_prop_def, prop_def

from .graph_base import GraphOp, axis_of, require, require_same_element, shape_of, tensor_type


@irdl_op_definition
class CastOp(GraphOp):
    """Each element as another number type; floats become integers by truncation.

    ```mlir
    %1 = graph.cast %0 : (tensor<1x8xui8>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.cast"
    input = operand_def(TensorType)

    def __init__(self, input: SSAValue, element: Attribute):
        super().__init__([input], result_type=TensorType(element, shape_of(input)))

    def infer(self) -> TensorType:
        element = self.result.type.element_type
        require(
            isinstance(element, AnyFloat | IntegerType),
            f"elements of type {element} are not plain numbers",
        )
        return TensorType(element, shape_of(self.input))


class LinearOp(GraphOp):
    """What quantization and dequantization share."""

    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    zero_point = opt_operand_def(TensorType)
    axis = prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, 64))
    block_size = opt_prop_def(IntegerAttr[I64])

    def check_parameters(self) -> None:
        """Scale and zero point: one of each, one per slice of `axis`, or one per block along it."""
        axis = self.axis.value.data
        block_size = self.block_size.value.data if self.block_size is not None else 0
        shape, given = shape_of(self.input), shape_of(self.scale)
        require(
            isinstance(tensor_type(self.scale).element_type, AnyFloat),
            f"the scale holds floats, not {tensor_type(self.scale).element_type}",
        )
        if block_size:
            at = axis_of(axis, len(shape))
            blocks = -(-shape[at] // block_size)
            expected = (*shape[:at], blocks, *shape[at + 1 :])
            require(given == expected, f"blocks of {block_size} need a scale of {list(expected)}")
        elif prod(given) != 1 or len(given) > 1:
            at = axis_of(axis, len(shape))
            require(
                given == (shape[at],),
                f"a scale of shape {list(given)} fits neither one value nor the {shape[at]} slices "
                f"of axis {axis}",
            )
        if self.zero_point is not None:
            require(
                shape_of(self.zero_point) == given,
                f"scale {list(given)} and zero point {list(shape_of(self.zero_point))} differ in "
                "shape",
            )


@irdl_op_definition
class QuantizeLinearOp(LinearOp):
    """saturate(round_half_even(x / scale) + zero_point); one scale, or one per slice of `axis`.

    ```mlir
    %3 = graph.quantize_linear %0, %1, %2
         : (tensor<1x8xf32>, tensor<f32>, tensor<i8>) -> tensor<1x8xi8>
    ```
    """

    name = "graph.quantize_linear"

    def __init__(
        self,
        input: SSAValue,
        scale: SSAValue,
        zero_point: SSAValue | None,
        element: Attribute,
        *,
        axis: int = 1,
        block_size: int = 0,
    ):
        super().__init__(
            [input, scale, zero_point],
            {"axis": axis, "block_size": block_size or None},
            TensorType(element, shape_of(input)),
        )
        self.checked_type()

    def infer(self) -> TensorType:
        self.check_parameters()
        element = self.result.type.element_type
        require(isinstance(element, IntegerType), f"quantized values are integers, not {element}")
        if self.zero_point is not None:
            element = tensor_type(self.zero_point).element_type
        return TensorType(element, shape_of(self.input))


@irdl_op_definition
class DequantizeLinearOp(LinearOp):
    """(x - zero_point) * scale; one scale, or one per slice of `axis`.

    ```mlir
    %3 = graph.dequantize_linear %0, %1, %2
         : (tensor<1x8xi8>, tensor<f32>, tensor<i8>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.dequantize_linear"

    def __init__(
        self,
        input: SSAValue,
        scale: SSAValue,
        zero_point: SSAValue | None = None,
        *,
        axis: int = 1,
        block_size: int = 0,
    ):
        super().__init__(
            [input, scale, zero_point], {"axis": axis, "block_size": block_size or None}
        )

    def infer(self) -> TensorType:
        self.check_parameters()
        element = tensor_type(self.input).element_type
        require(isinstance(element, IntegerType), f"quantized values are integers, not {element}")
        if self.zero_point is not None:
            require_same_element(self.input, self.zero_point)
        return TensorType(tensor_type(self.scale).element_type, shape_of(self.input))
