"""The gradient of each op against differences of what the interpreter computes, in f64."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from onnx_models import Array
from xdsl.builder import ImplicitBuilder
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType, f32, i64
from xdsl.interpreter import Interpreter
from xdsl.ir import Block, Operation, Region, SSAValue

from runnel.dialects import graph, quant
from runnel.passes.quant.gradient_rules import RULES
from runnel.passes.quant.prefix import Prefix
from runnel.passes.quant.tape import Tape
from runnel.runtime.interpreter import load_functions

Build = Callable[..., Operation]
Shapes = Sequence[Sequence[int]]

WINDOW = {"kernel_shape": (2, 3), "strides": (2, 1), "dilations": (1, 1), "pads": (1, 1, 0, 1)}
IMAGE = (1, 2, 5, 4)

ELEMENTS: dict[str, Build] = {
    "relu": graph.ReluOp,
    "leaky_relu": lambda x: graph.LeakyReluOp(x, 0.25),
    "elu": lambda x: graph.EluOp(x, 0.5),
    "clip": lambda x: graph.ClipOp(x, -0.5, 0.75),
    "clip below": lambda x: graph.ClipOp(x, -0.5, None),
    "sigmoid": graph.SigmoidOp,
    "hard_sigmoid": lambda x: graph.HardSigmoidOp(x, 0.5, 0.25),
    "hard_swish": graph.HardSwishOp,
    "tanh": graph.TanhOp,
    "exp": graph.ExpOp,
    "erf": graph.ErfOp,
    "abs": graph.AbsOp,
    "neg": graph.NegOp,
}
POSITIVE: dict[str, Build] = {
    "log": graph.LogOp,
    "sqrt": graph.SqrtOp,
    "reciprocal": graph.ReciprocalOp,
}
PAIRS: dict[str, Build] = {
    "add": graph.AddOp,
    "sub": graph.SubOp,
    "mul": graph.MulOp,
    "div": graph.DivOp,
    "pow": graph.PowOp,
    "maximum": graph.MaximumOp,
    "minimum": graph.MinimumOp,
}
"""Of numbers above 0."""

OTHERS: dict[str, tuple[Build, Shapes]] = {
    "prelu": (graph.PReluOp, [IMAGE, (2, 1, 1)]),
    "softmax": (lambda x: graph.SoftmaxOp(x, 1), [(1, 5)]),
    "softmax over the first": (lambda x: graph.SoftmaxOp(x, 0), [(4, 3)]),
    "gemm": (lambda *x: graph.GemmOp(*x, trans_b=True), [(2, 4), (3, 4), (3,)]),
    "gemm with factors": (
        lambda *x: graph.GemmOp(*x, alpha=0.5, beta=2.0, trans_a=True),
        [(4, 2), (4, 3), (2, 1)],
    ),
    "matmul": (graph.MatmulOp, [(2, 3, 4), (4, 5)]),
    "matmul of batches": (graph.MatmulOp, [(3, 2, 4), (3, 4, 5)]),
    "matmul, one of them broadcast": (graph.MatmulOp, [(2, 3, 2, 4), (3, 4, 5)]),
    "matmul with a row": (graph.MatmulOp, [(4,), (3, 4, 5)]),
    "matmul with a column": (graph.MatmulOp, [(3, 2, 4), (4,)]),
    "conv": (
        lambda *x: graph.ConvOp(*x, strides=(2, 1), pads=(1, 0, 1, 1), dilations=(1, 2), group=2),
        [(1, 4, 5, 6), (6, 2, 3, 2), (6,)],
    ),
    "max_pool": (lambda x: graph.MaxPoolOp(x, **WINDOW), [IMAGE]),
    "average_pool": (lambda x: graph.AveragePoolOp(x, **WINDOW), [IMAGE]),
    "average_pool with padding": (
        lambda x: graph.AveragePoolOp(x, **WINDOW, count_include_pad=True),
        [IMAGE],
    ),
    "global_average_pool": (graph.GlobalAveragePoolOp, [IMAGE]),
    "reduce_sum": (lambda x: graph.ReduceSumOp(x, [1, 3]), [IMAGE]),
    "reduce_mean": (lambda x: graph.ReduceMeanOp(x, [-1, 2], keepdims=False), [IMAGE]),
    "reduce_max": (lambda x: graph.ReduceMaxOp(x, [2], keepdims=False), [IMAGE]),
    "layer_normalization": (
        lambda x, s, b: graph.LayerNormalizationOp(x, s, b, 1e-3),
        [(1, 3, 4), (4,), (4,)],
    ),
    "reshape": (lambda x: graph.ReshapeOp(x, (4, 10)), [IMAGE]),
    "transpose": (lambda x: graph.TransposeOp(x, (0, 2, 3, 1)), [IMAGE]),
    "transpose of the first axis": (lambda x: graph.TransposeOp(x, (2, 0, 1)), [(2, 3, 4)]),
    "concat": (lambda *x: graph.ConcatOp(x, 1), [(1, 2, 3), (1, 4, 3), (1, 1, 3)]),
    "pad": (lambda x: graph.PadOp(x, (0, 0, 1, 0, 0, 2, 0, 1), value=3.0), [IMAGE]),
    "pad by the edge": (lambda x: graph.PadOp(x, (0, 1, 2, 0, 0, 0, 1, 3), "edge"), [IMAGE]),
    "pad by reflection": (lambda x: graph.PadOp(x, (0, 0, 2, 0, 0, 1, 1, 3), "reflect"), [IMAGE]),
    "slice": (
        lambda x: graph.SliceOp(x, offsets=(0, 1, 4, 0), sizes=(1, 1, 3, 2), strides=(1, 1, -2, 3)),
        [IMAGE],
    ),
}

CASES: dict[str, tuple[Build, Shapes, bool]] = {
    **{name: (build, [(1, 3, 4)], False) for name, build in ELEMENTS.items()},
    **{name: (build, [(1, 3, 4)], True) for name, build in POSITIVE.items()},
    **{name: (build, [(1, 3, 4), (4,)], True) for name, build in PAIRS.items()},
    **{f"{name}, turned": (build, [(3, 1), (1, 3, 4)], True) for name, build in PAIRS.items()},
    **{name: (build, shapes, False) for name, (build, shapes) in OTHERS.items()},
}
"""The op, shapes of its operands, and whether they are above 0."""


def tape_of(build: Build, types: Sequence[TensorType]) -> tuple[Tape, tuple[SSAValue, ...]]:
    """One op as a network."""
    block = Block(arg_types=types)
    with ImplicitBuilder(block):
        op = build(*block.args)
        func.ReturnOp(op.results[0])
    function = func.FuncOp("net", (types, [op.results[0].type]), Region(block))
    module = ModuleOp([function])
    interpreter = Interpreter(module)
    interpreter.register_implementations(load_functions("graph", function))
    return Tape(Prefix(module, function, interpreter), op.results[0], casts=False), block.args


def check(tape: Tape, inputs: dict[SSAValue, Array]) -> None:
    """The slopes of a weighed sum of the results against central differences."""
    random = np.random.default_rng(1)
    values = tape.run(inputs, {})
    weights = random.normal(size=values[tape.output].shape)
    slopes = tape.back(values, {tape.output: weights})
    for value, array in inputs.items():
        if not np.issubdtype(array.dtype, np.floating):
            assert value not in slopes
            continue
        assert slopes[value].shape == array.shape
        for place in np.ndindex(array.shape):
            found: list[float] = []
            for step in (1e-5, -1e-5):
                moved = array.copy()
                moved[place] += step
                found.append(
                    float((tape.run({**inputs, value: moved}, {})[tape.output] * weights).sum())
                )
            numeric = (found[0] - found[1]) / 2e-5
            assert slopes[value][place] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_differences(name: str, samples: int):
    """Of a batch too, in which only the first operand, or all of the shape of a sample, is one."""
    build, shapes, positive = CASES[name]
    tape, arguments = tape_of(build, [TensorType(f32, shape) for shape in shapes])
    random = np.random.default_rng(0)
    inputs: dict[SSAValue, Array] = {}
    for value, shape in zip(arguments, shapes, strict=True):
        whole = len(shape) == max(map(len, shapes)) and shape[0] == shapes[0][0]
        rows = samples if whole or value is arguments[0] else 1
        array = random.normal(size=(rows * shape[0], *shape[1:]))
        inputs[value] = np.abs(array) + 0.25 if positive else array
    check(tape, inputs)


def test_the_gradient_of_a_product_of_vectors():
    """Of one sample: nothing is left to tell samples apart by."""
    tape, (a, b) = tape_of(graph.MatmulOp, [TensorType(f32, (4,))] * 2)
    random = np.random.default_rng(0)
    check(tape, {a: random.normal(size=4), b: random.normal(size=4)})


def test_the_gradient_of_a_gather_adds_up_where_an_index_comes_twice():
    types = [TensorType(f32, (1, 4, 3)), TensorType(i64, (2, 2))]
    tape, (x, indices) = tape_of(lambda x, indices: graph.GatherOp(x, indices, 1), types)
    random = np.random.default_rng(0)
    check(tape, {x: random.normal(size=(2, 4, 3)), indices: np.array([[0, 2], [-1, 2]])})


def test_every_rule_of_the_graph_is_tested():
    tested = {
        type(tape_of(b, [TensorType(f32, s) for s in shapes])[0].output.owner)
        for b, shapes, _ in CASES.values()
    }
    casts = {quant.QuantizeCastOp, quant.DequantizeCastOp, quant.WidenOp}
    assert set(RULES) - casts == tested | {graph.GatherOp}
