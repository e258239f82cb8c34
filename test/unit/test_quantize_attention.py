"""Methods of quantization on an attention: rows that are one sample, constants and products between
activations, a softmax in the middle.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from onnx_models import Array, model
from quant_networks import outputs, sqnr
from xdsl.dialects.builtin import ModuleOp

from runnel.lowering.import_onnx import import_onnx
from runnel.tools.messages import PassFailure
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

STEPS, FEATURES, WIDTH, CLASSES = 6, 4, 8, 5
SAMPLES = 40
FLOAT = "simplify"
RANGES = 'simplify,calibrate{data="$"}'
CASTS = f"{RANGES},insert-quant-casts"
NARROW = f"{RANGES},insert-quant-casts{{weight-bits=4}}"


def weights() -> dict[str, Array]:
    random = np.random.default_rng(4)
    shapes = {"in": (FEATURES, WIDTH), "place": (1, STEPS, WIDTH), "out": (WIDTH, CLASSES)}
    shapes |= {name: (WIDTH, WIDTH) for name in ("q", "k", "v", "p")}
    return {
        name: (random.normal(size=shape) / np.sqrt(shape[-2])).astype(np.float32)
        for name, shape in shapes.items()
    }


def attention() -> ModuleOp:
    """[STEPS, FEATURES] to [1, CLASSES]: positions are added, one head, a residual sum."""
    nodes = [
        ("MatMul", ["x", "in"], "h"),
        ("Reshape", ["h", "shape"], "r"),
        ("Add", ["r", "place"], "s"),
        *(("MatMul", ["s", name], f"{name}s") for name in ("q", "k", "v")),
        ("Transpose", ["ks"], "kt"),
        ("MatMul", ["qs", "kt"], "scores"),
        ("Softmax", ["scores"], "shares"),
        ("MatMul", ["shares", "vs"], "seen"),
        ("MatMul", ["seen", "p"], "ps"),
        ("Add", ["s", "ps"], "sum"),
        ("ReduceMean", ["sum"], "mean"),
        ("MatMul", ["mean", "out"], "y"),
    ]
    attributes = {
        "Transpose": {"perm": [0, 2, 1]},
        "Softmax": {"axis": -1},
        "ReduceMean": {"axes": [1], "keepdims": 0},
    }
    made = [helper.make_node(op, i, [o], o, **attributes.get(op, {})) for op, i, o in nodes]
    constants = {**weights(), "shape": np.array([1, STEPS, WIDTH])}
    return import_onnx(model(made, {"x": [STEPS, FEATURES]}, ["y"], constants))


def expected(x: Array) -> Array:
    w = {name: array.astype(np.float64) for name, array in weights().items()}
    s = (x @ w["in"]).reshape(-1, STEPS, WIDTH) + w["place"]
    scores = s @ w["q"] @ (s @ w["k"]).transpose(0, 2, 1)
    shares = np.exp(scores - scores.max(2, keepdims=True))
    shares /= shares.sum(2, keepdims=True)
    return (s + shares @ (s @ w["v"]) @ w["p"]).mean(1) @ w["out"]


def samples() -> Array:
    random = np.random.default_rng(0)
    return random.normal(size=(SAMPLES * STEPS, FEATURES)).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "x.npy"
    np.save(path, samples())
    return str(path)


def after(pipeline: str, data: str) -> float:
    """SQNR, on what ranges were calibrated with."""
    module, x = attention(), samples()
    resolve_pipeline(pipeline.replace("$", data)).run(new_context(), module)
    module.verify()
    return sqnr(expected(x), outputs(module, x))


@pytest.mark.parametrize(
    ("pipeline", "least"),
    [
        (f'{FLOAT},equalize{{clips=bounded data="$" strengths=1,0.5}}', 100),
        (f'{FLOAT},equalize-depthwise{{data="$"}}', 100),
        (f'{FLOAT},equalize-noise{{data="$"}}', 100),
        (f'{FLOAT},absorb-high-bias{{method=data data="$"}}', 100),
        (f'{RANGES},tune-ranges{{data="$"}},insert-quant-casts', 30),
        (f'{RANGES},mixed-precision{{data="$" sqnr=45}},insert-quant-casts', 35),
        (CASTS, 30),
        (f'{CASTS},correct-bias{{data="$"}}', 30),
        (f'{CASTS},seq-mse{{data="$"}}', 30),
        (NARROW, 14),
        (f'{NARROW},round-weights{{data="$"}}', 18),
        (f'{NARROW},round-weights{{data="$" method=adaround}}', 18),
        (f'{NARROW},learn-weights{{data="$" iterations=200 batch=20}}', 22),
        ('quantize{data="$" rounding=flips equalize=bounded noise=data}', 30),
    ],
)
def test_methods_keep_it(pipeline: str, least: float, data: str):
    assert after(pipeline, data) > least


@pytest.mark.parametrize(
    ("pipeline", "problem"),
    [
        (f'{CASTS},round-weights{{data="$" distill=8}}', "needs what batch normalisation knows"),
        ('quantize{data="" method=batch-norm}', "has no range without data; calibrate with some"),
    ],
)
def test_what_cannot_be_is_told(pipeline: str, problem: str, data: str):
    with pytest.raises(PassFailure, match=problem) as caught:
        after(pipeline, data)
    assert "internal error" not in str(caught.value)
