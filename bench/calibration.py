"""Time and memory of calibration: MobileNetV2 on 96 images of 224x224, unless told otherwise.

python bench/calibration.py [--model M.onnx] [--data D.npy] [--method mse] [--count N]

Prints seconds (CPU and wall) of the calibrate pass without its cache, and the greatest memory of
this process. The default takes the model and the JPEG images of the shared folder (needs Pillow).
"""

from __future__ import annotations

import argparse
import lzma
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from runnel.bench.networks import Array, models_folder
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.calibrators import METHODS
from runnel.tools import api
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

SIZE = 224
MODEL = "imagenet/models/mobilenetv2_100_224_deq.onnx.xz"
IMAGES = "imagenet/calib_jpeg"


def read_images(folder: Path, count: int | None) -> Array:
    """The centre 224x224 of each JPEG as [n, 3, 224, 224], -1 to 1."""
    from PIL import Image

    found: list[Array] = []
    for path in sorted(folder.glob("*.[jJ]*"))[:count]:
        with Image.open(path) as file:
            image = file.convert("RGB")
        left, top = (image.size[0] - SIZE) // 2, (image.size[1] - SIZE) // 2
        pixels = np.asarray(image.crop((left, top, left + SIZE, top + SIZE)), np.float32)
        found.append(pixels.transpose(2, 0, 1) / 127.5 - 1)
    return np.stack(found).astype(np.float32)


def read_model(path: Path, folder: Path) -> ModuleOp:
    """The simplified module of an .onnx, or of an .onnx.xz that is unpacked into `folder`."""
    if path.suffix == ".xz":
        unpacked = folder / path.stem
        unpacked.write_bytes(lzma.decompress(path.read_bytes()))
        path = unpacked
    module = api.load(path)
    resolve_pipeline("simplify").run(new_context(), module)
    return module


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Time and memory of calibration.")
    add = parser.add_argument
    add("--model", type=Path, default=models_folder() / MODEL)
    add("--data", type=Path, help="an .npy in the model's shape; default: shared images")
    add("--method", choices=METHODS, default="mse")
    add("--count", type=int, help="only the first images")
    args = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        module = read_model(args.model, Path(folder))
        images = read_images(models_folder() / IMAGES, args.count) if args.data is None else None
        data = Path(folder) / "images.npy" if args.data is None else args.data
        if images is not None:
            np.save(data, images)
        del images
        start, cpu = perf_counter(), process_time()
        Calibrate(str(data), method=args.method, cache=False).apply(new_context(), module)
        wall, used = perf_counter() - start, process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{args.model.name}: {wall:.1f} s ({used:.1f} s CPU), peak memory {peak:,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
