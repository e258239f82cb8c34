"""A quantized network on its platform: the program, beside the integers in the interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .artifact import Artifact
from .progress import SILENT, Progress
from .validation import compare, in_model_order, near, run_level

Array = NDArray[Any]


@dataclass(frozen=True)
class OnTarget:
    """What the program gave for `samples` inputs. `equal`: the bytes of the integer program; with
    an NPU those of `fit`, which moves outputs by a step at most; with layers in float, as near as
    FLOAT_TOLERANCE, and `deviation` is how near. `accuracy` is top-1, with labels.
    """

    where: str
    samples: int
    equal: bool
    deviation: float | None
    accuracy: float | None


def on_target(
    artifact: Artifact,
    samples: Mapping[str, Array],
    labels: Array | None,
    progress: Progress = SILENT,
) -> OnTarget:
    """Build the program and run it on all samples. Raises `MissingTool`, or `RunnelError`
    where the program cannot be built or stops with an error.
    """
    board = artifact.platform.board
    level = "fit" if "fit" in artifact.road.stops else "quant"
    expected = run_level(artifact.road, level, samples)
    with TemporaryDirectory(prefix="runnel-") as folder:
        with progress.step(f"build for {artifact.platform.label}"):
            program = artifact.build(Path(folder))
        with progress.step(f"run on {artifact.platform.label}"):
            _, stored = artifact.run(program, artifact.signature.store(samples))
    outputs = in_model_order(artifact.signature, stored)
    where = " ".join(filter(None, [f"{artifact.platform.label},", board.runner, board.machine]))
    check = compare(where, "binary", outputs, expected, twice=False)
    if artifact.road.has_loops:
        check = near(check, outputs, expected)
    chosen = outputs[0].reshape(len(outputs[0]), -1).argmax(1)
    right = None if labels is None else float(np.mean(chosen == labels))
    return OnTarget(where, check.inferences, check.equal, check.deviation, right)
