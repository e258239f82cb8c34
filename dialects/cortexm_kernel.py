"""What the ops of the cortexm dialect share: a call of one C kernel on buffers."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    prop_def,
    var_operand_def,
)
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import VerifyException

from .attributes import index_array
from .diagnostics import describe
from .graph import GlobalOp
from .kernel_call import KernelCall
from .quant_types import quantized
from .windows import window_extent


class KernelOp(KernelCall, ABC):
    """A call of one C kernel by the only core."""

    ins = var_operand_def(MemRefType)
    outs = var_operand_def(MemRefType)
    scratches = var_operand_def(MemRefType)

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "`ins` `(` $ins `:` type($ins) `)` `outs` `(` $outs `:` type($outs) `)` "
        "(`scratch` `(` $scratches^ `:` type($scratches) `)`)? attr-dict"
    )

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
