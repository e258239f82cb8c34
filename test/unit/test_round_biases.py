"""Biases on the accumulator's grid: the simulated network and the integers round the same sums."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from quant_networks import Array, apply, calibration_file, images, outputs, simulated, small_network
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from runnel.dialects import quant
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.graph.constants import real_constant
from runnel.passes.quant.correct_bias import CorrectBias
from runnel.passes.quant.fake_quantize_weights import FakeQuantizeWeights
from runnel.passes.quant.layers import Layer, layers_of
from runnel.passes.quant.round_biases import RoundBiases
from runnel.passes.quant.weight_rounding import integers_of
from runnel.tools.sensitivity import with_casts


def quantized(tmp_path: Path, *, per_channel: bool = True) -> ModuleOp:
    return simulated(small_network(3), calibration_file(tmp_path), per_channel=per_channel)


def element_of(layer: Layer, index: int) -> quant.UniformQuantizedType:
    """The type of an operand, which may be moved or pooled on its way from its cast."""
    cast = layer.op.operands[index].owner
    while not isinstance(cast, quant.DequantizeCastOp):
        assert isinstance(cast, Operation)
        cast = cast.operands[0].owner
    return quant.quantized(cast.input)


def nearest(layer: Layer, bias: Array) -> list[int]:
    """The integers at s_x s_w of the floats `bias`, in exact arithmetic."""
    x, weight = element_of(layer, 0), element_of(layer, 1)
    scales = np.broadcast_to(weight.scale_array(), bias.shape)
    steps = [
        Fraction(float(b)) / (Fraction(x.scale) * Fraction(float(s)))
        for b, s in zip(bias, scales, strict=True)
    ]
    return [round(step) for step in steps]


def stored(layer: Layer) -> list[int]:
    element = element_of(layer, 2)
    assert element.storage.width.data == 32
    return np.rint(layer.bias() / element.scale_array()).astype(int).tolist()


def differing(module: ModuleOp) -> float:
    """The share of results that the integers of a graph with casts have differently."""
    integer = module.clone()
    apply(integer, ConvertGraphToQuant("single"))
    assert any(isinstance(op, quant.Conv2DOp) for op in integer.walk())
    x = images(256, seed=5)
    return float((outputs(module, x) != outputs(integer, x)).mean())


def test_biases_are_the_nearest_integers_at_the_scale_of_the_accumulator(tmp_path: Path) -> None:
    for per_channel in (True, False):
        module = quantized(tmp_path, per_channel=per_channel)
        before = [layer.bias() for layer in layers_of(module)]
        remarks = apply(module, RoundBiases())
        assert len(before) == len(remarks) == 4
        for layer, bias in zip(layers_of(module), before, strict=True):
            assert stored(layer) == nearest(layer, bias)


def test_the_simulated_network_has_the_results_of_the_integers(tmp_path: Path) -> None:
    """But for what float32 sums err by: a few results in a thousand may be one step off."""
    module = quantized(tmp_path)
    assert differing(module) > 0.03
    apply(module, RoundBiases())
    assert differing(module) < 0.003


def test_a_second_run_changes_nothing_and_the_integers_stay(tmp_path: Path) -> None:
    module = quantized(tmp_path)
    plain = module.clone()
    apply(module, RoundBiases())
    once = str(module)
    assert apply(module, RoundBiases()) == []
    assert str(module) == once
    x = images(64, seed=6)
    apply(plain, ConvertGraphToQuant("single"))
    apply(module, ConvertGraphToQuant("single"))
    np.testing.assert_array_equal(outputs(plain, x), outputs(module, x))


def test_what_moves_later_is_rounded_from_the_floats_again(tmp_path: Path) -> None:
    module = quantized(tmp_path)
    first, *_, last = layers_of(module)
    real = first.bias()
    apply(module, RoundBiases())
    integers = integers_of(first)
    assert integers is not None
    integers.write(np.floor(integers.codes / 3), 3 * integers.scales)
    last.set_bias(last.bias() + 1)
    moved = last.bias()
    apply(module, RoundBiases())
    assert stored(first) == nearest(first, real)
    assert stored(last) == nearest(last, moved)


def test_the_float_network_keeps_its_biases(tmp_path: Path) -> None:
    """Also where one was corrected before, or is after."""
    network, data = small_network(3), calibration_file(tmp_path)
    module, x = quantized(tmp_path), images(16, seed=7)
    for passes in ((RoundBiases(),), (CorrectBias(data=data), RoundBiases())):
        apply(module, *passes)
        restored = with_casts(module, lambda place: False)
        np.testing.assert_array_equal(outputs(restored, x), outputs(network, x))


def test_biases_are_corrected_and_trained_as_floats(tmp_path: Path) -> None:
    module = quantized(tmp_path)
    real = [layer.bias() for layer in layers_of(module)]
    apply(module, RoundBiases(), FakeQuantizeWeights())
    operands = [op.operands[2] for op in module.walk() if op.name in ("graph.conv", "graph.gemm")]
    for operand, bias in zip(operands, real, strict=True):
        np.testing.assert_array_equal(real_constant(operand), bias)
        assert not isinstance(operand.owner, quant.DequantizeCastOp)
