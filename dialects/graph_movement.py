"""Graph ops that move data: they take any element type, quantized ones included.

Also here: what changes the element type (cast, quantize, dequantize).
"""

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
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure

from .graph_base import (
    GraphOp,
    axis_of,
    ints,
    require,
    require_same_element,
    shape_of,
    tensor_type,
    with_shape,
)
from .reuse import SameBytes


class _ReshapePatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from .graph_canonicalization import IdentityReshape, ReshapeOfReshape

        return (IdentityReshape(), ReshapeOfReshape())


@irdl_op_definition
class ReshapeOp(GraphOp):
    """The same elements in row-major order under another shape (also flatten, squeeze, unsqueeze).

    ```mlir
    %1 = graph.reshape %0 : (tensor<1x8x4x4xf32>) -> tensor<1x128xf32>
    ```
    """

    name = "graph.reshape"
    input = operand_def(TensorType)

    traits = traits_def(Pure(), SameBytes(), _ReshapePatterns())

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        result_type = with_shape(tensor_type(input), shape)
        super().__init__([input], result_type=result_type)
        self.checked_type()

    def infer(self) -> TensorType:
        source, target = shape_of(self.input), self.result.type.get_shape()
        require(
            _count(source) == _count(target),
            f"{list(source)} has {_count(source)} elements, {list(target)} has {_count(target)}",
        )
        return with_shape(tensor_type(self.input), target)


class _TransposePatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from .graph_canonicalization import (
            IdentityTranspose,
            TransposeIsReshape,
            TransposeOfTranspose,
        )

        return (IdentityTranspose(), TransposeOfTranspose(), TransposeIsReshape())


@irdl_op_definition
class TransposeOp(GraphOp):
    """Axis i of the result is axis perm[i] of the operand.

    ```mlir
    %1 = graph.transpose %0 {perm = array<i64: 0, 2, 3, 1>}
         : (tensor<1x3x32x32xf32>) -> tensor<1x32x32x3xf32>
    ```
    """

    name = "graph.transpose"
    input = operand_def(TensorType)
    perm = prop_def(DenseArrayBase[I64])

    traits = traits_def(Pure(), _TransposePatterns())

    def __init__(self, input: SSAValue, perm: Sequence[int]):
        super().__init__([input], {"perm": perm})

    def infer(self) -> TensorType:
        shape, perm = shape_of(self.input), ints(self.perm)
        require(
            sorted(perm) == list(range(len(shape))),
            f"{list(perm)} is no permutation of the axes of {list(shape)}",
        )
        return with_shape(tensor_type(self.input), [shape[axis] for axis in perm])


class _ConcatPatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from .graph_canonicalization import ConcatOfOne

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
        from .graph_canonicalization import IdentityPad

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
        from .graph_canonicalization import IdentitySlice

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


@irdl_op_definition
class CastOp(GraphOp):
    """Each element as another number type; floats become integers by truncation.

    ```mlir
    %1 = graph.cast %0 : (tensor<1x8xui8>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.cast"
    input = operand_def(TensorType)

    def __init__(self, input: SSAValue, element: Attribute):
        super().__init__([input], result_type=TensorType(element, shape_of(input)))

    def infer(self) -> TensorType:
        element = self.result.type.element_type
        require(
            isinstance(element, AnyFloat | IntegerType),
            f"elements of type {element} are not plain numbers",
        )
        return TensorType(element, shape_of(self.input))


class LinearOp(GraphOp):
    """What quantization and dequantization share."""

    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    zero_point = opt_operand_def(TensorType)
    axis = prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, 64))
    block_size = opt_prop_def(IntegerAttr[I64])

    def check_parameters(self) -> None:
        """Scale and zero point: one of each, one per slice of `axis`, or one per block along it."""
        axis = self.axis.value.data
        block_size = self.block_size.value.data if self.block_size is not None else 0
        shape, given = shape_of(self.input), shape_of(self.scale)
        require(
            isinstance(tensor_type(self.scale).element_type, AnyFloat),
            f"the scale holds floats, not {tensor_type(self.scale).element_type}",
        )
        if block_size:
            at = axis_of(axis, len(shape))
            blocks = -(-shape[at] // block_size)
            expected = (*shape[:at], blocks, *shape[at + 1 :])
            require(given == expected, f"blocks of {block_size} need a scale of {list(expected)}")
        elif _count(given) != 1 or len(given) > 1:
            at = axis_of(axis, len(shape))
            require(
                given == (shape[at],),
                f"a scale of shape {list(given)} fits neither one value nor the {shape[at]} slices "
                f"of axis {axis}",
            )
        if self.zero_point is not None:
            require(
                shape_of(self.zero_point) == given,
                f"scale {list(given)} and zero point {list(shape_of(self.zero_point))} differ in "
                "shape",
            )


@irdl_op_definition
class QuantizeLinearOp(LinearOp):
    """saturate(round_half_even(x / scale) + zero_point); one scale, or one per slice of `axis`.

    ```mlir
    %3 = graph.quantize_linear %0, %1, %2
         : (tensor<1x8xf32>, tensor<f32>, tensor<i8>) -> tensor<1x8xi8>
    ```
    """

    name = "graph.quantize_linear"

    def __init__(
        self,
        input: SSAValue,
        scale: SSAValue,
        zero_point: SSAValue | None,
        element: Attribute,
        *,
        axis: int = 1,
        block_size: int = 0,
    ):
        super().__init__(
            [input, scale, zero_point],
            {"axis": axis, "block_size": block_size or None},
            TensorType(element, shape_of(input)),
        )
        self.checked_type()

    def infer(self) -> TensorType:
        self.check_parameters()
        element = self.result.type.element_type
        require(isinstance(element, IntegerType), f"quantized values are integers, not {element}")
        if self.zero_point is not None:
            element = tensor_type(self.zero_point).element_type
        return TensorType(element, shape_of(self.input))


@irdl_op_definition
class DequantizeLinearOp(LinearOp):
    """(x - zero_point) * scale; one scale, or one per slice of `axis`.

    ```mlir
    %3 = graph.dequantize_linear %0, %1, %2
         : (tensor<1x8xi8>, tensor<f32>, tensor<i8>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.dequantize_linear"

    def __init__(
        self,
        input: SSAValue,
        scale: SSAValue,
        zero_point: SSAValue | None = None,
        *,
        axis: int = 1,
        block_size: int = 0,
    ):
        super().__init__(
            [input, scale, zero_point], {"axis": axis, "block_size": block_size or None}
        )

    def infer(self) -> TensorType:
        self.check_parameters()
        element = tensor_type(self.input).element_type
        require(isinstance(element, IntegerType), f"quantized values are integers, not {element}")
        if self.zero_point is not None:
            require_same_element(self.input, self.zero_point)
        return TensorType(tensor_type(self.scale).element_type, shape_of(self.input))


def _count(shape: Sequence[int]) -> int:
    total = 1
    for extent in shape:
        total *= extent
    return total
