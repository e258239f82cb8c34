"""What the verifiers of the quant dialect ask: shapes, element types, clamps and accumulators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    TensorType,
    i32,
)
from xdsl.ir import (
    Attribute,
    Operation,
    SSAValue,
)
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .graph import constant_array
from .quant_types import (
    RequantAttr,
    UniformQuantizedType,
    quantized,
)


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The static shape of a tensor or memref value."""
    return cast(TensorType, value.type).get_shape()


def per_tensor(op: Operation, value: SSAValue, what: str) -> UniformQuantizedType:
    """The quantized type of `value`, which must have one scale for all."""
    element = value.type.element_type if isinstance(value.type, TensorType) else None
    if not isinstance(element, UniformQuantizedType):
        raise VerifyException(f"{describe(op)}: the {what} must be quantized, got {value.type}")
    if element.per_axis:
        raise VerifyException(f"{describe(op)}: the {what} must have one scale per tensor")
    return element


def expect_shape(op: Operation, value: SSAValue, expected: Sequence[int], what: str) -> None:
    """Refuse a `value` whose shape is not `expected`."""
    if shape_of(value) != tuple(expected):
        raise VerifyException(
            f"{describe(op)}: the {what} has shape {'x'.join(map(str, shape_of(value)))}, "
            f"expected {'x'.join(map(str, expected))}"
        )


def expect_element(op: Operation, value: SSAValue, expected: Attribute, what: str) -> None:
    """Refuse a `value` whose elements are not `expected`."""
    element = cast(TensorType, value.type).element_type
    if element != expected:
        raise VerifyException(f"{describe(op)}: the {what} holds {element}, expected {expected}")


def check_clamp(op: Operation, low: int, high: int, result: SSAValue) -> None:
    """The clamp lies within the bounds of the result type."""
    least, most = per_tensor(op, result, "result").bounds
    if not least <= low <= high <= most:
        raise VerifyException(
            f"{describe(op)}: the clamp [{low}, {high}] is not within [{least}, {most}] of the "
            "result type"
        )


def check_requant(op: Operation, requant: RequantAttr, channels: int, result: SSAValue) -> None:
    """One or `channels` multipliers, and a clamp within the bounds of the result type."""
    count = len(requant.multiplier_array())
    if count not in (1, channels):
        raise VerifyException(f"{describe(op)}: {count} multipliers for {channels} output channels")
    check_clamp(op, *requant.clamp, result)


def accumulator_bounds(
    weights: NDArray[Any], bias: NDArray[Any], low: int, high: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and greatest accumulator of each channel for inputs in [low, high].

    `weights` are [channels, K].
    """
    w, b = weights.astype(np.int64), bias.astype(np.int64)
    least = np.minimum(w * low, w * high).sum(1) + b
    most = np.maximum(w * low, w * high).sum(1) + b
    return least, most


def check_product(op: Operation, weight: SSAValue, bias: SSAValue, input: SSAValue) -> None:
    """Weights are symmetric, biases i32, and no constants can overflow the i32 accumulator."""
    low, high = per_tensor(op, input, "input").bounds
    if quantized(weight).zero_point_array().any():
        raise VerifyException(f"{describe(op)}: the weight must have zero point 0")
    expect_element(op, bias, i32, "bias")
    weights, biases = constant_array(weight), constant_array(bias)
    if weights is None or biases is None:
        return
    least, most = accumulator_bounds(weights.reshape(len(weights), -1), biases, low, high)
    if least.min() < -(2**31) or most.max() >= 2**31:
        raise VerifyException(
            f"{describe(op)}: the accumulator may reach [{least.min()}, {most.max()}], beyond i32; "
            "use fewer weight bits or a larger weight scale"
        )
