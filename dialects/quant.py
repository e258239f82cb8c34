"""The quant dialect: quantized tensors and exact integer arithmetic.

Every compute op says its multiplier, shift, rounding and clamp, so that all levels below give equal
bytes. Activations enter an accumulator as raw stored integers: the term
`-zero_point * sum(weights)` is part of the bias, and padding stands for the zero point
(Jacob et al., arXiv:1712.05877, section 2.3).

The types are in `quant_types`, casts in `quant_casts`, convolution and pooling in `quant_windows`,
products of activations in `quant_pointwise` and `quant_matmul`, layer normalization in
`quant_normalization`, what verifiers ask in `quant_checks`.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    TensorType,
    i16,
    i32,
)
from xdsl.ir import Dialect, SSAValue
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
from .quant_casts import (
    CastOp,
    DequantizeCastOp,
    QuantizeCastOp,
    WidenOp,
    before_widening,
)
from .quant_checks import (
    accumulator_bounds,
    check_clamp,
    check_product,
    check_requant,
    expect_element,
    expect_shape,
    per_tensor,
    shape_of,
)
from .quant_matmul import MatmulOp, greatest_sum
from .quant_normalization import LayerNormOp
from .quant_pointwise import MulOp, broadcast_runs, greatest_product
from .quant_tiling import FullyConnectedTiling, Pointwise, Rows
from .quant_types import RequantAttr, UniformQuantizedType, quantized
from .quant_windows import AveragePool2DOp, Conv2DOp, MaxPool2DOp, UnfoldOp, dimensions
from .reuse import InPlace
from .scaled_sum import ScaledSumOp
from .windows import window_extent

__all__ = [
    "SOFTMAX_ENTRIES",
    "SOFTMAX_SCALES",
    "TABLE_ENTRIES",
    "AddOp",
    "AveragePool2DOp",
    "CastOp",
    "Conv2DOp",
    "DequantizeCastOp",
    "FullyConnectedOp",
    "LayerNormOp",
    "MatmulOp",
    "MaxPool2DOp",
    "MulOp",
    "Quant",
    "QuantizeCastOp",
    "RequantAttr",
    "SoftmaxOp",
    "TableOp",
    "UnfoldOp",
    "UniformQuantizedType",
    "WidenOp",
    "accumulator_bounds",
    "before_widening",
    "broadcast_runs",
    "dimensions",
    "greatest_product",
    "greatest_sum",
    "quantized",
    "shape_of",
    "window_extent",
]


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
class AddOp(ScaledSumOp):
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
        self.check_counts()
        of_a, of_b, bias, _, low, high = self.numbers
        least = most = 0
        for value, multiplier in zip(self.operands, (of_a, of_b), strict=True):
            ends = [bound * multiplier for bound in per_tensor(self, value, "operand").bounds]
            least, most = least + min(ends), most + max(ends)
        if least + min(bias, 0) < -(2**31) or most + max(bias, 0) >= 2**31:
            raise VerifyException(
                f"{describe(self)}: the products may reach [{least}, {most}] and the bias is "
                f"{bias}: the sum leaves i32; use a smaller shift"
            )
        check_clamp(self, low, high, self.result)


class TabledOp(IRDLOperation):
    """What ops share that look each value up in a table."""

    input = operand_def(TensorType)
    table = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, table: SSAValue, result_type: TensorType):
        super().__init__(operands=[input, table], result_types=[result_type])

    def check_table(self, entries: Mapping[int, int]) -> int:
        """The bits of the values to look up, which say how many entries the table has."""
        expect_shape(self, self.result, shape_of(self.input), "result")
        width = per_tensor(self, self.input, "input").storage.width.data
        if width not in entries:
            raise VerifyException(
                f"{describe(self)}: tables are for 8-bit and 16-bit inputs, not {width}-bit"
            )
        expect_shape(self, self.table, [entries[width]], "table")
        return width


TABLE_ENTRIES = {8: 256, 16: 513}
"""The entries of the table of a pointwise function, by the bits of its input."""
SOFTMAX_ENTRIES = {8: 256, 16: 512}
"""The entries of the table of exponentials, by the bits of the input."""
SOFTMAX_SCALES = {8: 1 / 256, 16: 1 / 32768}
"""The scale of a softmax, by the bits of its result."""


@irdl_op_definition
class TableOp(TabledOp):
    """Any pointwise function of one value: `result = table[input - least stored integer]`.

    For 16-bit inputs the table has 513 entries in i16, for every 128th input and the one behind the
    last, and the result is interpolated: with `d` the input less the least one, `i = d >> 7` and
    `f = d & 127`, it is `(128 t[i] + (t[i + 1] - t[i]) f) / 128`, rounded half up. Entries for an
    8-bit result are 256 times as fine.

    ```mlir
    %y = quant.table %x, %t : (tensor<...>, tensor<256xi8>) -> tensor<...>
    ```
    """

    name = "quant.table"

    traits = traits_def(InPlace(((0, 0),)), Pointwise(1))

    def verify_(self) -> None:
        width = self.check_table(TABLE_ENTRIES)
        result = per_tensor(self, self.result, "result").storage
        expect_element(self, self.table, result if width == 8 else i16, "table")


@irdl_op_definition
class SoftmaxOp(TabledOp):
    """Softmax over the last axis: `e = table[max - input]`, `round(256 e / sum e) + zero_point`.

    The table (i32, 256 entries) is exp(-scale * d) in fixed point, scaled so that `512 e + sum e`
    and `2 sum e` fit in u32; the division rounds half up. The result's scale is 1/256.

    For 16-bit inputs the table has 512 entries: with `d = max - input`, `e` is
    `table[d >> 8] * table[256 + (d & 255)] / 2**30`, rounded half up, and `sum e` fits in u32. A
    16-bit result has a scale of 2**-15. Where either has 16 bits one division serves a row:
    `r = 2**62 / sum e`, rounded down, and `e r` times the scale's reciprocal is divided by 2**62,
    rounded half up.

    ```mlir
    %y = quant.softmax %x, %t : (tensor<1x10x!quant.uniform<...>>, tensor<256xi32>) -> tensor<...>
    ```
    """

    name = "quant.softmax"

    traits = traits_def(Rows())

    def verify_(self) -> None:
        self.check_table(SOFTMAX_ENTRIES)
        expect_element(self, self.table, i32, "table")
        result = per_tensor(self, self.result, "result")
        scale = SOFTMAX_SCALES.get(result.storage.width.data)
        if result.scale != scale:
            raise VerifyException(
                f"{describe(self)}: the result's scale must be 1/256 (8 bits) or 2**-15 (16 bits)"
            )


Quant = Dialect(
    "quant",
    [
        Conv2DOp,
        FullyConnectedOp,
        MatmulOp,
        AddOp,
        MulOp,
        AveragePool2DOp,
        MaxPool2DOp,
        UnfoldOp,
        TableOp,
        SoftmaxOp,
        LayerNormOp,
        QuantizeCastOp,
        DequantizeCastOp,
        WidenOp,
    ],
    [UniformQuantizedType, RequantAttr],
)
