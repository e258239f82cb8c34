"""The matrix product of two activations; part of the quant dialect."""

from __future__ import annotations

from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .quant_checks import check_requant, expect_shape, per_tensor, shape_of
from .quant_tiling import MatmulTiling
from .quant_types import RequantAttr, UniformQuantizedType


def greatest_sum(a: UniformQuantizedType, b: UniformQuantizedType, depth: int) -> int:
    """What |sum_k((a - zero_point) * (b - zero_point))| and all that kernels add up on the way
    stay below: they take the zero point of b out of the sum of a's row.
    """
    of_a = max(abs(bound - a.zero_point) for bound in a.bounds)
    of_b = max(map(abs, b.bounds)) + abs(b.zero_point)
    return depth * of_a * of_b


@irdl_op_definition
class MatmulOp(IRDLOperation):
    """`acc[.., m, n] = sum_k((lhs[.., m, k] - zero_point) * (rhs[.., k, n] - zero_point))`,
    requantized with one multiplier.

    Both operands are activations; their leading dimensions are the same (nothing is broadcast).
    The accumulator is i32: `depth * max|lhs - zero_point| * (max|rhs| + |zero_point|)` must stay
    below 2**31.

    ```mlir
    %y = quant.matmul %q, %k {requant = #quant.requant<[1395864371], [41], single, [-128, 127]>}
      : (tensor<1x99x64x!quant...>, tensor<1x64x99x!quant...>) -> tensor<1x99x99x!quant...>
    ```
    """

    name = "quant.matmul"

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    result = result_def(TensorType)
    requant = prop_def(RequantAttr)

    traits = traits_def(Pure(), MatmulTiling())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, result_type: TensorType, requant: RequantAttr):
        super().__init__(
            operands=[lhs, rhs], result_types=[result_type], properties={"requant": requant}
        )

    def verify_(self) -> None:
        lhs, rhs = shape_of(self.lhs), shape_of(self.rhs)
        if len(lhs) < 2 or len(rhs) != len(lhs):
            raise VerifyException(
                f"{describe(self)}: operands must have one rank, of 2 or more, not {len(lhs)} and "
                f"{len(rhs)}"
            )
        *leading, rows, depth = lhs
        expect_shape(self, self.rhs, [*leading, depth, rhs[-1]], "right operand")
        expect_shape(self, self.result, [*leading, rows, rhs[-1]], "result")
        a = per_tensor(self, self.lhs, "left operand")
        b = per_tensor(self, self.rhs, "right operand")
        check_requant(self, self.requant, 1, self.result)
        if (reach := greatest_sum(a, b, depth)) >= 2**31:
            raise VerifyException(
                f"{describe(self)}: a sum of {depth} products may reach {reach}, beyond i32; use "
                "fewer bits for an operand"
            )
