"""Weights with a scale per block: the grid, what it keeps, and the bytes of the integer program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quant_networks import Node, apply, network, outputs, sqnr
from test_emitted_c import SANITIZERS
from test_platform_quantization import platform_file
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64

from runnel.dialects import graph, quant
from runnel.dialects.diagnostics import RunnelError
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.place.set_platform import SetPlatform
from runnel.passes.quant.blocks import BLOCKS, Blocks, blocked
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.integer_io import IntegerIO
from runnel.passes.quant.notes import WEIGHT_BITS
from runnel.passes.quant.round_weights import RoundWeights
from runnel.passes.quant.seq_mse import SeqMSE
from runnel.passes.quant.verify_quantization import VerifyQuantization
from runnel.runtime.interpreter import run
from runnel.tools import api
from runnel.tools.interpret import interpret

DEPTH, OUTPUTS = 48, 10


def mixed_rows(seed: int = 0) -> ModuleOp:
    """Two layers whose inputs matter unequally: one range for a row is coarse for most of it."""
    random = np.random.default_rng(seed)
    ranges = np.repeat(10 ** random.uniform(-1.5, 0, DEPTH // 8), 8)
    constants = {
        "a": random.normal(size=(DEPTH, DEPTH)) * ranges,
        "b": random.normal(size=DEPTH),
        "c": random.normal(size=(DEPTH, OUTPUTS)) * ranges[:, None],
    }
    nodes: list[Node] = [
        ("Gemm", ["x", "a", "b"], ["h"], {"transB": 1}),
        ("Relu", ["h"], ["r"], {}),
        ("MatMul", ["r", "c"], ["y"], {}),
    ]
    return network([1, DEPTH], nodes, constants)


def rows(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DEPTH)).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path) -> str:
    np.save(tmp_path / "x.npy", rows(64, 1))
    return str(tmp_path / "x.npy")


def quantized(data: str, bits: int, size: int, platform: str = "host") -> ModuleOp:
    module = mixed_rows()
    steps = SetPlatform(platform), Calibrate(data, "min-max", cache=False)
    apply(module, *steps, InsertQuantCasts(weight_bits=bits, block_size=size))
    return module


def test_a_row_by_hand() -> None:
    """3 bits: codes to 3, integers to 127 // 3 = 42. 0.9 in the second block is the greatest."""
    row = np.array([[0.3, -0.1, 0.9, 0.6, 0.001]])
    found, scales = blocked(row, 2, 3, True, False, np.zeros(1))
    np.testing.assert_allclose(scales, [0.9 / 3 / 42], rtol=1e-6)
    assert found.steps.tolist() == [[14, 42, 1]]
    assert found.each(5).tolist() == [[14, 14, 42, 42, 1]]
    assert found.bounds == (-3, 3)


def test_scales_of_blocks_that_may_only_be_shifted() -> None:
    _, scales = blocked(np.array([[0.3, 0.9]]), 1, 3, True, True, np.zeros(1))
    assert scales.tolist() == [2.0**-7]  # 0.0071 and up


def test_zeros_and_one_scale_for_all() -> None:
    values = np.array([[0.0, 0.0], [0.3, 0.9]])
    found, scales = blocked(values, 1, 3, True, False, np.zeros(2))
    assert scales[0] == scales[1]
    assert found.steps[0].tolist() == [1, 1]
    _, same = blocked(np.array([[0.1, 0.2], [0.3, 0.9]]), 1, 3, False, False, np.zeros(2))
    assert same[0] == same[1] == scales[1]


@pytest.mark.parametrize("size", [1, 7, 16, 64])
@pytest.mark.parametrize("bits", [2, 4, 7])
def test_no_weight_is_off_by_more_than_half_a_step_of_its_block(size: int, bits: int) -> None:
    values = np.random.default_rng(size).normal(size=(6, 40)) ** 3
    found, scales = blocked(values, size, bits, True, False, np.zeros(6))
    steps = found.each(40) * scales[:, None]
    codes = np.rint(values / steps)
    assert np.abs(codes).max() <= found.bounds[1]
    assert np.abs(codes * found.each(40)).max() <= 127
    # the steps of a block are at most those of its greatest weight, and of one integer more
    edges = np.arange(0, 40, size)
    reach = np.maximum.reduceat(np.abs(values), edges, 1) / found.bounds[1]
    assert (found.steps * scales[:, None] < reach + scales[:, None] * 1.001).all()


def test_an_attribute_holds_it() -> None:
    found = Blocks(2, 3, np.array([[14, 42], [1, 2]]))
    again = Blocks.of(found.attribute(), 2)
    assert again is not None
    assert (again.size, again.bits, again.steps.tolist()) == (2, 3, found.steps.tolist())


def test_blocks_keep_more_than_channels(data: str) -> None:
    """And smaller ones more than larger ones."""
    x = rows(64, 2)
    reference = outputs(mixed_rows(), x)
    kept = [sqnr(reference, outputs(quantized(data, 4, size), x)) for size in (0, 24, 8)]
    assert kept[0] + 1 < kept[1] < kept[2]
    assert kept[2] > kept[0] + 4


@pytest.mark.parametrize("method", ["flips", "adaround"])
def test_rounding_stays_on_the_grids_of_blocks(data: str, method: str) -> None:
    module = quantized(data, 3, 8)
    x = rows(64, 2)
    reference, before = outputs(mixed_rows(), x), outputs(module, x)
    remarks = apply(module, RoundWeights(data, method, iterations=200), SeqMSE(data))
    assert sqnr(reference, outputs(module, x)) > sqnr(reference, before)
    assert sum("has a scale per block" in text for text in remarks) == 2
    casts = [op for op in module.walk() if BLOCKS in op.attributes]
    assert len(casts) == 2
    for op, axis in zip(casts, (0, 1), strict=True):
        stored = graph.constant_array(op.operands[0])
        assert stored is not None
        canonical = np.moveaxis(stored, axis, 0).astype(int)
        found = Blocks.of(op.attributes[BLOCKS], len(canonical))
        assert found is not None
        codes, rest = np.divmod(canonical, found.each(DEPTH))
        assert not rest.any()
        assert np.abs(codes).max() <= 3


def test_the_c_gives_the_bytes_of_the_interpreter(data: str, tmp_path: Path) -> None:
    module = quantized(data, 4, 8)
    simulated = outputs(module, rows(8, 3))
    apply(module, ConvertGraphToQuant("single"))
    step = next(
        quant.quantized(op.results[0]).scale
        for op in reversed(list(module.walk()))
        if isinstance(op, quant.FullyConnectedOp)
    )
    np.testing.assert_allclose(outputs(module, rows(8, 3)), simulated, atol=1.01 * step)
    apply(module, IntegerIO())
    artifact = api.compile(module, "host")
    stored = np.random.default_rng(4).integers(-128, 128, (6, DEPTH)).astype(np.int8)
    inputs = {artifact.signature.inputs[0].name: stored}
    _, (found,) = artifact.run(artifact.build(tmp_path / "c", flags=SANITIZERS), inputs)
    for level in ("channels-last", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, inputs).values()
        assert found.tobytes() == expected.tobytes(), level
    one_by_one = [next(iter(run(module, [row[None]]).values())) for row in stored]
    assert np.concatenate(one_by_one).tobytes() == found.tobytes()


def test_a_platform_that_shifts_has_blocks_too(data: str, tmp_path: Path) -> None:
    section = "power_of_two = true\nper_channel = false"
    module = quantized(data, 4, 8, platform_file(tmp_path, section))
    apply(module, ConvertGraphToQuant("platform"), VerifyQuantization())
    assert sum(isinstance(op, quant.FullyConnectedOp) for op in module.walk()) == 2


def test_a_platform_with_narrow_weights_has_none(data: str, tmp_path: Path) -> None:
    module = mixed_rows()
    platform = SetPlatform(platform_file(tmp_path, "bits = [[8, 4]]"))
    insert = InsertQuantCasts(weight_bits=4, block_size=8)
    remarks = apply(module, platform, Calibrate(data, cache=False), insert)
    assert any("no scale per block: platform mine has weights of 4 bits" in t for t in remarks)
    assert not any(BLOCKS in op.attributes for op in module.walk())


def test_layers_of_8_bits_have_no_blocks(data: str) -> None:
    """Others beside them do: mixed precision chooses bits per layer."""
    module = mixed_rows()
    first = next(op for op in module.walk() if isinstance(op, graph.GemmOp))
    first.attributes[WEIGHT_BITS] = IntegerAttr(4, i64)
    remarks = apply(module, Calibrate(data, cache=False), InsertQuantCasts(block_size=8))
    assert sum("no scale per block: 8 bits leave no room" in text for text in remarks) == 1
    (cast,) = (op for op in module.walk() if BLOCKS in op.attributes)
    found = Blocks.of(cast.attributes[BLOCKS], DEPTH)
    assert found is not None and found.bits == 4


def test_blocks_that_make_no_sense(data: str) -> None:
    with pytest.raises(RunnelError, match="a block has at least one weight, not -1"):
        quantized(data, 4, -1)
