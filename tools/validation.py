"""Every level of a compilation and the built program on the same inputs: are the bytes the same?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.emulator.cycles import CycleReport
from ..runtime.runners import PLAIN, Emulation, Program
from .artifact import Artifact
from .interpret import interpret
from .progress import SILENT, Progress
from .road import PORTABLE_LEVELS, Road
from .signature import Signature

Array = NDArray[Any]
LOWERED_LEVELS = ("cortexm", "tile", "dma", "cluster", "c")
"""The levels on buffers: one memory for all samples."""

FLOAT_LOWERED_LEVELS = ("loops",)
"""Those of a network in float: at C the interpreter would take a minute for a million MACs."""

FLOAT_TOLERANCE = 1e-5
"""What a network in float may be off the graph level, as a share of the range of its outputs."""


@dataclass(frozen=True)
class Check:
    """One way to compute the network. `equal`: the same bytes as the first integer level in the
    interpreter, or, in float, as near as FLOAT_TOLERANCE; `second`: a second run in the same memory
    gives the same bytes (None: there is no memory that lives on).
    """

    where: str
    how: str
    inferences: int
    equal: bool
    second: bool | None
    differing: int = 0
    """Output elements whose bytes differ from the first level's."""
    deviation: float | None = None
    """In float: the greatest difference from the first level, as a share of its range."""
    cycles: CycleReport | None = None
    """What an emulator with timing has measured."""

    @property
    def passed(self) -> bool:
        return self.equal and self.second is not False


def run_level(road: Road, level: str, samples: Mapping[str, Array]) -> list[Array]:
    """The stored outputs of a level, axes in the model's order, for samples in that order."""
    signature = road[level].signature
    return in_model_order(signature, interpret(road, level, signature.store(samples)).values())


def in_model_order(signature: Signature, outputs: Any) -> list[Array]:
    return [info.model_order(array) for info, array in zip(signature.outputs, outputs, strict=True)]


def check_levels(
    artifact: Artifact, samples: Mapping[str, Array], progress: Progress = SILENT
) -> tuple[list[Array], list[Check]]:
    """What the platform's program must give, and the checks of all levels on tensors."""
    reference, checks = check_portable(artifact, samples, progress)
    expected, fitted = check_fit(artifact, samples, reference, progress)
    return expected, [*checks, *fitted]


def check_portable(
    artifact: Artifact, samples: Mapping[str, Array], progress: Progress = SILENT
) -> tuple[list[Array], list[Check]]:
    """The outputs of the first integer level (in float: of the graph), and whether the others on
    tensors, which all platforms share, give the same.
    """
    in_float = artifact.road.in_float
    first, *others = [level for level in artifact.road.stops if level != "graph" or in_float]
    with progress.step(f"interpret {first}"):
        reference = run_level(artifact.road, first, samples)
    checks = [Check(first, "interpreter", len(reference[0]), True, None)]
    for level in others:
        if level in PORTABLE_LEVELS:
            with progress.step(f"interpret {level}"):
                outputs = run_level(artifact.road, level, samples)
            checks.append(compare(level, "interpreter", outputs, reference, twice=False))
    return reference, checks


def check_fit(
    artifact: Artifact,
    samples: Mapping[str, Array],
    reference: Sequence[Array],
    progress: Progress = SILENT,
) -> tuple[list[Array], list[Check]]:
    """What the platform must give: where it has an NPU the outputs of `fit`, with a check that says
    how many of them moved from the `reference`, elsewhere that.
    """
    if "fit" not in artifact.road.stops:
        return list(reference), []
    with progress.step("interpret fit"):
        fitted = run_level(artifact.road, "fit", samples)
    moved = compare("fit", "interpreter, for the NPU", fitted, reference, twice=False)
    return fitted, [replace(moved, equal=True)]


def check_lowered(
    artifact: Artifact,
    samples: Mapping[str, Array],
    reference: Sequence[Array],
    progress: Progress = SILENT,
) -> list[Check]:
    """The levels on buffers: they run all samples twice in one memory, one after another."""
    levels = FLOAT_LOWERED_LEVELS if artifact.road.in_float else LOWERED_LEVELS
    stops = artifact.road.stops
    return [
        check_level(artifact, level, samples, reference, progress)
        for level in levels
        if level in stops and not (level == "c" and "cluster" in stops)
    ]


def check_level(
    artifact: Artifact,
    level: str,
    samples: Mapping[str, Array],
    reference: Sequence[Array],
    progress: Progress = SILENT,
) -> Check:
    """One of the levels on buffers."""
    where = f"{level} for {artifact.platform.label}"
    with progress.step(f"interpret {where}"):
        outputs = run_level(artifact.road, level, twice(samples))
    check = compare(where, "interpreter", outputs, reference, twice=True)
    return near(check, outputs, reference) if artifact.road.has_loops else check


def check_program(
    artifact: Artifact,
    samples: Mapping[str, Array],
    reference: Sequence[Array],
    *,
    flags: Sequence[str] = (),
    emulation: Emulation = PLAIN,
    progress: Progress = SILENT,
) -> Check:
    """Build the program and run all samples twice in one process."""
    label = artifact.platform.label
    with TemporaryDirectory(prefix="runnel-") as folder:
        with progress.step(f"build for {label}"):
            program = artifact.build(Path(folder), flags=flags)
        return check_built(artifact, program, samples, reference, emulation, progress)


def check_built(
    artifact: Artifact,
    program: Program,
    samples: Mapping[str, Array],
    reference: Sequence[Array],
    emulation: Emulation = PLAIN,
    progress: Progress = SILENT,
) -> Check:
    """Run all samples twice in one process of a program that is built."""
    board, label = artifact.platform.board, artifact.platform.label
    with progress.step(f"run on {label}"):
        inputs = artifact.signature.store(twice(samples))
        result, outputs = artifact.run(program, inputs, emulation)
    poison = "with poison" if emulation.poison else None
    how = " ".join(text for text in ("binary,", board.runner, board.machine, poison) if text)
    stored = in_model_order(artifact.signature, outputs)
    check = compare(label, how, stored, reference, twice=True)
    check = replace(check, cycles=result.cycles)
    return near(check, stored, reference) if artifact.road.has_loops else check


def near(check: Check, outputs: Sequence[Array], reference: Sequence[Array]) -> Check:
    """The check of a network in float: other sums and another C library give other bits."""
    deviation = max(
        float(np.abs(ours[: len(theirs)] - theirs).max()) / (float(np.ptp(theirs)) or 1.0)
        for ours, theirs in zip(outputs, reference, strict=True)
    )
    return replace(check, equal=deviation <= FLOAT_TOLERANCE, deviation=deviation)


def twice(samples: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.concatenate([array, array]) for name, array in samples.items()}


def compare(
    where: str, how: str, outputs: Sequence[Array], reference: Sequence[Array], *, twice: bool
) -> Check:
    """Compare bytes; with `twice` the outputs hold two runs of all samples."""
    halves = list(_halves(outputs)) if twice else [list(outputs)]
    differing = sum(_differing(a, b) for a, b in zip(halves[0], reference, strict=True))
    second = None
    if twice:
        second = all(_differing(a, b) == 0 for a, b in zip(*halves, strict=True))
    return Check(where, how, len(reference[0]), differing == 0, second, differing)


def _halves(outputs: Sequence[Array]) -> Iterator[list[Array]]:
    for half in range(2):
        yield [array[half * (len(array) // 2) :][: len(array) // 2] for array in outputs]


def _differing(a: Array, b: Array) -> int:
    """Elements whose bytes differ."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return max(a.size, b.size)
    size = a.dtype.itemsize
    first, second = (np.ascontiguousarray(x).view(np.uint8).reshape(-1, size) for x in (a, b))
    return int((first != second).any(1).sum())
