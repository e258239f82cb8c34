"""fold-columns: the same bytes from pairs of columns, only where the NPU gains."""

from __future__ import annotations

import numpy as np
import pytest
from npu_layers import Case, fitted, layer_of, npu_unit
from quant_programs import apply

from runnel.dialects import quant
from runnel.dialects.npu_job import Kind
from runnel.passes.place.npu_model import MODEL
from runnel.runtime.interpreter import run


def case(width: int, channels: int, left: int, right: int, stride: int = 2) -> Case:
    return Case(
        Kind.DENSE, 11, width, channels, 9, pads=(1, left, 0, right), strides=(stride, 2), zero=-7
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("width", [14, 20, 26, 32])
def test_the_bytes_stay(width: int, left: int, right: int, stride: int):
    module = fitted(case(width, 3, left, right, stride))
    after = apply(module, "fold-columns")
    before_op, op = layer_of(module), layer_of(after)
    assert isinstance(op, quant.Conv2DOp)
    assert op.strides.get_values() == (stride, 1)
    assert quant.shape_of(op.input) == (1, 11, width // 2, 6)
    assert MODEL.cost(op, npu_unit()) < MODEL.cost(before_op, npu_unit())
    shape = (3, *quant.shape_of(before_op.input)[1:])
    x = np.random.default_rng(width).integers(-128, 128, shape).astype(np.int8)
    (a,), (b,) = run(module, [x]).values(), run(after, [x]).values()
    assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "other",
    [
        case(13, 3, 0, 1),  # an odd column is left over
        Case(Kind.DENSE, 11, 14, 3, 9, pads=(1, 1, 1, 1)),  # no stride
        Case(Kind.DEPTHWISE, 11, 14, 9, 9, pads=(1, 1, 1, 1), strides=(2, 2)),
        Case(Kind.POINTWISE, 11, 14, 3, 9, strides=(2, 2)),
        Case(Kind.DENSE, 11, 6, 28, 32, pads=(1, 1, 1, 1), strides=(2, 2)),  # twice the passes
    ],
    ids=str,
)
def test_what_gains_nothing_stays(other: Case):
    module = fitted(other)
    assert str(apply(module, "fold-columns")) == str(module)
