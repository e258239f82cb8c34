"""Graph passes: the same numbers before and after, and where they must not fire."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_models import Array, model
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.transforms.canonicalize import CanonicalizePass
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import graph
from runnel.dialects.diagnostics import add_remark_handler, source_name
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.graph.decompose import RULES, Decompose
from runnel.passes.graph.fold_batch_norm import FoldBatchNorm
from runnel.passes.graph.fold_bias import FoldBias
from runnel.passes.graph.fold_constants import FoldConstants
from runnel.passes.graph.remove_unused_globals import RemoveUnusedGlobals
from runnel.runtime.interpreter import input_names, run

RANDOM = np.random.default_rng(3)
Node = tuple[str, list[str], list[str], dict[str, Any]]


def normal(*shape: int) -> Array:
    """Random floats around zero."""
    return RANDOM.normal(size=shape).astype(np.float32)


def network(shape: list[int], nodes: list[Node], constants: dict[str, Array]) -> ModuleOp:
    """An imported network from x to y; opset 13."""
    made = [helper.make_node(op, i, o, o[0], **attributes) for op, i, o, attributes in nodes]
    return import_onnx(model(made, {"x": shape}, ["y"], constants))


def norm(channels: int, name: str = "n") -> dict[str, Array]:
    """The parameters of a batch normalisation."""
    return {
        f"{name}s": normal(channels),
        f"{name}b": normal(channels),
        f"{name}m": normal(channels),
        f"{name}v": RANDOM.uniform(0.5, 2, channels).astype(np.float32),
    }


NORM = ["ns", "nb", "nm", "nv"]


def apply(module: ModuleOp, *passes: ModulePass) -> list[str]:
    """Run passes on `module`, verify it, and return the remarks."""
    remarks: list[str] = []
    stop = add_remark_handler(lambda remark: remarks.append(str(remark)))
    try:
        for entry in passes:
            entry.apply(Context(), module)
            module.verify()
    finally:
        stop()
    return remarks


def ops_of(module: ModuleOp) -> str:
    """The graph ops in order, without constants."""
    found = [
        op.name.removeprefix("graph.") for op in module.walk() if isinstance(op, graph.GraphOp)
    ]
    return " ".join(found)


def check_same(module: ModuleOp, shape: list[int], *passes: ModulePass) -> list[str]:
    """The passes change no number of a batch of random inputs; returns their remarks."""
    x = normal(3 * shape[0], *shape[1:])
    before = run(module, [x])["y"]
    remarks = apply(module, *passes)
    np.testing.assert_allclose(run(module, [x])["y"], before, rtol=1e-4, atol=1e-4)
    return remarks


IMAGE = [1, 4, 6, 5]
CONV: Node = ("Conv", ["x", "w", "b"], ["c"], {"pads": [1, 1, 1, 1]})
BN: Node = ("BatchNormalization", ["c", *NORM], ["y"], {})


@pytest.mark.parametrize(
    ("weight", "attributes", "bias"),
    [
        ((3, 4, 3, 3), {}, True),
        ((8, 1, 3, 3), {"group": 4}, False),
        ((4, 2, 1, 1), {"group": 2}, True),
    ],
)
def test_norm_after_convolution(weight: tuple[int, ...], attributes: Any, bias: bool) -> None:
    constants = norm(weight[0]) | {"w": normal(*weight)}
    constants |= {"b": normal(weight[0])} if bias else {}
    operands = ["x", "w", "b"] if bias else ["x", "w"]
    conv: Node = ("Conv", operands, ["c"], {"pads": [weight[2] // 2] * 4, **attributes})
    module = network(IMAGE, [conv, BN], constants)
    remarks = check_same(module, IMAGE, FoldBatchNorm())
    assert ops_of(module) == "conv"
    assert remarks == ["remark: passed: fold-batch-norm [y]: folded into graph.conv (node 'c')"]
    assert [source_name(op) for op in module.walk() if isinstance(op, graph.ConvOp)] == ["c"]


@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_norm_after_gemm(trans_b: int, beta: float) -> None:
    constants = norm(3) | {"w": normal(3, 7) if trans_b else normal(7, 3), "b": normal(3)}
    gemm: Node = ("Gemm", ["x", "w", "b"], ["c"], {"transB": trans_b, "beta": beta, "alpha": 2.0})
    module = network([1, 7], [gemm, BN], constants)
    check_same(module, [1, 7], FoldBatchNorm())
    assert ops_of(module) == "gemm"


@pytest.mark.parametrize(("group", "outputs"), [(1, 3), (4, 8), (2, 2)])
def test_norm_before_convolution_without_padding(group: int, outputs: int) -> None:
    before: Node = ("BatchNormalization", ["x", *NORM], ["c"], {})
    conv: Node = ("Conv", ["c", "w"], ["y"], {"group": group})
    module = network(IMAGE, [before, conv], norm(4) | {"w": normal(outputs, 4 // group, 3, 3)})
    check_same(module, IMAGE, FoldBatchNorm())
    assert ops_of(module) == "conv"


@pytest.mark.parametrize("trans_b", [0, 1])
def test_norm_before_gemm(trans_b: int) -> None:
    before: Node = ("BatchNormalization", ["x", *NORM], ["c"], {})
    gemm: Node = ("Gemm", ["c", "w", "b"], ["y"], {"transB": trans_b, "alpha": 0.5})
    constants = norm(7) | {"w": normal(3, 7) if trans_b else normal(7, 3), "b": normal(3)}
    module = network([1, 7], [before, gemm], constants)
    check_same(module, [1, 7], FoldBatchNorm())
    assert ops_of(module) == "gemm"


def test_norm_stays_before_padding() -> None:
    """The convolution sees zeros around the normalised value, which no bias can make."""
    before: Node = ("BatchNormalization", ["x", *NORM], ["c"], {})
    conv: Node = ("Conv", ["c", "w"], ["y"], {"pads": [1, 1, 1, 1]})
    module = network(IMAGE, [before, conv], norm(4) | {"w": normal(3, 4, 3, 3)})
    remarks = check_same(module, IMAGE, FoldBatchNorm())
    assert ops_of(module) == "batch_normalization conv"
    assert "missed" in remarks[0] and "neither the op before it nor the one after" in remarks[0]


def test_norm_stays_when_the_product_has_other_users() -> None:
    nodes: list[Node] = [CONV, ("BatchNormalization", ["c", *NORM], ["h"], {}),
                         ("Add", ["c", "h"], ["y"], {})]  # fmt: skip
    module = network(IMAGE, nodes, norm(4) | {"w": normal(4, 4, 3, 3), "b": normal(4)})
    remarks = check_same(module, IMAGE, FoldBatchNorm())
    assert ops_of(module) == "conv batch_normalization add"
    assert "graph.conv (node 'c') before it has other users" in remarks[0]


@pytest.mark.parametrize("constant", [(4, 1, 1), (1, 4, 1, 1), (1,), ()])
def test_addition_becomes_bias(constant: tuple[int, ...]) -> None:
    nodes: list[Node] = [CONV, ("Add", ["k", "c"], ["y"], {})]
    constants = {"w": normal(4, 4, 3, 3), "b": normal(4), "k": normal(*constant)}
    module = network(IMAGE, nodes, {name: np.asarray(array) for name, array in constants.items()})
    check_same(module, IMAGE, FoldBias())
    assert ops_of(module) == "conv"


@pytest.mark.parametrize("constant", [(1, 4, 6, 1), (6, 5)])
def test_addition_of_more_than_channels_stays(constant: tuple[int, ...]) -> None:
    nodes: list[Node] = [CONV, ("Add", ["c", "k"], ["y"], {})]
    constants = {"w": normal(4, 4, 3, 3), "b": normal(4), "k": normal(*constant)}
    module = network(IMAGE, nodes, constants)
    check_same(module, IMAGE, FoldBias())
    assert ops_of(module) == "conv add"


def test_matmul_and_addition_become_gemm() -> None:
    nodes: list[Node] = [("MatMul", ["x", "w"], ["c"], {}), ("Add", ["c", "k"], ["y"], {})]
    module = network([1, 7], nodes, {"w": normal(7, 3), "k": normal(3)})
    check_same(module, [1, 7], FoldBias())
    assert ops_of(module) == "gemm"


def test_matmul_of_two_activations_stays() -> None:
    nodes: list[Node] = [("Transpose", ["x"], ["t"], {}), ("MatMul", ["x", "t"], ["y"], {})]
    module = network([2, 3], nodes, {})
    apply(module, FoldBias())
    assert ops_of(module) == "transpose matmul"


def test_constants_are_folded() -> None:
    # The importer folds too: what it leaves is made constant by a rewrite, here by hand.
    module = network([1, 4], [("Mul", ["x", "k"], ["y"], {})], {"k": normal(4)})
    [mul] = [op for op in module.walk() if isinstance(op, graph.MulOp)]
    negated = graph.NegOp(mul.rhs)
    doubled = graph.AddOp(negated.result, negated.result)
    block = mul.parent
    assert block is not None
    block.insert_ops_before([negated, doubled], mul)
    mul.operands[1] = doubled.result
    module.verify()
    check_same(module, [1, 4], FoldConstants(), RemoveUnusedGlobals())
    assert ops_of(module) == "mul"
    assert sum(isinstance(op, graph.GlobalOp) for op in module.walk()) == 1


def test_dequantize_is_not_folded() -> None:
    nodes: list[Node] = [
        ("DequantizeLinear", ["q", "s"], ["k"], {}), ("Mul", ["x", "k"], ["y"], {})
    ]  # fmt: skip
    module = network(
        [1, 4], nodes, {"q": np.arange(4, dtype=np.int8), "s": np.full(1, 0.5, np.float32)}
    )
    check_same(module, [1, 4], FoldConstants())
    assert ops_of(module) == "dequantize_linear mul"


def test_a_large_result_is_not_folded() -> None:
    module = network([1, 40, 40], [("Add", ["x", "k"], ["y"], {})], {"k": normal(40)})
    [add] = [op for op in module.walk() if isinstance(op, graph.AddOp)]
    tall = graph.ReshapeOp(add.rhs, [40, 1])
    outer = graph.MulOp(tall.result, add.rhs)
    block = add.parent
    assert block is not None
    block.insert_ops_before([tall, outer], add)
    add.operands[1] = outer.result
    remarks = check_same(module, [1, 40, 40], FoldConstants())
    assert ops_of(module) == "mul add"
    assert any("missed" in remark and "6400 bytes" in remark for remark in remarks)


def test_unused_globals_are_removed() -> None:
    module = network([1, 4], [("Mul", ["x", "k"], ["y"], {})], {"k": normal(4)})
    for name in ("a", "b"):
        [used] = [op for op in module.walk() if isinstance(op, graph.GlobalOp)][:1]
        graph.add_global(module, name, normal(4), used.type)  # pyright: ignore[reportArgumentType]
    check_same(module, [1, 4], RemoveUnusedGlobals())
    names = [op.sym_name.data for op in module.walk() if isinstance(op, graph.GlobalOp)]
    assert names == ["k"]


DECOMPOSED: dict[str, tuple[list[int], list[Node], dict[str, Array], str]] = {
    "global-average-pool": (
        IMAGE, [("GlobalAveragePool", ["x"], ["y"], {})], {}, "average_pool",
    ),
    "spatial-mean": (
        IMAGE,
        [("ReduceMean", ["x"], ["y"], {"axes": [2, 3], "keepdims": 0})],
        {},
        "average_pool reshape",
    ),
    "sequence": (
        [1, 4, 9],
        [
            ("Conv", ["x", "w", "b"], ["c"], {"pads": [2, 1], "strides": [2]}),
            ("MaxPool", ["c"], ["p"], {"kernel_shape": [2], "pads": [1, 0]}),
            ("AveragePool", ["p"], ["y"], {"kernel_shape": [2], "pads": [1, 0]}),
        ],
        {"w": normal(3, 4, 3), "b": normal(3)},
        "reshape reshape conv reshape reshape max_pool reshape reshape average_pool reshape",
    ),
    "prelu": (
        IMAGE, [("PRelu", ["x", "s"], ["y"], {})], {"s": np.full((4, 1, 1), 0.3, np.float32)},
        "leaky_relu",
    ),
    "matrix": (
        [1, 3, 4], [("MatMul", ["x", "w"], ["y"], {})], {"w": normal(4, 5)},
        "reshape matmul reshape",
    ),
    "hard-swish": (IMAGE, [("HardSwish", ["x"], ["y"], {})], {}, "hard_sigmoid mul"),
}  # fmt: skip


def swish_network(shape: list[int], nodes: list[Node], constants: dict[str, Array]) -> ModuleOp:
    """Like `network`; hard swish needs opset 14."""
    made = [helper.make_node(op, i, o, o[0], **attributes) for op, i, o, attributes in nodes]
    opset = 14 if nodes[0][0] == "HardSwish" else 13
    return import_onnx(model(made, {"x": shape}, ["y"], constants, opset=opset))


@pytest.mark.parametrize("rule", RULES)
def test_decompose(rule: str) -> None:
    shape, nodes, constants, expected = DECOMPOSED[rule]
    module = swish_network(shape, nodes, constants)
    others = tuple(name for name in RULES if name != rule)
    before = ops_of(module)
    apply(module, Decompose(others))
    assert ops_of(module) == before, "another rule fired"
    check_same(module, shape, Decompose((rule,)))
    assert ops_of(module) == expected
    assert all(source_name(op) for op in module.walk() if isinstance(op, graph.GraphOp))


def test_decompose_leaves_what_it_cannot_say() -> None:
    nodes: list[Node] = [
        ("ReduceMean", ["x"], ["m"], {"axes": [1]}), ("PRelu", ["m", "s"], ["y"], {})
    ]  # fmt: skip
    module = network(IMAGE, nodes, {"s": normal(6, 5)})
    check_same(module, IMAGE, Decompose())
    assert ops_of(module) == "reduce_mean prelu"
    with pytest.raises(PassFailedException, match="unknown rule 'everything', known are"):
        apply(module, Decompose(("everything",)))


PAD = [0, 0, 1, 2, 0, 0, 0, 1]
CANONICAL: dict[str, tuple[list[int], list[Node], dict[str, Any], str]] = {
    "relu of relu": ([1, 9], [("Relu", ["x"], ["a"], {}), ("Relu", ["a"], ["y"], {})], {}, "relu"),
    "clip is relu": ([1, 9], [("Clip", ["x", "zero"], ["y"], {})], {"zero": np.float32(0)}, "relu"),
    "clip of clip": (
        [1, 9],
        [("Clip", ["x", "a", "b"], ["h"], {}), ("Clip", ["h", "c", "d"], ["y"], {})],
        {k: np.float32(v) for k, v in {"a": -1, "b": 0.5, "c": 0, "d": 2}.items()},
        "clip",
    ),
    "clip of relu outside": (
        [1, 9],
        [("Relu", ["x"], ["h"], {}), ("Clip", ["h", "c", "d"], ["y"], {})],
        {"c": np.float32(-2), "d": np.float32(-1)},
        "clip",
    ),
    "reshapes": (
        IMAGE,
        [("Flatten", ["x"], ["a"], {}), ("Reshape", ["a", "s"], ["y"], {})],
        {"s": np.array(IMAGE)},
        "",
    ),
    "transposes": (
        IMAGE,
        [("Transpose", ["x"], ["a"], {"perm": [0, 2, 3, 1]}),
         ("Transpose", ["a"], ["b"], {"perm": [0, 3, 1, 2]}),
         ("Transpose", ["b"], ["y"], {"perm": [0, 1, 3, 2]})],
        {},
        "transpose",
    ),
    "transpose is reshape": (
        [1, 1, 6, 5], [("Transpose", ["x"], ["y"], {"perm": [0, 2, 3, 1]})], {}, "reshape",
    ),
    "pad into convolution": (
        IMAGE,
        [("Pad", ["x", "p"], ["a"], {}), ("Conv", ["a", "w"], ["y"], {"pads": [1, 0, 0, 1]})],
        {"p": np.array(PAD), "w": normal(3, 4, 3, 3)},
        "conv",
    ),
    "pad into average": (
        IMAGE,
        [("Pad", ["x", "p"], ["a"], {}), ("AveragePool", ["a"], ["y"], {"kernel_shape": [3, 3]})],
        {"p": np.array(PAD)},
        "average_pool",
    ),
    "pad of ones stays": (
        IMAGE,
        [("Pad", ["x", "p", "one"], ["a"], {}), ("Conv", ["a", "w"], ["y"], {})],
        {"p": np.array(PAD), "w": normal(3, 4, 3, 3), "one": np.float32(1)},
        "pad conv",
    ),
    "pad of zeros before a maximum stays": (
        IMAGE,
        [("Pad", ["x", "p"], ["a"], {}), ("MaxPool", ["a"], ["y"], {"kernel_shape": [3, 3]})],
        {"p": np.array(PAD)},
        "pad max_pool",
    ),
    "pad of channels stays": (
        IMAGE,
        [("Pad", ["x", "p"], ["a"], {}), ("Conv", ["a", "w"], ["y"], {})],
        {"p": np.array([0, 1, 0, 0, 0, 0, 0, 0]), "w": normal(3, 5, 3, 3)},
        "pad conv",
    ),
    "nothing moved": (
        IMAGE,
        [("Pad", ["x", "p"], ["a"], {}), ("Slice", ["a", "s", "e"], ["b"], {}),
         ("Concat", ["b"], ["y"], {"axis": 1})],
        {"p": np.zeros(8, np.int64), "s": np.array([0]), "e": np.array([99])},
        "",
    ),
    "reversal stays": (
        IMAGE,
        [("Slice", ["x", "s", "e", "a", "t"], ["y"], {})],
        {"s": np.array([-1]), "e": np.array([-99]), "a": np.array([3]), "t": np.array([-1])},
        "slice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CANONICAL)
def test_canonicalize(what: str) -> None:
    shape, nodes, constants, expected = CANONICAL[what]
    arrays = {name: np.asarray(array) for name, array in constants.items()}
    module = network(shape, nodes, arrays)
    check_same(module, shape, CanonicalizePass())
    assert ops_of(module) == expected


ALL: list[Callable[[], ModulePass]] = [
    FoldBatchNorm, FoldBias, FoldConstants, CanonicalizePass, Decompose, RemoveUnusedGlobals
]  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(
    "path",
    [
        "mlperf_ic/models/resnet8_bn.onnx",
        "mlperf_ic/models/resnet20_bn.onnx",
        "mlperf_kws/models/dscnn_bn.onnx",
        "mlperf_vww/models/mobilenetv1_025_bn.onnx",
        "mlperf_ad/models/autoencoder_bn.onnx",
        "imagenet/models/mobilenetv1_025_128_bn.onnx",
        "imagenet/models/mobilenetv3_small_100_224_deq.onnx.xz",
        "onnx_misc/models/micro_kws_m_static_fp32.onnx",
        "mnist/models/mnist_cntk_opset8.onnx",
        "mlperf_ic/models/resnet8_int8_qdq.onnx",
    ],
)
def test_networks_keep_their_numbers(shared: Path, path: str) -> None:
    file = shared / "models" / path
    data = lzma.decompress(file.read_bytes()) if path.endswith(".xz") else file.read_bytes()
    module = import_onnx(data)
    function = module.body.block.last_op
    assert isinstance(function, func.FuncOp)
    [name] = input_names(function)
    [type] = function.function_type.inputs
    x = RANDOM.uniform(0, 1, type.get_shape()).astype(np.float32)  # pyright: ignore
    [before] = run(module, {name: x}).values()
    apply(module, *(make() for make in ALL))
    assert not any(isinstance(op, graph.BatchNormalizationOp) for op in module.walk())
    [after] = run(module, {name: x}).values()
    scale = max(1.0, float(np.abs(before).max()))
    assert np.abs(after - before).max() <= 1e-4 * scale
