"""Float networks through loops: graph, linalg, loops and C compute the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from c_programs import run_program
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType, f32, i8, i32
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.convert_linalg_to_loops import ConvertLinalgToLoopsPass
from xdsl.transforms.loop_hoist_memref import LoopHoistMemRefPass
from xdsl.transforms.loop_invariant_code_motion import LoopInvariantCodeMotionPass
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import graph
from runnel.dialects.types import dtype_of
from runnel.lowering.graph_to_linalg import ConvertGraphToLinalg
from runnel.lowering.loops_to_c import ConvertLoopsToC
from runnel.lowering.print_c import print_c
from runnel.passes.memory.plan_memory import PlanMemory
from runnel.runtime.interpreter import run
from runnel.runtime.interpreter.c import call
from runnel.tools.registry import new_context

Build = Callable[..., Any]


@dataclass
class Case:
    """A function of one or more ops: its operand types, and how to build its body."""

    name: str
    types: list[TensorType]
    build: Build
    constants: int = 0
    """How many of the last operands are constants."""
    exact: bool = True
    """Whether the C library's functions are out of it, so that all levels give the same bits."""


def tensor(*shape: int, element: Attribute = f32) -> TensorType:
    return TensorType(element, list(shape))


WINDOW = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
SAME = {"strides": (2, 1), "pads": (1, 0, 1, 2), "dilations": (1, 1)}


def one(op: Callable[..., Any], **options: Any) -> Build:
    """A body of one op."""
    return lambda *values: op(*values, **options)


X = tensor(1, 4, 6, 5)
CASES = [
    Case("conv", [X, tensor(3, 4, 3, 3), tensor(3)], one(graph.ConvOp, **WINDOW), 2),
    Case("conv_same", [X, tensor(3, 4, 3, 3)], one(graph.ConvOp, **SAME), 1),
    Case(
        "conv_groups",
        [X, tensor(6, 2, 2, 3), tensor(6)],
        one(graph.ConvOp, group=2, strides=(2, 1), pads=(1, 1, 1, 1), dilations=(2, 1)),
        2,
    ),
    Case("conv_depthwise", [X, tensor(4, 1, 3, 3)], one(graph.ConvOp, group=4, **SAME), 1),
    Case(
        "conv_1d",
        [tensor(1, 2, 9), tensor(3, 2, 3)],
        one(graph.ConvOp, strides=(2,), pads=(0, 1), dilations=(1,)),
        1,
    ),
    Case("gemm", [tensor(2, 5), tensor(5, 3), tensor(3)], one(graph.GemmOp), 2),
    Case(
        "gemm_scaled",
        [tensor(5, 2), tensor(3, 5), tensor(2, 1)],
        one(graph.GemmOp, alpha=0.5, beta=2.0, trans_a=True, trans_b=True),
        2,
    ),
    Case("gemm_plain", [tensor(1, 5), tensor(5, 3)], one(graph.GemmOp, alpha=3.0), 1),
    Case("matmul", [tensor(2, 3, 4), tensor(4, 5)], one(graph.MatmulOp), 1),
    Case("matmul_batched", [tensor(2, 1, 3, 4), tensor(2, 4, 5)], one(graph.MatmulOp)),
    Case("matmul_vector", [tensor(3, 4), tensor(4)], one(graph.MatmulOp)),
    Case("relu", [X], one(graph.ReluOp)),
    Case("clip", [X], one(graph.ClipOp, min=-0.25, max=0.5)),
    Case("clip_one_side", [X], one(graph.ClipOp, min=None, max=0.5)),
    Case("sigmoid", [X], one(graph.SigmoidOp), exact=False),
    Case("tanh", [X], one(graph.TanhOp), exact=False),
    Case("exp", [X], one(graph.ExpOp), exact=False),
    Case("erf", [X], one(graph.ErfOp), exact=False),
    Case("abs", [X], one(graph.AbsOp)),
    Case("neg", [X], one(graph.NegOp)),
    Case("log", [X], lambda x: graph.LogOp(graph.AbsOp(x).result), exact=False),
    Case("sqrt", [X], lambda x: graph.SqrtOp(graph.AbsOp(x).result)),
    Case("reciprocal", [X], one(graph.ReciprocalOp)),
    Case("hard_swish", [X], one(graph.HardSwishOp)),
    Case("hard_sigmoid", [X], one(graph.HardSigmoidOp, alpha=0.2, beta=0.5)),
    Case("leaky_relu", [X], one(graph.LeakyReluOp, alpha=0.1)),
    Case("elu", [X], one(graph.EluOp, alpha=1.5), exact=False),
    Case("prelu", [X, tensor(4, 1, 1)], one(graph.PReluOp), 1),
    Case("add", [X, tensor(4, 1, 5)], one(graph.AddOp)),
    Case("add_scalar", [X, tensor()], one(graph.AddOp), 1),
    Case("sub", [tensor(6, 1), X], one(graph.SubOp)),
    Case("mul", [X, X], one(graph.MulOp)),
    Case("div", [X, tensor(1)], one(graph.DivOp)),
    Case("maximum", [X, tensor(5)], one(graph.MaximumOp)),
    Case("minimum", [X, tensor(5)], one(graph.MinimumOp)),
    Case("add_integers", [tensor(2, 3, element=i32)] * 2, one(graph.AddOp)),
    Case("div_integers", [tensor(2, 3, element=i32)] * 2, one(graph.DivOp)),
    Case("softmax", [tensor(2, 7)], one(graph.SoftmaxOp, axis=-1), exact=False),
    Case("softmax_channels", [X], one(graph.SoftmaxOp, axis=1), exact=False),
    Case("max_pool", [X], one(graph.MaxPoolOp, kernel_shape=(2, 2), **WINDOW)),
    Case("max_pool_padded", [X], one(graph.MaxPoolOp, kernel_shape=(3, 3), **SAME)),
    Case("average_pool", [X], one(graph.AveragePoolOp, kernel_shape=(2, 3), **WINDOW)),
    Case("average_pool_padded", [X], one(graph.AveragePoolOp, kernel_shape=(3, 3), **SAME)),
    Case(
        "average_pool_counting",
        [X],
        one(graph.AveragePoolOp, kernel_shape=(3, 3), count_include_pad=True, **SAME),
    ),
    Case("global_average_pool", [X], one(graph.GlobalAveragePoolOp)),
    Case("reduce_mean", [X], one(graph.ReduceMeanOp, axes=(1, -1), keepdims=False)),
    Case("reduce_sum", [X], one(graph.ReduceSumOp, axes=(2,))),
    Case("reduce_max", [X], one(graph.ReduceMaxOp, axes=(0, 3), keepdims=False)),
    Case("transpose", [X], one(graph.TransposeOp, perm=(0, 3, 1, 2))),
    Case("reshape", [X], lambda x: graph.ReluOp(graph.ReshapeOp(x, (6, 20)).result)),
    Case("pad", [X], one(graph.PadOp, pads=(0, 1, 0, 2, 0, 0, 3, 1), value=0.5)),
    Case("concat", [X, tensor(1, 2, 6, 5), X], lambda *xs: graph.ConcatOp(xs, 1)),
    Case(
        "slice",
        [X],
        one(graph.SliceOp, offsets=(0, 3, 1, 4), sizes=(1, 2, 2, 3), strides=(1, -2, 3, -1)),
    ),
    Case(
        "batch_normalization",
        [X, tensor(4), tensor(4), tensor(4), tensor(4)],
        one(graph.BatchNormalizationOp, epsilon=1e-5),
        4,
    ),
    Case(
        "layer_normalization",
        [X, tensor(5), tensor(5)],
        one(graph.LayerNormalizationOp, epsilon=1e-3),
        2,
    ),
    Case("cast", [X], lambda x: graph.CastOp(x, i32)),
    Case("cast_integers", [tensor(2, 3, element=i8)], lambda x: graph.CastOp(x, f32)),
    Case(
        "quantize_linear",
        [X, tensor(), tensor(element=i8)],
        lambda x, s, z: graph.QuantizeLinearOp(x, s, z, i8),
        2,
    ),
    Case(
        "dequantize_linear",
        [tensor(1, 4, 3, element=i8), tensor(4), tensor(4, element=i8)],
        one(graph.DequantizeLinearOp, axis=1),
        2,
    ),
]
NAMES = [case.name for case in CASES]


def samples(type: TensorType, rng: np.random.Generator, positive: bool) -> np.ndarray:
    """Random elements; `positive` ones can be scales and variances."""
    shape, dtype = type.get_shape(), dtype_of(type.element_type)
    if dtype.kind == "f":
        values = rng.normal(size=shape)
        return np.asarray(np.abs(values) + 0.01 if positive else values, dtype)
    values = rng.integers(-9, 10, size=shape)
    return np.asarray(np.where(values == 0, 5, values), dtype)


def build(cases: list[Case]) -> tuple[ModuleOp, dict[str, list[np.ndarray]]]:
    """A module with a function per case, and inputs for it."""
    rng = np.random.default_rng(7)
    module = ModuleOp([])
    inputs: dict[str, list[np.ndarray]] = {}
    for case in cases:
        split = len(case.types) - case.constants
        block = Block(arg_types=case.types[:split])
        values: list[SSAValue] = list(block.args)
        for index, type in enumerate(case.types[split:]):
            positive = case.name.startswith(("batch", "quant", "dequant"))
            array = samples(type, rng, positive)
            symbol = graph.add_global(module, f"{case.name}_{index}", array, type)
            constant = graph.ConstantOp(symbol.sym_name.data, type)
            block.add_op(constant)
            values.append(constant.result)
        last = case.build(*values)
        chain = [last]
        while (owner := chain[-1].operands[0].owner) not in block.ops and owner is not block:
            chain.append(owner)
        block.add_ops([*reversed(chain), func.ReturnOp(last.result)])
        signature = (case.types[:split], [last.result.type])
        module.body.block.add_op(func.FuncOp(f"net_{case.name}", signature, Region(block)))
        inputs[case.name] = [samples(type, rng, False) for type in case.types[:split]]
    module.verify()
    return module, inputs


def outputs(module: ModuleOp, inputs: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: run(module, arrays, f"net_{name}")["output0"] for name, arrays in inputs.items()}


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    """The output of each case at each level."""
    context = Context()
    module, inputs = build(CASES)
    found = {"graph": outputs(module, inputs)}
    ConvertGraphToLinalg(memory="sram").apply(context, module)
    module.verify()
    found["linalg"] = outputs(module, inputs)
    PlanMemory().apply(context, module)
    found["planned"] = outputs(module, inputs)
    ConvertLinalgToLoopsPass().apply(context, module)
    module.verify()
    found["loops"] = outputs(module, inputs)
    CommonSubexpressionElimination().apply(context, module)
    LoopInvariantCodeMotionPass().apply(context, module)
    LoopHoistMemRefPass().apply(context, module)
    module.verify()
    found["hoisted"] = outputs(module, inputs)
    ConvertLoopsToC("net.c").apply(context, module)
    module.verify()
    found["c"] = {name: np.zeros_like(found["loops"][name]) for name in inputs}
    for name, arrays in inputs.items():
        call(module, f"net_{name}", [*arrays, found["c"][name]])
    files = print_c(module)
    folder = tmp_path_factory.mktemp("float_loops")
    raw = run_program(
        folder,
        {**files, "main.c": driver(inputs, found["loops"])},
        b"".join(array.tobytes() for arrays in inputs.values() for array in arrays),
    )
    found["binary"] = {}
    for name in inputs:
        like = found["loops"][name]
        found["binary"][name] = np.frombuffer(raw[: like.nbytes], like.dtype).reshape(like.shape)
        raw = raw[like.nbytes :]
    return found


C_NAMES = {"float32": "float", "int32": "int32_t", "int8": "int8_t"}


def driver(inputs: dict[str, list[np.ndarray]], results: dict[str, np.ndarray]) -> str:
    """A program that reads the inputs of all cases and writes their outputs."""
    head, body = ["#include <stdint.h>", "#include <stdio.h>"], []
    for name, arrays in inputs.items():
        buffers = [*arrays, results[name]]
        types = [C_NAMES[str(array.dtype)] for array in buffers]
        head.append(f"void net_{name}({', '.join(f'{t} *' for t in types)});")
        names = [f"{name}_{index}" for index in range(len(buffers))]
        head += [
            f"static {t} {n}[{a.size}];" for t, n, a in zip(types, names, buffers, strict=True)
        ]
        body += [f"if (fread({n}, sizeof {n}, 1, stdin) != 1) return 1;" for n in names[:-1]]
        body += [f"net_{name}({', '.join(names)});"]
        body += [f"if (fwrite({names[-1]}, sizeof {names[-1]}, 1, stdout) != 1) return 1;"]
    return "\n".join([*head, "int main(void) {", *body, "return 0;", "}", ""])


@pytest.mark.parametrize("name", NAMES)
def test_loops_compute_what_the_graph_says(name: str, levels: dict[str, Any]) -> None:
    np.testing.assert_allclose(levels["linalg"][name], levels["graph"][name], 1e-5, 1e-6)


@pytest.mark.parametrize("level", ["planned", "loops", "hoisted"])
@pytest.mark.parametrize("name", NAMES)
def test_levels_of_loops_give_the_same_bits(name: str, level: str, levels: dict[str, Any]) -> None:
    assert levels[level][name].tobytes() == levels["linalg"][name].tobytes()


@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.parametrize("level", ["c", "binary"])
def test_c_computes_what_the_loops_say(case: Case, level: str, levels: dict[str, Any]) -> None:
    expected, given = levels["loops"][case.name], levels[level][case.name]
    if case.exact:
        assert given.tobytes() == expected.tobytes()
    else:
        np.testing.assert_allclose(given, expected, 1e-6, 1e-6)


def test_every_op_without_loops_is_named() -> None:
    module, _ = build(
        [
            Case("a", [X], one(graph.PadOp, pads=(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")),
        ]
    )
    with pytest.raises(PassFailedException, match="mode 'reflect' has no form as loops"):
        ConvertGraphToLinalg(memory="sram").apply(Context(), copy.copy(module))


def test_a_batch_runs_sample_by_sample() -> None:
    module, _ = build([next(case for case in CASES if case.name == "conv")])
    x = np.random.default_rng(1).normal(size=(3, 4, 6, 5)).astype(np.float32)
    expected = run(module, [x])["output0"]
    ConvertGraphToLinalg(memory="sram").apply(new_context(), module)
    np.testing.assert_allclose(run(module, [x])["output0"], expected, 1e-5, 1e-6)
