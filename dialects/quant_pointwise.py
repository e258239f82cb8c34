"""The product of two activations, one of them maybe broadcast; part of the quant dialect."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

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
from .quant_tiling import Broadcast
from .quant_types import RequantAttr, UniformQuantizedType
from .reuse import InPlace


def broadcast_runs(shape: Sequence[int], factors: Sequence[int]) -> tuple[int, int, int] | None:
    """(outer, middle, inner) of a tensor whose factors are its middle axes, or None.

    `shape` and `factors` have one rank; axes along which `factors` is broadcast have extent 1
    there. What lies outside of its own axes is `outer`, what lies inside `inner`.
    """
    if len(shape) != len(factors):
        return None
    if any(f not in (1, n) for n, f in zip(shape, factors, strict=True)):
        return None
    own = [axis for axis, factor in enumerate(factors) if factor > 1]
    first, last = (own[0], own[-1] + 1) if own else (len(shape), len(shape))
    if tuple(shape[first:last]) != tuple(factors[first:last]):
        return None
    return prod(shape[:first]), prod(shape[first:last]), prod(shape[last:])


def greatest_product(a: UniformQuantizedType, b: UniformQuantizedType) -> int:
    """The greatest |(stored - zero point) * (stored - zero point)| of two types."""
    reach = [max(abs(bound - x.zero_point) for bound in x.bounds) for x in (a, b)]
    return reach[0] * reach[1]


@irdl_op_definition
class MulOp(IRDLOperation):
    """`acc = (lhs - zero_point) * (rhs - zero_point)`, requantized.

    `rhs` has the shape of `lhs`, or extent 1 along its first axes, its last ones or both, where it
    is broadcast: a factor per channel or per pixel.

    ```mlir
    %y = quant.mul %x, %f {requant = #quant.requant<[1395864371], [41], single, [-128, 127]>}
      : (tensor<1x14x14x96x!quant...>, tensor<1x1x1x96x!quant...>) -> tensor<1x14x14x96x!quant...>
    ```
    """

    name = "quant.mul"

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    result = result_def(TensorType)
    requant = prop_def(RequantAttr)

    traits = traits_def(Pure(), InPlace(((0, 0), (1, 0))), Broadcast(2))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, result_type: TensorType, requant: RequantAttr):
        super().__init__(
            operands=[lhs, rhs], result_types=[result_type], properties={"requant": requant}
        )

    def runs(self) -> tuple[int, int, int]:
        """(outer, middle, inner): `rhs` has a factor for each of `middle`."""
        runs = broadcast_runs(shape_of(self.lhs), shape_of(self.rhs))
        if runs is None:
            raise VerifyException(
                f"{describe(self)}: {self.rhs.type} cannot be broadcast to {self.lhs.type}: its "
                "own axes must be neighbours, and the others have extent 1"
            )
        return runs

    def verify_(self) -> None:
        expect_shape(self, self.result, shape_of(self.lhs), "result")
        self.runs()
        a = per_tensor(self, self.lhs, "left operand")
        b = per_tensor(self, self.rhs, "right operand")
        check_requant(self, self.requant, 1, self.result)
        if (reach := greatest_product(a, b)) >= 2**31:
            raise VerifyException(f"{describe(self)}: a product may reach {reach}, beyond i32")
