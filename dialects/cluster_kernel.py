"""What the kernel ops of the cluster dialect share: windows, a chunk of constants, scratch."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    I32,
    I64,
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    MemRefType,
    StringAttr,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AttrSizedOperandSegments, ParsePropInAttrDict, prop_def, var_operand_def
from xdsl.utils.exceptions import VerifyException

from .cluster_chunk import ChunkAttr
from .diagnostics import describe
from .kernel_call import KernelCall
from .quant_types import ROUNDINGS
from .types import memref_type


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


def check_chunk(op: KernelOp, what: object, size: int) -> None:
    """The chunk has the `size` bytes that `what` it holds takes."""
    found = memref_type(op.constants[0]).get_shape()[-1]
    if found != size:
        raise VerifyException(f"{describe(op)}: the chunk has {found} bytes, {what} takes {size}")


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
        check_chunk(self, self.chunk, self.chunk.layout(depthwise=self.depthwise).size)


class ScaledOp(KernelOp, ABC):
    """What has one multiplier for the whole result.

    `y = clamp(out_zero + round((acc << acc_shift) * multiplier / 2^shift))`
    """

    multiplier = prop_def(IntegerAttr[I32])
    shift = prop_def(IntegerAttr[I32])
    acc_shift = prop_def(IntegerAttr[I32])
    rounding = prop_def(StringAttr)
    clamp = prop_def(DenseArrayBase[I32])

    def check(self) -> None:
        check_rounding(self, self.rounding)


class WindowOp(KernelOp, ABC):
    """A kernel over windows of [1, h, w, c]."""

    PAD_COUNT: ClassVar[int] = 2

    window = prop_def(DenseArrayBase[I64])
    """kernel h, w; stride h, w; dilation h, w"""

    def check(self) -> None:
        if len(self.window) != 6:
            raise VerifyException(f"{describe(self)}: expected six window numbers")
