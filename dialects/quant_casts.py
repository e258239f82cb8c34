"""Casts of the quant dialect: reals to stored integers and back, and integers to finer steps."""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import I32, IntegerAttr, StringAttr, TensorType, i32
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .quant_checks import expect_shape, per_tensor, shape_of
from .quant_types import UniformQuantizedType

CAST_ROUNDINGS = ("half_even", "single", "floor")
"""Those of a qcast; two roundings (`double`) are half up here."""


class CastOp(IRDLOperation):
    """What the casts share."""

    input = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `to` type($result)"

    def __init__(self, input: SSAValue, result_type: TensorType):
        super().__init__(operands=[input], result_types=[result_type])

    def check(self, real: SSAValue, stored: SSAValue) -> None:
        expect_shape(self, self.result, shape_of(self.input), "result")
        element = stored.type.element_type if isinstance(stored.type, TensorType) else None
        if not isinstance(element, UniformQuantizedType):
            raise VerifyException(f"{describe(self)}: expected a quantized type, got {stored.type}")
        expressed = cast(TensorType, real.type).element_type
        if expressed != element.expressed:
            raise VerifyException(
                f"{describe(self)}: {element} expresses {element.expressed}, not {expressed}"
            )
        axis, shape = element.axis.data, shape_of(stored)
        if element.per_axis and (axis >= len(shape) or len(element.scales) != shape[axis]):
            raise VerifyException(
                f"{describe(self)}: {len(element.scales)} scales along axis {axis} of {stored.type}"
            )


@irdl_op_definition
class QuantizeCastOp(CastOp):
    """ONNX QuantizeLinear: `saturate(round_half_even(input / scale) + zero_point)` in f32.

    With a `rounding` it stands for the requantization of an integer op, which rounds so: `single`
    is half up, `floor` down. Integer programs have none.

    ```mlir
    %q = quant.qcast %x : tensor<1x10xf32> to tensor<1x10x!quant.uniform<i8:f32, 0.5:-3>>
    %r = quant.qcast %y {rounding = "single"}
      : tensor<4xf32> to tensor<4x!quant.uniform<i8:f32, 0.5>>
    ```
    """

    name = "quant.qcast"

    rounding = opt_prop_def(StringAttr)

    irdl_options = (ParsePropInAttrDict(),)

    def verify_(self) -> None:
        self.check(self.input, self.result)
        if self.rounding is not None and self.rounding.data not in CAST_ROUNDINGS:
            raise VerifyException(
                f"{describe(self)}: the rounding is one of {', '.join(CAST_ROUNDINGS)}, "
                f"not {self.rounding.data}"
            )


@irdl_op_definition
class DequantizeCastOp(CastOp):
    """ONNX DequantizeLinear: `(input - zero_point) * scale` in f32.

    ```mlir
    %x = quant.dcast %q : tensor<1x10x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x10xf32>
    ```
    """

    name = "quant.dcast"

    def verify_(self) -> None:
        self.check(self.result, self.input)


@irdl_op_definition
class WidenOp(CastOp):
    """Stored integers times a constant: nearly the same reals in finer steps, in i32.

    `result = input * multiplier`; the zero point is multiplied, too. It is what an integer sum does
    with an operand (`quant.add`), for the graph with casts.

    ```mlir
    %w = quant.widen %q {multiplier = 5 : i32}
      : tensor<4x!quant.uniform<i8:f32, 0.5:3>> to tensor<4x!quant.uniform<i32:f32, 0.11:15>>
    ```
    """

    name = "quant.widen"

    multiplier = prop_def(IntegerAttr[I32])

    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, input: SSAValue, result_type: TensorType, multiplier: int):
        super().__init__(input, result_type)
        self.properties["multiplier"] = IntegerAttr(multiplier, i32)

    def verify_(self) -> None:
        expect_shape(self, self.result, shape_of(self.input), "result")
        have, want = (per_tensor(self, v, "tensor") for v in (self.input, self.result))
        factor = self.multiplier.value.data
        if factor < 1 or max(map(abs, have.bounds)) * factor >= 2**31:
            raise VerifyException(
                f"{describe(self)}: the multiplier is at least 1 and products fit i32, not {factor}"
            )
        if want.storage != i32 or want.zero_point != have.zero_point * factor:
            raise VerifyException(
                f"{describe(self)}: expected i32 and a zero point of {have.zero_point * factor}, "
                f"got {want}"
            )


def before_widening(value: SSAValue) -> SSAValue:
    """The integers that an activation was quantized to."""
    return value.owner.input if isinstance(value.owner, WidenOp) else value
