"""AIMET's runtime configuration: what it asks of quantization, and every kind of mistake in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quant_networks import apply, calibration_file, images, network, outputs
from test_platform_quantization import activations, classifier, integer_ops, weights
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from runnel.dialects import graph, quant
from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.platform import KEY, PlatformAttr
from runnel.dialects.quantization import OpRule, Quantization
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.place.set_platform import SetPlatform
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.runtime_config import graph_name, read_runtime_config
from runnel.tools import api
from runnel.tools.cli import main

Config = dict[str, Any]


def config(**sections: Any) -> Config:
    """Everything quantized, symmetric weights per channel; with other sections."""
    whole: Config = {
        "defaults": {
            "ops": {"is_output_quantized": "True"},
            "params": {"is_quantized": "True", "is_symmetric": "True"},
            "per_channel_quantization": "True",
        },
        "params": {"bias": {"is_quantized": "False"}},
        "op_type": {},
        "supergroups": [{"op_list": ["Conv", "Relu"]}],
        "model_input": {"is_input_quantized": "True"},
        "model_output": {},
    }
    return whole | sections


def written(folder: Path, content: Config) -> Path:
    path = folder / "runtime.json"
    path.write_text(json.dumps(content))
    return path


def asked(folder: Path, content: Config) -> Quantization:
    return read_runtime_config(written(folder, content), ModuleOp([]))


def defaults(**settings: Any) -> Config:
    return config(defaults=config()["defaults"] | settings)


def test_sections_by_hand(tmp_path: Path) -> None:
    content = config(
        defaults={
            "hw_version": "V0",
            "ops": {"is_output_quantized": "True", "is_symmetric": "True"},
            "params": {"is_quantized": "True", "is_symmetric": "True"},
            "strict_symmetric": "True",
            "unsigned_symmetric": "True",
            "per_channel_quantization": "False",
            "supported_kernels": [
                {
                    "activation": {"bitwidth": 16, "dtype": "int"},
                    "param": {"bitwidth": 8, "dtype": "int"},
                },
                {
                    "activation": {"bitwidth": 16, "dtype": "float"},
                    "param": {"bitwidth": 16, "dtype": "float"},
                },
            ],
        },
        op_type={
            "Reshape": {"is_output_quantized": "False"},
            "Softmax": {"is_output_quantized": "False"},
            "Conv": {"per_channel_quantization": "True", "is_symmetric": "False"},
            "Sigmoid": {"encoding_constraints": {"min": 0.0, "max": 1.0}},
        },
        supergroups=[
            {"op_list": ["Conv", "BatchNormalization", "Relu"]},
            {"op_list": ["Conv", "BatchNormalization"]},
            {"op_list": ["Relu", "MaxPool"]},
        ],
        model_output={"is_output_quantized": "True"},
    )
    found = asked(tmp_path, content)
    assert found.rule("quant.add", "graph.add") == Quantization(
        bits=((16, 8),), activations="strict", weights="strict", unsigned=True, per_channel=False
    ).rule("quant.add")
    assert not found.rule("quant.softmax", "graph.softmax").integer
    conv = found.rule("quant.conv2d", "graph.conv")
    assert (conv.per_channel, conv.activations, conv.weights) == (True, "asymmetric", "strict")
    assert found.rule("quant.table", "graph.sigmoid").range == (0.0, 1.0)
    assert found.fused == (("graph.conv", "graph.relu"),)
    assert found.inputs and found.outputs
    assert not any(row.op == "graph.reshape" for row in found.ops)


def test_what_is_left_out_is_not_quantized(tmp_path: Path) -> None:
    """As AIMET has it: without a setting quantizers are off, asymmetric, per tensor."""
    bare = config(defaults={"ops": {}, "params": {}}, supergroups=[], model_input={})
    found = asked(tmp_path, bare)
    assert found == Quantization(
        integer=False,
        per_channel=False,
        inputs=False,
        fused=(),
        ops=tuple(
            OpRule(f"graph.{name}", integer=False, weights="symmetric")
            for name in ("conv", "gemm", "matmul")
        ),
    )


def test_the_specific_goes_before_the_general(tmp_path: Path) -> None:
    content = config(
        params={"weight": {"is_quantized": "False"}},
        op_type={"Gemm": {"params": {"weight": {"is_quantized": "True"}}}},
    )
    found = asked(tmp_path, content)
    assert found.rule("graph.gemm").integer
    assert not found.rule("graph.conv").integer
    assert found.rule("graph.softmax").integer


def test_kernels_of_floats_only_are_none(tmp_path: Path) -> None:
    half = {"bitwidth": 16, "dtype": "float"}
    kernels = [{"activation": half, "param": half}]
    content = config(op_type={"Softmax": {"supported_kernels": kernels}})
    assert not asked(tmp_path, content).rule("graph.softmax").integer
    assert not asked(tmp_path, defaults(supported_kernels=kernels)).integer


@pytest.mark.parametrize(
    ("op_type", "name"),
    [
        ("Conv", "graph.conv"),
        ("MatMul", "graph.matmul"),
        ("GlobalAveragePool", "graph.global_average_pool"),
        ("HardSwish", "graph.hard_swish"),
        ("PRelu", "graph.prelu"),
        ("Sum", "graph.add"),
    ],
)
def test_names_of_op_types(op_type: str, name: str) -> None:
    assert graph_name(op_type) == name
    known = {kind.name for kind in graph.Graph.operations}
    assert name in known


# What comes of it


def quantized(folder: Path, content: Config) -> tuple[ModuleOp, list[str]]:
    module = classifier()
    remarks = apply(
        module,
        SetPlatform("host", runtime_config=str(written(folder, content))),
        Calibrate(calibration_file(folder), cache=False),
        InsertQuantCasts(),
    )
    return module, remarks


def test_quantizers_go_where_it_says(tmp_path: Path) -> None:
    module, remarks = quantized(
        tmp_path, config(op_type={"Softmax": {"is_output_quantized": "False"}})
    )
    assert any("[y]: stays in float: platform host does not" in text for text in remarks)
    x = images(8, 4)
    reference, simulated = outputs(classifier(), x), outputs(module, x)
    np.testing.assert_allclose(simulated, reference, atol=0.1)
    apply(module, ConvertGraphToQuant("platform"))
    assert integer_ops(module) == ["conv2d", "max_pool2d", "avg_pool2d", "fully_connected"]
    np.testing.assert_allclose(outputs(module, x), simulated, atol=2.01 / 256)


def test_schemes_are_those_it_says(tmp_path: Path) -> None:
    module, _ = quantized(
        tmp_path,
        defaults(
            ops={"is_output_quantized": "True", "is_symmetric": "True"},
            unsigned_symmetric="True",
            per_channel_quantization="False",
        ),
    )
    assert {element.zero_point for element in activations(module)} == {0, -128}
    assert not any(element.per_axis for element in weights(module))


def test_without_a_supergroup_a_quantizer_stands_between(tmp_path: Path) -> None:
    module, _ = quantized(tmp_path, config(supergroups=[]))
    casts = [op for op in module.walk() if isinstance(op, quant.QuantizeCastOp)]
    makers = [op.input.owner for op in casts]
    behind = {maker.name for maker in makers if isinstance(maker, Operation)}
    assert {"graph.conv", "graph.relu"} <= behind


def test_what_no_kernel_computes_is_told(tmp_path: Path) -> None:
    _, remarks = quantized(
        tmp_path,
        config(
            supergroups=[{"op_list": ["Conv", "Relu"]}, {"op_list": ["Conv", "HardSwish"]}],
            op_type={"Add": {"is_input_quantized": "True", "is_output_quantized": "False"}},
        ),
    )
    told = [text for text in remarks if "set-platform" in text]
    assert len(told) == 2
    assert "op_type.Add: only inputs are quantized, no kernel gives floats" in told[0]
    assert "supergroups: no kernel computes Conv, HardSwish as one" in told[1]


def test_the_commands_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """quantize places as it says; compile takes the module, and the file itself."""
    import onnx
    from onnx import helper
    from onnx_models import model

    weight = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    made = [
        helper.make_node("MatMul", ["x", "w"], ["h"], "h"),
        helper.make_node("Softmax", ["h"], ["y"], "y", axis=1),
    ]
    onnx.save(model(made, {"x": [1, 16]}, ["y"], {"w": weight}), tmp_path / "net.onnx")
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(32, 16)).astype(np.float32))
    path = written(tmp_path, config(op_type={"Softmax": {"is_output_quantized": "False"}}))
    common = [str(tmp_path / "net.onnx"), "--runtime-config", str(path), "-q"]
    data = str(tmp_path / "x.npy")
    out = str(tmp_path / "net.mlir")
    goal = ["--target-drop", "100"]
    assert main(["quantize", *common, "--data", data, "-o", out, *goal]) == 0
    module = api.load(out)
    assert integer_ops(module) == ["fully_connected"]
    arguments = ["compile", *common, "--calibrate", data, "--no-build", "-o", str(tmp_path / "c")]
    assert main(arguments) == 0
    capsys.readouterr()
    written(tmp_path, config(op_type={"Softmx": {}}))
    assert main(arguments) == 1
    assert 'op_type.Softmx: ONNX has no op "Softmx"' in capsys.readouterr().err


def test_the_platform_in_the_module_says_it(tmp_path: Path) -> None:
    module = network([1, 4], [("Relu", ["x"], ["y"], {})], {})
    apply(module, SetPlatform("host", runtime_config=str(written(tmp_path, config()))))
    platform = module.attributes[KEY]
    assert isinstance(platform, PlatformAttr)
    assert platform.quantization == asked(tmp_path, config())


# Mistakes

MISTAKES: dict[str, tuple[Config, str]] = {
    "key": (
        defaults(strict_symetric="True"),
        'defaults.strict_symetric: unknown key (did you mean "strict_symmetric"?)',
    ),
    "value": (
        defaults(strict_symmetric="yes"),
        'defaults.strict_symmetric: expected "True" or "False", got "yes"',
    ),
    "section": (config(supergroup=[]), 'supergroup: unknown key (did you mean "supergroups"?)'),
    "op": (
        config(op_type={"Cnov": {"is_output_quantized": "False"}}),
        'op_type.Cnov: ONNX has no op "Cnov" (did you mean "Conv"?)',
    ),
    "op far from all": (
        config(op_type={"zz": {}}),
        'op_type.zz: ONNX has no op "zz"; leave it out',
    ),
    "op setting": (
        config(op_type={"Conv": {"is_quantized": "True"}}),
        "op_type.Conv.is_quantized: unknown key",
    ),
    "supergroup": (
        config(supergroups=[{"op_list": ["Conv", "Rellu"]}]),
        'supergroups[0].op_list[1]: ONNX has no op "Rellu" (did you mean "Relu"?)',
    ),
    "width": (
        defaults(supported_kernels=[{"activation": {"bitwidth": 8, "dtype": "int"}}]),
        "defaults.supported_kernels[0].param: missing",
    ),
    "list": (config(op_type=[]), "op_type: expected an object, got a list"),
    "constraints": (
        config(op_type={"Tanh": {"encoding_constraints": {"min": -1.0}}}),
        "op_type.Tanh.encoding_constraints.max: missing",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case: str, tmp_path: Path) -> None:
    content, message = MISTAKES[case]
    path = written(tmp_path, content)
    with pytest.raises(RunnelError) as caught:
        read_runtime_config(path, ModuleOp([]))
    (found,) = caught.value.messages
    assert found.startswith(f"{path}: {message}")


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    content = defaults(hw_version=3) | {"op_type": {"Cnov": {"x": 1}}}
    del content["model_input"]
    with pytest.raises(RunnelError) as caught:
        read_runtime_config(written(tmp_path, content), ModuleOp([]))
    assert len(caught.value.messages) == 4


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    for text in ("{", "[]"):
        path.write_text(text)
        with pytest.raises(
            RunnelError, match=r"runtime\.json: (cannot be read|expected an object)"
        ):
            read_runtime_config(path, ModuleOp([]))
    with pytest.raises(RunnelError, match="cannot be read as JSON"):
        read_runtime_config(tmp_path / "none.json", ModuleOp([]))


def test_names_of_aimet_that_onnx_does_not_have(tmp_path: Path) -> None:
    off = {"is_output_quantized": "False"}
    names = ("ChannelShuffle", "BatchToSpace", "CropAndResize", "LayerNorm", "Mean", "Upsample")
    content = config(op_type=dict.fromkeys(names, off), supergroup_pass_list=["RMSNormalization"])
    assert asked(tmp_path, content).integer
