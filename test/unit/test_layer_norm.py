"""Layer normalization: found, computed in integers within its bounds, the same bytes in C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from onnx_models import Array, model
from quant_networks import Node, apply, outputs, sqnr
from test_emitted_c import SANITIZERS, WARNINGS
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import Operation

from runnel.dialects import graph, quant
from runnel.lowering.graph_to_quant import ConvertGraphToQuant, is_float_compute
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.graph.fuse_layer_norm import FuseLayerNorm
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.notes import BITS
from runnel.runtime.interpreter import integer
from runnel.tools import api
from runnel.tools.interpret import interpret
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

RANDOM = np.random.default_rng(3)
WIDTH, HEADS, STEPS = 12, 2, 7
DEPTH = WIDTH // HEADS


def normal(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


CONSTANTS: dict[str, Array] = {
    **{name: normal(WIDTH, WIDTH) / 3 for name in ("wq", "wk", "wv", "wo")},
    "w1": normal(WIDTH, 20) / 3,
    "w2": normal(20, WIDTH) / 4,
    "b1": normal(20),
    "heads": np.array([STEPS, HEADS, DEPTH]),
    "flat": np.array([1, STEPS, WIDTH]),
    "root": np.array(DEPTH**-0.5, np.float32),
    "eps": np.array(1e-3, np.float32),
    "two": np.array(2, np.float32),
    "gamma": normal(WIDTH) + 1,
    "beta": normal(WIDTH),
}


def quotient(x: str, y: str, scaled: bool = True) -> list[Node]:
    """As PyTorch writes it."""
    parts = [
        ("ReduceMean", [x], [f"{y}m"], {"axes": [-1]}),
        ("Sub", [x, f"{y}m"], [f"{y}c"], {}),
        ("Pow", [f"{y}c", "two"], [f"{y}p"], {}),
        ("ReduceMean", [f"{y}p"], [f"{y}v"], {"axes": [-1]}),
        ("Add", [f"{y}v", "eps"], [f"{y}e"], {}),
        ("Sqrt", [f"{y}e"], [f"{y}s"], {}),
        ("Div", [f"{y}c", f"{y}s"], [f"{y}n" if scaled else y], {}),
    ]
    affine = [
        ("Mul", ["gamma", f"{y}n"], [f"{y}g"], {}),
        ("Add", [f"{y}g", "beta"], [y], {}),
    ]
    return [*parts, *affine] if scaled else parts


def factored(x: str, y: str) -> list[Node]:
    """As TensorFlow writes it."""
    return [
        ("ReduceMean", [x], [f"{y}m"], {"axes": [-1]}),
        ("Sub", [x, f"{y}m"], [f"{y}c"], {}),
        ("Mul", [f"{y}c", f"{y}c"], [f"{y}p"], {}),
        ("ReduceMean", [f"{y}p"], [f"{y}v"], {"axes": [-1]}),
        ("Add", [f"{y}v", "eps"], [f"{y}e"], {}),
        ("Sqrt", [f"{y}e"], [f"{y}s"], {}),
        ("Reciprocal", [f"{y}s"], [f"{y}r"], {}),
        ("Mul", [f"{y}r", "gamma"], [f"{y}f"], {}),
        ("Mul", [x, f"{y}f"], [f"{y}a"], {}),
        ("Mul", [f"{y}m", f"{y}f"], [f"{y}b"], {}),
        ("Sub", ["beta", f"{y}b"], [f"{y}t"], {}),
        ("Add", [f"{y}a", f"{y}t"], [y], {}),
    ]


def split(x: str, order: list[int]) -> list[Node]:
    """[steps, width] to heads."""
    parts = [("Reshape", [x, "heads"], [f"{x}h"], {}), ("Transpose", [f"{x}h"], [f"{x}t"], {})]
    parts[1][3]["perm"] = order
    return parts


BLOCK: list[Node] = [
    *(("MatMul", ["x", f"w{name}"], [name], {}) for name in "qkv"),
    *split("q", [1, 0, 2]),
    *split("k", [1, 2, 0]),
    *split("v", [1, 0, 2]),
    ("MatMul", ["qt", "kt"], ["scores"], {}),
    ("Mul", ["scores", "root"], ["scaled"], {}),
    ("Softmax", ["scaled"], ["shares"], {"axis": -1}),
    ("MatMul", ["shares", "vt"], ["mixed"], {}),
    ("Transpose", ["mixed"], ["steps"], {"perm": [1, 0, 2]}),
    ("Reshape", ["steps", "flat"], ["joined"], {}),
    ("MatMul", ["joined", "wo"], ["o"], {}),
    ("Add", ["x", "o"], ["r"], {}),
    *factored("r", "l"),
    ("MatMul", ["l", "w1"], ["f0"], {}),
    ("Add", ["f0", "b1"], ["f1"], {}),
    ("Tanh", ["f1"], ["f2"], {}),
    ("MatMul", ["f2", "w2"], ["f3"], {}),
    ("Add", ["l", "f3"], ["s"], {}),
    *quotient("s", "y"),
]
"""A block of a transformer with two heads."""


def network(nodes: list[Node]) -> ModuleOp:
    made = [helper.make_node(op, i, o, o[0], **attributes) for op, i, o, attributes in nodes]
    read = {name for _, operands, _, _ in nodes for name in operands}
    used = {name: array for name, array in CONSTANTS.items() if name in read}
    return import_onnx(model(made, {"x": [1, STEPS, WIDTH]}, ["y"], used, opset=13))


def norms_of(module: ModuleOp) -> list[graph.LayerNormalizationOp]:
    return [op for op in module.walk() if isinstance(op, graph.LayerNormalizationOp)]


ALONE = {
    "quotient": quotient("x", "y"),
    "unscaled": quotient("x", "y", scaled=False),
    "factored": factored("x", "y"),
}


@pytest.mark.parametrize("form", ALONE)
def test_all_forms_are_found(form: str) -> None:
    module = network(ALONE[form])
    x = normal(3, STEPS, WIDTH)
    before = outputs(module, x)
    apply(module, FuseLayerNorm())
    resolve_pipeline("dce").run(new_context(), module)
    (norm,) = norms_of(module)
    assert [op for op in module.walk() if isinstance(op, graph.GraphOp)] == [norm]
    np.testing.assert_allclose(outputs(module, x), before, rtol=1e-5, atol=1e-5)


NEARLY = {
    "another mean": ("ReduceMean", ["x"], ["ym"], {"axes": [1]}),
    "another power": ("Pow", ["yc", "eps"], ["yp"], {}),
    "no difference": ("Add", ["x", "ym"], ["yc"], {}),
}


@pytest.mark.parametrize("what", NEARLY)
def test_what_only_looks_alike_stays(what: str) -> None:
    changed = NEARLY[what]
    nodes = [changed if node[2] == changed[2] else node for node in quotient("x", "y")]
    module = network(nodes)
    before = str(module)
    apply(module, FuseLayerNorm())
    assert str(module) == before


def test_a_normalization_that_others_read_keeps_its_scale() -> None:
    nodes = [*quotient("x", "z"), ("Add", ["zn", "z"], ["y"], {})]
    module = network(nodes)
    x = normal(1, STEPS, WIDTH)
    before = outputs(module, x)
    apply(module, FuseLayerNorm())
    assert norms_of(module)
    np.testing.assert_allclose(outputs(module, x), before, rtol=1e-5, atol=1e-5)


@given(
    st.sampled_from([np.int8, np.int16]),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
    st.integers(1, 2**30),
    st.integers(14, 44),
    st.floats(-2, 8),
)
def test_the_stated_bound_holds(
    kind: type, n: int, seed: int, epsilon: int, shift: int, spread: float
) -> None:
    """Against the formula of reals, in f64: of the stored row, with weight and bias as given."""
    rng = np.random.default_rng(seed)
    info = np.iinfo(kind)
    x = np.clip(rng.normal(0, 2**spread, (3, n)), info.min, info.max).astype(kind)
    factor = rng.uniform(-1, 1, n) * 2 ** min(9.0, 50 - shift)
    term = rng.uniform(-(2**16), 2**16, n)
    weight = np.rint(factor * 2.0 ** (shift - 20)).astype(np.int32)
    bias = np.rint(term * 2**14).astype(np.int32)
    real = x.astype(np.float64)
    centered = real - real.mean(-1, keepdims=True)
    variance = np.square(centered).mean(-1, keepdims=True)
    z = centered / np.sqrt(variance + epsilon / n**2)
    wide = (-(2**31), 2**31 - 1)
    found = integer.layer_norm(x, weight, bias, epsilon, shift, wide)
    assert (np.abs(found) < 2**31 - 1).all()
    step = 2.0**-shift
    bound = np.abs(weight) * step * (np.abs(z) * 2**-9 + 0.5)
    bound += np.abs(z) * 2.0 ** (19 - shift) + 2**-15
    off = np.abs(found - (z * factor + term))
    assert (off <= bound + 0.5 + 1e-6 * np.abs(z * factor)).all()


def test_square_roots_are_whole() -> None:
    """Around squares, where a float's may be off."""
    roots = np.concatenate([np.arange(1, 99), 2**31 - 1 - np.arange(99), [2**30, 94906267]])
    squares = np.concatenate([roots**2 - 1, roots**2, roots**2 + 1])
    expected = np.concatenate([roots - 1, roots, roots])
    np.testing.assert_array_equal(integer.square_root(squares), expected)


def quantized(folder: Path, bits: int = 8) -> tuple[ModuleOp, ModuleOp]:
    """The block in float and in integers; with 16 bits what is normalized has so many."""
    module = network(BLOCK)
    resolve_pipeline("simplify").run(new_context(), module)
    data = folder / "calibration.npy"
    np.save(data, normal(64, STEPS, WIDTH))
    copy = module.clone()
    apply(copy, Calibrate(str(data), "min-max"))
    for norm in norms_of(copy):
        assert isinstance(norm.input.owner, Operation)
        norm.input.owner.attributes[BITS] = IntegerAttr(bits, 64)
    apply(copy, InsertQuantCasts(), ConvertGraphToQuant("single"))
    resolve_pipeline("cleanup,remove-unused-globals").run(new_context(), copy)
    return module, copy


@pytest.mark.parametrize("bits", [8, 16])
def test_a_transformer_computes_in_integers(bits: int, tmp_path: Path) -> None:
    module, integers = quantized(tmp_path, bits)
    assert [op.name for op in integers.walk() if is_float_compute(op)] == []
    norms = [op for op in integers.walk() if isinstance(op, quant.LayerNormOp)]
    assert [quant.quantized(op.input).storage.width.data for op in norms] == [bits, bits]
    assert sum(isinstance(op, quant.MatmulOp) for op in integers.walk()) == 2
    x = normal(32, STEPS, WIDTH)
    assert sqnr(outputs(module, x), outputs(integers, x)) > 25


@pytest.mark.parametrize(("bits", "flags"), [(8, WARNINGS), (16, SANITIZERS)])
def test_the_c_gives_the_bytes_of_all_levels(tmp_path: Path, bits: int, flags: list[str]) -> None:
    _, integers = quantized(tmp_path, bits)
    artifact = api.compile(integers, "host")
    info = artifact.signature.inputs[0]
    x = {info.name: normal(3, STEPS, WIDTH)}
    _, (found,) = artifact.run(artifact.build(tmp_path / "out", flags=flags), x)
    for level in ("quant", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, x).values()
        assert found.tobytes() == expected.tobytes(), level
    assert len(np.unique(found)) > 50


def test_cores_of_a_cluster_give_the_same_bytes(tmp_path: Path) -> None:
    _, integers = quantized(tmp_path)
    artifact = api.compile(integers, "host-cluster")
    info = artifact.signature.inputs[0]
    x = {info.name: normal(2, STEPS, WIDTH)}
    _, (found,) = artifact.run(artifact.build(tmp_path / "out"), x)
    for level in ("quant", "cluster"):
        (expected,) = interpret(artifact.road, level, x).values()
        assert found.tobytes() == expected.tobytes(), level
    ops = artifact.road["cluster"].module.walk()
    kernels = {str(op.properties["kernel"]) for op in ops if "kernel" in op.properties}
    shared = ("add", "conv2d", "layer_norm", "matmul", "softmax", "table", "transpose")
    alone = {'"rn_quantize_f32_s8"', '"rn_dequantize_s8_f32"'}
    assert kernels == alone | {f'"rn_cluster_{name}_s8"' for name in shared}


def test_rows_as_pixels_give_the_same_bytes(tmp_path: Path) -> None:
    _, before = quantized(tmp_path)
    after = before.clone()
    resolve_pipeline("rows-as-pixels").run(new_context(), after)
    kinds = (quant.FullyConnectedOp, quant.Conv2DOp)
    counts = [[sum(isinstance(op, k) for op in m.walk()) for k in kinds] for m in (before, after)]
    assert counts == [[6, 0], [0, 6]]
    x = normal(3, STEPS, WIDTH)
    np.testing.assert_array_equal(outputs(before, x), outputs(after, x))
