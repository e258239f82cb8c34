"""fold-columns: a convolution that steps over columns becomes one over pairs of columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import graph, quant
from ...dialects.diagnostics import emit_remark
from ...dialects.graph import constant_array
from ...dialects.npu_job import cycles
from ...dialects.platform import platform_of
from ...dialects.platform_records import Unit
from ..graph.constants import new_constant, symbol_of
from .npu_model import MODEL, geometry_of, mode_of


@dataclass(frozen=True)
class FoldColumns(ModulePass):
    """Let the NPU make no outputs between the columns that a dense 3x3 convolution wants.

    Two columns of C channels lie in memory as one of 2 C channels. Over those the convolution has a
    stride of 1, and a 3x3 kernel with zeros where it sees what it did not see before: the same sums
    of the same products. It takes twice the channels and half the columns; where the NPU's cycles
    become fewer that way the op is rewritten. Runs channels-last, once the platform is known.
    """

    name = "fold-columns"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        unit = next((unit for unit in platform_of(op).units if unit.kind == "npu"), None)
        if unit is None:
            return
        for conv in list(op.walk()):
            if isinstance(conv, quant.Conv2DOp) and can_fold(conv):
                fold(conv, unit)


def can_fold(op: quant.Conv2DOp) -> bool:
    """Whether pairs of columns are what the window steps over."""
    if op.layout.data != "nhwc" or op.groups.value.data != 1 or constant_array(op.weight) is None:
        return False
    _, _, width, _ = quant.shape_of(op.input)
    _, left, _, _ = op.pads.get_values()
    window = (tuple(op.kernel_size()), op.strides.get_values()[1], tuple(op.dilation()))
    return window == ((3, 3), 2, (1, 1)) and width % 2 == 0 and left <= 1


def folded(op: quant.Conv2DOp) -> tuple[graph.ReshapeOp, graph.ConstantOp, quant.Conv2DOp]:
    """The view of the input, the weights and the convolution; not inserted yet."""
    n, height, width, channels = quant.shape_of(op.input)
    top, left, bottom, _ = op.pads.get_values()
    out_w = quant.shape_of(op.result)[2]
    view = graph.ReshapeOp(op.input, (n, height, width // 2, 2 * channels))
    old = constant_array(op.weight)
    assert old is not None and isinstance(op.weight.type, TensorType)
    new = np.zeros((len(old), 3, 3, 2, channels), old.dtype)
    for tap in range(3):
        column = tap - left
        new[:, :, 1 + column // 2, column % 2] = old[:, :, tap]
    shape = (len(old), 3, 3, 2 * channels)
    type = TensorType(op.weight.type.element_type, shape)
    weight = new_constant(op, symbol_of(op.weight, "weight"), new.reshape(shape), type)
    assert isinstance(op.result.type, TensorType)
    conv = quant.Conv2DOp(
        view.result,
        weight.result,
        op.bias,
        op.result.type,
        strides=(op.strides.get_values()[0], 1),
        pads=(top, 1, bottom, out_w - width // 2 + 1),
        dilations=(1, 1),
        groups=1,
        layout="nhwc",
        requant=op.requant,
    )
    return view, weight, conv


def fold(op: quant.Conv2DOp, unit: Unit) -> None:
    """Rewrite `op` if the NPU takes it faster then."""
    if MODEL.refuses(op, unit) is not None:
        return
    mode, g = mode_of(op), geometry_of(op)
    pairs = replace(g, in_w=g.in_w // 2, in_c=2 * g.in_c)
    before, after = cycles(mode, g), cycles(replace(mode, strides=(mode.strides[0], 1)), pairs)
    if after >= before:
        return
    emit_remark("passed", FoldColumns.name, op, f"{after} cycles on {unit.name}, {before} before")
    view, weight, conv = folded(op)
    for new in (view, weight, conv):
        new.location = op.location
    conv.attributes.update(op.attributes)
    Rewriter.insert_op([view, weight], InsertPoint.before(op))
    Rewriter.replace_op(op, conv)
