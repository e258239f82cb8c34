"""What the built program takes: sizes, stack, and instructions and cycles where the
platform counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.emulator.cycles import CycleReport
from ..runtime.runners import PLAIN, Emulation, runner_of
from .artifact import Artifact

Array = NDArray[Any]


@dataclass(frozen=True)
class Measurement:
    """Bytes, instructions and cycles of one inference; None where the platform cannot measure it.

    `model_*` is the part of the emitted code and its kernels, `flash` all of the program.
    """

    per_layer: list[int | None]
    instructions: int | None
    stack: int | None
    flash: int | None
    model_flash: int | None
    model_ram: int | None
    cycles: CycleReport | None


def measure(
    artifact: Artifact,
    directory: Path,
    samples: Mapping[str, Array] | None = None,
    emulation: Emulation = PLAIN,
) -> Measurement:
    """Build in `directory` and run one inference, on zeros if there are no samples (in the model's
    order of axes, real or stored).
    """
    profile = runner_of(artifact.platform).counts_instructions
    program = artifact.build(directory, profile=profile)
    signature = artifact.signature
    given = samples or {i.name: np.zeros(i.model_shape, np.float32) for i in signature.inputs}
    result, _ = artifact.run(program, signature.store(given), emulation)
    sizes = program.sizes
    counts = result.instructions_per_layer or []
    return Measurement(
        per_layer=list(counts)
        if len(counts) == len(artifact.layers)
        else [None] * len(artifact.layers),
        instructions=result.total_instructions,
        stack=result.stack_bytes,
        flash=None if sizes is None else sizes.flash,
        model_flash=None if sizes is None else sizes.model_flash,
        model_ram=None if sizes is None else sizes.model_ram,
        cycles=result.cycles,
    )
