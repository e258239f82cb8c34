"""The sum of two quantized tensors with their own scales, at whatever level it stands."""

from __future__ import annotations

from xdsl.dialects.builtin import I32, DenseArrayBase, IntegerAttr
from xdsl.irdl import IRDLOperation, prop_def
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe


class ScaledSumOp(IRDLOperation):
    """`y = clamp((a * multipliers[0] + b * multipliers[1] + bias) >> shift)`, in i32."""

    multipliers = prop_def(DenseArrayBase[I32])
    bias = prop_def(IntegerAttr[I32])
    shift = prop_def(IntegerAttr[I32])
    clamp = prop_def(DenseArrayBase[I32])

    @property
    def numbers(self) -> tuple[int, int, int, int, int, int]:
        """Multiplier of a and of b, bias, shift, low and high, as kernels take them."""
        of_a, of_b = self.multipliers.get_values()
        low, high = self.clamp.get_values()
        return of_a, of_b, self.bias.value.data, self.shift.value.data, low, high

    def check_counts(self) -> None:
        """Two multipliers, and a least and a greatest value."""
        if len(self.multipliers) != 2 or len(self.clamp) != 2:
            raise VerifyException(f"{describe(self)}: expected two multipliers and a clamp of two")
