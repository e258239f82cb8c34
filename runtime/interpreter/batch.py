"""Batched values: a data set runs through a network that is compiled for one sample.

A value of type `tensor<d0 x ...>` may hold `factor * d0` rows: the samples one after another along
the leading axis. Constants and what is computed from constants alone hold one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ShapedType
from xdsl.ir import SSAValue

Array = NDArray[Any]


def batch_factor(array: Array, value: SSAValue) -> int:
    """How many samples `array` holds as a value of `value`'s type (1 for scalars)."""
    type = value.type
    if not isinstance(type, ShapedType) or not array.ndim:
        return 1
    leading = type.get_shape()[0]
    return array.shape[0] // leading if leading > 0 else 1


def per_sample(
    compute: Callable[..., Array], operands: Sequence[SSAValue], arrays: Sequence[Array]
) -> Array:
    """`compute` on each sample alone, results along the leading axis: right for every op."""
    factors = [batch_factor(a, v) for a, v in zip(arrays, operands, strict=True)]
    factor = max(factors, default=1)
    if factor == 1:
        return compute(*arrays)
    pieces = [
        np.split(array, factor) if held == factor else [array] * factor
        for array, held in zip(arrays, factors, strict=True)
    ]
    results = [compute(*sample) for sample in zip(*pieces, strict=True)]
    if results[0].ndim == 0:
        raise ValueError("a batch cannot run through an op that leaves no dimension")
    return np.concatenate(results)
