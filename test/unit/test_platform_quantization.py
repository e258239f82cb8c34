"""What a platform says of quantization is what quantizers do, and what the verifier refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quant_networks import Node, apply, calibration_file, images, network, outputs, sqnr
from test_emitted_c import SANITIZERS, WARNINGS
from test_kernels_s16 import residual_network
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import Builtin, IntegerAttr, ModuleOp, i64
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import graph, quant
from runnel.dialects import platform as platform_dialect
from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.platform import PlatformAttr
from runnel.dialects.quantization import OpRule, Quantization
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.lowering.kernel_table import all_kernels
from runnel.lowering.kernels_portable import PORTABLE
from runnel.passes.place.set_platform import SetPlatform
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.integer_io import IntegerIO
from runnel.passes.quant.notes import BITS
from runnel.passes.quant.placement import Placement
from runnel.passes.quant.rules import rules_of
from runnel.passes.quant.scheme import Scheme
from runnel.passes.quant.seq_mse import SeqMSE
from runnel.passes.quant.verify_quantization import KERNELS, VerifyQuantization
from runnel.runtime.interpreter import run
from runnel.runtime.platforms import load_platform
from runnel.tools import api, quantize
from runnel.tools.cli import main
from runnel.tools.interpret import interpret
from runnel.tools.messages import PassFailure

COUNT = 6
ROOT = Path(__file__).parents[2]
SHIFTS = ROOT / "docs/tutorial/shifts.toml"


def platform_file(folder: Path, section: str) -> str:
    """The host with a quantization section."""
    path = folder / "mine.toml"
    path.write_text(f'base = "host"\nname = "mine"\n[quantization]\n{section}\n')
    return str(path)


def casts(platform: str, data: str, module: ModuleOp, *more: Any) -> list[str]:
    """Put quantizers into `module` for a platform, and give the remarks."""
    steps = (SetPlatform(platform), *more, Calibrate(data, cache=False), InsertQuantCasts())
    return apply(module, *steps)


def activations(module: ModuleOp) -> list[quant.UniformQuantizedType]:
    made = [op for op in module.walk() if isinstance(op, quant.QuantizeCastOp)]
    return [quant.quantized(op.result) for op in made]


def weights(module: ModuleOp) -> list[quant.UniformQuantizedType]:
    made = [op for op in module.walk() if isinstance(op, quant.DequantizeCastOp)]
    return [
        quant.quantized(op.input) for op in made if isinstance(op.input.owner, graph.ConstantOp)
    ]


# A platform that requantizes by shifts, strictly symmetric, per tensor


def shifted(folder: Path) -> ModuleOp:
    module = residual_network()
    casts(str(SHIFTS), calibration_file(folder), module)
    return module


def test_grids_are_those_of_the_platform(tmp_path: Path) -> None:
    module = shifted(tmp_path)
    found = activations(module)
    assert len(found) == 9  # all but what the pooling and the flattening move
    for element in (*found, *weights(module)):
        assert not element.per_axis
        assert element.zero_point == 0
        assert element.bounds == (-127, 127)
        assert np.log2(element.scale).is_integer()


def dense() -> ModuleOp:
    random = np.random.default_rng(5)
    constants = {"w": random.normal(size=(12, 7)), "b": random.normal(size=7)}
    return network([1, 12], [("Gemm", ["x", "w", "b"], ["y"], {})], constants)


def test_requantization_is_a_shift(tmp_path: Path) -> None:
    """One layer by hand, with a shift and no multiplication."""
    random = np.random.default_rng(6)
    np.save(tmp_path / "x.npy", random.normal(size=(64, 12)).astype(np.float32))
    module = dense()
    casts(str(SHIFTS), str(tmp_path / "x.npy"), module)
    apply(module, ConvertGraphToQuant("platform"), IntegerIO(), VerifyQuantization())
    (layer,) = (op for op in module.walk() if isinstance(op, quant.FullyConnectedOp))
    scales = [quant.quantized(value).scale for value in (layer.input, layer.weight, layer.result)]
    shift = round(np.log2(scales[2] / (scales[0] * scales[1])))
    assert shift > 0
    weight, bias = graph.constant_array(layer.weight), graph.constant_array(layer.bias)
    assert weight is not None and bias is not None
    x = random.integers(-127, 128, (1, 12)).astype(np.int8)
    sums = x.astype(np.int64) @ weight.T.astype(np.int64) + bias
    expected = np.clip((sums + (1 << (shift - 1))) >> shift, -127, 127)
    assert len(set(expected.ravel().tolist())) > 3
    assert next(iter(run(module, [x]).values())).tolist() == expected.tolist()


def test_the_c_gives_the_bytes_of_the_interpreter(tmp_path: Path) -> None:
    module = residual_network()
    artifact = api.compile(module, str(SHIFTS), calibrate=calibration_file(tmp_path))
    assert not artifact.road.has_loops  # nothing stays in float
    info = artifact.signature.inputs[0]
    shape = (COUNT, *info.shape[1:])
    stored = {info.name: np.random.default_rng(9).integers(-127, 128, shape).astype(np.int8)}
    program = artifact.build(tmp_path, flags=[*WARNINGS, *SANITIZERS])
    _, (found,) = artifact.run(program, stored)
    for level in ("channels-last", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, stored).values()
        assert found.tobytes() == expected.tobytes(), level
    assert len(np.unique(found)) > COUNT


def test_what_a_shift_keeps_of_the_network(tmp_path: Path) -> None:
    """The coarser grids cost some decibels, not the network."""
    module = residual_network()
    x = images(32, 3)
    reference = outputs(module, x)
    data = calibration_file(tmp_path)
    plain, coarse = module.clone(), module.clone()
    casts("host", data, plain)
    casts(str(SHIFTS), data, coarse)
    fine, found = (sqnr(reference, outputs(m, x)) for m in (plain, coarse))
    assert fine > found > 15


def test_seq_mse_keeps_powers_of_two(tmp_path: Path) -> None:
    data = calibration_file(tmp_path)
    module = residual_network()
    casts(str(SHIFTS), data, module)
    apply(module, SeqMSE(data))
    assert all(np.log2(element.scale).is_integer() for element in weights(module))


# What one section says, and what comes of it

SOFTMAX: list[Node] = [
    ("Conv", ["x", "a", "ab"], ["c"], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ("Relu", ["c"], ["r"], {}),
    ("MaxPool", ["r"], ["m"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("AveragePool", ["m"], ["p"], {"kernel_shape": [3, 3]}),
    ("Flatten", ["p"], ["f"], {}),
    ("Gemm", ["f", "g", "gb"], ["q"], {}),
    ("Softmax", ["q"], ["y"], {"axis": 1}),
]


def classifier() -> ModuleOp:
    random = np.random.default_rng(8)
    constants = {
        "a": random.normal(size=(6, 3, 3, 3)) / 3,
        "ab": random.normal(size=6),
        "g": random.normal(size=(24, 5)) / 2,
        "gb": random.normal(size=5),
    }
    return network([1, 3, 8, 8], SOFTMAX, constants)


def integer_ops(module: ModuleOp) -> list[str]:
    kinds = (*KERNELS,)
    return [op.name.removeprefix("quant.") for op in module.walk() if isinstance(op, kinds)]


ALL = ["conv2d", "max_pool2d", "avg_pool2d", "fully_connected", "softmax"]

RESTRICTIONS = {
    "": (ALL, None),
    "activations = 'symmetric'": (ALL[:-1], "its codes count from -128, platform mine takes"),
    "activations = 'strict'": (ALL[:-1], "platform mine takes strict activations"),
    "activations = 'symmetric'\nunsigned = true": (ALL, None),
    "power_of_two = true": (
        ["conv2d", "max_pool2d", "fully_connected", "softmax"],
        "1/9 is no power of two, platform mine requantizes by shifts",
    ),
    "ops = [{op = 'quant.softmax', integer = false}]": (
        ALL[:-1],
        "platform mine does not compute it in integers (quant.softmax)",
    ),
    "ops = [{op = 'quant.*pool2d', integer = false}]": (
        ["conv2d", "fully_connected", "softmax"],
        "does not compute it in integers (quant.max_pool2d)",
    ),
    "ops = [{op = 'quant.conv2d', integer = false}]": (
        ["fully_connected", "softmax"],
        "reads what graph.relu (node 'r') makes in float",
    ),
    "inputs = false": (
        ["fully_connected", "softmax"],
        "reads an input of the network, which platform mine leaves in float",
    ),
    "integer = false\nops = [{op = 'quant.fully_connected', integer = true}]": (
        ["fully_connected"],
        "platform mine does not compute it in integers (quant.conv2d)",
    ),
    "integer = false\noutputs = true": ([], "platform mine does not compute it in integers"),
    "fused = [['quant.fully_connected', 'graph.relu']]": (["conv2d", "table", *ALL[1:]], None),
}


@pytest.mark.parametrize("section", RESTRICTIONS)
def test_integer_ops_are_those_of_the_platform(section: str, tmp_path: Path) -> None:
    """And the float ones are named, with what is to blame; what is computed is the network."""
    expected, blame = RESTRICTIONS[section]
    module = classifier()
    remarks = casts(platform_file(tmp_path, section), calibration_file(tmp_path), module)
    left = [text for text in remarks if "stays in float" in text]
    assert bool(left) == (blame is not None)
    assert blame is None or any(blame in text for text in left)
    integer = module.clone()
    apply(integer, ConvertGraphToQuant("platform"), VerifyQuantization())
    assert integer_ops(integer) == expected
    x = images(8, 4)
    reference, simulated, found = (outputs(m, x) for m in (classifier(), module, integer))
    np.testing.assert_allclose(simulated, reference, atol=0.1)
    np.testing.assert_allclose(found, simulated, atol=2.01 / 256)


def test_an_op_that_is_left_out_stays_out_between_quantizers(tmp_path: Path) -> None:
    """The mean of nine is in float though a layer before and behind it is not: nothing fuses it."""
    module = classifier()
    section = "power_of_two = true"
    casts(platform_file(tmp_path, section), calibration_file(tmp_path), module)
    remarks = apply(module, ConvertGraphToQuant("platform"))
    assert any("graph.average_pool stays in float: 1/9 is no" in text for text in remarks)
    assert any(isinstance(op, graph.AveragePoolOp) for op in module.walk())


def test_a_tensor_has_the_grid_that_all_that_touch_it_take(tmp_path: Path) -> None:
    """The layer behind the pooling takes no zero point: what is pooled has none, the input has."""
    section = "ops = [{op = 'quant.fully_connected', activations = 'symmetric'}]"
    module = classifier()
    casts(platform_file(tmp_path, section), calibration_file(tmp_path), module)
    zeros = [element.zero_point for element in activations(module)]
    assert zeros[0] != 0  # the input, which the convolution reads
    assert zeros[1] == -128  # behind the ReLU
    assert zeros[2:4] == [0, 0]  # pooled, and the scores


def test_unsigned_grids_count_from_zero(tmp_path: Path) -> None:
    module = classifier()
    section = "activations = 'symmetric'\nunsigned = true"
    casts(platform_file(tmp_path, section), calibration_file(tmp_path), module)
    zeros = [element.zero_point for element in activations(module)]
    assert zeros == [0, -128, -128, 0, -128]


def test_a_range_that_is_asked_for(tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("Gemm", ["x", "w", "b"], ["h"], {}),
        ("Sigmoid", ["h"], ["s"], {}),
        ("Gemm", ["s", "v"], ["y"], {}),
    ]
    random = np.random.default_rng(5)
    constants = {name: random.normal(size=(8, 8)) for name in "wv"} | {"b": np.ones(8)}
    np.save(tmp_path / "x.npy", random.normal(size=(64, 8)).astype(np.float32))
    module = network([1, 8], nodes, constants)
    section = "ops = [{op = 'quant.table', range = [0, 1.275]}]"
    casts(platform_file(tmp_path, section), str(tmp_path / "x.npy"), module)
    element = activations(module)[2]
    assert (element.scale, element.zero_point) == (np.float32(0.005), -128)


@pytest.mark.parametrize(
    ("section", "shape"),
    [
        ("", (6, 5)),
        ("per_channel = false", (1, 1)),
        ("ops = [{op = 'quant.fully_connected', per_channel = false}]", (6, 1)),
    ],
)
def test_scales_of_weights(section: str, shape: tuple[int, int], tmp_path: Path) -> None:
    module = classifier()
    casts(platform_file(tmp_path, section), calibration_file(tmp_path), module)
    assert tuple(len(element.scales) for element in weights(module)) == shape


def test_weight_bits(tmp_path: Path) -> None:
    module = classifier()
    section = "bits = [[8, 4]]\nweights = 'strict'"
    casts(platform_file(tmp_path, section), calibration_file(tmp_path), module)
    assert {element.bounds for element in weights(module)} == {(-7, 7)}


def test_16_bits_where_the_platform_has_none(tmp_path: Path) -> None:
    """They are left out, and said to be."""
    module = classifier()
    for op in module.walk():
        if isinstance(op, graph.GemmOp | graph.ReluOp):
            op.attributes[BITS] = IntegerAttr(16, i64)
    narrow = module.clone()
    data = calibration_file(tmp_path)
    remarks = casts(platform_file(tmp_path, "bits = [[8, 8]]"), data, narrow)
    assert {element.storage.width.data for element in activations(narrow)} == {8}
    assert any("platform mine has no 16-bit activations here" in text for text in remarks)
    remarks = casts(platform_file(tmp_path, ""), data, module)
    assert {element.storage.width.data for element in activations(module)} == {8, 16}
    told = any("no kernel of quant.softmax for activations of 16 and 8 bits" in t for t in remarks)
    assert told != any(k.op == "softmax" and k.types == "s16_s8" for k in all_kernels())


def test_16_bits_where_no_kernel_has_them() -> None:
    """Of what the kernel tables have for a platform: here, without those of 16-bit convolutions."""
    module = classifier()
    function = next(op for op in module.walk() if isinstance(op, func.FuncOp))
    every = rules_of(load_platform("host"))
    narrow = frozenset(
        entry for entry in every.kernels if "conv2d" not in entry[0] or "s16" not in entry[1]
    )
    relu = next(op for op in module.walk() if isinstance(op, graph.ReluOp))
    for rules, has in ((every, True), (replace(every, kernels=narrow), False)):
        placement = Placement(function.body.block, rules=rules)
        assert placement.has_width(relu.result, 16) == has
        assert placement.has_width(relu.result, 8)


def test_16_bits_on_a_cluster(tmp_path: Path) -> None:
    """Its cores share kernels of 8 bits; one of them computes the rest."""
    module = residual_network()
    for op in module.walk():
        if isinstance(op, graph.ReluOp):
            op.attributes[BITS] = IntegerAttr(16, i64)
    casts("siracusa-cores", calibration_file(tmp_path), module)
    assert {element.storage.width.data for element in activations(module)} == {8, 16}
    apply(module, ConvertGraphToQuant("platform"), IntegerIO())
    api.lower(module, api.Options("siracusa-cores"))


def test_rounding_is_that_of_the_platform(tmp_path: Path) -> None:
    """Rounding down: sums too, by hand."""
    module = residual_network()
    casts(platform_file(tmp_path, "roundings = ['floor']"), calibration_file(tmp_path), module)
    apply(module, ConvertGraphToQuant("platform"), VerifyQuantization())
    requants = [op.requant for op in module.walk() if isinstance(op, quant.Conv2DOp)]
    assert {requant.rounding.data for requant in requants} == {"floor"}
    (total,) = (op for op in module.walk() if isinstance(op, quant.AddOp))
    a, b, y = (quant.quantized(value) for value in (total.lhs, total.rhs, total.result))
    m_a, m_b = total.multipliers.get_values()
    exact = y.zero_point * 2**total.shift.value.data - a.zero_point * m_a - b.zero_point * m_b
    assert total.bias.value.data == exact


# The verifier

VIOLATIONS = {
    "activations = 'symmetric'": "activations must be symmetric",
    "weights = 'strict'\nbits = [[8, 4]]": r"weights must lie in \[-7, 7\], not in \[-127, 127\]",
    "bits = [[16, 8]]": "activations must have 16 bits, not 8",
    "per_channel = false": "weights must have one scale, not one per channel",
    "power_of_two = true": "scales must be powers of two",
    "roundings = ['floor']": "requantization must round floor, not single",
    "ops = [{op = 'quant.softmax', integer = false}]": "must not be computed in integers",
}


@pytest.mark.parametrize("section", VIOLATIONS)
def test_a_module_for_another_platform_is_refused(section: str, tmp_path: Path) -> None:
    module = classifier()
    casts("host", calibration_file(tmp_path), module)
    apply(module, ConvertGraphToQuant("single"), VerifyQuantization())
    text = rf"{VIOLATIONS[section]}.*platform mine asks for it: quantize the float model"
    with pytest.raises(PassFailedException, match=text):
        apply(module, SetPlatform(platform_file(tmp_path, section)), VerifyQuantization())


def test_codes_that_a_strict_platform_does_not_have(tmp_path: Path) -> None:
    module = classifier()
    casts(platform_file(tmp_path, "activations = 'symmetric'"), calibration_file(tmp_path), module)
    apply(module, ConvertGraphToQuant("single"), VerifyQuantization())
    strict = platform_file(tmp_path, "activations = 'strict'")
    with pytest.raises(PassFailedException, match=r"strictly symmetric, .* has the code -128"):
        apply(module, SetPlatform(strict), VerifyQuantization())


def test_the_compiler_refuses_what_the_platform_cannot_run(tmp_path: Path) -> None:
    module = residual_network()
    road = api.lower(
        module, api.Options("host"), calibrate=calibration_file(tmp_path), until="quant"
    )
    with pytest.raises(PassFailure, match="platform shifts asks for it"):
        api.lower(road["quant"].module, api.Options(str(SHIFTS)))


# Descriptions

MISTAKES = {
    "activation = 'strict'": 'quantization.activation: unknown key (did you mean "activations"?)',
    "activations = 'strickt'": 'quantization.activations: expected one of "asymmetric"',
    "per_channel = 1": "quantization.per_channel: expected true or false, got 1",
    "bits = [[8, 1]]": "quantization.bits[0][1]: expected an integer of at least 2 and at most 16",
    "bits = [[8]]": "quantization.bits[0]: expected a list of 2, got 1",
    "ops = [{integer = true}]": "quantization.ops[0].op: missing",
    "ops = [{op = 'quant.cnv2d'}]": (
        'quantization.ops[0].op: no kernel is for "quant.cnv2d" (did you mean "quant.conv2d"?)'
    ),
    "fused = [['quant.add', 'graph.tanh']]": (
        'quantization.fused[0][1]: no kernel ends in "graph.tanh" (did you mean "graph.relu"?)'
    ),
    "roundings = ['up']": 'quantization.roundings[0]: expected one of "single", "double"',
    "range = [0, 'one']": 'quantization.range[1]: expected a finite number, got "one"',
}


@pytest.mark.parametrize("section", MISTAKES)
def test_mistakes_in_a_section(section: str, tmp_path: Path) -> None:
    path = platform_file(tmp_path, section)
    with pytest.raises(RunnelError) as caught:
        load_platform(path)
    assert len(caught.value.messages) == 1
    assert caught.value.messages[0].startswith(f"{path}: {MISTAKES[section]}")


def test_all_kernels_can_be_named(tmp_path: Path) -> None:
    rows = ", ".join(f"{{op = 'quant.{kernel.op}'}}" for kernel in PORTABLE)
    found = load_platform(platform_file(tmp_path, f"ops = [{rows}]"))
    assert len(found.quantization.ops) == len(PORTABLE)


def test_a_section_survives_text(tmp_path: Path) -> None:
    asked = Quantization(
        bits=((8, 4), (16, 8)),
        activations="strict",
        unsigned=True,
        per_channel=False,
        fused=(),
        ops=(OpRule("quant.add", integer=False), OpRule("quant.*", range=(-1.5, 2.0))),
    )
    platform = PlatformAttr(replace(load_platform("host").data, quantization=asked))
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(platform_dialect.Platform)
    assert Parser(context, str(platform)).parse_attribute() == platform


def test_the_first_row_that_matches_refines_the_section() -> None:
    asked = Quantization(
        activations="symmetric",
        power_of_two=True,
        ops=(
            OpRule("quant.soft*", power_of_two=False),
            OpRule("quant.*", activations="strict"),
            OpRule("quant.softmax", integer=False),
        ),
    )
    softmax, other = asked.rule("quant.softmax", "graph.softmax"), asked.rule("quant.add")
    assert (softmax.integer, softmax.power_of_two, softmax.activations) == (
        True,
        False,
        "symmetric",
    )
    assert (other.power_of_two, other.activations) == (True, "strict")


def test_a_symmetric_scheme_that_may_count_from_zero() -> None:
    scheme = Scheme("symmetric", unsigned=True)
    assert scheme.grid(0, 2.55).scale == np.float32(0.01)
    assert (scheme.grid(0, 2.55).zero, scheme.grid(-0.1, 2.55).zero) == (-128, 0)


def test_the_command_lists_what_kernels_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section = "bits = [[8, 4]]\nactivations = 'strict'\nunsigned = true\npower_of_two = true"
    rows = "\nops = [{op = 'quant.softmax', integer = false}]"
    assert main(["platforms", platform_file(tmp_path, section + rows)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (conv,) = (line for line in lines if line.startswith("quant.conv2d"))
    assert conv.split("  ")[0] == "quant.conv2d"
    assert "s8 " in conv and "s16" not in conv
    assert "strict or unsigned" in conv and "4 bits, symmetric, per channel" in conv
    assert conv.rstrip().endswith("powers of two")
    assert not any(line.startswith("quant.softmax") for line in lines)
    assert main(["platforms", "host"]) == 0
    (total,) = (
        line for line in capsys.readouterr().out.splitlines() if line.startswith("quant.add ")
    )
    assert "s16_s16_s16" in total and "asymmetric" in total


# The search


def test_the_search_quantizes_for_the_platform(tmp_path: Path) -> None:
    found = quantize.search(
        residual_network(),
        {"x": np.load(calibration_file(tmp_path))},
        quantize.Goal(sqnr=1.0, drop=100),
        platform=str(SHIFTS),
    )
    assert all(np.log2(element.scale).is_integer() for element in activations(found.best.casts))
    api.lower(found.best.integer, api.Options(str(SHIFTS)))  # it is what the platform takes
