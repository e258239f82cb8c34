"""The cluster dialect: all cores of a cluster compute one window together (WHO).

Every core runs the body of `cluster.fork`; a kernel op is computed by all of them, each its share.
Core 0 alone programs the DMA and the NPU and runs what is no kernel of the cluster. What one core
writes another may read after a `cluster.barrier`.

Operands are windows [1, h, w, c] (or [1, n]) of buffers in the near memory: shapes and pitches may
be dynamic, channels are neighbours. The constants of an op come as one chunk of bytes: see
`#cluster.chunk`.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    I32,
    I64,
    DenseArrayBase,
    IntegerAttr,
    i64,
)
from xdsl.ir import Block, Dialect, Region
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from .cluster_chunk import ChunkAttr
from .cluster_kernel import KernelOp, ProductOp, ScaledOp, WindowOp, check_chunk
from .diagnostics import describe
from .quant import SOFTMAX_ENTRIES
from .quant_normalization import check_numbers
from .scaled_sum import ScaledSumOp
from .types import memref_type


@irdl_op_definition
class Conv2DOp(ProductOp, WindowOp):
    """Convolution; with `depthwise` one filter per channel.

    ```mlir
    cluster.conv2d ins(%x : memref<...>) constants(%c : memref<1x640xi8, "l1">)
      outs(%y : memref<...>) scratch(%s : memref<...>) pads(%top, %left)
      {kernel = "rn_cluster_conv2d_s8_xpulp", ...}
    ```
    """

    name = "cluster.conv2d"
    PAD_COUNT: ClassVar[int] = 2
    CONSTANT_COUNT: ClassVar[int] = 1

    groups = prop_def(IntegerAttr[I64])
    """1, or the number of channels of the whole op where it is depthwise."""

    @property
    def depthwise(self) -> bool:
        return self.groups.value.data > 1

    def check(self) -> None:
        ProductOp.check(self)
        WindowOp.check(self)


@irdl_op_definition
class FullyConnectedOp(ProductOp):
    """`y[o] = requantize(bias[o] + sum(weight[o, k] * x[k]))`.

    ```mlir
    cluster.fully_connected ins(%x : memref<...>) constants(%c : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_cluster_fully_connected_s8_xpulp", ...}
    ```
    """

    name = "cluster.fully_connected"


@irdl_op_definition
class AddOp(KernelOp, ScaledSumOp):
    """`y = clamp((a * multipliers[0] + b * multipliers[1] + bias) >> shift)`.

    ```mlir
    cluster.add ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1048576, 2097152>,
       bias = 524288 : i32, shift = 20 : i32, clamp = array<i32: -128, 127>}
    ```
    """

    name = "cluster.add"
    INPUT_COUNT: ClassVar[int] = 2

    def check(self) -> None:
        self.check_counts()


@irdl_op_definition
class MulOp(ScaledOp):
    """`y = requantize((a - zero_point) * (b - zero_point))`; `b` may have one row, one column.

    ```mlir
    cluster.mul ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      {kernel = "rn_cluster_mul_s8", multiplier = 1395864371 : i32, shift = 41 : i32,
       acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
    ```
    """

    name = "cluster.mul"
    INPUT_COUNT: ClassVar[int] = 2


@irdl_op_definition
class MatmulOp(ScaledOp):
    """`y[.., m, n] = requantize(sum_k((a[.., m, k] - zero_point) * (b[.., k, n] - zero_point)))`.

    ```mlir
    cluster.matmul ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      scratch(%s : memref<...>)
      {kernel = "rn_cluster_matmul_s8_xpulp", multiplier = 1395864371 : i32, shift = 41 : i32,
       acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
    ```
    """

    name = "cluster.matmul"
    INPUT_COUNT: ClassVar[int] = 2

    def check(self) -> None:
        super().check()
        a, b, y = (memref_type(value).get_shape() for value in (*self.ins, *self.outs))
        if not len(a) == len(b) == len(y) or not 3 <= len(y) <= 4:
            raise VerifyException(
                f"{describe(self)}: operands must have one rank, of 3 or 4, not {len(a)}, {len(b)} "
                f"and {len(y)}"
            )
        if DYNAMIC_INDEX not in (a[-1], b[-2]) and a[-1] != b[-2]:
            raise VerifyException(
                f"{describe(self)}: rows of {a[-1]} elements, but columns of {b[-2]}"
            )


@irdl_op_definition
class AveragePool2DOp(ScaledOp, WindowOp):
    """`y = requantize(sum(window - zero_point))`.

    ```mlir
    cluster.avg_pool2d ins(%x : memref<...>) outs(%y : memref<...>) pads(%top, %left)
      {kernel = "rn_cluster_avg_pool2d_s8", window = array<i64: 8, 8, 8, 8, 1, 1>,
       multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single",
       clamp = array<i32: -128, 127>}
    ```
    """

    name = "cluster.avg_pool2d"

    def check(self) -> None:
        ScaledOp.check(self)
        WindowOp.check(self)


@irdl_op_definition
class MaxPool2DOp(WindowOp):
    """The greatest element of each window.

    ```mlir
    cluster.max_pool2d ins(%x : memref<...>) outs(%y : memref<...>) pads(%top, %left)
      {kernel = "rn_cluster_max_pool2d_s8", window = array<i64: 2, 2, 2, 2, 1, 1>}
    ```
    """

    name = "cluster.max_pool2d"


@irdl_op_definition
class UnfoldOp(WindowOp):
    """The windows themselves: row after row of each as the channels of a pixel; see `quant.unfold`.

    ```mlir
    cluster.unfold ins(%x : memref<...>) outs(%y : memref<...>) pads(%top, %left)
      {kernel = "rn_cluster_unfold_s8", window = array<i64: 10, 4, 2, 2, 1, 1>}
    ```
    """

    name = "cluster.unfold"


@irdl_op_definition
class TableOp(KernelOp):
    """`y = table[x - least stored integer]`; the table is the chunk.

    ```mlir
    cluster.table ins(%x : memref<...>) constants(%t : memref<1x256xi8, "l1">)
      outs(%y : memref<...>)
      {kernel = "rn_cluster_table_s8"}
    ```
    """

    name = "cluster.table"
    CONSTANT_COUNT: ClassVar[int] = 1


@irdl_op_definition
class SoftmaxOp(KernelOp):
    """Softmax over the last axis, which windows hold whole; see `quant.softmax`.

    The chunk is the table of exponentials.

    ```mlir
    cluster.softmax ins(%x : memref<...>) constants(%t : memref<1x1024xi8, "l1">)
      outs(%y : memref<...>)
      {kernel = "rn_cluster_softmax_s8"}
    ```
    """

    name = "cluster.softmax"
    CONSTANT_COUNT: ClassVar[int] = 1

    def check(self) -> None:
        check_chunk(self, "a table of exponentials", 4 * SOFTMAX_ENTRIES[8])


@irdl_op_definition
class LayerNormOp(KernelOp):
    """Layer normalization over the last axis, which windows hold whole; see `quant.layer_norm`.

    The chunk is the weights of a row, then its biases, four bytes each.

    ```mlir
    cluster.layer_norm ins(%x : memref<...>) constants(%c : memref<1x512xi8, "l1">)
      outs(%y : memref<...>)
      {kernel = "rn_cluster_layer_norm_s8", epsilon = 16 : i64, shift = 40 : i32,
       clamp = array<i32: -128, 127>}
    ```
    """

    name = "cluster.layer_norm"
    CONSTANT_COUNT: ClassVar[int] = 1

    epsilon = prop_def(IntegerAttr[I64])
    shift = prop_def(IntegerAttr[I32])
    clamp = prop_def(DenseArrayBase[I32])

    def check(self) -> None:
        check_numbers(self, self.epsilon.value.data, self.shift.value.data)
        columns = memref_type(self.outs[0]).get_shape()[-1]
        check_chunk(self, f"a row of {columns} elements", 8 * columns)


@irdl_op_definition
class TransposeOp(KernelOp):
    """Axis i of the output is axis perm[i] of the input; the first one stays.

    ```mlir
    cluster.transpose ins(%x : memref<...>) outs(%y : memref<...>)
      {kernel = "rn_cluster_transpose_s8", perm = array<i64: 0, 2, 1>}
    ```
    """

    name = "cluster.transpose"

    perm = prop_def(DenseArrayBase[I64])

    def check(self) -> None:
        perm = self.perm.get_values()
        axes = list(range(len(memref_type(self.outs[0]).get_shape())))
        if not 3 <= len(axes) <= 4 or sorted(perm) != axes or perm[0] != 0:
            raise VerifyException(
                f"{describe(self)}: {list(perm)} is no order of 3 or 4 axes, the first at its place"
            )


@irdl_op_definition
class CopyOp(KernelOp):
    """Copies a window to another one in the same memory.

    ```mlir
    cluster.copy ins(%x : memref<...>) outs(%y : memref<...>) {kernel = "rn_cluster_copy_s8"}
    ```
    """

    name = "cluster.copy"


@irdl_op_definition
class ForkOp(IRDLOperation):
    """All `cores` run the body; it ends when all of them have come to its end.

    ```mlir
    cluster.fork 8 {...}
    ```
    """

    name = "cluster.fork"

    cores = prop_def(IntegerAttr[I64])
    body = region_def("single_block")

    traits = traits_def(NoTerminator())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$cores $body attr-dict"

    def __init__(self, cores: int, body: Block):
        super().__init__(properties={"cores": IntegerAttr(cores, i64)}, regions=[Region(body)])

    def verify_(self) -> None:
        if self.cores.value.data < 1:
            raise VerifyException(f"{describe(self)}: at least one core is needed")


@irdl_op_definition
class BarrierOp(IRDLOperation):
    """Every core waits until all have come here; what they have written is seen by all behind it.

    ```mlir
    cluster.barrier
    ```
    """

    name = "cluster.barrier"
    assembly_format = "attr-dict"


Cluster = Dialect(
    "cluster",
    [
        Conv2DOp,
        FullyConnectedOp,
        AddOp,
        MulOp,
        MatmulOp,
        AveragePool2DOp,
        MaxPool2DOp,
        UnfoldOp,
        TableOp,
        SoftmaxOp,
        LayerNormOp,
        TransposeOp,
        CopyOp,
        ForkOp,
        BarrierOp,
    ],
    [ChunkAttr],
)
