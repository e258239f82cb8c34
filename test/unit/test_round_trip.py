"""print -> parse -> print gives the same text, for random types, attributes and ops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_programs import compiled, network
from xdsl.context import Context
from xdsl.dialects.builtin import (
    Float32Type,
    Float64Type,
    IntegerType,
    MemRefType,
    ModuleOp,
    NoneAttr,
    Signedness,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, Operation
from xdsl.parser import Parser

from runnel.dialects import cortexm, dma, graph, quant
from runnel.dialects.quant_types import ROUNDINGS, RequantAttr, UniformQuantizedType, storage_bounds
from runnel.runtime.platforms import load_platform
from runnel.tools.registry import new_context

SCALES = st.floats(2.0**-126, 2.0**120, width=32)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)
"""Of memories: printable ASCII, quotes and backslashes included."""


@pytest.fixture(scope="module")
def known() -> Context:
    return new_context()


def parsed(text: str, context: Context) -> ModuleOp:
    return Parser(context, text).parse_module()


@st.composite
def quantized_types(draw: st.DrawFn, axis: int | None = None) -> UniformQuantizedType:
    """Any storage, bounds, scales and zero points; per tensor if `axis` is -1."""
    width, signed = draw(st.integers(2, 32)), draw(st.booleans())
    sign = Signedness.SIGNLESS if signed else Signedness.UNSIGNED
    low, high = storage_bounds(IntegerType(width, sign))
    at = draw(st.integers(-1, 3)) if axis is None else axis
    scales = draw(st.lists(SCALES, min_size=1, max_size=1 if at < 0 else 4))
    zeros = [draw(st.integers(low, high)) for _ in scales]
    bounds = draw(st.none() | st.just((low + 1, high)))
    return UniformQuantizedType.get(
        scales, zeros, bits=width, signed=signed, axis=at, bounds=bounds
    )


@st.composite
def requants(draw: st.DrawFn) -> RequantAttr:
    pairs = draw(
        st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 62)), min_size=1, max_size=4)
    )
    low, high = sorted(draw(st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 2)))
    rounding = draw(st.sampled_from(ROUNDINGS))
    return RequantAttr.get([m for m, _ in pairs], [s for _, s in pairs], rounding, (low, high))


@st.composite
def packings(draw: st.DrawFn) -> cortexm.PackingAttr:
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return cortexm.PackingAttr.get(
        rows,
        cols,
        draw(st.integers(1, 9)),
        draw(st.permutations(range(rows * cols))),
        draw(st.lists(st.integers(0, rows - 1), unique=True)),
        draw(st.booleans()),
    )


@st.composite
def arenas(draw: st.DrawFn) -> dma.ArenaAttr:
    bound, size = sorted(draw(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40))))
    return dma.ArenaAttr(draw(NAMES), size, bound)


@given(quantized_types() | requants() | packings() | arenas())
def test_attributes(attribute: Attribute) -> None:
    assert Parser(new_context(), str(attribute)).parse_attribute() == attribute


@pytest.mark.parametrize("name", ["host", "cortex-m4", "cortex-m7", "cortex-m55"])
def test_platforms(name: str, known: Context) -> None:
    platform = load_platform(name)
    assert Parser(known, str(platform)).parse_attribute() == platform


def check(module: ModuleOp) -> None:
    """Both forms of the text give the module back; the second print is the first."""
    context = new_context()
    again = parsed(str(module), context)
    assert again.is_structurally_equivalent(module)
    assert str(again) == str(module)


SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=5)


@st.composite
def buffers(draw: st.DrawFn) -> dma.BufferOp:
    element = draw(st.just(Float32Type()) | st.just(IntegerType(8)))
    type = MemRefType(element, draw(SHAPES), NoneAttr(), StringAttr(draw(NAMES)))
    offset = draw(st.none() | st.integers(0, 2**30).map(lambda n: 16 * n))
    role = draw(st.none() | st.sampled_from(("input", "output")))
    index = None if role is None else draw(st.integers(0, 9))
    return dma.BufferOp(type, offset=offset, role=role, index=index)


@given(buffers())
def test_buffers(op: dma.BufferOp) -> None:
    check(ModuleOp([op]))


@given(quantized_types(-1), SHAPES)
def test_casts(element: UniformQuantizedType, shape: list[int]) -> None:
    real, stored = TensorType(Float32Type(), shape), TensorType(element, shape)
    first = graph.ConstantOp("x", real)
    there = quant.QuantizeCastOp(first.result, stored)
    back = quant.DequantizeCastOp(there.result, real)
    ops: list[Operation] = [first, there, back]
    check(ModuleOp(ops))


@given(requants(), st.lists(st.integers(0, 9), min_size=4, max_size=4), st.booleans())
def test_convolution(requant: RequantAttr, pads: list[int], last: bool) -> None:
    element = UniformQuantizedType.get([0.5])
    types = [TensorType(element, (1, 4, 4, 4)), TensorType(element, (4, 4, 1, 1))]
    x, w, b = (graph.ConstantOp(name, types[name == "w"]) for name in "xwb")
    op = quant.Conv2DOp(
        x.result, w.result, b.result, types[0], strides=pads[:2], pads=pads, dilations=pads[2:],
        groups=pads[0], layout="nhwc" if last else "nchw", requant=requant,
    )  # fmt: skip
    check(ModuleOp([x, w, b, op]))


UNARY: dict[str, Callable[[graph.ConstantOp], Operation]] = {
    "relu": lambda x: graph.ReluOp(x.result),
    "clip": lambda x: graph.ClipOp(x.result, -1.0, 6.0),
    "softmax": lambda x: graph.SoftmaxOp(x.result, 1),
    "transpose": lambda x: graph.TransposeOp(x.result, (0, 2, 3, 1)),
    "reshape": lambda x: graph.ReshapeOp(x.result, (1, 60)),
    "pad": lambda x: graph.PadOp(x.result, (0, 0, 1, 1, 0, 0, 1, 2), "reflect"),
    "concat": lambda x: graph.ConcatOp([x.result, x.result], 1),
    "slice": lambda x: graph.SliceOp(
        x.result, offsets=(0, 2, 0, 0), sizes=(1, 2, 4, 5), strides=(1, -1, 1, 1)
    ),
    "max_pool": lambda x: graph.MaxPoolOp(
        x.result, kernel_shape=(2, 2), strides=(1, 2), pads=(0, 1, 0, 1), dilations=(1, 1)
    ),
    "average_pool": lambda x: graph.AveragePoolOp(
        x.result, kernel_shape=(2, 2), strides=(1, 2), pads=(0, 1, 0, 1), dilations=(1, 1),
        count_include_pad=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_graph_ops(name: str) -> None:
    x = graph.ConstantOp("x", TensorType(Float32Type(), (1, 3, 4, 5)))
    op = UNARY[name](x)
    op.verify()
    check(ModuleOp([x, op]))


@given(
    st.sampled_from([np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64]),
    SHAPES,
    st.integers(0, 2**32 - 1),
)
def test_constants_keep_their_bits(dtype: type, shape: list[int], seed: int) -> None:
    raw = np.random.default_rng(seed).bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    array = np.frombuffer(raw, dtype).reshape(shape)
    floats = {np.float32: Float32Type(), np.float64: Float64Type()}
    width = 8 * np.dtype(dtype).itemsize
    sign = Signedness.UNSIGNED if dtype is np.uint8 else Signedness.SIGNLESS
    element = floats.get(dtype) or IntegerType(width, sign)
    module = ModuleOp([])
    graph.add_global(module, "c", array, TensorType(element, shape))
    (found,) = parsed(str(module), new_context()).body.block.ops
    assert isinstance(found, graph.GlobalOp)
    assert found.array().tobytes() == raw


@pytest.mark.parametrize("level", ["quant", "channels-last", "cortexm"])
def test_a_network_at_every_level(level: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    check(compiled(tmp_path_factory.getbasetemp(), 1).road[level].module)


def test_a_network_in_float() -> None:
    check(network(1))
