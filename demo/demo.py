"""The demo: a trained network from float ONNX to C on an emulated Cortex-M, with its accuracy.

python demo/demo.py [--output DIR]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.interpreter import run
from runnel.tools import api
from runnel.tools.progress import Progress
from runnel.tools.report.text_table import text_table

HERE = Path(__file__).parent
PLATFORMS = ("cortex-m4", "cortex-m55")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out/digits"))
    output: Path = parser.parse_args().output
    data = np.load(HERE / "digits.npz")
    images, labels = data["test_images"], data["test_labels"]
    progress = Progress()

    def accuracy(outputs: np.ndarray) -> str:
        return f"{(outputs.reshape(len(images), -1).argmax(1) == labels).mean():.2%}"

    module = api.load(HERE / "digits.onnx")
    (real,) = run(module, [images]).values()
    rows = [["float, interpreter", accuracy(real), None, None, None, None, None]]
    with TemporaryDirectory() as folder:
        calibration = Path(folder) / "calibration.npy"
        np.save(calibration, data["train_images"][:200])
        artifact = api.compile(module, "host", calibrate=calibration, progress=progress)
    stop = artifact.road["quant"]
    (stored,) = run(stop.module, stop.signature.store({"image": images})).values()
    rows.append(["int8, interpreter", accuracy(stored), None, None, None, None, None])
    for platform in PLATFORMS:
        artifact = api.retarget(artifact, platform, progress=progress)
        directory = output / platform
        step = progress.step(f"build and run {len(images)} images on {platform}")
        with step, TemporaryDirectory() as folder:
            program = artifact.build(Path(folder), profile=True)
            samples = artifact.signature.store({"image": images})
            result, (emulated,) = artifact.run(program, samples)
            artifact.write(directory, program=program)
        if not np.array_equal(emulated.reshape(stored.shape), stored):
            raise SystemExit(f"error: {platform} does not give the bytes of the interpreter")
        sizes = program.sizes
        rows.append(
            [
                f"int8, {platform}",
                accuracy(emulated),
                "equal",
                result.total_instructions,
                sizes.model_flash if sizes else None,
                sizes.model_ram if sizes else None,
                result.stack_bytes,
            ]
        )
    print(f"\ndigits: {len(images)} test images, 8x8, 10 classes\n")
    headers = ["", "accuracy", "bytes", "instructions", "flash B", "RAM B", "stack B"]
    print(text_table(headers, rows))
    print(f"\nThe C is in {output}/: start with {output}/{PLATFORMS[0]}/README.md")


if __name__ == "__main__":
    try:
        main()
    except RunnelError as error:
        raise SystemExit(f"error: {error}") from None
