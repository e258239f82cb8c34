"""The demo: a trained network from float ONNX to C on emulated Cortex-Ms and on an emulated cluster
with NPU, with its accuracy.

python demo/demo.py [--output DIR]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.emulator.cycles import CycleReport
from runnel.runtime.interpreter import run
from runnel.runtime.runners import Program, RunResult, runner_of
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.progress import Progress
from runnel.tools.report.cycle_table import floor_bytes
from runnel.tools.report.text_table import Cell, text_table
from runnel.tools.validation import in_model_order, run_level

Array = NDArray[Any]
HERE = Path(__file__).parent
PLATFORMS = ("cortex-m4", "cortex-m55", "siracusa-cores", "siracusa")
HEADERS = (
    *("", "accuracy", "bytes", "instructions", "cycles", "MAC/cycle"),
    *("code+const B", "RAM B", "stack B"),
)
UNMEASURED = (None,) * (len(HEADERS) - 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out/digits"))
    output: Path = parser.parse_args().output
    data = np.load(HERE / "digits.npz")
    images, labels = data["test_images"], data["test_labels"]
    progress = Progress()

    def accuracy(outputs: Array) -> str:
        return f"{(outputs.reshape(len(images), -1).argmax(1) == labels).mean():.2%}"

    module = api.load(HERE / "digits.onnx")
    (real,) = run(module, [images]).values()
    rows: list[Sequence[Cell]] = [("float, interpreter", accuracy(real), *UNMEASURED)]
    output.mkdir(parents=True, exist_ok=True)
    calibration = output / "calibration.npy"
    np.save(calibration, data["train_images"][:200])
    np.save(output / "test.npy", images)
    artifact = api.compile(module, "host", calibrate=calibration, progress=progress)
    (stored,) = run_level(artifact.road, "quant", {"image": images})
    rows.append(("int8, interpreter", accuracy(stored), *UNMEASURED))
    summaries: list[str] = []
    for platform in PLATFORMS:
        artifact = api.retarget(artifact, platform, progress=progress)
        with (
            progress.step(f"build and run {len(images)} images on {platform}"),
            TemporaryDirectory() as folder,
        ):
            profile = runner_of(artifact.platform).counts_instructions
            program = artifact.build(Path(folder), profile=profile)
            result, emulated = artifact.run(program, artifact.signature.store({"image": images}))
            artifact.write(output / platform, program=program)
        (given,) = in_model_order(artifact.signature, emulated)
        level = "fit" if "fit" in artifact.road.stops else "quant"
        (expected,) = run_level(artifact.road, level, {"image": images})
        if not np.array_equal(given, expected):
            raise SystemExit(f"error: {platform} does not give the bytes of the interpreter")
        rows.append(
            (f"int8, {platform}", accuracy(given), "equal", *costs(artifact, program, result))
        )
        if result.cycles is not None:
            moved = int((expected != stored).sum())
            summaries.append(summary(artifact, result.cycles, moved, stored.size))
    print(f"\ndigits: {len(images)} test images, 8x8, 10 classes\n")
    print(text_table(HEADERS, rows))
    print("\n".join(summaries))
    print(f"\nThe C is in {output}/: start with {output}/{PLATFORMS[0]}/README.md")


def costs(artifact: Artifact, program: Program, result: RunResult) -> Iterator[Cell]:
    """What the last inference took, and the bytes of the network."""
    macs = sum(layer.macs for layer in artifact.layers)
    cycles = None if result.cycles is None else result.cycles.total
    yield result.total_instructions if cycles is None else cycles.instructions
    yield None if cycles is None else cycles.cycles
    yield None if cycles is None else f"{macs / cycles.cycles:.2f}"
    sizes = program.sizes
    yield None if sizes is None else sizes.model_flash
    yield None if sizes is None else sizes.model_ram
    yield result.stack_bytes


def summary(artifact: Artifact, report: CycleReport, moved: int, outputs: int) -> str:
    """A line on the cluster: bytes through the DMA, and how much of its time was hidden."""
    total, least = report.total, floor_bytes(artifact)
    through = total.bytes_in + total.bytes_out
    fitted = f", {moved} of {outputs:,} outputs moved to fit it" if moved else ""
    npu = f", {total.npu_jobs} NPU jobs{fitted}" if total.npu_jobs else ""
    ratio = f"{through / least:.2f} x constants + input + output"
    hidden = f"{100 * total.hidden_dma:.0f} % of its time hidden"
    return (
        f"{artifact.platform.label}: {through:,} B through the DMA, {ratio}, {hidden}{npu} "
        f"({report.source})"
    )


if __name__ == "__main__":
    try:
        main()
    except RunnelError as error:
        raise SystemExit(f"error: {error}") from None
