"""unfold-windows: a convolution becomes one of 1x1 kernels over its windows, written out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import graph, quant
from ...dialects.diagnostics import emit_remark
from ...dialects.graph import constant_array
from ..graph.constants import new_constant, symbol_of
from .unfold_cost import UnfoldCost, windows_shape


@dataclass(frozen=True)
class UnfoldWindows(ModulePass):
    """Let the cores write out the windows of a convolution that the NPU has no kernel for.

    Over those it is a convolution of 1x1 kernels, of the same products, which the NPU runs, and
    which cores read in place. While windows are unfolded the constants arrive, which counts where
    nothing runs before. An op is rewritten where that takes fewer modelled cycles and the near
    memory holds its windows. Runs channels-last, once the platform is known; before fit-requant,
    so that the multipliers fit the NPU too.
    """

    name = "unfold-windows"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        cost = UnfoldCost.of(op)
        if cost is None:
            return
        for conv in list(op.walk()):
            if not isinstance(conv, quant.Conv2DOp) or not can_unfold(conv):
                continue
            if not cost.runs_unfolded(conv):
                continue
            before, after = cost.before(conv), cost.after(conv)
            text = f"{after:.0f} cycles over unfolded windows, {before:.0f} as it is"
            emit_remark("passed" if after < before else "missed", self.name, conv, text)
            if after < before:
                unfold(conv)


def can_unfold(op: quant.Conv2DOp) -> bool:
    """Whether the op has windows of more than one pixel, without groups and dilation."""
    dense = op.layout.data == "nhwc" and op.groups.value.data == 1
    window = tuple(op.kernel_size()) != (1, 1) and tuple(op.dilation()) == (1, 1)
    return dense and window and constant_array(op.weight) is not None


def unfold(op: quant.Conv2DOp) -> None:
    """Rewrite `op`."""
    assert isinstance(op.input.type, TensorType) and isinstance(op.result.type, TensorType)
    windows = quant.UnfoldOp(
        op.input,
        TensorType(op.input.type.element_type, windows_shape(op)),
        kernel=op.kernel_size(),
        strides=op.strides.get_values(),
        pads=op.pads.get_values(),
        layout="nhwc",
    )
    weight = unfolded_weight(op)
    conv = quant.Conv2DOp.pointwise(
        windows.result,
        weight.result,
        op.bias,
        op.result.type,
        requant=op.requant,
    )
    for new in (windows, weight, conv):
        new.location = op.location
    conv.attributes.update(op.attributes)
    Rewriter.insert_op([windows, weight], InsertPoint.before(op))
    Rewriter.replace_op(op, conv)


def unfolded_weight(op: quant.Conv2DOp) -> graph.ConstantOp:
    """The filters as rows, with zeros for what is behind a window."""
    old, depth = constant_array(op.weight), windows_shape(op)[-1]
    assert old is not None and isinstance(op.weight.type, TensorType)
    rows = old.reshape(len(old), -1)
    new = np.pad(rows, ((0, 0), (0, depth - rows.shape[1])))
    shape = (len(old), 1, 1, depth)
    type = TensorType(op.weight.type.element_type, shape)
    return new_constant(op, symbol_of(op.weight, "weight"), new.reshape(shape), type)
