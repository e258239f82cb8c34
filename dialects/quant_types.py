"""The types and attributes of the quant dialect, spelled as MLIR spells them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseArrayBase,
    IntAttr,
    IntegerType,
    MemRefType,
    Signedness,
    StringAttr,
    TensorType,
    f32,
    f64,
    i32,
    i64,
)
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .types import QuantizedType

ROUNDINGS = ("single", "double", "half_even", "floor")
"""How `acc * multiplier / 2**shift` becomes an integer:

- `single`: round half up of the exact product, one rounding;
- `double`: as TFLite: a rounding doubling high multiply, then a rounding shift (two roundings);
- `half_even`: the ONNX rule;
- `floor`: towards minus infinity (PACT and most NPUs).
"""


@irdl_attr_definition
class UniformQuantizedType(ParametrizedAttribute, TypeAttribute, QuantizedType):
    """real = scale * (stored - zero_point), per tensor or per slice of one axis.

    ```mlir
    !quant.uniform<i8:f32, 0.5:-3>
    !quant.uniform<i8<-127:127>:f32:0, {0.1, 0.2:4}>
    ```
    """

    name = "quant.uniform"

    storage: IntegerType
    expressed: AnyFloat
    axis: IntAttr
    """The quantized axis, -1 for one scale per tensor."""
    scales: DenseArrayBase
    """f32 values, held as f64."""
    zero_points: DenseArrayBase
    minimum: IntAttr
    maximum: IntAttr

    @staticmethod
    def get(
        scales: Sequence[float] | NDArray[np.floating],
        zero_points: Sequence[int] | NDArray[np.integer] | None = None,
        *,
        bits: int = 8,
        signed: bool = True,
        axis: int = -1,
        bounds: tuple[int, int] | None = None,
    ) -> UniformQuantizedType:
        """The type for `scales` and as many zero points (default 0); one when axis is -1."""
        storage = IntegerType(bits) if signed else IntegerType(bits, Signedness.UNSIGNED)
        low, high = bounds if bounds is not None else storage_bounds(storage)
        zeros = [0] * len(scales) if zero_points is None else [int(z) for z in zero_points]
        return UniformQuantizedType(
            storage,
            f32,
            IntAttr(axis),
            f32_values(scales),
            DenseArrayBase.from_list(i64, zeros),
            IntAttr(low),
            IntAttr(high),
        )

    @property
    def stored(self) -> IntegerType:
        return self.storage

    @property
    def per_axis(self) -> bool:
        return self.axis.data >= 0

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest stored integer."""
        return self.minimum.data, self.maximum.data

    def within(self, low: int, high: int) -> UniformQuantizedType:
        """The same grid with `low` and `high` for the least and the greatest stored integer."""
        storage, expressed, axis, scales, zeros = self.parameters[:5]
        return UniformQuantizedType.new(
            (storage, expressed, axis, scales, zeros, IntAttr(low), IntAttr(high))
        )

    def scale_array(self) -> NDArray[np.float64]:
        return np.frombuffer(self.scales.data.data, np.float64)

    def zero_point_array(self) -> NDArray[np.int64]:
        return np.frombuffer(self.zero_points.data.data, np.int64)

    @property
    def scale(self) -> float:
        """The scale of a per-tensor type."""
        assert not self.per_axis
        return float(self.scale_array()[0])

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor type."""
        assert not self.per_axis
        return int(self.zero_point_array()[0])

    def verify(self) -> None:
        if not 1 <= self.storage.width.data <= 32:
            raise VerifyException(f"a storage type has 1 to 32 bits, {self.storage} does not")
        low, high = storage_bounds(self.storage)
        if not low <= self.minimum.data < self.maximum.data <= high:
            raise VerifyException(
                f"storage range {self.minimum.data}:{self.maximum.data} is not within "
                f"{low}:{high} of {self.storage}"
            )
        scales, zeros = self.scale_array(), self.zero_point_array()
        if len(scales) != len(zeros) or len(scales) == 0:
            raise VerifyException(
                f"{len(scales)} scales need as many zero points, not {len(zeros)}"
            )
        if not self.per_axis and len(scales) != 1:
            raise VerifyException(f"{len(scales)} scales need a quantized axis")
        if not (np.isfinite(scales) & (scales > 0)).all():
            raise VerifyException("scales are finite and greater than 0")
        if ((zeros < low) | (zeros > high)).any():
            raise VerifyException(f"a zero point lies outside {low}:{high} of {self.storage}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            name = parser.parse_identifier()
            if (match := re.fullmatch(r"([iu])([1-9][0-9]?)", name)) is None:
                parser.raise_error(f"expected a storage type such as i8 or u8, got '{name}'")
            width = int(match[2])
            storage = (
                IntegerType(width) if match[1] == "i" else IntegerType(width, Signedness.UNSIGNED)
            )
            low, high = storage_bounds(storage)
            if parser.parse_optional_punctuation("<"):
                low = parser.parse_integer()
                parser.parse_punctuation(":")
                high = parser.parse_integer()
                parser.parse_punctuation(">")
            parser.parse_punctuation(":")
            expressed = parser.parse_type()
            axis = -1
            if parser.parse_optional_punctuation(":"):
                axis = parser.parse_integer(allow_negative=False, allow_boolean=False)
            parser.parse_punctuation(",")

            def parameters() -> tuple[float, int]:
                scale = float(parser.parse_number())
                zero = parser.parse_integer() if parser.parse_optional_punctuation(":") else 0
                if not -(2**63) <= zero < 2**63:
                    parser.raise_error(f"the zero point {zero} does not fit in i64")
                return scale, zero

            pairs = (
                parser.parse_comma_separated_list(parser.Delimiter.BRACES, parameters)
                if axis >= 0
                else [parameters()]
            )
        return (
            storage,
            expressed,
            IntAttr(axis),
            f32_values([scale for scale, _ in pairs]),
            DenseArrayBase.from_list(i64, [zero for _, zero in pairs]),
            IntAttr(low),
            IntAttr(high),
        )

    def print_parameters(self, printer: Printer) -> None:
        unsigned = self.storage.signedness.data is Signedness.UNSIGNED
        text = f"{'u' if unsigned else 'i'}{self.storage.width.data}"
        if self.bounds != storage_bounds(self.storage):
            text += f"<{self.minimum.data}:{self.maximum.data}>"
        text += f":{self.expressed}"
        pairs = [
            float_text(scale) + (f":{zero}" if zero else "")
            for scale, zero in zip(self.scale_array(), self.zero_point_array(), strict=True)
        ]
        text += f":{self.axis.data}, {{{', '.join(pairs)}}}" if self.per_axis else f", {pairs[0]}"
        printer.print_string(f"<{text}>")


def float_text(number: float) -> str:
    """The shortest decimal that reads back as the f32 `number`, in MLIR's spelling (1.0e-05)."""
    mantissa, exponent, power = str(np.float32(number)).partition("e")
    return (mantissa if "." in mantissa else mantissa + ".0") + exponent + power


def f32_values(numbers: Sequence[float] | NDArray[np.floating]) -> DenseArrayBase:
    """The nearest f32 of each number, held as f64."""
    return DenseArrayBase.from_list(f64, np.asarray(numbers, np.float32).astype(float).tolist())


def storage_bounds(storage: IntegerType) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    width = storage.width.data
    if storage.signedness.data is Signedness.UNSIGNED:
        return 0, 2**width - 1
    return -(2 ** (width - 1)), 2 ** (width - 1) - 1


@irdl_attr_definition
class RequantAttr(ParametrizedAttribute):
    """How an accumulator becomes a stored integer of the result type.

    `clamp(zero_point + round(acc * multiplier / 2**shift), low, high)`; the zero point is the
    result type's. One multiplier and shift per output channel, or one for all.

    ```mlir
    #quant.requant<[1395864371], [41], single, [-128, 127]>
    ```
    """

    name = "quant.requant"

    multipliers: DenseArrayBase
    """In [0, 2**31)."""
    shifts: DenseArrayBase
    """In [0, 62]."""
    rounding: StringAttr
    low: IntAttr
    high: IntAttr

    @staticmethod
    def get(
        multipliers: Sequence[int] | NDArray[np.integer],
        shifts: Sequence[int] | NDArray[np.integer],
        rounding: str,
        clamp: tuple[int, int],
    ) -> RequantAttr:
        return RequantAttr(
            DenseArrayBase.from_list(i32, [int(m) for m in multipliers]),
            DenseArrayBase.from_list(i32, [int(s) for s in shifts]),
            StringAttr(rounding),
            IntAttr(clamp[0]),
            IntAttr(clamp[1]),
        )

    def multiplier_array(self) -> NDArray[np.int32]:
        return np.frombuffer(self.multipliers.data.data, np.int32)

    def shift_array(self) -> NDArray[np.int32]:
        return np.frombuffer(self.shifts.data.data, np.int32)

    @property
    def clamp(self) -> tuple[int, int]:
        return self.low.data, self.high.data

    def verify(self) -> None:
        multipliers, shifts = self.multiplier_array(), self.shift_array()
        if len(multipliers) != len(shifts) or len(multipliers) == 0:
            raise VerifyException(f"{len(multipliers)} multipliers need as many shifts")
        if (multipliers < 0).any():
            raise VerifyException("multipliers lie in [0, 2**31)")
        if ((shifts < 0) | (shifts > 62)).any():
            raise VerifyException("shifts lie in [0, 62]")
        if self.rounding.data not in ROUNDINGS:
            raise VerifyException(
                f"unknown rounding '{self.rounding.data}', expected one of {', '.join(ROUNDINGS)}"
            )
        if self.low.data > self.high.data:
            raise VerifyException(f"the clamp [{self.low.data}, {self.high.data}] is empty")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        def integers() -> list[int]:
            return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)

        with parser.in_angle_brackets():
            multipliers = integers()
            parser.parse_punctuation(",")
            shifts = integers()
            parser.parse_punctuation(",")
            rounding = parser.parse_identifier()
            parser.parse_punctuation(",")
            clamp = integers()
        if len(clamp) != 2:
            parser.raise_error("expected the clamp as [low, high]")
        for numbers in (multipliers, shifts, clamp):
            if any(not -(2**31) <= number < 2**31 for number in numbers):
                parser.raise_error("a number of the requantization does not fit in i32")
        return cls.get(multipliers, shifts, rounding, (clamp[0], clamp[1])).parameters

    def print_parameters(self, printer: Printer) -> None:
        multipliers = ", ".join(map(str, self.multiplier_array()))
        shifts = ", ".join(map(str, self.shift_array()))
        printer.print_string(
            f"<[{multipliers}], [{shifts}], {self.rounding.data}, "
            f"[{self.low.data}, {self.high.data}]>"
        )


def quantized(value: SSAValue | Attribute) -> UniformQuantizedType:
    """The quantized element type of a tensor or memref value (or of its type)."""
    type = value.type if isinstance(value, SSAValue) else value
    element = type.element_type if isinstance(type, TensorType | MemRefType) else None
    if not isinstance(element, UniformQuantizedType):
        raise VerifyException(f"expected quantized elements, got {type}")
    return element


def quantize_real(x: float, element: UniformQuantizedType) -> int:
    """The stored integer of a real number, as QuantizeLinear computes it (f32, ties to even)."""
    low, high = element.bounds
    if not np.isfinite(x):
        return low if x < 0 else high
    scaled = float(np.rint(np.float32(x) / np.float32(element.scale)))
    return int(np.clip(scaled + element.zero_point, low, high))
