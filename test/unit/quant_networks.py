"""Small float networks for tests of quantization, and what such tests measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper
from onnx_models import Array, model
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from runnel.dialects.diagnostics import add_remark_handler
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.layers import layers_of
from runnel.runtime.interpreter import run

Node = tuple[str, list[str], list[str], dict[str, Any]]
CHANNELS = 12
CLASSES = 10
SHAPE = (1, 3, 8, 8)


def network(
    shape: list[int], nodes: list[Node], constants: dict[str, Array], result: str = "y"
) -> ModuleOp:
    """An imported network from x to `result`; opset 13."""
    made = [helper.make_node(op, i, o, o[0], **attributes) for op, i, o, attributes in nodes]
    floats = {key: np.asarray(array, np.float32) for key, array in constants.items()}
    return import_onnx(model(made, {"x": shape}, [result], floats))


def images(count: int, seed: int) -> Array:
    """Random inputs that are smooth, such that taps depend on each other as in images."""
    noise = np.random.default_rng(seed).normal(size=(count, 3, 11, 11))
    smooth = sum(noise[:, :, i : i + 8, j : j + 8] for i in range(4) for j in range(4))
    return np.asarray(smooth / 4, np.float32)


def small_network(seed: int, imbalance: float = 0.0) -> ModuleOp:
    """conv, depthwise, conv, pooling, gemm with ReLUs; `imbalance` decades of scale per channel are
    put between layers such that the results stay the same. Every class wins on some inputs.
    """
    random = np.random.default_rng(seed)
    c = CHANNELS
    first, second = (10 ** random.uniform(-imbalance, imbalance, c) for _ in range(2))
    w1 = random.normal(size=(c, 3, 3, 3)) / 5 * first[:, None, None, None]
    dw = random.normal(size=(c, 1, 3, 3)) / 3 * (second / first)[:, None, None, None]
    w3 = random.normal(size=(c, c, 1, 1)) / 3 / second[:, None, None]
    constants = {
        "w1": w1,
        "b1": random.normal(size=c) / 3 * first,
        "dw": dw,
        "db": random.normal(size=c) / 3 * second,
        "w3": w3,
        "b3": random.normal(size=c) / 3,
        "w4": random.normal(size=(CLASSES, c * 4)),
        "b4": random.normal(size=CLASSES) / 10,
    }
    padded = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    nodes: list[Node] = [
        ("Conv", ["x", "w1", "b1"], ["c1"], padded),
        ("Relu", ["c1"], ["r1"], {}),
        ("Conv", ["r1", "dw", "db"], ["c2"], {**padded, "group": c}),
        ("Relu", ["c2"], ["r2"], {}),
        ("Conv", ["r2", "w3", "b3"], ["c3"], {}),
        ("Relu", ["c3"], ["r3"], {}),
        ("AveragePool", ["r3"], ["p"], {"kernel_shape": [4, 4], "strides": [4, 4]}),
        ("Flatten", ["p"], ["f"], {}),
        ("Gemm", ["f", "w4", "b4"], ["y"], {"transB": 1}),
    ]
    module = network(list(SHAPE), nodes, constants)
    *_, last = layers_of(module)
    last.set_bias(last.bias() - outputs(module, images(64, seed=50)).mean(0))
    return module


def outputs(module: ModuleOp, x: Array) -> Array:
    return next(iter(run(module, [x]).values()))


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


def calibration_file(folder: Path, count: int = 64) -> str:
    path = folder / "calibration.npy"
    np.save(path, images(count, seed=100))
    return str(path)


def simulated(module: ModuleOp, data: str, *, bits: int = 8, per_channel: bool = True) -> ModuleOp:
    """A copy with min-max quantizers."""
    copy = module.clone()
    apply(copy, Calibrate(data, "min-max"), InsertQuantCasts(per_channel, bits))
    return copy


def sqnr(reference: Array, found: Array) -> float:
    """In dB."""
    error = (reference.astype(np.float64) - found) ** 2
    return float(10 * np.log10((reference.astype(np.float64) ** 2).sum() / error.sum()))


def agreement(reference: Array, found: Array) -> float:
    return float((reference.argmax(1) == found.argmax(1)).mean())
