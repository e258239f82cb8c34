"""Programs with 16-bit activations: the C gives the bytes of every level above it."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from quant_networks import Node, apply, calibration_file, images, network, outputs
from test_emitted_c import SANITIZERS, WARNINGS
from xdsl.dialects.builtin import IntegerAttr, ModuleOp

from runnel.dialects import cortexm
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.lowering.kernels_s16 import S16
from runnel.passes.quant.calibrate import RANGE, Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.notes import BITS
from runnel.tools import api
from runnel.tools.interpret import interpret
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

COUNT = 6


def residual_network() -> ModuleOp:
    """Every op that has 16-bit kernels: convolutions, a sum, a table, pooling, a matrix product."""
    random = np.random.default_rng(3)
    constants = {
        "a": random.normal(size=(8, 3, 3, 3)) / 3,
        "ab": random.normal(size=8),
        "d": random.normal(size=(8, 1, 3, 3)),
        "db": random.normal(size=8),
        "g": random.normal(size=(8, 4, 1, 1)),
        "f": random.normal(size=(10, 8)),
        "fb": random.normal(size=10),
    }
    padded = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    nodes: list[Node] = [
        ("Conv", ["x", "a", "ab"], ["c"], {**padded, "strides": [2, 2]}),
        ("Conv", ["c", "d", "db"], ["e"], {**padded, "group": 8}),
        ("Relu", ["e"], ["r"], {}),
        ("Conv", ["r", "g"], ["h"], {"group": 2}),
        ("Add", ["c", "h"], ["s"], {}),
        ("Tanh", ["s"], ["t"], {}),
        (
            "AveragePool",
            ["t"],
            ["v"],
            {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1], "count_include_pad": 1},
        ),
        ("MaxPool", ["v"], ["m"], {"kernel_shape": [2, 2], "pads": [0, 1, 1, 0]}),
        ("GlobalAveragePool", ["m"], ["p"], {}),
        ("Flatten", ["p"], ["q"], {}),
        ("Gemm", ["q", "f", "fb"], ["y"], {"transB": 1}),
    ]
    return network([1, 3, 8, 8], nodes, constants)


PATTERNS = {
    "all": (16,),
    "even": (16, 8),
    "odd": (8, 16),
    "third": (16, 8, 8),
    "pairs": (8, 8, 16, 16),
}


def quantized(folder: Path, pattern: tuple[int, ...]) -> ModuleOp:
    """Integers with activations of these bits in turn; the input and what tanh reads have 8."""
    module = residual_network()
    resolve_pipeline("simplify").run(new_context(), module)
    apply(module, Calibrate(calibration_file(folder), "min-max"))
    bits = cycle(pattern)
    for op in module.walk():
        if RANGE in op.attributes and op.name != "graph.tanh":
            width = next(bits)
            feeds_table = any(use.operation.name == "graph.tanh" for use in op.results[0].uses)
            op.attributes[BITS] = IntegerAttr(8 if feeds_table else width, 64)
        elif op.name == "graph.tanh":
            op.attributes.pop(RANGE)
    apply(module, InsertQuantCasts(), ConvertGraphToQuant("single"))
    resolve_pipeline("cleanup,remove-unused-globals").run(new_context(), module)
    return module


@pytest.mark.parametrize("flags", [WARNINGS, SANITIZERS], ids=["strict", "asan"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_c_gives_the_bytes_of_all_levels(
    tmp_path: Path, pattern: str, flags: list[str]
) -> None:
    module = quantized(tmp_path, PATTERNS[pattern])
    resolve_pipeline("integer-io,cleanup").run(new_context(), module)
    assert not any(op.name in ("graph.conv", "graph.gemm", "graph.add") for op in module.walk())
    artifact = api.compile(module, "host")
    info = artifact.signature.inputs[0]
    stored = np.random.default_rng(9).integers(-128, 128, (COUNT, *info.shape[1:])).astype(np.int8)
    inputs = {info.name: stored}
    _, (found,) = artifact.run(artifact.build(tmp_path / "out", flags=flags), inputs)
    for level in ("channels-last", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, inputs).values()
        assert found.tobytes() == expected.tobytes(), level
    assert len(np.unique(found)) > COUNT


def test_all_kernels_of_products_and_sums_are_used(tmp_path: Path) -> None:
    used: set[str] = set()
    for pattern in (*PATTERNS.values(), (8, 8, 16), (16, 16, 8), (8, 16, 16)):
        artifact = api.compile(quantized(tmp_path, pattern), "host")
        ops = artifact.road["cortexm"].module.walk()
        used |= {op.kernel.data for op in ops if isinstance(op, cortexm.KernelOp)}
    wide = {kernel.symbol for kernel in S16 if kernel.op in ("conv2d", "depthwise_conv2d")}
    assert wide <= used
    assert {"rn_add_s8_s8_s16", "rn_fully_connected_s16_s8", "rn_avg_pool2d_s8_s16"} & used


def test_float_inputs_and_outputs_of_16_bits(tmp_path: Path) -> None:
    """The casts at the ends have kernels too."""
    module = quantized(tmp_path, (16,))
    artifact = api.compile(module, "host")
    info = artifact.signature.inputs[0]
    x = images(COUNT, seed=8)
    if info.shape[1:] != x.shape[1:]:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    _, (found,) = artifact.run(artifact.build(tmp_path / "out", flags=WARNINGS), {info.name: x})
    expected = outputs(module, images(COUNT, seed=8))
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-6)
