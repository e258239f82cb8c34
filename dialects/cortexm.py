"""The cortexm dialect: single-core kernels on buffers (plain C, Cortex-M DSP, Cortex-M MVE).

Every op reads its `ins`, writes its `outs` and calls one C kernel. Layout is channels-last.
Constants are symbols; weights are packed in the order in which the kernel reads them
(`cortexm_packing`).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import (
    I32,
    I64,
    DenseArrayBase,
    IntegerAttr,
    SymbolRefAttr,
)
from xdsl.ir import Dialect
from xdsl.irdl import (
    irdl_op_definition,
    prop_def,
)
from xdsl.utils.exceptions import VerifyException

from .cortexm_kernel import (
    KernelOp,
    Window,
    WindowKernelOp,
    constant,
    memref_shape,
    window_properties,
)
from .cortexm_movement import CopyOp, PadOp
from .cortexm_packing import PackingAttr
from .diagnostics import describe
from .quant_normalization import check_numbers
from .quant_types import RequantAttr
from .scaled_sum import ScaledSumOp

__all__ = [
    "AddOp",
    "AveragePool2DOp",
    "Conv2DOp",
    "ConvolutionKernelOp",
    "CopyOp",
    "CortexM",
    "DepthwiseConv2DOp",
    "DequantizeOp",
    "FullyConnectedOp",
    "KernelOp",
    "LayerNormOp",
    "MatmulOp",
    "MaxPool2DOp",
    "MulOp",
    "PackingAttr",
    "PadOp",
    "ProductOp",
    "QuantizeOp",
    "SoftmaxOp",
    "TableOp",
    "TransposeOp",
    "Window",
    "constant",
    "memref_shape",
    "window_properties",
]


class ProductOp(KernelOp, ABC):
    """What convolution and matrix product share: weights, and a requantization of each channel.

    `p = (acc << acc_shift) * multiplier`: the shift before the product lets every layer round in
    the high word (shift >= 33).
    """

    weight = prop_def(SymbolRefAttr)
    bias = prop_def(SymbolRefAttr)
    packing = prop_def(PackingAttr)
    requant = prop_def(RequantAttr)
    acc_shift = prop_def(IntegerAttr[I32])

    def matrix_shape(self) -> tuple[int, int]:
        """Rows and columns of the weight matrix."""
        raise NotImplementedError

    def kernel_size(self) -> tuple[int, int]:
        """(kh, kw)"""
        raise NotImplementedError

    def check(self) -> None:
        """The constants have the sizes that packing and output channels ask for."""
        weights, bias = constant(self, self.weight), constant(self, self.bias)
        rows, columns = self.matrix_shape()
        size, out = self.packing.packed_size(rows, columns), memref_shape(self.outs[0])[-1]
        if weights.shape != (size,):
            raise VerifyException(
                f"{describe(self)}: @{self.weight.string_value()} holds {weights.size} weights, "
                f"{self.packing} of {rows}x{columns} takes {size}"
            )
        if bias.shape != (out,):
            raise VerifyException(
                f"{describe(self)}: @{self.bias.string_value()} holds {bias.size} biases for {out} "
                "channels"
            )
        if len(self.requant.multipliers) != out:
            raise VerifyException(
                f"{describe(self)}: {len(self.requant.multipliers)} multipliers for {out} output "
                "channels"
            )


class ConvolutionKernelOp(ProductOp, WindowKernelOp, ABC):
    """What dense and depthwise convolution share."""

    def kernel_size(self) -> tuple[int, int]:
        height, width, *_ = self.window.get_values()
        return height, width

    def check(self) -> None:
        WindowKernelOp.check(self)
        ProductOp.check(self)


@irdl_op_definition
class Conv2DOp(ConvolutionKernelOp):
    """Convolution; the weight matrix is [O, kh * kw * I / groups].

    ```mlir
    cortexm.conv2d ins(%x : memref<...>) outs(%y : memref<...>) scratch(%s : memref<...>)
      {kernel = "rn_conv2d_s8_dsp", weight = @w, bias = @b, groups = 1 : i64, ...}
    ```
    """

    name = "cortexm.conv2d"

    groups = prop_def(IntegerAttr[I64])

    def matrix_shape(self) -> tuple[int, int]:
        g = self.geometry()
        return g.out_c, g.k_h * g.k_w * g.in_c // self.groups.value.data


@irdl_op_definition
class DepthwiseConv2DOp(ConvolutionKernelOp):
    """Depthwise convolution, one filter per channel; the weight matrix is [kh * kw, C].

    ```mlir
    cortexm.depthwise_conv2d ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_depthwise_conv2d_s8_dsp", weight = @w, bias = @b, ...}
    ```
    """

    name = "cortexm.depthwise_conv2d"

    def matrix_shape(self) -> tuple[int, int]:
        g = self.geometry()
        return g.k_h * g.k_w, g.in_c


@irdl_op_definition
class FullyConnectedOp(ProductOp):
    """`y[n, o] = requantize(bias[o] + sum(weight[o, k] * x[n, k]))`.

    ```mlir
    cortexm.fully_connected ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_fully_connected_s8_dsp", weight = @w, bias = @b, ...}
    ```
    """

    name = "cortexm.fully_connected"

    def matrix_shape(self) -> tuple[int, int]:
        return memref_shape(self.outs[0])[1], memref_shape(self.ins[0])[1]

    def kernel_size(self) -> tuple[int, int]:
        """A matrix product is a convolution with a 1 x 1 kernel."""
        return 1, 1


@irdl_op_definition
class AddOp(KernelOp, ScaledSumOp):
    """`y = clamp((a * multipliers[0] + b * multipliers[1] + bias) >> shift)`; may work in place.

    ```mlir
    cortexm.add ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      {kernel = "rn_add_s8", multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32,
       shift = 20 : i32, clamp = array<i32: -128, 127>}
    ```
    """

    name = "cortexm.add"
    INPUT_COUNT: ClassVar[int] = 2

    @property
    def in_place(self) -> Sequence[tuple[int, int]]:
        return (0, 0), (1, 0)

    def check(self) -> None:
        self.check_counts()


@irdl_op_definition
class MulOp(KernelOp):
    """`y = requantize((a - zero_point) * (b - zero_point))`; may work in place.

    `a` is `runs[0]` times `runs[1]` times `runs[2]` elements, with one of `b` for each of the
    middle ones; see `quant.mul`.

    ```mlir
    cortexm.mul ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      {kernel = "rn_mul_s8", runs = array<i64: 196, 96, 1>, requant = #quant.requant<...>,
       acc_shift = 0 : i32}
    ```
    """

    name = "cortexm.mul"
    INPUT_COUNT: ClassVar[int] = 2

    runs = prop_def(DenseArrayBase[I64])
    requant = prop_def(RequantAttr)
    acc_shift = prop_def(IntegerAttr[I32])

    @property
    def in_place(self) -> Sequence[tuple[int, int]]:
        return (0, 0), (1, 0)

    def check(self) -> None:
        a, b = (prod(memref_shape(value)) for value in self.ins)
        runs = self.runs.get_values()
        if len(runs) != 3 or prod(runs) != a or runs[1] != b:
            raise VerifyException(f"{describe(self)}: runs {list(runs)} of {a} by {b} elements")


@irdl_op_definition
class MatmulOp(KernelOp):
    """`y = requantize(sum_k((a[.., k] - zero_point) * (b[.., k, :] - zero_point)))`; see
    `quant.matmul`.

    ```mlir
    cortexm.matmul ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      {kernel = "rn_matmul_s8", requant = #quant.requant<...>, acc_shift = 0 : i32}
    ```
    """

    name = "cortexm.matmul"
    INPUT_COUNT: ClassVar[int] = 2

    requant = prop_def(RequantAttr)
    acc_shift = prop_def(IntegerAttr[I32])

    def check(self) -> None:
        a, b = (memref_shape(value) for value in self.ins)
        y = memref_shape(self.outs[0])
        if len(a) < 2 or b[:-1] != (*a[:-2], a[-1]) or y != (*a[:-1], b[-1]):
            raise VerifyException(f"{describe(self)}: {list(a)} times {list(b)} gives no {list(y)}")


@irdl_op_definition
class AveragePool2DOp(WindowKernelOp):
    """`y = requantize(sum(window - zero_point))`.

    ```mlir
    cortexm.avg_pool2d ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_avg_pool2d_s8", requant = #quant.requant<...>, ...}
    ```
    """

    name = "cortexm.avg_pool2d"

    requant = prop_def(RequantAttr)
    acc_shift = prop_def(IntegerAttr[I32])


@irdl_op_definition
class MaxPool2DOp(WindowKernelOp):
    """The greatest element of each window.

    ```mlir
    cortexm.max_pool2d ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_max_pool2d_s8", ...}
    ```
    """

    name = "cortexm.max_pool2d"


@irdl_op_definition
class TableOp(KernelOp):
    """`y = table[x - least stored integer]`; may work in place.

    ```mlir
    cortexm.table ins(%x : memref<...>) outs(%y : memref<...>) {kernel = "rn_table_s8", table = @t}
    ```
    """

    name = "cortexm.table"

    table = prop_def(SymbolRefAttr)

    @property
    def in_place(self) -> Sequence[tuple[int, int]]:
        return ((0, 0),)


@irdl_op_definition
class SoftmaxOp(KernelOp):
    """Softmax over the last axis through a table of exponentials; see `quant.softmax`.

    ```mlir
    cortexm.softmax ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_softmax_s8", table = @t}
    ```
    """

    name = "cortexm.softmax"

    table = prop_def(SymbolRefAttr)


@irdl_op_definition
class LayerNormOp(KernelOp):
    """Layer normalization over the last axis; see `quant.layer_norm`.

    ```mlir
    cortexm.layer_norm ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_layer_norm_s8", weight = @w, bias = @b, epsilon = 16 : i64, shift = 40 : i32,
       clamp = array<i32: -128, 127>}
    ```
    """

    name = "cortexm.layer_norm"

    weight = prop_def(SymbolRefAttr)
    bias = prop_def(SymbolRefAttr)
    epsilon = prop_def(IntegerAttr[I64])
    shift = prop_def(IntegerAttr[I32])
    clamp = prop_def(DenseArrayBase[I32])

    def check(self) -> None:
        check_numbers(self, self.epsilon.value.data, self.shift.value.data)
        columns = memref_shape(self.ins[0])[-1]
        for symbol in (self.weight, self.bias):
            if (size := constant(self, symbol).size) != columns:
                raise VerifyException(
                    f"{describe(self)}: @{symbol.string_value()} holds {size} numbers for rows of "
                    f"{columns}"
                )


@irdl_op_definition
class QuantizeOp(KernelOp):
    """f32 to the quantized type of the output.

    ```mlir
    cortexm.quantize ins(%x : memref<...xf32>) outs(%y : memref<...>)
      {kernel = "rn_quantize_f32_s8"}
    ```
    """

    name = "cortexm.quantize"


@irdl_op_definition
class DequantizeOp(KernelOp):
    """The quantized type of the input to f32.

    ```mlir
    cortexm.dequantize ins(%x : memref<...>) outs(%y : memref<...xf32>)
      {kernel = "rn_dequantize_s8_f32"}
    ```
    """

    name = "cortexm.dequantize"


@irdl_op_definition
class TransposeOp(KernelOp):
    """Copies with permuted axes: axis i of the output is axis `permutation[i]` of the input.

    ```mlir
    cortexm.transpose ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_transpose", permutation = array<i64: 0, 2, 3, 1>}
    ```
    """

    name = "cortexm.transpose"

    permutation = prop_def(DenseArrayBase[I64])

    def check(self) -> None:
        permutation = self.permutation.get_values()
        source, target = memref_shape(self.ins[0]), memref_shape(self.outs[0])
        if sorted(permutation) != list(range(len(source))) or target != tuple(
            source[axis] for axis in permutation
        ):
            raise VerifyException(
                f"{describe(self)}: permutation {list(permutation)} of {list(source)} does not "
                f"give {list(target)}"
            )


CortexM = Dialect(
    "cortexm",
    [
        Conv2DOp,
        DepthwiseConv2DOp,
        FullyConnectedOp,
        AddOp,
        MulOp,
        MatmulOp,
        AveragePool2DOp,
        MaxPool2DOp,
        TableOp,
        SoftmaxOp,
        LayerNormOp,
        QuantizeOp,
        DequantizeOp,
        TransposeOp,
        CopyOp,
        PadOp,
    ],
    [PackingAttr],
)
