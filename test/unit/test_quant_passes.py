"""A pass at the quantized levels keeps every byte: the interpreter before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quant_programs import (
    SHAPE,
    Array,
    Program,
    apply,
    compiled,
    names,
    per_tensor,
    random_int8,
    samples,
    weights_of,
)
from small_networks import images, save_network
from xdsl.dialects.builtin import IntegerType, ModuleOp, Signedness, TensorType, f32

from runnel.dialects import graph, quant
from runnel.runtime.interpreter import run
from runnel.tools import api


def outputs(module: ModuleOp, *inputs: Array) -> bytes:
    return b"".join(array.tobytes() for array in run(module, inputs).values())


def test_convert_qdq(tmp_path: Path) -> None:
    module = api.load(save_network(tmp_path, quantized=True))
    converted = apply(module, "convert-qdq")
    assert not [name for name in names(converted) if "quantize_linear" in name]
    assert outputs(module, images(6)) == outputs(converted, images(6))


@pytest.mark.parametrize("zero", [0, 3, 255])
def test_convert_qdq_of_unsigned_movement(zero: int) -> None:
    program = Program()
    x = program.real_input((2, 4))
    scale = program.constant(np.array(0.5))
    type = TensorType(IntegerType(8, Signedness.UNSIGNED), [])
    symbol = graph.add_global(program.module, "z", np.array(zero, np.uint8), type).sym_name.data
    point = program.add(graph.ConstantOp(symbol, type))
    there = graph.QuantizeLinearOp(x, scale, point, element=type.element_type)
    padded = graph.PadOp(program.add(there), (0, 1, 0, 2), "constant", 7.0)
    back = graph.DequantizeLinearOp(program.add(padded), scale, point)
    module = program.finish(program.add(back))
    data = np.linspace(-200, 200, 8, dtype=np.float32).reshape(2, 4)
    converted = apply(module, "convert-qdq")
    assert outputs(module, data) == outputs(converted, data)


@pytest.fixture(scope="module")
def integers(tmp_path_factory: pytest.TempPathFactory) -> ModuleOp:
    """A network of integer ops, in the model's layout."""
    return compiled(tmp_path_factory.mktemp("passes"), 3).road["quant"].module


@pytest.mark.parametrize(
    "pipeline",
    ["channels-last{io=keep}", "canonicalize", "cse", "dce", "schedule-for-memory"],
)
def test_bytes_stay(pipeline: str, integers: ModuleOp) -> None:
    stored = random_int8(np.random.default_rng(1), 4, *SHAPE[1:])
    platform = "set-platform{platform=host},"
    assert outputs(integers, stored) == outputs(apply(integers, platform + pipeline), stored)


def test_integer_io_takes_only_the_casts_out() -> None:
    program = Program()
    value = program.requantize(program.real_input((1, 6)), per_tensor(0.1, 3))
    value = program.requantize(program.add(graph.TanhOp(value)), per_tensor(0.01, -7))
    module = apply(program.finish(value), "convert-graph-to-quant,dce")
    bare = apply(module, "integer-io")
    assert names(bare) == ["quant.table"]
    x = np.linspace(-20, 20, 6, dtype=np.float32)[None]
    stored = np.clip(np.rint(x / np.float32(0.1)) + 3, -128, 127).astype(np.int8)
    (result,) = run(bare, [stored]).values()
    real = (result.astype(np.int64) + 7).astype(np.float32) * np.float32(0.01)
    assert real.tobytes() == outputs(module, x)


def test_a_fully_connected_layer_behind_a_window_takes_permuted_weights() -> None:
    random = np.random.default_rng(2)
    program = Program()
    x = program.input((1, 3, 4, 2), per_tensor(0.5, 3))
    pool = graph.MaxPoolOp(
        x, kernel_shape=(1, 1), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1)
    )
    flat = program.add(graph.ReshapeOp(program.add(pool), (1, 24)))
    weight = program.weight(random_int8(random, 5, 24), weights_of([0.25]))
    core = program.add(graph.GemmOp(flat, weight, trans_b=True))
    module = apply(program.finish(core, per_tensor(20.0)), "convert-graph-to-quant,dce")
    moved = apply(module, "channels-last")
    assert "graph.transpose" not in names(moved)
    stored = random_int8(random, 3, 3, 4, 2)
    assert outputs(module, stored) == outputs(moved, stored.transpose(0, 2, 3, 1))


def test_simulated_quantization_is_what_the_integers_give() -> None:
    """qcast/dcast pairs in float against the fused integers: one step apart at most, rarely."""
    program = Program()
    random = np.random.default_rng(4)
    x = program.requantize(program.real_input((1, 16)), per_tensor(0.02, 5))
    weight = program.weight(random_int8(random, 32, 16), weights_of([0.003]))
    core = program.add(graph.GemmOp(x, weight, trans_b=True))
    module = program.finish(core, per_tensor(0.05, -3))
    data = samples(1, 64).reshape(-1)[: 64 * 16].reshape(64, 16)
    before, after = (
        next(iter(run(m, [data]).values())).astype(int)
        for m in (module, apply(module, "convert-graph-to-quant,dce"))
    )
    assert np.abs(before - after).max() <= 1
    assert (before != after).mean() < 1e-3


def test_padding_of_a_quantized_tensor_is_a_real_value() -> None:
    program = Program()
    element = per_tensor(0.5, 10)
    source = program.block.insert_arg(TensorType(element, (1, 2)), 0)
    padded = program.add(graph.PadOp(source, (0, 1, 0, 1), "constant", 3.0))
    module = program.finish(program.add(quant.DequantizeCastOp(padded, TensorType(f32, (1, 4)))))
    found = run(module, [np.array([[10, 12]], np.int8)])["output0"]
    assert found.tolist() == [[3.0, 0.0, 1.0, 3.0]]
