"""The graph dialect: constructors infer what verifiers check, and text survives a round trip."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from xdsl.dialects import func
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType, f32, i8, i64
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from runnel.dialects import graph
from runnel.tools.registry import new_context


def argument(*shape: int, element: Attribute = f32) -> SSAValue:
    """A value of a tensor type."""
    return Block(arg_types=[TensorType(element, shape)]).args[0]


def in_module(*ops: graph.GraphOp) -> ModuleOp:
    """A module whose only function computes the ops, on arguments in place of foreign operands."""
    own = {op.result for op in ops}
    foreign = list(dict.fromkeys(v for op in ops for v in op.operands if v not in own))
    block = Block(arg_types=[value.type for value in foreign])
    for value, replacement in zip(foreign, block.args, strict=True):
        value.replace_all_uses_with(replacement)
    block.add_ops(ops)
    block.add_op(func.ReturnOp(*(op.result for op in ops)))
    types = [op.result.type for op in ops]
    return ModuleOp([func.FuncOp("f", (block.arg_types, types), Region(block))])


def round_trip(module: ModuleOp, *, generic: bool = False) -> ModuleOp:
    """The module that is read from the text of `module`."""
    stream = StringIO()
    Printer(stream, print_generic_format=generic).print_op(module)
    return Parser(new_context(), stream.getvalue()).parse_module()


small = st.integers(1, 4)
shapes = st.lists(small, min_size=1, max_size=4)
floats = st.floats(width=32, allow_nan=False)
anything = st.floats(width=32)


@st.composite
def windows(draw: st.DrawFn) -> graph.GraphOp:
    """A convolution or a pooling that fits."""
    rank = draw(st.integers(1, 3))
    kernel = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    window = {
        "strides": draw(st.lists(small, min_size=rank, max_size=rank)),
        "dilations": draw(st.lists(st.integers(1, 2), min_size=rank, max_size=rank)),
        "pads": [draw(st.integers(0, extent - 1)) for extent in kernel + kernel],
    }
    spatial = [draw(st.integers(5, 8)) for _ in kernel]
    group, depth = draw(small), draw(small)
    image = argument(draw(small), group * depth, *spatial)
    match draw(st.sampled_from(["conv", "max", "average"])):
        case "conv":
            outputs = group * draw(small)
            weight = argument(outputs, depth, *kernel)
            bias = draw(st.sampled_from([None, argument(outputs)]))
            return graph.ConvOp(image, weight, bias, group=group, **window)
        case "max":
            return graph.MaxPoolOp(image, kernel_shape=kernel, **window)
        case _:
            counted = draw(st.booleans())
            return graph.AveragePoolOp(
                image, kernel_shape=kernel, count_include_pad=counted, **window
            )


@st.composite
def moves(draw: st.DrawFn) -> graph.GraphOp:
    """An op that moves data of some element type."""
    shape = draw(shapes)
    rank = len(shape)
    value = argument(*shape, element=draw(st.sampled_from([f32, i8, i64])))
    axis = draw(st.integers(0, rank - 1))
    match draw(st.sampled_from(["reshape", "transpose", "concat", "pad", "slice", "gather"])):
        case "reshape":
            return graph.ReshapeOp(value, draw(st.permutations(shape)))
        case "transpose":
            return graph.TransposeOp(value, draw(st.permutations(range(rank))))
        case "concat":
            return graph.ConcatOp([value] * draw(small), axis)
        case "pad":
            pads = draw(st.lists(small, min_size=2 * rank, max_size=2 * rank))
            return graph.PadOp(
                value, pads, draw(st.sampled_from(["constant", "edge"])), draw(floats)
            )
        case "slice":
            offsets = [draw(st.integers(0, extent - 1)) for extent in shape]
            sizes = [extent - offset for extent, offset in zip(shape, offsets, strict=True)]
            return graph.SliceOp(value, offsets=offsets, sizes=sizes, strides=[1] * rank)
        case _:
            return graph.GatherOp(value, argument(*draw(shapes), element=i64), axis)


@st.composite
def functions(draw: st.DrawFn) -> graph.GraphOp:
    """An elementwise op, a product or a reduction."""
    shape = draw(shapes)
    value = argument(*shape)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parameter = draw(floats)
    unary = [graph.ReluOp, graph.TanhOp, graph.SigmoidOp, graph.ErfOp, graph.HardSwishOp]
    binary = [graph.AddOp, graph.SubOp, graph.MulOp, graph.DivOp, graph.MaximumOp]
    match draw(st.integers(0, 7)):
        case 0:
            return draw(st.sampled_from(unary))(value)
        case 1:
            return draw(st.sampled_from(binary))(value, argument(*shape[1:]))
        case 2:
            bounds = draw(st.tuples(st.none() | floats, st.none() | floats))
            return graph.ClipOp(value, *bounds)
        case 3:
            return graph.LeakyReluOp(value, parameter)
        case 4:
            return graph.SoftmaxOp(value, axis)
        case 5:
            return graph.ReduceMeanOp(value, [axis], draw(st.booleans()))
        case 6:
            m, k, n = draw(st.tuples(small, small, small))
            flags = draw(st.tuples(st.booleans(), st.booleans()))
            lhs, rhs = (k, m) if flags[0] else (m, k), (n, k) if flags[1] else (k, n)
            return graph.GemmOp(
                argument(*lhs), argument(*rhs), draw(st.sampled_from([None, argument(n)])),
                alpha=parameter, trans_a=flags[0], trans_b=flags[1],
            )  # fmt: skip
        case _:
            scale = draw(st.sampled_from([argument(), argument(shape[axis])]))
            return graph.DequantizeLinearOp(argument(*shape, element=i8), scale, axis=axis)


@given(st.one_of(windows(), moves(), functions()), st.booleans())
@settings(max_examples=300)
def test_round_trip(op: graph.GraphOp, generic: bool) -> None:
    module = in_module(op)
    module.verify()
    again = round_trip(module, generic=generic)
    again.verify()
    assert again.is_structurally_equivalent(module)


@given(st.one_of(windows(), moves(), functions()))
@settings(max_examples=100)
def test_another_result_type_is_refused(op: graph.GraphOp) -> None:
    shape = op.result.type.get_shape()
    wrong = TensorType(op.result.type.element_type, [*shape, 7])
    copy = type(op).create(
        operands=op.operands, properties=dict(op.properties), result_types=[wrong]
    )
    with pytest.raises(VerifyException, match=r"graph\.\w+"):
        in_module(copy).verify()


@given(st.lists(anything, max_size=40))
@example([float("inf"), -float("inf"), 1.5])
@example([0.0, -0.0])
@example([1000001.0])
@settings(max_examples=300)
def test_constants_round_trip(values: list[float]) -> None:
    array = np.array(values, np.float32)
    module = ModuleOp([])
    graph.add_global(module, "c", array, TensorType(f32, array.shape))
    again = round_trip(module)
    [symbol] = [op for op in again.body.block.ops if isinstance(op, graph.GlobalOp)]
    assert symbol.array().tobytes() == array.tobytes()


def test_constants_get_names_of_their_own() -> None:
    module = ModuleOp([])
    type = TensorType(i8, [2])
    made = [graph.add_global(module, "c", np.zeros(2, np.int8), type) for _ in range(3)]
    assert [op.sym_name.data for op in made] == ["c", "c_1", "c_2"]
    constant = graph.ConstantOp("c_1", type)
    module.body.block.add_op(constant)
    found = graph.constant_array(constant.result)
    assert found is not None and found.tolist() == [0, 0] and not found.flags.writeable
    with pytest.raises(ValueError, match="cannot fill"):
        graph.add_global(module, "d", np.zeros(3, np.int8), type)


def test_constant_of_another_size_is_refused() -> None:
    value = DenseIntOrFPElementsAttr.from_list(TensorType(i8, [2]), [1, 2])
    op = graph.GlobalOp("c", TensorType(i8, [3]), value)
    with pytest.raises(VerifyException, match="cannot be the elements of"):
        op.verify()


def test_constructor_names_the_limit() -> None:
    with pytest.raises(VerifyException, match=r"graph\.gemm: the inner extents 4 and 5 differ"):
        graph.GemmOp(argument(1, 4), argument(5, 2))


def test_every_op_has_a_meaning_and_shows_itself() -> None:
    from runnel.runtime.interpreter.graph import MEANINGS

    for op in graph.OPERATIONS:
        documented = op.__doc__ or ""
        assert f"{op.name} " in documented, f"{op.name} does not show its text"
        if issubclass(op, graph.GraphOp):
            assert op in MEANINGS, op.name
