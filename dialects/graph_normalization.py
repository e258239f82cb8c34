"""Normalization over features of each sample; part of the graph dialect."""

from __future__ import annotations

from xdsl.dialects.builtin import FloatAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def

from .graph_base import GraphOp, require, require_float, require_shape, shape_of, tensor_type


@irdl_op_definition
class LayerNormalizationOp(GraphOp):
    """scale * (x - mean) / sqrt(variance + epsilon) + bias over the last axis (Ba et al.,
    arXiv:1607.06450); scale and bias hold one value for each of its elements.

    ```mlir
    %3 = graph.layer_normalization %0, %1, %2 {epsilon = 1.0e-5 : f32}
         : (tensor<1x99x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x99x64xf32>
    ```
    """

    name = "graph.layer_normalization"
    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    bias = operand_def(TensorType)
    epsilon = prop_def(FloatAttr)

    def __init__(self, input: SSAValue, scale: SSAValue, bias: SSAValue, epsilon: float):
        super().__init__([input, scale, bias], {"epsilon": epsilon})

    def infer(self) -> TensorType:
        require_float(*self.operands)
        shape = shape_of(self.input)
        require(bool(shape), "a scalar has no axis to normalize over")
        require_shape(self.scale, shape[-1:], "scale")
        require_shape(self.bias, shape[-1:], "bias")
        return tensor_type(self.input)
