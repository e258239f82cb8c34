"""Kernels that move stored integers: part of the cortexm dialect."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I32, I64, DenseArrayBase, IntegerAttr
from xdsl.irdl import irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from .cortexm_kernel import KernelOp, memref_shape
from .diagnostics import describe


@irdl_op_definition
class CopyOp(KernelOp):
    """Copies a box: `sizes[i]` elements of axis i of the input, from `offsets[i]` on, `strides[i]`
    apart, to the output from `target[i]` on. The rest of the output stays as it is.

    A slice is one copy, a concatenation one per operand.

    ```mlir
    cortexm.copy ins(%x : memref<...>) outs(%y : memref<...>) {kernel = "rn_copy_box",
      sizes = array<i64: 1, 8, 8, 16>, offsets = array<i64: 0, 0, 0, 0>,
      strides = array<i64: 1, 1, 1, 1>, target = array<i64: 0, 0, 0, 16>}
    ```
    """

    name = "cortexm.copy"

    sizes = prop_def(DenseArrayBase[I64])
    offsets = prop_def(DenseArrayBase[I64])
    strides = prop_def(DenseArrayBase[I64])
    target = prop_def(DenseArrayBase[I64])

    def numbers(self) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
        """sizes, offsets, strides, target"""
        return (
            self.sizes.get_values(),
            self.offsets.get_values(),
            self.strides.get_values(),
            self.target.get_values(),
        )

    def check(self) -> None:
        source, whole = memref_shape(self.ins[0]), memref_shape(self.outs[0])
        sizes, offsets, strides, target = self.numbers()
        ranks = {len(numbers) for numbers in (source, whole, sizes, offsets, strides, target)}
        if len(ranks) > 1:
            raise VerifyException(
                f"{describe(self)}: sizes, offsets and both shapes differ in rank"
            )
        for axis, (n, offset, stride) in enumerate(zip(sizes, offsets, strides, strict=True)):
            last, end = offset + (n - 1) * stride, target[axis] + n
            reads_inside = 0 <= offset < source[axis] and 0 <= last < source[axis]
            if n < 1 or not reads_inside or target[axis] < 0 or end > whole[axis]:
                raise VerifyException(
                    f"{describe(self)}: {n} elements of axis {axis} leave {list(source)} or "
                    f"{list(whole)}"
                )


@irdl_op_definition
class PadOp(KernelOp):
    """The input, `before[i]` elements after the start of axis i; around it `value`, a stored
    integer.

    ```mlir
    cortexm.pad ins(%x : memref<...>) outs(%y : memref<...>) {kernel = "rn_pad_box",
      before = array<i64: 0, 1, 1, 0>, value = -128 : i32}
    ```
    """

    name = "cortexm.pad"

    before = prop_def(DenseArrayBase[I64])
    value = prop_def(IntegerAttr[I32])

    def check(self) -> None:
        source, whole = memref_shape(self.ins[0]), memref_shape(self.outs[0])
        before: Sequence[int] = self.before.get_values()
        if not len(source) == len(whole) == len(before):
            raise VerifyException(f"{describe(self)}: both shapes and `before` differ in rank")
        for axis, (n, first, total) in enumerate(zip(source, before, whole, strict=True)):
            if first < 0 or first + n > total:
                raise VerifyException(
                    f"{describe(self)}: {n} elements after {first} leave axis {axis} of "
                    f"{list(whole)}"
                )
