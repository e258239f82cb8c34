"""The cluster dialect: all cores of a cluster compute one window together (WHO).

Every core runs the body of `cluster.fork`; a kernel op is computed by all of them, each its share.
Core 0 alone programs the DMA and the NPU and runs what is no kernel of the cluster. What one core
writes another may read after a `cluster.barrier`.

Operands are windows [1, h, w, c] (or [1, n]) of buffers in the near memory: shapes and pitches may
be dynamic, channels are neighbours. The constants of an op come as one chunk of bytes: see
`#cluster.chunk`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xdsl.dialects.builtin import (
    I32,
    I64,
    DenseArrayBase,
    IndexType,
    IntAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Dialect, ParametrizedAttribute, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from .cortexm_packing import PackingAttr
from .diagnostics import describe
from .kernel_call import KernelCall
from .quant_types import ROUNDINGS
from .scaled_sum import ScaledSumOp
from .types import memref_type


def align(size: int, alignment: int = 4) -> int:
    """`size` rounded up to a multiple of `alignment`."""
    return -(-size // alignment) * alignment


@dataclass(frozen=True)
class ChunkLayout:
    """Where the parts of a chunk begin, and its size: all in bytes."""

    weights: int
    bias: int
    multiplier: int
    shift: int
    size: int


@irdl_attr_definition
class ChunkAttr(ParametrizedAttribute):
    """The constants of `channels` output channels in one block of bytes.

    Packed weights ([channels, depth] as `packing` has them; depthwise: [depth, channels]), then
    bias and multiplier (i32) and shift (i8) of each channel; each part begins at a word. A last
    chunk with fewer channels has the same layout.

    ```mlir
    #cluster.chunk<16 channels, depth 144, packing #cortexm.packing<4 x 4>>
    ```
    """

    name = "cluster.chunk"

    channels: IntAttr
    depth: IntAttr
    packing: PackingAttr

    @staticmethod
    def get(channels: int, depth: int, packing: PackingAttr) -> ChunkAttr:
        return ChunkAttr(IntAttr(channels), IntAttr(depth), packing)

    def layout(self, *, depthwise: bool) -> ChunkLayout:
        """The offsets of the parts."""
        channels, depth = self.channels.data, self.depth.data
        rows, columns = (depth, channels) if depthwise else (channels, depth)
        bias = align(self.packing.packed_size(rows, columns))
        multiplier = bias + 4 * channels
        shift = multiplier + 4 * channels
        return ChunkLayout(0, bias, multiplier, shift, align(shift + channels))

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            channels = parser.parse_integer()
            parser.parse_keyword("channels")
            parser.parse_punctuation(",")
            parser.parse_keyword("depth")
            depth = parser.parse_integer()
            parser.parse_punctuation(",")
            parser.parse_keyword("packing")
            packing = parser.parse_attribute()
        if not isinstance(packing, PackingAttr):
            parser.raise_error("expected #cortexm.packing<...>")
        return [IntAttr(channels), IntAttr(depth), packing]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(
                f"{self.channels.data} channels, depth {self.depth.data}, packing "
            )
            printer.print_attribute(self.packing)


class KernelOp(KernelCall, ABC):
    """A call of one C kernel by all cores.

    `pads` are the rows and columns of padding before the window, `constants` the chunk.
    """

    ins = var_operand_def(MemRefType)
    constants = var_operand_def(MemRefType)
    outs = var_operand_def(MemRefType)
    scratches = var_operand_def(MemRefType)
    pads = var_operand_def(IndexType)

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "`ins` `(` $ins `:` type($ins) `)` "
        "(`constants` `(` $constants^ `:` type($constants) `)`)? "
        "`outs` `(` $outs `:` type($outs) `)` "
        "(`scratch` `(` $scratches^ `:` type($scratches) `)`)? "
        "(`pads` `(` $pads^ `)`)? attr-dict"
    )

    CONSTANT_COUNT: ClassVar[int] = 0
    PAD_COUNT: ClassVar[int] = 0

    def __init__(
        self,
        kernel: str,
        ins: Sequence[SSAValue],
        out: SSAValue,
        properties: dict[str, Attribute],
        *,
        constants: SSAValue | None = None,
        scratch: SSAValue | None = None,
        pads: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[
                ins,
                [] if constants is None else [constants],
                [out],
                [] if scratch is None else [scratch],
                pads,
            ],
            properties={"kernel": StringAttr(kernel), **properties},
        )

    @property
    def inputs(self) -> Sequence[SSAValue]:
        return (*self.ins, *self.constants)

    @property
    def outputs(self) -> Sequence[SSAValue]:
        return self.outs

    @property
    def scratch(self) -> Sequence[SSAValue]:
        return self.scratches

    def verify_(self) -> None:
        counts = (len(self.ins), len(self.constants), len(self.outs), len(self.pads))
        expected = (self.INPUT_COUNT, self.CONSTANT_COUNT, 1, self.PAD_COUNT)
        if counts != expected or len(self.scratches) > 1:
            raise VerifyException(
                f"{describe(self)}: expected {expected[0]} inputs, {expected[1]} constants, one "
                f"output and {expected[3]} pads, got {', '.join(map(str, counts))}"
            )
        spaces = {memref_type(value).memory_space for value in (*self.inputs, *self.outs)}
        if len(spaces) != 1:
            found = ", ".join(sorted(map(str, spaces)))
            raise VerifyException(
                f"{describe(self)}: cores compute in one memory, the operands are in {found}"
            )
        self.check()


def check_rounding(op: KernelOp, rounding: StringAttr) -> None:
    if rounding.data not in ROUNDINGS:
        raise VerifyException(
            f"{describe(op)}: unknown rounding '{rounding.data}', one of {', '.join(ROUNDINGS)}"
        )


class ProductOp(KernelOp, ABC):
    """What convolution and matrix product share: the requantization of each channel.

    `y = clamp(out_zero + round((acc << acc_shift) * multiplier / 2^shift))`; multipliers and shifts
    are in the chunk.
    """

    CONSTANT_COUNT: ClassVar[int] = 1

    chunk = prop_def(ChunkAttr)
    acc_shift = prop_def(IntegerAttr[I32])
    rounding = prop_def(StringAttr)
    clamp = prop_def(DenseArrayBase[I32])

    @property
    def depthwise(self) -> bool:
        return False

    def check(self) -> None:
        check_rounding(self, self.rounding)
        if len(self.clamp) != 2:
            raise VerifyException(f"{describe(self)}: expected a clamp of two")
        size = self.chunk.layout(depthwise=self.depthwise).size
        shape = memref_type(self.constants[0]).get_shape()
        if shape[-1] != size:
            raise VerifyException(
                f"{describe(self)}: the chunk has {shape[-1]} bytes, {self.chunk} takes {size}"
            )


class WindowOp(KernelOp, ABC):
    """A kernel over windows of [1, h, w, c]."""

    PAD_COUNT: ClassVar[int] = 2

    window = prop_def(DenseArrayBase[I64])
    """kernel h, w; stride h, w; dilation h, w"""

    def check(self) -> None:
        if len(self.window) != 6:
            raise VerifyException(f"{describe(self)}: expected six window numbers")


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
class MulOp(KernelOp):
    """`y = requantize((a - zero_point) * (b - zero_point))`; `b` may have one row, one column.

    ```mlir
    cluster.mul ins(%a, %b : memref<...>, memref<...>) outs(%y : memref<...>)
      {kernel = "rn_cluster_mul_s8", multiplier = 1395864371 : i32, shift = 41 : i32,
       acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
    ```
    """

    name = "cluster.mul"
    INPUT_COUNT: ClassVar[int] = 2

    multiplier = prop_def(IntegerAttr[I32])
    shift = prop_def(IntegerAttr[I32])
    acc_shift = prop_def(IntegerAttr[I32])
    rounding = prop_def(StringAttr)
    clamp = prop_def(DenseArrayBase[I32])

    def check(self) -> None:
        check_rounding(self, self.rounding)


@irdl_op_definition
class AveragePool2DOp(WindowOp):
    """`y = requantize(sum(window - zero_point))`.

    ```mlir
    cluster.avg_pool2d ins(%x : memref<...>) outs(%y : memref<...>) pads(%top, %left)
      {kernel = "rn_cluster_avg_pool2d_s8", window = array<i64: 8, 8, 8, 8, 1, 1>,
       multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single",
       clamp = array<i32: -128, 127>}
    ```
    """

    name = "cluster.avg_pool2d"

    multiplier = prop_def(IntegerAttr[I32])
    shift = prop_def(IntegerAttr[I32])
    acc_shift = prop_def(IntegerAttr[I32])
    rounding = prop_def(StringAttr)
    clamp = prop_def(DenseArrayBase[I32])

    def check(self) -> None:
        super().check()
        check_rounding(self, self.rounding)


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
        AveragePool2DOp,
        MaxPool2DOp,
        TableOp,
        CopyOp,
        ForkOp,
        BarrierOp,
    ],
    [ChunkAttr],
)
