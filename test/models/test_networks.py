"""The table: four MLPerf Tiny networks, float + calibration and QDQ, on three platforms.

The interpreter at quant, in the layout of the kernels, on planned buffers and at C, and the binary
give the same bytes on real inputs; a second run of all inputs in the same memory gives them again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from runnel.bench.networks import NETWORKS
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.layer_errors import layer_errors
from runnel.tools.oracle import Oracle
from runnel.tools.validation import Array, check_levels, check_lowered, check_program

pytestmark = pytest.mark.shared

COUNT = 20
CALIBRATION_SAMPLES = 64
PPM = 50
"""Outputs of a layer that may be 1 LSB off onnxruntime."""

FLAGS = {
    "host": ["-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "cortex-m4": ["-Werror"],
    "cortex-m55": ["-Werror"],
}
"""Extra compiler flags of each platform: warnings are errors, the host looks for wrong accesses."""

FORMS = [(name, form) for name in NETWORKS for form in ("float", "qdq")]


@cache
def samples(name: str) -> dict[str, Array]:
    """Real inputs from all over the test set, so that they are of different classes."""
    network = NETWORKS[name]
    inputs = network.inputs(network.tests[0])
    return {"input": np.ascontiguousarray(inputs[:: len(inputs) // COUNT][:COUNT])}


@cache
def host_artifact(name: str, form: str, folder: Path) -> Artifact:
    """The network compiled for the host, quantized here if it is in float."""
    network = NETWORKS[name]
    model = api.load(network.path(form), name=name)
    if form == "qdq":
        return api.compile(model, "host")
    data = folder / f"{name}.npy"
    np.save(data, network.calibration_inputs()[:CALIBRATION_SAMPLES])
    return api.compile(model, "host", calibrate=data)


@cache
def reference(name: str, form: str, folder: Path) -> list[Array]:
    """The bytes of the quant level; the other levels on tensors must give the same."""
    outputs, checks = check_levels(host_artifact(name, form, folder), samples(name))
    assert [check for check in checks if not check.passed] == []
    return outputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For calibration data."""
    return tmp_path_factory.mktemp("networks")


@pytest.mark.parametrize("platform", FLAGS)
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_every_level_and_the_binary_give_the_same_bytes(
    name: str, form: str, platform: str, folder: Path, row: Callable[..., None]
) -> None:
    expected = reference(name, form, folder)
    artifact = api.retarget(host_artifact(name, form, folder), platform)
    checks = check_lowered(artifact, samples(name), expected)
    checks.append(check_program(artifact, samples(name), expected, flags=FLAGS[platform]))
    levels = ", ".join(check.where.split(" ")[0] for check in checks)
    row(name, form, platform, f"bytes of quant, {levels}; {COUNT} inputs twice")
    assert [check for check in checks if not check.passed] == []
    assert [check.second for check in checks] == [True] * len(checks)
    assert {check.inferences for check in checks} == {COUNT}


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_outputs_depend_on_the_input(name: str, form: str, folder: Path) -> None:
    """Equal bytes would say nothing if all outputs were the same."""
    (outputs, *_) = reference(name, form, folder)
    assert len(np.unique(outputs.reshape(COUNT, -1), axis=0)) >= COUNT // 3


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_of_qdq_models_are_those_of_onnxruntime(
    name: str, folder: Path, row: Callable[..., None]
) -> None:
    pytest.importorskip("onnxruntime")
    oracle = Oracle(NETWORKS[name].path("qdq"), samples(name), COUNT)
    road = host_artifact(name, "qdq", folder).road
    errors = layer_errors(road["quant"], samples(name), oracle)
    worst, ppm = max(e.worst for e in errors.layers), max(e.ppm for e in errors.layers)
    found = f"{len(errors.layers)} layers: at most {worst:g} LSB, {ppm:.3g} ppm off"
    row(name, "qdq", "onnxruntime", found)
    assert errors.unmatched == []
    assert len(errors.layers) == len(host_artifact(name, "qdq", folder).layers)
    assert [e for e in errors.layers if e.worst > 1 or e.ppm > PPM] == []


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_arena_is_the_liveness_bound(name: str, form: str, folder: Path) -> None:
    artifact = host_artifact(name, form, folder)
    assert [arena.size for arena in artifact.arenas] == [arena.bound for arena in artifact.arenas]


@pytest.mark.parametrize("platform", ["host", "cortex-m4"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_float_network_stays_in_float_without_calibration(name: str, platform: str) -> None:
    artifact = api.compile(api.load(NETWORKS[name].path("float"), name=name), platform)
    few = {key: array[:2] for key, array in samples(name).items()}
    expected, checks = check_levels(artifact, few)
    checks += check_lowered(artifact, few, expected)
    checks.append(check_program(artifact, few, expected, flags=FLAGS[platform]))
    assert [check for check in checks if not check.passed] == []
    assert checks[-1].deviation is not None
