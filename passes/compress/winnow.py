"""Remove channels that nothing reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import graph
from ...dialects.diagnostics import emit_remark
from ...dialects.graph_base import ints, shape_of, tensor_type, with_shape
from ..graph.constants import float_array, new_constant, symbol_of
from ..graph.output_statistics import OutputStatistics, output_statistics
from .channel_classes import ChannelClasses, Cut, Mask, Reader

PASS = "winnow"


@dataclass(frozen=True)
class Winnow(ModulePass):
    """Remove each channel that all layers read with weight 0, from all that makes or passes it on.

    That is what prune-channels leaves, and any other such channel. Layers that make a channel lose
    its rows, those that read it its columns; depthwise layers, batch norms and constants beside the
    data lose its entries. Activations, pooling, padding and movement let channels through; sums and
    products keep or lose a channel on both sides, and a concatenation has those of its parts.
    Results stay the same: what went was multiplied by 0.

    A channel stays, with a remark at the layer that reads it with weight 0, where something needs
    it: another layer, the result of the network, an op across channels such as softmax, a grouped
    convolution; or where it comes from an input of the network.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and function.body.blocks:
                winnow(function)


def winnow(function: func.FuncOp) -> None:
    """Shrink one function, in order: types, constants, groups."""
    classes = ChannelClasses()
    classes.analyze(function)
    alive = classes.alive()
    for reader in classes.readers:
        tell(reader, alive)
    layers: dict[Operation, Reader] = {reader.layer.op: reader for reader in classes.readers}
    cuts = {
        value: cut
        for value in list(classes.labels)
        if (cut := classes.cut(value, alive)) is not None
    }
    for op in list(function.body.block.ops):
        if isinstance(op, graph.ConstantOp) or not any(
            value in cuts for value in (*op.operands, *op.results)
        ):
            continue
        if op in layers:
            shrink_layer(layers[op], alive)
        else:
            shrink_constants(op, cuts)
    for value, cut in cuts.items():
        if not isinstance(value.owner, graph.ConstantOp):
            shape = list(shape_of(value))
            shape[cut.axis] = len(cut.kept)
            Rewriter.replace_value_with_new_type(value, with_shape(tensor_type(value), shape))


def shrink_layer(reader: Reader, alive: Mask) -> None:
    """Take rows and columns off the weight, and rows off what goes with it."""
    layer, op = reader.layer, reader.layer.op
    weight = layer.float_weight()
    assert weight is not None
    rows, columns = alive[reader.outputs], alive[reader.inputs]
    if reader.depthwise:
        assert isinstance(op, graph.ConvOp)
        flat = weight.reshape(layer.outputs, *shape_of(layer.weight)[1:])
        put_constant(op, 1, flat[rows])
        op.properties["group"] = IntegerAttr(int(columns.sum()), i64)
    else:
        small = weight[0][rows][:, columns]
        if isinstance(op, graph.ConvOp):
            stored = small.reshape(*small.shape[:2], *op.kernel())
        else:
            stored = small[..., 0].T if layer.transposed else small[..., 0]
        put_constant(op, 1, stored)
    bias = float_array(op.operands[2]) if len(op.operands) > 2 else None
    if bias is not None and bias.size > 1 and not rows.all():
        put_constant(op, 2, bias[..., rows])
    statistics = output_statistics(op)
    if statistics is not None:
        OutputStatistics(statistics.mean[rows], statistics.deviation[rows]).attach(op)


def shrink_constants(op: Operation, cuts: dict[SSAValue, Cut]) -> None:
    """Take slices off the constants beside the data of an op, and off the extents it names."""
    cut = cuts.get(op.results[0]) if op.results else None
    if cut is None:
        return
    if isinstance(op, graph.SliceOp):
        sizes = list(ints(op.sizes))
        sizes[cut.axis] = len(cut.kept)
        op.sizes = DenseArrayBase.from_list(i64, sizes)
    rank = len(shape_of(op.results[0]))
    for index, value in enumerate(op.operands):
        array = float_array(value)
        if array is None:
            continue
        channel = isinstance(op, graph.BatchNormalizationOp)
        axis = 0 if channel else cut.axis - (rank - array.ndim)
        if axis >= 0 and array.shape[axis] > 1:
            put_constant(op, index, array.take(cut.kept, axis))


def put_constant(op: Operation, index: int, array: NDArray[np.float64]) -> None:
    """Let `op` read a new constant; other readers of the old one are not touched."""
    old, block = op.operands[index], op.parent_block()
    assert block is not None
    type = with_shape(tensor_type(old), array.shape)
    constant = new_constant(op, symbol_of(old, "weight"), array, type, old)
    block.insert_op_before(constant, op)
    op.operands[index] = constant.result


def tell(reader: Reader, alive: Mask) -> None:
    """What a layer loses, and what it reads with weight 0 and cannot lose."""
    op, rows, columns = reader.layer.op, alive[reader.outputs], alive[reader.inputs]
    if not (rows.all() and columns.all()):
        text = f"inputs {columns.size} -> {columns.sum()}, outputs {rows.size} -> {rows.sum()}"
        emit_remark("passed", PASS, op, text)
    if not reader.depthwise:
        left = int((~reader.columns().any(0) & columns).sum())
        if left:
            text = f"{left} inputs have weight 0, but something else needs them or makes them"
            emit_remark("missed", PASS, op, text)
