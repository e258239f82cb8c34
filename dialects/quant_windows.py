"""Convolution and pooling of the quant dialect: a window that moves over height and width."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import cast

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Attribute, Operation, SSAValue
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

from .attributes import index_array
from .diagnostics import describe
from .quant_checks import check_product, check_requant, expect_shape, per_tensor, shape_of
from .quant_types import RequantAttr, quantized
from .tiling import ALL, Access, Tiling, elements
from .windows import window_extent

LAYOUTS = ("nchw", "nhwc")


def dimensions(shape: Sequence[int], layout: str) -> tuple[int, int, int, int]:
    """(batch, channels, height, width) of a 4-D shape in `layout`."""
    if layout == "nchw":
        n, c, h, w = shape
    else:
        n, h, w, c = shape
    return n, c, h, w


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


def sliding(op: Op2D) -> tuple[Access, Access]:
    """Rows and columns of the input of a window that moves over the image."""
    pads, strides = op.pads.get_values(), op.strides.get_values()
    reach = [(k - 1) * d + 1 for k, d in zip(op.kernel_size(), op.dilation(), strict=True)]
    return (
        Access(1, strides[0], pads[0], reach[0]),
        Access(2, strides[1], pads[1], reach[1]),
    )


class ConvTiling(Tiling):
    """Rows, columns and output channels; the sum over taps and input channels is never cut."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        conv = cast(Conv2DOp, op)
        channels = Access(3) if conv.depthwise else ALL
        return {0: (Access(0), *sliding(conv), channels)}

    def tileable(self, op: Operation) -> tuple[bool, ...]:
        conv = cast(Conv2DOp, op)
        whole = conv.groups.value.data > 1 and not conv.depthwise
        return (False, True, True, not whole)

    def reduced(self, op: Operation) -> int:
        return prod(shape_of(op.operands[1])[1:])

    def macs(self, op: Operation) -> int:
        return elements(op.results[0]) * self.reduced(op)

    def by_channel(self, op: Operation) -> bool:
        return True


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

    @staticmethod
    def pointwise(
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        result_type: TensorType,
        *,
        requant: RequantAttr,
    ) -> Conv2DOp:
        """Of 1x1 kernels, channels last: a product of each pixel with the weight."""
        return Conv2DOp(
            input,
            weight,
            bias,
            result_type,
            strides=(1, 1),
            pads=(0, 0, 0, 0),
            dilations=(1, 1),
            groups=1,
            layout="nhwc",
            requant=requant,
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


class PoolTiling(Tiling):
    """Rows, columns and channels."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        return {0: (Access(0), *sliding(cast(Op2D, op)), Access(3))}

    def reduced(self, op: Operation) -> int:
        return prod(cast(Op2D, op).kernel_size())


class PoolOp(Op2D):
    """What the poolings share."""

    kernel = prop_def(DenseArrayBase[I64])

    traits = traits_def(PoolTiling())

    def __init__(
        self,
        input: SSAValue,
        result_type: TensorType,
        *,
        kernel: Sequence[int],
        strides: Sequence[int],
        pads: Sequence[int],
        layout: str,
        **own: Attribute,
    ):
        """`own` are the properties that one kind of pooling has beyond the others."""
        super().__init__(
            operands=[input],
            result_types=[result_type],
            properties={
                "kernel": index_array(kernel),
                "strides": index_array(strides),
                "pads": index_array(pads),
                "layout": StringAttr(layout),
                **own,
            },
        )

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
            input,
            result_type,
            kernel=kernel,
            strides=strides,
            pads=pads,
            layout=layout,
            requant=requant,
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

    def verify_(self) -> None:
        self.check_pool()
        if quantized(self.input) != quantized(self.result):
            raise VerifyException(f"{describe(self)}: the result has the input's element type")


class UnfoldTiling(Tiling):
    """Rows and columns; a pixel of the result has all channels of its window."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        return {0: (Access(0), *sliding(cast(Op2D, op)), ALL)}

    def tileable(self, op: Operation) -> tuple[bool, ...]:
        return (False, True, True, False)


@irdl_op_definition
class UnfoldOp(PoolOp):
    """The windows themselves: pixel [y, x] of the result has the elements of its window, row after
    row, with the zero point where there is padding.

    Channels behind those kh * kw * c elements have the zero point too, so that a pixel may be whole
    words. A convolution is a 1x1 convolution over unfolded windows. Channels last only.

    ```mlir
    %y = quant.unfold %x {kernel = array<i64: 10, 4>, strides = array<i64: 2, 2>,
      pads = array<i64: 4, 1, 5, 1>, layout = "nhwc"}
      : (tensor<1x49x10x1x!q>) -> tensor<1x25x5x40x!q>
    ```
    """

    name = "quant.unfold"

    traits = traits_def(UnfoldTiling())

    def verify_(self) -> None:
        per_tensor(self, self.input, "input")
        if self.layout.data != "nhwc" or len(shape_of(self.input)) != 4:
            raise VerifyException(f"{describe(self)}: expected a 4-D input in nhwc")
        if quantized(self.input) != quantized(self.result):
            raise VerifyException(f"{describe(self)}: the result has the input's element type")
        channels, elements = shape_of(self.result)[-1], prod(self.kernel_size())
        elements *= shape_of(self.input)[-1]
        if channels < elements:
            raise VerifyException(
                f"{describe(self)}: {channels} channels do not hold windows of {elements} elements"
            )
        self.check_window(channels)
