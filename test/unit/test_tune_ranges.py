"""Ranges by what they do to the output: rare values that nothing reads, and what must stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx_models import Array
from quant_networks import Node, apply, calibration_file, network, outputs, small_network, sqnr
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64

from runnel.dialects import graph, quant
from runnel.passes.quant.calibrate import Calibrate, argument_attributes, range_of
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.notes import BITS, TYPE
from runnel.passes.quant.tune_ranges import TuneRanges


def function_of(module: ModuleOp) -> func.FuncOp:
    return next(op for op in module.walk() if isinstance(op, func.FuncOp))


def input_range(module: ModuleOp) -> tuple[float, float]:
    found = range_of(argument_attributes(function_of(module))[0])
    assert found is not None
    return found


def silent_network() -> ModuleOp:
    """What lies below -2 means the same: a clip takes it away behind the first layer."""
    constants: dict[str, Array] = {
        "a": np.eye(4)[:, :, None, None],
        "low": np.array(-2),
        "high": np.array(2),
        "b": np.random.default_rng(0).normal(size=(4, 4, 1, 1)),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("Clip", ["1", "low", "high"], ["2"], {}),
        ("Conv", ["2", "b"], ["y"], {}),
    ]
    return network([1, 4, 4, 4], nodes, constants)


def with_silence(count: int, seed: int) -> Array:
    """Values within -2..2, and in each sample a place that is far below."""
    x = np.random.default_rng(seed).uniform(-2, 2, size=(count, 4, 4, 4))
    x[:, 0, 0, 0] = -300
    return x.astype(np.float32)


def test_rare_values_that_mean_nothing_lose_their_codes(tmp_path: Path) -> None:
    data = str(tmp_path / "x.npy")
    np.save(data, with_silence(16, 0))
    module = silent_network()
    other = with_silence(16, 1)
    reference = outputs(module, other)
    apply(module, Calibrate(data, "mse", cache=False))
    coarse = module.clone()
    assert input_range(module)[0] < -200
    remarks = apply(module, TuneRanges(data, 16))
    assert -4 < input_range(module)[0] <= -1.5
    assert any("passed" in remark and "dB less" in remark for remark in remarks)
    qualities: list[float] = []
    for found in (coarse, module):
        apply(found, InsertQuantCasts())
        qualities.append(sqnr(reference, outputs(found, other)))
    assert qualities[1] > qualities[0] + 20


def test_the_error_on_the_samples_never_rises(tmp_path: Path) -> None:
    data = calibration_file(tmp_path)
    for seed in range(3):
        module = small_network(seed)
        x = np.load(data)[:32].astype(np.float32)
        reference = outputs(module, x)
        apply(module, Calibrate(data, "percentile", 99, cache=False))
        errors: list[float] = []
        for tuned in (False, True):
            if tuned:
                apply(module, TuneRanges(data))
            found = module.clone()
            apply(found, InsertQuantCasts())
            for op in list(found.walk()):  # weights as they were: the pass does not see theirs
                if isinstance(op, quant.DequantizeCastOp) and "quant.real" in op.attributes:
                    real = graph.ConstantOp(str(op.attributes["quant.real"])[1:], op.result.type)
                    assert op.parent is not None
                    op.parent.insert_op_before(real, op)
                    op.result.replace_all_uses_with(real.result)
            error = outputs(found, x) - reference
            errors.append(float(((error - error.mean(1, keepdims=True)) ** 2).sum()))
        assert errors[1] <= errors[0] * (1 + 1e-6)


def test_given_types_and_bits_stay_and_0_samples_do_nothing(tmp_path: Path) -> None:
    data = str(tmp_path / "x.npy")
    np.save(data, with_silence(16, 0))
    given = quant.UniformQuantizedType.get([1.0], [0])
    for name, value in ((TYPE, given), (BITS, IntegerAttr(16, i64))):
        module = silent_network()
        apply(module, Calibrate(data, "mse", cache=False))
        clip = next(op for op in module.walk() if isinstance(op, graph.ClipOp))
        clip.attributes[name] = value
        old = range_of(clip.attributes)
        apply(module, TuneRanges(data, 16))
        assert range_of(clip.attributes) == old
    module = silent_network()
    apply(module, Calibrate(data, "mse", cache=False))
    before = str(module)
    apply(module, TuneRanges(data, 0))
    assert str(module) == before
