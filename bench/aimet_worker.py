"""Quantize one network with aimet-onnx and run it; `aimet.py` starts this with AIMET's Python.

python bench/aimet_worker.py MODEL.onnx CALIBRATION.npy TEST.npy RESULT.npz RECIPE

RECIPE is words: w8 or w4 (bits of weights), tensor (one scale per weight), equalize, adaround,
seqmse. RESULT holds the first output of every test sample and the seconds of CPU of each step. This
file imports nothing of runnel: AIMET has its own environment.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import aimet_onnx  # pyright: ignore[reportMissingImports]
import numpy as np
import onnx
from aimet_onnx.batch_norm_fold import (  # pyright: ignore[reportMissingImports]
    fold_all_batch_norms_to_weight,
)
from aimet_onnx.cross_layer_equalization import (  # pyright: ignore[reportMissingImports]
    equalize_model,
)

CONFIGURATIONS = Path(str(aimet_onnx.__file__)).parent / "common/quantsim_config"
ITERATIONS = 2000
"""Of AdaRound for each layer."""


def main(model_path: str, data_path: str, test_path: str, result_path: str, recipe: str) -> None:
    model, words = onnx.load(model_path), recipe.split()
    name, rows = model.graph.input[0].name, model.graph.input[0].type.tensor_type.shape.dim[0]
    step = max(rows.dim_value, 1)

    def samples(path: str) -> list[dict[str, Any]]:
        array = np.load(path).astype(np.float32)
        return [{name: array[i : i + step]} for i in range(0, len(array), step)]

    data, start = samples(data_path), time.process_time()
    if "equalize" in words:
        equalize_model(model)
    else:
        fold_all_batch_norms_to_weight(model)
    per_tensor = "tensor" in words
    file = "default_config.json" if per_tensor else "default_config_per_channel.json"
    simulation = aimet_onnx.QuantizationSimModel(
        model,
        param_type="int4" if "w4" in words else "int8",
        activation_type="int8",
        config_file=str(CONFIGURATIONS / file),
    )
    rounding = time.process_time()
    if "adaround" in words:
        aimet_onnx.apply_adaround(simulation, data, ITERATIONS)
    if "seqmse" in words:
        aimet_onnx.apply_seq_mse(simulation, data)
    rounded = time.process_time()
    simulation.compute_encodings(data)
    end = time.process_time()
    found = [simulation.session.run(None, sample)[0] for sample in samples(test_path)]
    np.savez(
        result_path,
        outputs=np.concatenate(found),
        seconds=end - start,
        rounding=rounded - rounding,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
