"""Arrays in .npy and .npz files, by the names of a network's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..dialects.diagnostics import RunnelError

Array = NDArray[Any]


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npz by name; that of an .npy under the name "". Raises `RunnelError`."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return dict(loaded)
    except OSError as error:
        raise RunnelError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError, BadZipFile) as error:
        # what is neither is taken by numpy for pickled objects, which are not read
        why = "" if "pickle" in str(error) else f": {error}"
        raise RunnelError(f"{path}: not a readable .npy or .npz file{why}") from error


def read_labels(path: Path, count: int | None = None) -> Array:
    """The classes of `count` samples, or of as many as there are; the only array of its file.

    Raises `RunnelError` for what are no integers, and for another number of them.
    """
    found = list(read_arrays(path).values())
    if len(found) != 1:
        raise RunnelError(f"{path}: expected one array, it holds {len(found)}")
    labels = found[0]
    if labels.dtype.kind not in "iu" or (count is not None and labels.size != count):
        raise RunnelError(
            f"{path}: labels are one integer per sample: expected "
            f"[{'samples' if count is None else count}], got {labels.dtype} {list(labels.shape)}"
        )
    return labels.reshape(-1)


def read_inputs(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """The arrays of a data file by input name; one array for one input needs no name.

    Samples of numbers are on the first axis. Raises `RunnelError` for what does not fit.
    """
    arrays = read_arrays(path)
    if len(arrays) == 1 and len(names) == 1:
        arrays = {names[0]: next(iter(arrays.values()))}
    missing = [name for name in names if name not in arrays]
    if missing:
        raise RunnelError(
            f"{path}: has no array '{missing[0]}'; it holds {', '.join(arrays) or 'nothing'}, "
            f"the network takes {', '.join(names)}"
        )
    found = {name: arrays[name] for name in names}
    for array in found.values():
        if array.dtype.kind not in "fiub" or not array.ndim or not len(array):
            raise RunnelError(
                f"{path}: samples of numbers are expected on the first axis, not {array.dtype} of "
                f"shape {list(array.shape)}"
            )
    return found
