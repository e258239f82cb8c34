"""Choose channels-last for convolution and pooling, and fold the transposes away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import Rewriter
from xdsl.transforms.canonicalize import CanonicalizePass

from ...dialects import graph, quant
from ...dialects.diagnostics import RunnelError

TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)


@dataclass(frozen=True)
class ChannelsLast(ModulePass):
    """Rewrite quant ops from nchw to nhwc; transposes move towards one another and cancel.

    With `io=channels-last` (the default) 4-D inputs and outputs of the functions take that layout
    too, marked `graph.layout = "nhwc"`; with `io=keep` they stay as the model has them.
    """

    name = "channels-last"

    io: str = "channels-last"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.io not in ("channels-last", "keep"):
            raise RunnelError(f"unknown io '{self.io}', expected channels-last or keep")
        patterns: list[RewritePattern] = [
            ConvChannelsLast(op),
            PoolChannelsLast(),
            SinkBelowPointwise(),
            SinkBelowPair(),
            SinkBelowConcat(),
            SinkBelowMovement(),
            RaiseAboveInputCast(),
            FoldIntoFullyConnected(op),
        ]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
        CanonicalizePass().apply(ctx, op)
        if self.io == "channels-last":
            for function in op.body.block.ops:
                if isinstance(function, func.FuncOp):
                    change_arguments(function)
                    change_results(function)
            CanonicalizePass().apply(ctx, op)


def transposed(value: SSAValue, perm: Sequence[int]) -> SSAValue | None:
    """The operand of a transpose by `perm` that defines `value`."""
    owner = value.owner
    if isinstance(owner, graph.TransposeOp) and tuple(owner.perm.get_values()) == tuple(perm):
        return owner.input
    return None


def last_type(type: Attribute) -> TensorType:
    """A 4-D channels-first type in channels-last order."""
    assert isinstance(type, TensorType)
    n, c, h, w = type.get_shape()
    return TensorType(type.element_type, (n, h, w, c))


def channels_last_form(
    op: Operation, rewriter: PatternRewriter, extra: dict[int, SSAValue]
) -> None:
    """Replace `op` (layout nchw) by its nhwc form between two transposes."""
    before = graph.TransposeOp(op.operands[0], TO_LAST)
    operands = [before.result, *(extra.get(i, op.operands[i]) for i in range(1, len(op.operands)))]
    new = type(op).create(
        operands=operands,
        properties={**op.properties, "layout": StringAttr("nhwc")},
        result_types=[last_type(op.results[0].type)],
    )
    after = graph.TransposeOp(new.results[0], TO_FIRST)
    for created in (before, new, after):
        created.location = op.location
    new.results[0].name_hint = op.results[0].name_hint
    rewriter.replace(op, [before, new, after])


@dataclass
class ConvChannelsLast(RewritePattern):
    """Weights [O, I, kh, kw] become [O, kh, kw, I]."""

    module: ModuleOp

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.Conv2DOp, rewriter: PatternRewriter) -> None:
        weight = graph.constant_array(op.weight)
        if op.layout.data != "nchw" or weight is None:
            return
        owner = op.weight.owner
        assert isinstance(owner, graph.ConstantOp)
        element = quant.quantized(op.weight)
        array = weight.transpose(TO_LAST)
        type = TensorType(element, array.shape)
        name = owner.global_name.string_value()
        constant = graph.ConstantOp(
            graph.add_global(self.module, name, array, type).sym_name.data, type
        )
        rewriter.insert(constant)
        channels_last_form(op, rewriter, {1: constant.result})


class PoolChannelsLast(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(
        self, op: quant.AveragePool2DOp | quant.MaxPool2DOp, rewriter: PatternRewriter
    ) -> None:
        if op.layout.data == "nchw":
            channels_last_form(op, rewriter, {})


class SinkBelowPointwise(RewritePattern):
    """f(transpose(x)) -> transpose(f(x)) for what treats all elements alike."""

    @op_type_rewrite_pattern
    def match_and_rewrite(
        self,
        op: quant.TableOp | quant.QuantizeCastOp | quant.DequantizeCastOp,
        rewriter: PatternRewriter,
    ) -> None:
        source = transposed(op.input, TO_FIRST)
        if source is None or quantized_along_axis(op):
            return
        new = type(op).create(
            operands=[source, *op.operands[1:]], result_types=[last_type(op.result.type)]
        )
        after = graph.TransposeOp(new.results[0], TO_FIRST)
        new.location = after.location = op.location
        rewriter.replace(op, [new, after])


def quantized_along_axis(op: Operation) -> bool:
    """Whether a type of `op` counts the axes of its tensor."""
    elements = [
        value.type.element_type
        for value in (*op.operands, *op.results)
        if isinstance(value.type, TensorType)
    ]
    return any(isinstance(e, quant.UniformQuantizedType) and e.per_axis for e in elements)


class SinkBelowPair(RewritePattern):
    """add(transpose(a), b) -> transpose(add(a, transpose back(b))), also for products."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.AddOp | quant.MulOp, rewriter: PatternRewriter) -> None:
        if not broadcasts_channels_last(op):
            return
        sources = [transposed(value, TO_FIRST) for value in op.operands]
        if all(source is None for source in sources):
            return
        moved: list[Operation] = []
        operands: list[SSAValue] = []
        for value, source in zip(op.operands, sources, strict=True):
            if source is None:
                back = graph.TransposeOp(value, TO_LAST)
                moved.append(back)
                source = back.result
            operands.append(source)
        new = type(op).create(
            operands=operands, properties=op.properties, result_types=[last_type(op.result.type)]
        )
        after = graph.TransposeOp(new.result, TO_FIRST)
        new.location = after.location = op.location
        rewriter.replace(op, [*moved, new, after])


class SinkBelowConcat(RewritePattern):
    """concat(transpose(a), transpose(b), ...) -> transpose(concat(a, b, ...)), constants too."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.ConcatOp, rewriter: PatternRewriter) -> None:
        sources = [transposed(value, TO_FIRST) for value in op.operands]
        others = [v for v, s in zip(op.operands, sources, strict=True) if s is None]
        constant = all(isinstance(value.owner, graph.ConstantOp) for value in others)
        if not constant or len(others) == len(sources):
            return
        moved: list[Operation] = []
        operands: list[SSAValue] = []
        for value, source in zip(op.operands, sources, strict=True):
            if source is None:
                moved.append(graph.TransposeOp(value, TO_LAST))
                source = moved[-1].results[0]
            operands.append(source)
        axis = op.axis.value.data % 4
        new = graph.ConcatOp(operands, TO_FIRST[axis])
        after = graph.TransposeOp(new.result, TO_FIRST)
        new.location = after.location = op.location
        rewriter.replace(op, [*moved, new, after])


def broadcasts_channels_last(op: quant.AddOp | quant.MulOp) -> bool:
    """Whether the axes of a 4-D factor are neighbours in the other order too."""
    shapes = [quant.shape_of(value) for value in op.operands]
    if any(len(shape) != 4 for shape in shapes):
        return False
    moved = ([shape[axis] for axis in TO_LAST] for shape in shapes)
    return quant.broadcast_runs(*moved) is not None


class SinkBelowMovement(RewritePattern):
    """slice(transpose(x)) -> transpose(slice(x)), also for pads."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.SliceOp | graph.PadOp, rewriter: PatternRewriter) -> None:
        source = transposed(op.input, TO_FIRST)
        if source is None:
            return
        if isinstance(op, graph.SliceOp):
            numbers = (x.get_values() for x in (op.offsets, op.sizes, op.strides))
            offsets, sizes, strides = ([n[axis] for axis in TO_LAST] for n in numbers)
            new = graph.SliceOp(source, offsets=offsets, sizes=sizes, strides=strides)
        else:
            pairs = [op.pad_pairs()[axis] for axis in TO_LAST]
            pads = [pair[end] for end in (0, 1) for pair in pairs]
            new = graph.PadOp(source, pads, op.mode.data, op.value.value.data)
        after = graph.TransposeOp(new.result, TO_FIRST)
        new.location = after.location = op.location
        rewriter.replace(op, [new, after])


class RaiseAboveInputCast(RewritePattern):
    """transpose(qcast(argument)) -> qcast(transpose(argument))."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.TransposeOp, rewriter: PatternRewriter) -> None:
        cast = op.input.owner
        if not isinstance(cast, quant.QuantizeCastOp) or isinstance(cast.input.owner, Operation):
            return
        if tuple(op.perm.get_values()) != TO_LAST or quant.quantized(cast.result).per_axis:
            return
        moved = graph.TransposeOp(cast.input, TO_LAST)
        new = quant.QuantizeCastOp(moved.result, op.result.type)
        new.location = cast.location
        rewriter.replace(op, [moved, new])


@dataclass
class FoldIntoFullyConnected(RewritePattern):
    """fc(reshape(to_first(x)), w) -> fc(reshape(x), w with its columns permuted)."""

    module: ModuleOp

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.FullyConnectedOp, rewriter: PatternRewriter) -> None:
        reshape = op.input.owner
        if not isinstance(reshape, graph.ReshapeOp):
            return
        source = transposed(reshape.input, TO_FIRST)
        weight = graph.constant_array(op.weight)
        if source is None or weight is None or quant.shape_of(source)[0] != weight_rows(op):
            return
        _, h, w, c = quant.shape_of(source)
        columns = weight.reshape(-1, c, h, w).transpose(TO_LAST).reshape(weight.shape)
        owner = op.weight.owner
        assert isinstance(owner, graph.ConstantOp) and isinstance(op.weight.type, TensorType)
        name = owner.global_name.string_value()
        symbol = graph.add_global(self.module, name, columns, op.weight.type).sym_name.data
        constant = graph.ConstantOp(symbol, op.weight.type)
        flat = graph.ReshapeOp(source, quant.shape_of(op.input))
        new = quant.FullyConnectedOp(
            flat.result, constant.result, op.bias, op.result.type, op.requant
        )
        new.location = op.location
        rewriter.replace(op, [constant, flat, new])


def weight_rows(op: quant.FullyConnectedOp) -> int:
    """Rows of the input: the batch that a reshape must have kept."""
    return quant.shape_of(op.input)[0]


def mark(
    attributes: ArrayAttr[DictionaryAttr] | None, index: int, count: int
) -> ArrayAttr[DictionaryAttr]:
    """`graph.layout = "nhwc"` on one argument or result."""
    entries = list(attributes.data) if attributes else [DictionaryAttr({})] * count
    entries[index] = DictionaryAttr({**entries[index].data, "graph.layout": StringAttr("nhwc")})
    return ArrayAttr(entries)


def change_arguments(function: func.FuncOp) -> None:
    """Arguments that are only ever transposed to channels-last arrive that way."""
    block = function.body.block
    for index in range(len(block.args)):
        argument = block.args[index]
        users = [use.operation for use in argument.uses]
        if not users or any(transposed_by(user, argument) != TO_LAST for user in users):
            continue
        argument = Rewriter.replace_value_with_new_type(argument, last_type(argument.type))
        for user in users:
            user.results[0].replace_all_uses_with(argument)
            block.erase_op(user)
        function.arg_attrs = mark(function.arg_attrs, index, len(block.args))
    function.update_function_type()


def transposed_by(user: Operation, value: SSAValue) -> tuple[int, ...] | None:
    if isinstance(user, graph.TransposeOp) and user.input is value:
        return tuple(user.perm.get_values())
    return None


def change_results(function: func.FuncOp) -> None:
    """Results that end in a transpose to channels-first leave without it."""
    terminator = function.body.block.last_op
    assert terminator is not None
    for index, value in enumerate(terminator.operands):
        source = transposed(value, TO_FIRST)
        if source is not None:
            terminator.operands[index] = source
            function.res_attrs = mark(function.res_attrs, index, len(terminator.operands))
    function.update_function_type()
