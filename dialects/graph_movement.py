"""Graph ops that pick and place elements: they take any element type, quantized ones included."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    I64,
    AnyFloat,
    DenseArrayBase,
    Float32Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    f32,
)
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, traits_def, var_operand_def
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure

from .graph_base import (
    GraphOp,
    axis_of,
    ints,
    replace,
    require,
    require_same_element,
    shape_of,
    tensor_type,
    with_shape,
)


class _ConcatPatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (ConcatOfOne(),)


@irdl_op_definition
class ConcatOp(GraphOp):
    """The operands one after another along `axis`.

    ```mlir
    %2 = graph.concat %0, %1 {axis = 1 : i64}
         : (tensor<1x8x4x4xf32>, tensor<1x16x4x4xf32>) -> tensor<1x24x4x4xf32>
    ```
    """

    name = "graph.concat"
    inputs = var_operand_def(TensorType)
    axis = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure(), _ConcatPatterns())

    def __init__(self, inputs: Sequence[SSAValue], axis: int):
        super().__init__([list(inputs)], {"axis": axis})

    def infer(self) -> TensorType:
        require(len(self.inputs) > 0, "there is nothing to concatenate")
        require_same_element(*self.inputs)
        shapes = [list(shape_of(value)) for value in self.inputs]
        axis = axis_of(self.axis.value.data, len(shapes[0]))
        total = sum(shape[axis] if axis < len(shape) else 0 for shape in shapes)
        result = [*shapes[0][:axis], total, *shapes[0][axis + 1 :]]
        for shape in shapes:
            require(
                shape[:axis] + shape[axis + 1 :] == result[:axis] + result[axis + 1 :]
                and len(shape) == len(result),
                f"{shape} and {shapes[0]} differ outside of axis {axis}",
            )
        return with_shape(tensor_type(self.inputs[0]), result)


PAD_MODES = ("constant", "edge", "reflect")


class _PadPatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (IdentityPad(),)


@irdl_op_definition
class PadOp(GraphOp):
    """`value` (or the edge, or a reflection) around the operand; `pads` are all begins, all ends.

    In a quantized tensor `value` is the real value, not the stored one.

    ```mlir
    %1 = graph.pad %0 {pads = array<i64: 0, 0, 0, 0, 0, 0, 1, 1>, mode = "constant",
         value = 0.0 : f32} : (tensor<1x3x32x32xf32>) -> tensor<1x3x33x33xf32>
    ```
    """

    name = "graph.pad"
    input = operand_def(TensorType)
    pads = prop_def(DenseArrayBase[I64])
    mode = prop_def(StringAttr, default_value=StringAttr("constant"))
    value = prop_def(FloatAttr, default_value=FloatAttr(0.0, 32))

    traits = traits_def(Pure(), _PadPatterns())

    def __init__(
        self, input: SSAValue, pads: Sequence[int], mode: str = "constant", value: float = 0.0
    ):
        super().__init__([input], {"pads": pads, "mode": mode, "value": value})

    def pad_pairs(self) -> list[tuple[int, int]]:
        """(begin, end) of each axis."""
        pads = ints(self.pads)
        rank = len(pads) // 2
        return list(zip(pads[:rank], pads[rank:], strict=True))

    def infer(self) -> TensorType:
        shape, pads = shape_of(self.input), ints(self.pads)
        require(
            len(pads) == 2 * len(shape),
            f"{list(shape)} needs {2 * len(shape)} pads, not {len(pads)}",
        )
        require(min(pads, default=0) >= 0, f"pads are at least 0, not {list(pads)}")
        require(
            self.mode.data in PAD_MODES,
            f"unknown mode '{self.mode.data}', expected {', '.join(PAD_MODES)}",
        )
        if self.mode.data == "reflect":
            require(
                all(max(p) < n for p, n in zip(self.pad_pairs(), shape, strict=True)),
                f"reflected pads {list(pads)} are larger than {list(shape)} allows",
            )
        extents = [b + n + e for n, (b, e) in zip(shape, self.pad_pairs(), strict=True)]
        return with_shape(tensor_type(self.input), extents)


class _SlicePatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (IdentitySlice(),)


@irdl_op_definition
class SliceOp(GraphOp):
    """sizes[i] elements of axis i, from offsets[i] on, strides[i] apart (which may be negative).

    ```mlir
    %1 = graph.slice %0 {offsets = array<i64: 0, 0>, sizes = array<i64: 1, 4>,
         strides = array<i64: 1, 2>} : (tensor<1x8xf32>) -> tensor<1x4xf32>
    ```
    """

    name = "graph.slice"
    input = operand_def(TensorType)
    offsets = prop_def(DenseArrayBase[I64])
    sizes = prop_def(DenseArrayBase[I64])
    strides = prop_def(DenseArrayBase[I64])

    traits = traits_def(Pure(), _SlicePatterns())

    def __init__(
        self,
        input: SSAValue,
        *,
        offsets: Sequence[int],
        sizes: Sequence[int],
        strides: Sequence[int],
    ):
        super().__init__([input], {"offsets": offsets, "sizes": sizes, "strides": strides})

    def infer(self) -> TensorType:
        shape = shape_of(self.input)
        offsets, sizes, strides = ints(self.offsets), ints(self.sizes), ints(self.strides)
        require(
            len(offsets) == len(sizes) == len(strides) == len(shape),
            f"{list(shape)} needs {len(shape)} offsets, sizes and strides",
        )
        for axis, (n, offset, size, stride) in enumerate(
            zip(shape, offsets, sizes, strides, strict=True)
        ):
            last = offset + (size - 1) * stride
            require(
                size >= 1 and stride != 0 and 0 <= offset < n and 0 <= last < n,
                f"axis {axis}: {size} elements from {offset} with stride {stride} "
                f"leave the extent {n}",
            )
        return with_shape(tensor_type(self.input), sizes)


@irdl_op_definition
class GatherOp(GraphOp):
    """The slices of `input` along `axis` that the integers `indices` name (negative: from the end).

    ```mlir
    %2 = graph.gather %0, %1 {axis = 1 : i64}
         : (tensor<1x8x4xf32>, tensor<3xi64>) -> tensor<1x3x4xf32>
    ```
    """

    name = "graph.gather"
    input = operand_def(TensorType)
    indices = operand_def(TensorType)
    axis = prop_def(IntegerAttr[I64], default_value=IntegerAttr(0, 64))

    def __init__(self, input: SSAValue, indices: SSAValue, axis: int = 0):
        super().__init__([input, indices], {"axis": axis})

    def infer(self) -> TensorType:
        shape = shape_of(self.input)
        axis = axis_of(self.axis.value.data, len(shape))
        element = tensor_type(self.indices).element_type
        require(isinstance(element, IntegerType), f"indices are integers, not {element}")
        return with_shape(
            tensor_type(self.input), shape[:axis] + shape_of(self.indices) + shape[axis + 1 :]
        )


RESIZE_MODES = ("nearest", "linear")
COORDINATES = ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")
NEAREST = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


@irdl_op_definition
class ResizeOp(GraphOp):
    """The operand sampled on another grid: output position -> input position by `coordinates`.

    `scales` are the factors that map the coordinates, one per axis (ONNX Resize).

    ```mlir
    %1 = graph.resize %0 {scales = array<f32: 1.0, 1.0, 2.0, 2.0>, mode = "nearest",
         coordinates = "asymmetric", nearest = "floor"}
         : (tensor<1x8x4x4xf32>) -> tensor<1x8x8x8xf32>
    ```
    """

    name = "graph.resize"
    input = operand_def(TensorType)
    scales = prop_def(DenseArrayBase[Float32Type])
    mode = prop_def(StringAttr, default_value=StringAttr("nearest"))
    coordinates = prop_def(StringAttr, default_value=StringAttr("half_pixel"))
    nearest = prop_def(StringAttr, default_value=StringAttr("round_prefer_floor"))

    def __init__(
        self,
        input: SSAValue,
        shape: Sequence[int],
        scales: Sequence[float],
        *,
        mode: str = "nearest",
        coordinates: str = "half_pixel",
        nearest: str = "round_prefer_floor",
    ):
        super().__init__(
            [input],
            {
                "scales": DenseArrayBase.from_list(f32, [float(scale) for scale in scales]),
                "mode": mode,
                "coordinates": coordinates,
                "nearest": nearest,
            },
            with_shape(tensor_type(input), shape),
        )
        self.checked_type()

    def infer(self) -> TensorType:
        shape, target = shape_of(self.input), self.result.type.get_shape()
        require(
            len(shape) == len(target) == len(self.scales),
            f"{list(shape)}, {list(target)} and {len(self.scales)} scales differ in rank",
        )
        for value, allowed in (
            (self.mode, RESIZE_MODES),
            (self.coordinates, COORDINATES),
            (self.nearest, NEAREST),
        ):
            require(value.data in allowed, f"'{value.data}' is none of {', '.join(allowed)}")
        require(
            self.mode.data == "nearest"
            or isinstance(tensor_type(self.input).element_type, AnyFloat),
            "linear interpolation needs floats",
        )
        return with_shape(tensor_type(self.input), target)


class ConcatOfOne(RewritePattern):
    """concat(x) -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatOp, rewriter: PatternRewriter, /):
        if len(op.inputs) == 1:
            replace(rewriter, op, op.inputs[0])


class IdentityPad(RewritePattern):
    """pad(x) by nothing -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PadOp, rewriter: PatternRewriter, /):
        if not any(ints(op.pads)):
            replace(rewriter, op, op.input)


class IdentitySlice(RewritePattern):
    """slice(x) of all of x -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SliceOp, rewriter: PatternRewriter, /):
        steps = zip(ints(op.sizes), ints(op.strides), strict=True)
        if op.input.type == op.result.type and all(n == 1 or step == 1 for n, step in steps):
            replace(rewriter, op, op.input)
