"""Layer normalization in integers; part of the quant dialect.

A row of n stored integers x has the sum `s`, and with `d[i] = n x[i] - s` and
`w = n sum(x^2) - s^2` (both exact; zero point and scale of x cancel out) its normalized elements
are `d[i] / sqrt(w + e)`, where `e` stands for epsilon. The square root is that of integers (as in
Kim et al., "I-BERT", arXiv:2101.01321, section 3.5, but a binary digit at a time), and one division
serves a row:

- `t = w + e` is shifted left by the `2 m` that bring it to [2**60, 2**62);
- `q = floor(sqrt(t))`, in [2**30, 2**31), and `r = floor(2**61 / q)`: `r / 2**(61 - m)` stands for
  `1 / sqrt(w + e)`, off by at most 2**-29 of it;
- `u[i] = round(d[i] r / 2**(41 - m))`: the normalized elements with 20 fraction bits, half up;
- `y[i] = clamp((u[i] weight[i] + bias[i] 2**(shift - 14) + 2**(shift - 1)) >> shift)`.

Before its last rounding `y[i]` is off by at most
`|weight| / 2**shift (|z| / 2**9 + 1/2) + |z| 2**(19 - shift) + 2**-15` steps, where `z` is the
real `d[i] / sqrt(w + e)`, at most sqrt(n - 1): these are the errors of r and u, of the rounded
weight and of the rounded bias.
"""

from __future__ import annotations

from xdsl.dialects.builtin import (
    I32,
    I64,
    DenseArrayBase,
    IntegerAttr,
    TensorType,
    i32,
    i64,
)
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
from .quant_checks import check_clamp, expect_element, expect_shape, per_tensor, shape_of
from .quant_tiling import Rows

NORMALIZED_BITS = 20
"""Fraction bits of normalized elements."""
BIAS_BITS = 14
"""Fraction bits of the bias, in steps of the result."""
GREATEST_ROW = 1 << 15
"""n x[i] - s and 20 fraction bits of sqrt(n) stay in i32."""
EPSILON_LIMIT = 1 << 61
"""n sum(x^2) - s^2 is at most 2**60: what is added to it leaves it below 2**62."""
SHIFTS = (BIAS_BITS, 44)
"""The bias, shifted up, stays below 2**61."""


@irdl_op_definition
class LayerNormOp(IRDLOperation):
    """Normalizes over the last axis, then `weight * normalized + bias`, 8 or 16 bits in and out.

    `weight` (i32) is the factor per element in units of `2**(20 - shift)` steps of the result,
    `bias` (i32) counts 2**-14 of them and holds the zero point; `epsilon` is that of the model
    times (n / scale)**2. The arithmetic, and how far it is off, stand in the module's text.

    ```mlir
    %y = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32,
      clamp = array<i32: -128, 127>}
      : (tensor<1x99x64x!quant...>, tensor<64xi32>, tensor<64xi32>) -> tensor<1x99x64x!quant...>
    ```
    """

    name = "quant.layer_norm"

    input = operand_def(TensorType)
    weight = operand_def(TensorType)
    bias = operand_def(TensorType)
    result = result_def(TensorType)
    epsilon = prop_def(IntegerAttr[I64])
    shift = prop_def(IntegerAttr[I32])
    clamp = prop_def(DenseArrayBase[I32])

    traits = traits_def(Pure(), Rows())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue,
        result_type: TensorType,
        *,
        epsilon: int,
        shift: int,
        clamp: tuple[int, int],
    ):
        super().__init__(
            operands=[input, weight, bias],
            result_types=[result_type],
            properties={
                "epsilon": IntegerAttr(epsilon, i64),
                "shift": IntegerAttr(shift, i32),
                "clamp": DenseArrayBase.from_list(i32, list(clamp)),
            },
        )

    def verify_(self) -> None:
        shape = shape_of(self.input)
        width = per_tensor(self, self.input, "input").storage.width.data
        if width > 16:
            raise VerifyException(f"{describe(self)}: the input has {width} bits, at most 16")
        if not shape or shape[-1] > GREATEST_ROW:
            raise VerifyException(
                f"{describe(self)}: {shape[-1] if shape else 0} elements of a row, expected 1 to "
                f"{GREATEST_ROW}: their sums would leave i32"
            )
        expect_shape(self, self.result, shape, "result")
        for value, what in ((self.weight, "weight"), (self.bias, "bias")):
            expect_shape(self, value, shape[-1:], what)
            expect_element(self, value, i32, what)
        check_numbers(self, self.epsilon.value.data, self.shift.value.data)
        if len(self.clamp) != 2:
            raise VerifyException(f"{describe(self)}: expected a least and a greatest value")
        low, high = self.clamp.get_values()
        check_clamp(self, low, high, self.result)


def check_numbers(op: IRDLOperation, epsilon: int, shift: int) -> None:
    """Sums of squares with `epsilon`, and biases at `shift`, stay in i64."""
    if not 1 <= epsilon < EPSILON_LIMIT:
        raise VerifyException(
            f"{describe(op)}: epsilon is {epsilon}, expected 1 to 2**61 - 1: no division by zero, "
            "and no sum beyond i64"
        )
    if not SHIFTS[0] <= shift <= SHIFTS[1]:
        raise VerifyException(
            f"{describe(op)}: the shift is {shift}, expected {SHIFTS[0]} to {SHIFTS[1]}: the bias "
            "would leave i64"
        )
