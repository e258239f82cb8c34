"""`--run`: the program on arrays of .npy and .npz files, through the NumPy meaning of its ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from ..dialects.diagnostics import RunnelError
from ..runtime.array_files import read_arrays
from . import constants_file

Array = NDArray[Any]


def load_inputs(specs: Sequence[str]) -> dict[str, Array] | list[Array]:
    """Arrays by name (`x.npz`, `name=x.npy`) or by order (`x.npy`), not both."""
    by_name: dict[str, Array] = {}
    by_order: list[Array] = []
    for spec in specs:
        name, _, path = spec.rpartition("=")
        loaded = read_arrays(Path(path))
        if "" not in loaded:
            if name:
                raise RunnelError(f"--input {spec}: an .npz has its own names, drop '{name}='")
            by_name |= loaded
        elif name:
            by_name[name] = loaded[""]
        else:
            by_order.append(loaded[""])
    if by_name and by_order:
        raise RunnelError("--input: name all arrays or none (name=file.npy)")
    return by_name or by_order


def run_module(module: ModuleOp, inputs: Mapping[str, Array] | list[Array]) -> dict[str, Array]:
    """The results of the function in `module`, by name."""
    from ..runtime.interpreter import run

    return run(module, inputs if isinstance(inputs, list) else dict(inputs))


def results_text(results: Mapping[str, Array]) -> str:
    """Name, shape, type and values (the middle of large arrays left out)."""
    lines: list[str] = []
    for name, array in results.items():
        array = np.asarray(array)
        shape = "x".join(map(str, array.shape)) or "scalar"
        lines.append(f"{name} : {shape} {array.dtype}")
        lines.append(np.array2string(array, threshold=64, separator=", "))
    return "\n".join(lines) + "\n"


def save_results(path: Path, results: Mapping[str, Array]) -> None:
    """One .npz with all results, or one .npy when `path` ends so and there is one result."""
    if path.suffix != ".npy":
        constants_file.save(path, results)
    elif len(results) == 1:
        np.save(path, next(iter(results.values())))
    else:
        raise RunnelError(f"{path}: {len(results)} results need an .npz file")
