"""The cortexm dialect: single-core kernels on buffers (plain C, Cortex-M DSP, Cortex-M MVE).

Every op reads its `ins`, writes its `outs` and calls one C kernel. Layout is channels-last.
Constants are symbols; weights are packed in the order in which the kernel reads them.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I32,
    I64,
    BoolAttr,
    DenseArrayBase,
    IntAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Dialect, Operation, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    var_operand_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .dma import DestinationStyleOp
from .graph import GlobalOp
from .quant import RequantAttr, index_array, quantized, window_extent


@irdl_attr_definition
class PackingAttr(ParametrizedAttribute):
    """The order in which a kernel reads a weight matrix.

    The columns fall into `segments` equal pieces, each padded with zeros to a multiple of `cols`;
    the rows are padded to a multiple of `rows`. Blocks of rows x cols follow one another, row block
    by row block. Element i of a packed block is element `order[i]` of the row-major block; rows in
    `flip` have their sign bits inverted. With `column_first` the columns (kh, kw, i) of a
    convolution are put into the order (kw, kh, i) before all this.

    ```mlir
    #cortexm.packing<2 x 4>
    #cortexm.packing<2 x 2, segments 3, order [0, 2, 1, 3], flip [0], column_first>
    ```
    """

    name = "cortexm.packing"

    rows: IntAttr
    cols: IntAttr
    segments: IntAttr
    order: DenseArrayBase[I64]
    flip: DenseArrayBase[I64]
    column_first: BoolAttr

    @staticmethod
    def get(
        rows: int = 1,
        cols: int = 1,
        segments: int = 1,
        order: Sequence[int] | None = None,
        flip: Sequence[int] = (),
        column_first: bool = False,
    ) -> PackingAttr:
        indices = list(range(rows * cols)) if order is None else list(order)
        return PackingAttr(
            IntAttr(rows),
            IntAttr(cols),
            IntAttr(segments),
            DenseArrayBase.from_list(i64, indices),
            DenseArrayBase.from_list(i64, list(flip)),
            BoolAttr.from_bool(column_first),
        )

    def verify(self) -> None:
        rows, cols = self.rows.data, self.cols.data
        if min(rows, cols, self.segments.data) < 1:
            raise VerifyException("rows, cols and segments of a packing are at least 1")
        if sorted(self.order.get_values()) != list(range(rows * cols)):
            raise VerifyException(f"the order must permute the {rows * cols} elements of a block")
        flip = self.flip.get_values()
        if not set(flip) <= set(range(rows)) or len(set(flip)) != len(flip):
            raise VerifyException(f"flip names rows of a block, each once, below {rows}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        def integers() -> list[int]:
            return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)

        options: dict[str, Any] = {}
        with parser.in_angle_brackets():
            rows = parser.parse_integer()
            parser.parse_keyword("x")
            cols = parser.parse_integer()
            while parser.parse_optional_punctuation(","):
                match word := parser.parse_identifier():
                    case "segments":
                        options[word] = parser.parse_integer()
                    case "order" | "flip":
                        options[word] = integers()
                    case "column_first":
                        options[word] = True
                    case _:
                        parser.raise_error(
                            f"'{word}' is none of segments, order, flip, column_first"
                        )
        return cls.get(rows, cols, **options).parameters

    def print_parameters(self, printer: Printer) -> None:
        rows, cols, order = self.rows.data, self.cols.data, list(self.order.get_values())
        text = f"{rows} x {cols}"
        if self.segments.data != 1:
            text += f", segments {self.segments.data}"
        if order != list(range(rows * cols)):
            text += f", order {order}"
        if len(self.flip):
            text += f", flip {list(self.flip.get_values())}"
        if self.column_first.value.data:
            text += ", column_first"
        printer.print_string(f"<{text}>")

    def _padded_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        """(padded rows, segments, padded columns of a segment)"""
        segments = self.segments.data
        if columns % segments:
            raise VerifyException(f"{columns} columns do not fall into {segments} equal segments")
        width = columns // segments
        return (
            -(-rows // self.rows.data) * self.rows.data,
            segments,
            -(-width // self.cols.data) * self.cols.data,
        )

    def packed_size(self, rows: int, columns: int) -> int:
        """Elements of a packed matrix [rows, columns]."""
        return int(np.prod(self._padded_shape(rows, columns)))

    def pack(self, matrix: NDArray[np.int8], kernel: tuple[int, int]) -> NDArray[np.int8]:
        """The matrix [rows, columns] as a 1-D array; `kernel` is (kh, kw)."""
        rows, columns = matrix.shape
        if self.column_first.value.data:
            matrix = swap_axes(matrix, kernel)
        full_rows, segments, width = self._padded_shape(rows, columns)
        padded = np.zeros((full_rows, segments, width), np.int8)
        padded[:rows, :, : columns // segments] = matrix.reshape(rows, segments, -1)
        r, c = self.rows.data, self.cols.data
        blocks = padded.reshape(full_rows // r, r, segments * width // c, c).transpose(0, 2, 1, 3)
        flipped = self._flipped(blocks).reshape(-1, r * c)
        return flipped[:, list(self.order.get_values())].ravel()

    def unpack(
        self, packed: NDArray[np.int8], shape: tuple[int, int], kernel: tuple[int, int]
    ) -> NDArray[np.int8]:
        """The matrix of `shape` that was packed."""
        rows, columns = shape
        full_rows, segments, width = self._padded_shape(rows, columns)
        r, c = self.rows.data, self.cols.data
        ordered = packed.reshape(-1, r * c)[:, np.argsort(self.order.get_values())]
        blocks = self._flipped(ordered.reshape(full_rows // r, -1, r, c))
        padded = blocks.transpose(0, 2, 1, 3).reshape(full_rows, segments, width)
        matrix = padded[:rows, :, : columns // segments].reshape(rows, columns)
        return swap_axes(matrix, (kernel[1], kernel[0])) if self.column_first.value.data else matrix

    def _flipped(self, blocks: NDArray[np.int8]) -> NDArray[np.int8]:
        """[..., rows, cols] with the rows of `flip` inverted in their sign bits."""
        result = np.ascontiguousarray(blocks)
        for row in self.flip.get_values():
            result[..., row, :] ^= np.int8(-128)
        return result


def swap_axes(matrix: NDArray[np.int8], kernel: tuple[int, int]) -> NDArray[np.int8]:
    """Columns (a, b, i) of a matrix in the order (b, a, i); `kernel` is (a, b)."""
    rows, columns = matrix.shape
    return matrix.reshape(rows, *kernel, -1).swapaxes(1, 2).reshape(rows, columns)


class KernelOp(IRDLOperation, DestinationStyleOp, ABC):
    """A call of one C kernel on buffers; `kernel` is its symbol."""

    ins = var_operand_def(MemRefType)
    outs = var_operand_def(MemRefType)
    scratches = var_operand_def(MemRefType)
    kernel = prop_def(StringAttr)
    header = opt_prop_def(StringAttr)
    """Where the kernel is declared, if not in a header of its own name."""

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "`ins` `(` $ins `:` type($ins) `)` `outs` `(` $outs `:` type($outs) `)` "
        "(`scratch` `(` $scratches^ `:` type($scratches) `)`)? attr-dict"
    )

    INPUT_COUNT: ClassVar[int] = 1

    def __init__(
        self,
        kernel: str,
        ins: Sequence[SSAValue],
        out: SSAValue,
        scratch: SSAValue | None,
        properties: dict[str, Attribute],
    ):
        super().__init__(
            operands=[ins, [out], [] if scratch is None else [scratch]],
            properties={"kernel": StringAttr(kernel), **properties},
        )

    @property
    def include(self) -> str:
        """The header that declares the kernel."""
        return f"{self.kernel.data}.h" if self.header is None else self.header.data

    @property
    def inputs(self) -> Sequence[SSAValue]:
        return self.ins

    @property
    def outputs(self) -> Sequence[SSAValue]:
        return self.outs

    @property
    def scratch(self) -> Sequence[SSAValue]:
        return self.scratches

    def verify_(self) -> None:
        if len(self.ins) != self.INPUT_COUNT or len(self.outs) != 1 or len(self.scratches) > 1:
            raise VerifyException(
                f"{describe(self)}: expected {self.INPUT_COUNT} inputs, one output and at most one "
                f"scratch buffer, got {len(self.ins)}, {len(self.outs)} and {len(self.scratches)}"
            )
        self.check()

    def check(self) -> None:
        """What must hold beyond the operand counts."""


def constant(op: Operation, symbol: SymbolRefAttr) -> NDArray[Any]:
    """The elements of the constant that `op` names."""
    found = SymbolTable.lookup_symbol(op, symbol)
    if not isinstance(found, GlobalOp):
        raise VerifyException(f"{describe(op)}: no constant named @{symbol.string_value()}")
    return found.array()


def memref_shape(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, MemRefType)
    return value.type.get_shape()


class Window(NamedTuple):
    """A moving window: the shape fields that convolution and pooling kernels share."""

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    k_h: int
    k_w: int
    stride_h: int
    stride_w: int
    dil_h: int
    dil_w: int
    pad_top: int
    pad_left: int
    in_zero: int


class WindowKernelOp(KernelOp, ABC):
    """A kernel over windows of a [1, H, W, C] buffer."""

    window = prop_def(DenseArrayBase[I64])
    """kernel h, w; stride h, w; dilation h, w"""
    pads = prop_def(DenseArrayBase[I64])
    """top, left, bottom, right"""

    def geometry(self) -> Window:
        """The shape of the window, the input and the output."""
        _, in_h, in_w, in_c = memref_shape(self.ins[0])
        _, out_h, out_w, out_c = memref_shape(self.outs[0])
        k_h, k_w, stride_h, stride_w, dil_h, dil_w = self.window.get_values()
        top, left, _, _ = self.pads.get_values()
        return Window(
            in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w,
            stride_h, stride_w, dil_h, dil_w, top, left, quantized(self.ins[0]).zero_point,
        )  # fmt: skip

    def check(self) -> None:
        if len(self.window) != 6 or len(self.pads) != 4:
            raise VerifyException(f"{describe(self)}: expected six window numbers and four pads")
        if len(memref_shape(self.ins[0])) != 4 or len(memref_shape(self.outs[0])) != 4:
            raise VerifyException(f"{describe(self)}: expected [1, H, W, C] buffers")
        g = self.geometry()
        _, _, bottom, right = self.pads.get_values()
        expected = (
            window_extent(g.in_h, g.pad_top, bottom, g.k_h, g.stride_h, g.dil_h),
            window_extent(g.in_w, g.pad_left, right, g.k_w, g.stride_w, g.dil_w),
        )
        if (g.out_h, g.out_w) != expected:
            raise VerifyException(
                f"{describe(self)}: the output is {g.out_h}x{g.out_w}, the window gives "
                f"{expected[0]}x{expected[1]}"
            )


def window_properties(
    kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int]
) -> dict[str, Attribute]:
    """The properties of a `WindowKernelOp`."""
    return {"window": index_array([*kernel, *strides, *dilations]), "pads": index_array(pads)}


def check_weights(op: ConvolutionKernelOp | FullyConnectedOp, rows: int, columns: int, out: int):
    """The constants have the sizes that packing and output channels ask for."""
    weights, bias = constant(op, op.weight), constant(op, op.bias)
    size = op.packing.packed_size(rows, columns)
    if weights.shape != (size,):
        raise VerifyException(
            f"{describe(op)}: @{op.weight.string_value()} holds {weights.size} weights, "
            f"{op.packing} of {rows}x{columns} takes {size}"
        )
    if bias.shape != (out,):
        raise VerifyException(
            f"{describe(op)}: @{op.bias.string_value()} holds {bias.size} biases for {out} channels"
        )
    if len(op.requant.multipliers) != out:
        raise VerifyException(
            f"{describe(op)}: {len(op.requant.multipliers)} multipliers for {out} output channels"
        )


class ConvolutionKernelOp(WindowKernelOp, ABC):
    """What dense and depthwise convolution share.

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
        height, width, *_ = self.window.get_values()
        return height, width


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

    def check(self) -> None:
        super().check()
        check_weights(self, *self.matrix_shape(), self.geometry().out_c)


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

    def check(self) -> None:
        super().check()
        check_weights(self, *self.matrix_shape(), self.geometry().out_c)


@irdl_op_definition
class FullyConnectedOp(KernelOp):
    """`y[n, o] = requantize(bias[o] + sum(weight[o, k] * x[n, k]))`.

    ```mlir
    cortexm.fully_connected ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_fully_connected_s8_dsp", weight = @w, bias = @b, ...}
    ```
    """

    name = "cortexm.fully_connected"

    weight = prop_def(SymbolRefAttr)
    bias = prop_def(SymbolRefAttr)
    packing = prop_def(PackingAttr)
    requant = prop_def(RequantAttr)
    acc_shift = prop_def(IntegerAttr[I32])

    def matrix_shape(self) -> tuple[int, int]:
        return memref_shape(self.outs[0])[1], memref_shape(self.ins[0])[1]

    def kernel_size(self) -> tuple[int, int]:
        """A matrix product is a convolution with a 1 x 1 kernel."""
        return 1, 1

    def check(self) -> None:
        check_weights(self, *self.matrix_shape(), memref_shape(self.outs[0])[1])


@irdl_op_definition
class AddOp(KernelOp):
    """`y = clamp((a * multipliers[0] + b * multipliers[1] + bias) >> shift)`; may work in place.

    ```mlir
    cortexm.add ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      {kernel = "rn_add_s8", multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32,
       shift = 20 : i32, clamp = array<i32: -128, 127>}
    ```
    """

    name = "cortexm.add"
    INPUT_COUNT: ClassVar[int] = 2

    multipliers = prop_def(DenseArrayBase[I32])
    bias = prop_def(IntegerAttr[I32])
    shift = prop_def(IntegerAttr[I32])
    clamp = prop_def(DenseArrayBase[I32])

    @property
    def in_place(self) -> Sequence[tuple[int, int]]:
        return (0, 0), (1, 0)

    def check(self) -> None:
        if len(self.multipliers) != 2 or len(self.clamp) != 2:
            raise VerifyException(f"{describe(self)}: expected two multipliers and a clamp of two")


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
        AveragePool2DOp,
        MaxPool2DOp,
        TableOp,
        SoftmaxOp,
        QuantizeOp,
        DequantizeOp,
        TransposeOp,
    ],
    [PackingAttr],
)
