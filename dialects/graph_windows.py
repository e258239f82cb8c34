"""Graph ops that move a window over an image or a sequence: convolution and pooling (NC...)."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, BoolAttr, DenseArrayBase, IntegerAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_operand_def, prop_def, traits_def
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure

from .graph_base import (
    GraphOp,
    PropertyValue,
    ints,
    replace,
    require,
    require_float,
    require_shape,
    shape_of,
    tensor_type,
    with_shape,
)
from .graph_movement import PadOp
from .windows import window_extent


class _WindowPatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (PadIntoWindow(),)


class WindowOp(GraphOp):
    """What convolution and pooling share; one entry of each list per spatial axis.

    `pads` holds all begins, then all ends, as in ONNX: top, left, bottom, right.
    """

    input = operand_def(TensorType)
    strides = prop_def(DenseArrayBase[I64])
    pads = prop_def(DenseArrayBase[I64])
    dilations = prop_def(DenseArrayBase[I64])

    traits = traits_def(Pure(), _WindowPatterns())

    def kernel(self) -> tuple[int, ...]:
        """The extents of the window, without dilation."""
        raise NotImplementedError

    def pad_pairs(self) -> list[tuple[int, int]]:
        """(begin, end) of each spatial axis."""
        pads = ints(self.pads)
        rank = len(pads) // 2
        return list(zip(pads[:rank], pads[rank:], strict=True))

    def output_extents(self) -> tuple[int, ...]:
        """The spatial extents of the result."""
        shape, kernel = shape_of(self.input), self.kernel()
        rank = len(kernel)
        require(
            len(shape) == rank + 2 and rank >= 1,
            f"a window of {rank} dimensions needs an input of {rank + 2}, not {list(shape)}",
        )
        strides, pads, dilations = ints(self.strides), ints(self.pads), ints(self.dilations)
        require(
            len(strides) == rank and len(dilations) == rank and len(pads) == 2 * rank,
            f"a window of {rank} dimensions needs {rank} strides, {rank} dilations and "
            f"{2 * rank} pads, not {len(strides)}, {len(dilations)} and {len(pads)}",
        )
        require(
            min(kernel + strides + dilations) >= 1 and min(pads) >= 0,
            "kernel, strides and dilations are at least 1 and pads at least 0",
        )
        extents = tuple(
            window_extent(size, *pad, k, stride, dilation)
            for size, pad, k, stride, dilation in zip(
                shape[2:], self.pad_pairs(), kernel, strides, dilations, strict=True
            )
        )
        require(
            min(extents) >= 1,
            f"a window of {list(kernel)} with pads {list(pads)} does not fit in {list(shape[2:])}",
        )
        return extents


@irdl_op_definition
class ConvOp(WindowOp):
    """A convolution (cross-correlation); the weight is [O, I / group, spatial...].

    ```mlir
    %3 = graph.conv %0, %1, %2 {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>,
         dilations = array<i64: 1, 1>}
         : (tensor<1x3x32x32xf32>, tensor<16x3x3x3xf32>, tensor<16xf32>) -> tensor<1x16x16x16xf32>
    ```
    """

    name = "graph.conv"
    input = operand_def(TensorType)  # again, as xDSL counts a class's own operands first
    weight = operand_def(TensorType)
    bias = opt_operand_def(TensorType)
    group = prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, 64))

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue | None = None,
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int],
        group: int = 1,
    ):
        super().__init__(
            [input, weight, bias],
            {"strides": strides, "pads": pads, "dilations": dilations, "group": group},
        )

    def kernel(self) -> tuple[int, ...]:
        return shape_of(self.weight)[2:]

    def infer(self) -> TensorType:
        require_float(self.input, self.weight, self.bias)
        extents = self.output_extents()
        batch, channels = shape_of(self.input)[:2]
        outputs, depth = shape_of(self.weight)[:2]
        group = self.group.value.data
        require(group >= 1, f"group is {group}, it must be at least 1")
        require(
            depth * group == channels,
            f"{group} groups of {depth} weight channels need {depth * group} input channels, "
            f"not {channels}",
        )
        require(
            outputs % group == 0, f"{outputs} output channels cannot be split in {group} groups"
        )
        require_shape(self.bias, (outputs,), "the bias")
        return with_shape(tensor_type(self.input), (batch, outputs, *extents))


class PoolOp(WindowOp):
    """A window whose extents are the property `kernel_shape`."""

    kernel_shape = prop_def(DenseArrayBase[I64])

    def __init__(
        self,
        input: SSAValue,
        *,
        kernel_shape: Sequence[int],
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int],
        **own: PropertyValue,
    ):
        """`own` are the properties that one kind of pooling has beyond the others."""
        window = {"strides": strides, "pads": pads, "dilations": dilations}
        super().__init__([input], {"kernel_shape": kernel_shape, **window, **own})

    def kernel(self) -> tuple[int, ...]:
        return ints(self.kernel_shape)

    def infer(self) -> TensorType:
        extents = self.output_extents()
        kernel, dilations = self.kernel(), ints(self.dilations)
        for pads, extent, dilation in zip(self.pad_pairs(), kernel, dilations, strict=True):
            require(
                max(pads) <= dilation * (extent - 1),
                f"a pad of {max(pads)} lets a window of {extent} miss the input",
            )
        return with_shape(tensor_type(self.input), (*shape_of(self.input)[:2], *extents))


@irdl_op_definition
class MaxPoolOp(PoolOp):
    """The largest element of each window; padding never wins. Any element type.

    ```mlir
    %1 = graph.max_pool %0 {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>,
         pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
         : (tensor<1x8x28x28xf32>) -> tensor<1x8x14x14xf32>
    ```
    """

    name = "graph.max_pool"


@irdl_op_definition
class AveragePoolOp(PoolOp):
    """The mean of each window; padding counts as zeros when `count_include_pad` is set, else not.

    ```mlir
    %1 = graph.average_pool %0 {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>,
         pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
         : (tensor<1x8x28x28xf32>) -> tensor<1x8x14x14xf32>
    ```
    """

    name = "graph.average_pool"
    count_include_pad = prop_def(BoolAttr, default_value=BoolAttr.from_bool(False))

    def __init__(
        self,
        input: SSAValue,
        *,
        kernel_shape: Sequence[int],
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int],
        count_include_pad: bool = False,
    ):
        super().__init__(
            input,
            kernel_shape=kernel_shape,
            strides=strides,
            pads=pads,
            dilations=dilations,
            count_include_pad=count_include_pad,
        )

    def infer(self) -> TensorType:
        require_float(self.input)
        return super().infer()


@irdl_op_definition
class GlobalAveragePoolOp(GraphOp):
    """The mean over all spatial axes, which stay as 1.

    ```mlir
    %1 = graph.global_average_pool %0 : (tensor<1x64x8x8xf32>) -> tensor<1x64x1x1xf32>
    ```
    """

    name = "graph.global_average_pool"
    input = operand_def(TensorType)

    def __init__(self, input: SSAValue):
        super().__init__([input])

    def infer(self) -> TensorType:
        require_float(self.input)
        shape = shape_of(self.input)
        require(len(shape) >= 3, f"the input must have a spatial dimension, but is {list(shape)}")
        return with_shape(tensor_type(self.input), (*shape[:2], *(1 for _ in shape[2:])))


class PadIntoWindow(RewritePattern):
    """window(pad(x)) -> window(x) with larger pads, where they mean the same."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: WindowOp, rewriter: PatternRewriter, /):
        pad = op.input.owner
        if not isinstance(pad, PadOp) or pad.mode.data != "constant":
            return
        outside, spatial = pad.pad_pairs()[:2], pad.pad_pairs()[2:]
        if any(amount for pair in outside for amount in pair):
            return
        pairs = [
            (own[0] + more[0], own[1] + more[1])
            for own, more in zip(op.pad_pairs(), spatial, strict=True)
        ]
        if self.same_padding(op, pad.value.value.data, pairs):
            self.absorb(op, pad, pairs, rewriter)

    @staticmethod
    def same_padding(op: WindowOp, value: float, pairs: list[tuple[int, int]]) -> bool:
        """Does a pad of `value` compute what the window's own pads of `pairs` would?"""
        reach = zip(pairs, op.kernel(), ints(op.dilations), strict=True)
        inside = all(max(pair) <= step * (extent - 1) for pair, extent, step in reach)
        match op:
            case ConvOp():
                return value == 0
            case MaxPoolOp():
                return value == -float("inf") and inside
            case AveragePoolOp():
                counted = bool(op.count_include_pad.value.data) or not any(ints(op.pads))
                return value == 0 and inside and counted
            case _:
                return False

    @staticmethod
    def absorb(
        op: WindowOp, pad: PadOp, pairs: list[tuple[int, int]], rewriter: PatternRewriter
    ) -> None:
        """Replace `op` by itself on the operand of `pad`, with `pairs` as its pads."""
        pads = [begin for begin, _ in pairs] + [end for _, end in pairs]
        common = {"strides": ints(op.strides), "dilations": ints(op.dilations), "pads": pads}
        match op:
            case ConvOp():
                group = op.group.value.data
                new = ConvOp(pad.input, op.weight, op.bias, group=group, **common)
            case MaxPoolOp():
                new = MaxPoolOp(pad.input, kernel_shape=op.kernel(), **common)
            case _:
                new = AveragePoolOp(
                    pad.input, kernel_shape=op.kernel(), count_include_pad=True, **common
                )
        replace(rewriter, op, new)
