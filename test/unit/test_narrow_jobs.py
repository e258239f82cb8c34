"""Narrow weights make shorter jobs of the NPU, in the model and on the emulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pulp_programs import needs_compiler
from quant_networks import Node, apply, calibration_file, images, network
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.place.set_platform import SetPlatform
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.integer_io import IntegerIO
from runnel.passes.quant.mixed_precision import MixedPrecision
from runnel.passes.quant.pareto import points_of
from runnel.tools import api
from runnel.tools.interpret import interpret
from runnel.tools.measure import measure


def wide_network() -> ModuleOp:
    """A layer of 64 channels, which the NPU takes, behind a small one."""
    random = np.random.default_rng(2)
    constants = {
        "a": random.normal(size=(64, 3, 3, 3)),
        "b": random.normal(size=(64, 64, 3, 3)),
    }
    padded: dict[str, Any] = {"pads": [1, 1, 1, 1]}
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["first"], padded),
        ("Conv", ["first", "b"], ["y"], padded),
    ]
    return network([1, 3, 8, 8], nodes, constants)


@needs_compiler
def test_narrow_weights_take_fewer_cycles_and_bytes(tmp_path: Path) -> None:
    data = calibration_file(tmp_path, 16)
    cycles: list[int] = []
    sizes: list[int] = []
    modelled: list[float] = []
    for bits in (8, 4):
        module = wide_network()
        limit = MixedPrecision(
            data, sqnr=1.0, weight_bits=(bits,), activation_bits=(8,), minimize="cycles"
        )
        apply(module, SetPlatform("siracusa"), Calibrate(data, "min-max"), limit)
        function = next(op for op in module.walk() if isinstance(op, func.FuncOp))
        modelled.append(points_of(function)[0].cycles)
        apply(module, InsertQuantCasts(), ConvertGraphToQuant("single"), IntegerIO())
        artifact = api.compile(module, "siracusa")
        samples = {artifact.signature.inputs[0].name: images(1, seed=3)}
        timed = measure(artifact, tmp_path / f"m{bits}", samples).cycles
        assert timed is not None
        cycles.append(timed.total.cycles)
        sizes.append(artifact.constant_bytes)
        if bits == 4:
            stored = artifact.signature.store(samples)
            _, (found,) = artifact.run(artifact.build(tmp_path), stored)
            (expected,) = interpret(artifact.road, "fit", stored).values()
            assert found.tobytes() == expected.tobytes() and len(np.unique(found)) > 20
    assert cycles[0] > cycles[1] and modelled[0] > modelled[1]
    assert sizes[0] - sizes[1] >= 64 * 64 * 9 // 2
