"""What all graph ops share: one result whose type follows from the operands and properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    I64,
    AnyFloat,
    BoolAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    f32,
    i64,
)
from xdsl.ir import Attribute, OpResult, SSAValue, SSAValues
from xdsl.irdl import IRDLOperation, ParsePropInAttrDict, result_def, traits_def
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .attributes import index_array
from .diagnostics import describe
from .types import QuantizedType

PropertyValue = Attribute | bool | int | float | str | Sequence[int] | None
"""What constructors take: Python values become attributes (int -> i64, float -> f32)."""


class ShapeError(Exception):
    """Operands and properties that have no result; the message says which limit they break."""


class GraphOp(IRDLOperation):
    """An op on tensors with the result type `infer()`: constructors use it, verifiers check it."""

    result = result_def(TensorType)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "operands attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        operands: Sequence[SSAValue | Sequence[SSAValue] | None],
        properties: Mapping[str, PropertyValue] | None = None,
        result_type: TensorType | None = None,
    ):
        """Raises `VerifyException` when the op would have no result type."""
        super().__init__(
            operands=[() if operand is None else operand for operand in operands],
            properties={name: to_attribute(value) for name, value in (properties or {}).items()},
            result_types=[TensorType(f32, ()) if result_type is None else result_type],
        )
        if result_type is None:
            self.results = SSAValues((OpResult(self.checked_type(), self, 0),))

    def infer(self) -> TensorType:
        """The result type; raises `ShapeError` when there is none."""
        raise NotImplementedError

    def checked_type(self) -> TensorType:
        """`infer()` with a located error."""
        for operand in self.operands:
            if not isinstance(operand.type, TensorType) or not operand.type.has_static_shape():
                raise VerifyException(
                    f"{describe(self)}: operands are tensors of static shape, not {operand.type}"
                )
        try:
            return self.infer()
        except ShapeError as error:
            raise VerifyException(f"{describe(self)}: {error}") from None

    def verify_(self) -> None:
        expected = self.checked_type()
        if expected != self.result.type:
            raise VerifyException(
                f"{describe(self)}: the result is {self.result.type}, "
                f"but operands and properties give {expected}"
            )


def to_attribute(value: PropertyValue) -> Attribute | None:
    """The attribute that stands for a Python value."""
    match value:
        case None | Attribute():
            return value
        case bool():
            return BoolAttr.from_bool(value)
        case int():
            return IntegerAttr(value, i64)
        case float():
            return FloatAttr(value, f32)
        case str():
            return StringAttr(value)
        case _:
            return index_array(map(int, value))


def ints(attribute: DenseArrayBase[I64]) -> tuple[int, ...]:
    """The integers of an array property."""
    return tuple(attribute.iter_values())


def tensor_type(value: SSAValue) -> TensorType:
    """The type of a value that is known to be a tensor."""
    assert isinstance(value.type, TensorType)
    return value.type


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value."""
    return tensor_type(value).get_shape()


def with_shape(type: TensorType, shape: Sequence[int]) -> TensorType:
    """`type` with another shape."""
    return TensorType(type.element_type, list(shape))


def require(condition: bool, message: str) -> None:
    """Refuse operands or properties that break a limit."""
    if not condition:
        raise ShapeError(message)


def is_float(type: Attribute) -> bool:
    """Whether `type` is a tensor of floats."""
    return isinstance(type, TensorType) and isinstance(type.element_type, AnyFloat)


def require_float(*values: SSAValue | None) -> None:
    """All values hold floats, of one type."""
    elements = [tensor_type(value).element_type for value in values if value is not None]
    require(
        all(isinstance(element, AnyFloat) for element in elements),
        f"the operands must hold floats, not {', '.join(map(str, elements))}",
    )
    require_same_element(*values)


def require_number(*values: SSAValue | None) -> None:
    """All values hold floats or integers (not booleans, not quantized ones), of one type."""
    for value in values:
        element = f32 if value is None else tensor_type(value).element_type
        integer = isinstance(element, IntegerType) and element.width.data > 1
        require(
            (isinstance(element, AnyFloat) or integer) and not isinstance(element, QuantizedType),
            f"the operands must hold numbers, not {element}",
        )
    require_same_element(*values)


def require_same_element(*values: SSAValue | None) -> None:
    """All values have one element type."""
    elements = [tensor_type(value).element_type for value in values if value is not None]
    require(
        all(element == elements[0] for element in elements),
        f"the operands have different element types: {', '.join(map(str, elements))}",
    )


def require_rank(value: SSAValue, rank: int, what: str) -> None:
    """`value`, named `what` in the message, has `rank` dimensions."""
    require(
        len(shape_of(value)) == rank,
        f"{what} must have {rank} dimensions, but is {value.type}",
    )


def require_shape(value: SSAValue | None, shape: Sequence[int], what: str) -> None:
    """`value`, if it is there, has exactly `shape`."""
    if value is not None:
        require(
            shape_of(value) == tuple(shape),
            f"{what} must have shape {list(shape)}, but is {value.type}",
        )


def axis_of(axis: int, rank: int, what: str = "axis") -> int:
    """`axis` as a non-negative index into `rank` dimensions."""
    require(-rank <= axis < rank, f"{what} {axis} is outside of a value of rank {rank}")
    return axis % rank


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape of NumPy's multidirectional broadcasting (ONNX "Broadcasting")."""
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    result: list[int] = []
    for extents in zip(*padded, strict=True):
        wide = {extent for extent in extents if extent != 1}
        require(
            len(wide) <= 1,
            f"shapes {' and '.join(str(list(s)) for s in shapes)} cannot be broadcast together",
        )
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def replace(rewriter: PatternRewriter, op: GraphOp, new: GraphOp | SSAValue) -> None:
    """Put `new` in the place of `op`; a new op stands for the same source node."""
    if isinstance(new, SSAValue):
        rewriter.replace(op, [], [new])
        return
    new.location = op.location
    rewriter.replace(op, [new])
