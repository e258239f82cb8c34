"""The quant dialect: quantized tensors and exact integer arithmetic.

Every compute op says its multiplier, shift, rounding and clamp, so that all levels below give equal
bytes; `quant_types.py` has the types. Activations enter an accumulator as raw stored integers:
the term `-zero_point * sum(weights)` is part of the bias, and padding stands for the zero point
(Jacob et al., arXiv:1712.05877, section 2.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I32,
    I64,
    DenseArrayBase,
    IntegerAttr,
    StringAttr,
    TensorType,
    i32,
    i64,
)
from xdsl.ir import (
    Attribute,
    Dialect,
    Operation,
    SSAValue,
)
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
from .graph import constant_array
from .quant_tiling import ConvTiling, FullyConnectedTiling, Pointwise, PoolTiling
from .quant_types import (
    RequantAttr,
    UniformQuantizedType,
    quantized,
)
from .reuse import InPlace


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The static shape of a tensor or memref value."""
    return cast(TensorType, value.type).get_shape()


def per_tensor(op: Operation, value: SSAValue, what: str) -> UniformQuantizedType:
    """The quantized type of `value`, which must have one scale for all."""
    element = value.type.element_type if isinstance(value.type, TensorType) else None
    if not isinstance(element, UniformQuantizedType):
        raise VerifyException(f"{describe(op)}: the {what} must be quantized, got {value.type}")
    if element.per_axis:
        raise VerifyException(f"{describe(op)}: the {what} must have one scale per tensor")
    return element


def expect_shape(op: Operation, value: SSAValue, expected: Sequence[int], what: str) -> None:
    """Refuse a `value` whose shape is not `expected`."""
    if shape_of(value) != tuple(expected):
        raise VerifyException(
            f"{describe(op)}: the {what} has shape {'x'.join(map(str, shape_of(value)))}, "
            f"expected {'x'.join(map(str, expected))}"
        )


def expect_element(op: Operation, value: SSAValue, expected: Attribute, what: str) -> None:
    """Refuse a `value` whose elements are not `expected`."""
    element = cast(TensorType, value.type).element_type
    if element != expected:
        raise VerifyException(f"{describe(op)}: the {what} holds {element}, expected {expected}")


def check_clamp(op: Operation, low: int, high: int, result: SSAValue) -> None:
    """The clamp lies within the bounds of the result type."""
    least, most = per_tensor(op, result, "result").bounds
    if not least <= low <= high <= most:
        raise VerifyException(
            f"{describe(op)}: the clamp [{low}, {high}] is not within [{least}, {most}] of the "
            "result type"
        )


def check_requant(op: Operation, requant: RequantAttr, channels: int, result: SSAValue) -> None:
    """One or `channels` multipliers, and a clamp within the bounds of the result type."""
    count = len(requant.multiplier_array())
    if count not in (1, channels):
        raise VerifyException(f"{describe(op)}: {count} multipliers for {channels} output channels")
    check_clamp(op, *requant.clamp, result)


def accumulator_bounds(
    weights: NDArray[Any], bias: NDArray[Any], low: int, high: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and greatest accumulator of each channel for inputs in [low, high].

    `weights` are [channels, K].
    """
    w, b = weights.astype(np.int64), bias.astype(np.int64)
    least = np.minimum(w * low, w * high).sum(1) + b
    most = np.maximum(w * low, w * high).sum(1) + b
    return least, most


def check_product(op: Operation, weight: SSAValue, bias: SSAValue, input: SSAValue) -> None:
    """Weights are symmetric, biases i32, and no constants can overflow the i32 accumulator."""
    low, high = per_tensor(op, input, "input").bounds
    if quantized(weight).zero_point_array().any():
        raise VerifyException(f"{describe(op)}: the weight must have zero point 0")
    expect_element(op, bias, i32, "bias")
    weights, biases = constant_array(weight), constant_array(bias)
    if weights is None or biases is None:
        return
    least, most = accumulator_bounds(weights.reshape(len(weights), -1), biases, low, high)
    if least.min() < -(2**31) or most.max() >= 2**31:
        raise VerifyException(
            f"{describe(op)}: the accumulator may reach [{least.min()}, {most.max()}], beyond i32; "
            "use fewer weight bits or a larger weight scale"
        )


LAYOUTS = ("nchw", "nhwc")


def dimensions(shape: Sequence[int], layout: str) -> tuple[int, int, int, int]:
    """(batch, channels, height, width) of a 4-D shape in `layout`."""
    if layout == "nchw":
        n, c, h, w = shape
    else:
        n, h, w, c = shape
    return n, c, h, w


def window_extent(
    size: int, before: int, after: int, kernel: int, stride: int, dilation: int
) -> int:
    """How many windows fit: the output extent of a convolution or pooling along one axis."""
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


class Op2D(IRDLOperation):
    """What convolution and pooling share: a window that moves over height and width."""

    input = operand_def(TensorType)
    result = result_def(TensorType)
    strides = prop_def(DenseArrayBase[I64])
    pads = prop_def(DenseArrayBase[I64])
    """top, left, bottom, right"""
    layout = prop_def(StringAttr)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def kernel_size(self) -> Sequence[int]:
        """Height and width of the window."""
        raise NotImplementedError

    def dilation(self) -> Sequence[int]:
        """Distances of the rows and the columns that the window reads."""
        return 1, 1

    def check_window(self, channels: int) -> None:
        """The result's shape follows from the input's, the kernel, strides and pads."""
        if self.layout.data not in LAYOUTS:
            raise VerifyException(
                f"{describe(self)}: unknown layout '{self.layout.data}', expected nchw or nhwc"
            )
        if len(shape_of(self.input)) != 4:
            raise VerifyException(f"{describe(self)}: the input must be 4-D, got {self.input.type}")
        strides, pads = self.strides.get_values(), self.pads.get_values()
        kernel, dilation = self.kernel_size(), self.dilation()
        if (len(kernel), len(strides), len(dilation), len(pads)) != (2, 2, 2, 4):
            raise VerifyException(
                f"{describe(self)}: a window has two extents, strides and dilations, and four pads"
            )
        if min(*kernel, *strides, *dilation) < 1 or min(pads) < 0:
            raise VerifyException(
                f"{describe(self)}: extents, strides and dilations are at least 1, pads at least 0"
            )
        n, _, h, w = dimensions(shape_of(self.input), self.layout.data)
        out_h = window_extent(h, pads[0], pads[2], kernel[0], strides[0], dilation[0])
        out_w = window_extent(w, pads[1], pads[3], kernel[1], strides[1], dilation[1])
        if out_h < 1 or out_w < 1:
            raise VerifyException(
                f"{describe(self)}: a {kernel[0]}x{kernel[1]} window does not fit in {h}x{w}"
            )
        shape = (
            (n, channels, out_h, out_w)
            if self.layout.data == "nchw"
            else (n, out_h, out_w, channels)
        )
        expect_shape(self, self.result, shape, "result")


def index_array(values: Sequence[int]) -> DenseArrayBase[I64]:
    return DenseArrayBase.from_list(i64, list(values))


@irdl_op_definition
class Conv2DOp(Op2D):
    """Convolution: `acc = bias[o] + sum(weight[o, ...] * window)`, requantized.

    Weights are [O, I/groups, kh, kw] in layout nchw and [O, kh, kw, I/groups] in nhwc, symmetric
    (zero point 0). The input is padded with its zero point; the bias (i32) has
    `-zero_point * sum(weight[o, ...])` in it.

    ```mlir
    %y = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>,
      dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc",
      requant = #quant.requant<[1395864371], [41], single, [-128, 127]>}
      : (tensor<1x32x32x3x!quant.uniform<i8:f32, 0.5:-128>>, ...) -> tensor<...>
    ```
    """

    name = "quant.conv2d"

    input = operand_def(TensorType)
    weight = operand_def(TensorType)
    bias = operand_def(TensorType)
    dilations = prop_def(DenseArrayBase[I64])
    groups = prop_def(IntegerAttr[I64])
    requant = prop_def(RequantAttr)

    traits = traits_def(ConvTiling())

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        result_type: TensorType,
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int],
        groups: int,
        layout: str,
        requant: RequantAttr,
    ):
        super().__init__(
            operands=[input, weight, bias],
            result_types=[result_type],
            properties={
                "strides": index_array(strides),
                "pads": index_array(pads),
                "dilations": index_array(dilations),
                "groups": IntegerAttr(groups, i64),
                "layout": StringAttr(layout),
                "requant": requant,
            },
        )

    def kernel_size(self) -> Sequence[int]:
        shape = shape_of(self.weight)
        return shape[2:] if self.layout.data == "nchw" else shape[1:3]

    def dilation(self) -> Sequence[int]:
        return self.dilations.get_values()

    @property
    def depthwise(self) -> bool:
        """One filter per channel, no channel multiplier."""
        groups = self.groups.value.data
        _, channels, _, _ = dimensions(shape_of(self.input), self.layout.data)
        return groups == channels == shape_of(self.weight)[0] and groups > 1

    def verify_(self) -> None:
        if len(shape_of(self.weight)) != 4:
            raise VerifyException(f"{describe(self)}: the weight must be 4-D")
        out = shape_of(self.weight)[0]
        self.check_window(out)
        groups = self.groups.value.data
        _, channels, _, _ = dimensions(shape_of(self.input), self.layout.data)
        if groups < 1 or channels % groups or out % groups:
            raise VerifyException(
                f"{describe(self)}: {groups} groups do not divide {channels} input and {out} "
                "output channels"
            )
        axis = 1 if self.layout.data == "nchw" else 3
        if shape_of(self.weight)[axis] != channels // groups:
            raise VerifyException(
                f"{describe(self)}: the weight takes {shape_of(self.weight)[axis]} input channels, "
                f"expected {channels // groups}"
            )
        expect_shape(self, self.bias, [out], "bias")
        check_requant(self, self.requant, out, self.result)
        check_product(self, self.weight, self.bias, self.input)


@irdl_op_definition
class FullyConnectedOp(IRDLOperation):
    """`acc[n, o] = bias[o] + sum_k(weight[o, k] * input[n, k])`, requantized; see `quant.conv2d`.

    ```mlir
    %y = quant.fully_connected %x, %w, %b
      {requant = #quant.requant<[1395864371], [41], single, [-128, 127]>} : (...) -> tensor<...>
    ```
    """

    name = "quant.fully_connected"

    input = operand_def(TensorType)
    weight = operand_def(TensorType)
    bias = operand_def(TensorType)
    result = result_def(TensorType)
    requant = prop_def(RequantAttr)

    traits = traits_def(Pure(), FullyConnectedTiling())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        result_type: TensorType,
        requant: RequantAttr,
    ):
        super().__init__(
            operands=[input, weight, bias],
            result_types=[result_type],
            properties={"requant": requant},
        )

    def verify_(self) -> None:
        if len(shape_of(self.input)) != 2 or len(shape_of(self.weight)) != 2:
            raise VerifyException(f"{describe(self)}: input and weight must be 2-D")
        rows, depth = shape_of(self.input)
        out = shape_of(self.weight)[0]
        expect_shape(self, self.weight, [out, depth], "weight")
        expect_shape(self, self.bias, [out], "bias")
        expect_shape(self, self.result, [rows, out], "result")
        check_requant(self, self.requant, out, self.result)
        check_product(self, self.weight, self.bias, self.input)


@irdl_op_definition
class AddOp(IRDLOperation):
    """`clamp((lhs * multipliers[0] + rhs * multipliers[1] + bias) >> shift)`, raw integers in i32.

    Both zero points, the result's zero point and the rounding constant are in the bias.

    ```mlir
    %y = quant.add %a, %b {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32,
      shift = 20 : i32, clamp = array<i32: -128, 127>} : (...) -> tensor<...>
    ```
    """

    name = "quant.add"

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    result = result_def(TensorType)
    multipliers = prop_def(DenseArrayBase[I32])
    bias = prop_def(IntegerAttr[I32])
    shift = prop_def(IntegerAttr[I32])
    clamp = prop_def(DenseArrayBase[I32])

    traits = traits_def(Pure(), InPlace(((0, 0), (1, 0))), Pointwise(2))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        result_type: TensorType,
        *,
        multipliers: tuple[int, int],
        bias: int,
        shift: int,
        clamp: tuple[int, int],
    ):
        super().__init__(
            operands=[lhs, rhs],
            result_types=[result_type],
            properties={
                "multipliers": DenseArrayBase.from_list(i32, list(multipliers)),
                "bias": IntegerAttr(bias, i32),
                "shift": IntegerAttr(shift, i32),
                "clamp": DenseArrayBase.from_list(i32, list(clamp)),
            },
        )

    def verify_(self) -> None:
        expect_shape(self, self.rhs, shape_of(self.lhs), "right operand")
        expect_shape(self, self.result, shape_of(self.lhs), "result")
        if not 0 <= self.shift.value.data <= 31:
            raise VerifyException(f"{describe(self)}: the shift must lie in [0, 31]")
        multipliers, clamp = self.multipliers.get_values(), self.clamp.get_values()
        if len(multipliers) != 2 or len(clamp) != 2:
            raise VerifyException(f"{describe(self)}: expected two multipliers and a clamp of two")
        least = most = 0
        for value, multiplier in zip(self.operands, multipliers, strict=True):
            ends = [bound * multiplier for bound in per_tensor(self, value, "operand").bounds]
            least, most = least + min(ends), most + max(ends)
        bias = self.bias.value.data
        if least + min(bias, 0) < -(2**31) or most + max(bias, 0) >= 2**31:
            raise VerifyException(
                f"{describe(self)}: the products may reach [{least}, {most}] and the bias is "
                f"{bias}: the sum leaves i32; use a smaller shift"
            )
        check_clamp(self, *clamp, self.result)


class PoolOp(Op2D):
    """What the poolings share."""

    kernel = prop_def(DenseArrayBase[I64])

    traits = traits_def(PoolTiling())

    def kernel_size(self) -> Sequence[int]:
        return self.kernel.get_values()

    def check_pool(self) -> None:
        per_tensor(self, self.input, "input")
        if self.layout.data not in LAYOUTS or len(shape_of(self.input)) != 4:
            raise VerifyException(f"{describe(self)}: expected a 4-D input in nchw or nhwc")
        self.check_window(dimensions(shape_of(self.input), self.layout.data)[1])


@irdl_op_definition
class AveragePool2DOp(PoolOp):
    """`acc = sum(window - zero_point)`, requantized; the multiplier holds 1/count.

    ```mlir
    %y = quant.avg_pool2d %x {kernel = array<i64: 8, 8>, strides = array<i64: 8, 8>,
      pads = array<i64: 0, 0, 0, 0>, layout = "nhwc",
      requant = #quant.requant<[1073741824], [36], half_even, [-128, 127]>} : (...) -> tensor<...>
    ```
    """

    name = "quant.avg_pool2d"

    requant = prop_def(RequantAttr)

    def __init__(
        self,
        input: SSAValue,
        result_type: TensorType,
        *,
        kernel: Sequence[int],
        strides: Sequence[int],
        pads: Sequence[int],
        layout: str,
        requant: RequantAttr,
    ):
        super().__init__(
            operands=[input],
            result_types=[result_type],
            properties={
                "kernel": index_array(kernel),
                "strides": index_array(strides),
                "pads": index_array(pads),
                "layout": StringAttr(layout),
                "requant": requant,
            },
        )

    def verify_(self) -> None:
        self.check_pool()
        check_requant(self, self.requant, 1, self.result)
        kernel = self.kernel_size()
        if kernel[0] * kernel[1] * 2 ** quantized(self.input).storage.width.data >= 2**31:
            raise VerifyException(f"{describe(self)}: the window sum may overflow i32")


@irdl_op_definition
class MaxPool2DOp(PoolOp):
    """The greatest integer of each window, padding left out; the type stays but for the clamp.

    ```mlir
    %y = quant.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>,
      pads = array<i64: 0, 0, 0, 0>, layout = "nhwc"} : (...) -> tensor<...>
    ```
    """

    name = "quant.max_pool2d"

    def __init__(
        self,
        input: SSAValue,
        result_type: TensorType,
        *,
        kernel: Sequence[int],
        strides: Sequence[int],
        pads: Sequence[int],
        layout: str,
    ):
        super().__init__(
            operands=[input],
            result_types=[result_type],
            properties={
                "kernel": index_array(kernel),
                "strides": index_array(strides),
                "pads": index_array(pads),
                "layout": StringAttr(layout),
            },
        )

    def verify_(self) -> None:
        self.check_pool()
        if quantized(self.input) != quantized(self.result):
            raise VerifyException(f"{describe(self)}: the result has the input's element type")


@irdl_op_definition
class TableOp(IRDLOperation):
    """Any pointwise function of an 8-bit value: `result = table[input - least stored integer]`.

    ```mlir
    %y = quant.table %x, %t : (tensor<...>, tensor<256xi8>) -> tensor<...>
    ```
    """

    name = "quant.table"

    input = operand_def(TensorType)
    table = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure(), InPlace(((0, 0),)), Pointwise(1))
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, table: SSAValue, result_type: TensorType):
        super().__init__(operands=[input, table], result_types=[result_type])

    def verify_(self) -> None:
        expect_shape(self, self.result, shape_of(self.input), "result")
        width = per_tensor(self, self.input, "input").storage.width.data
        if width != 8:
            raise VerifyException(f"{describe(self)}: a table takes 8-bit inputs, not {width}-bit")
        expect_shape(self, self.table, [256], "table")
        expect_element(self, self.table, per_tensor(self, self.result, "result").storage, "table")


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """Softmax over the last axis: `e = table[max - input]`, `round(256 e / sum e) + zero_point`.

    The table (i32, 256 entries) is exp(-scale * d) in fixed point, scaled so that `512 e + sum e`
    and `2 sum e` fit in u32; the division rounds half up. The result's scale is 1/256.

    ```mlir
    %y = quant.softmax %x, %t : (tensor<1x10x!quant.uniform<...>>, tensor<256xi32>) -> tensor<...>
    ```
    """

    name = "quant.softmax"

    input = operand_def(TensorType)
    table = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, table: SSAValue, result_type: TensorType):
        super().__init__(operands=[input, table], result_types=[result_type])

    def verify_(self) -> None:
        expect_shape(self, self.result, shape_of(self.input), "result")
        width = per_tensor(self, self.input, "input").storage.width.data
        if width != 8:
            raise VerifyException(
                f"{describe(self)}: the table has 256 steps, for 8-bit inputs, not {width}-bit"
            )
        expect_shape(self, self.table, [256], "table")
        expect_element(self, self.table, i32, "table")
        if per_tensor(self, self.result, "result").scale != 1 / 256:
            raise VerifyException(f"{describe(self)}: the result's scale must be 1/256")


class CastOp(IRDLOperation):
    """What the two casts share."""

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

    ```mlir
    %q = quant.qcast %x : tensor<1x10xf32> to tensor<1x10x!quant.uniform<i8:f32, 0.5:-3>>
    ```
    """

    name = "quant.qcast"

    def verify_(self) -> None:
        self.check(self.input, self.result)


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


Quant = Dialect(
    "quant",
    [
        Conv2DOp,
        FullyConnectedOp,
        AddOp,
        AveragePool2DOp,
        MaxPool2DOp,
        TableOp,
        SoftmaxOp,
        QuantizeCastOp,
        DequantizeCastOp,
    ],
    [UniformQuantizedType, RequantAttr],
)
