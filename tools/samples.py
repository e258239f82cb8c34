"""Data files: samples for every input of a network, in the shape that the model declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dialects.diagnostics import RunnelError
from ..runtime.array_files import read_inputs, read_labels
from .signature import TensorInfo

Array = NDArray[Any]


def read_samples(
    path: Path, inputs: Sequence[TensorInfo], *, channels_last: bool = False
) -> dict[str, Array]:
    """The arrays of an .npy (one input) or .npz (by input name), samples on the first axis.

    Integers are taken as reals unless the input has that type. With `channels_last`, 4-D data is
    N, H, W, C and is put in the model's order. Raises `RunnelError` for data that does not fit.
    """
    arrays = read_inputs(path, [info.name for info in inputs])
    found = {
        info.name: fit(arrays[info.name], info, f"{path}", channels_last=channels_last)
        for info in inputs
    }
    counts = {info.name: len(found[info.name]) // info.shape[0] for info in inputs}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise RunnelError(f"{path}: the inputs hold different numbers of samples: {listed}")
    return found


def fit(array: Array, info: TensorInfo, where: str, *, channels_last: bool = False) -> Array:
    """`array` as samples of `info` in the model's axis order; a single sample becomes one row."""
    shape = info.model_shape
    if array.shape[1:] == last_axis_first(shape)[1:] and channels_last and len(shape) == 4:
        array = array.transpose(0, 3, 1, 2)
    if array.shape == shape[1:]:
        array = array[None]
    if array.shape[1:] != shape[1:] and squeezed(array.shape[1:]) == squeezed(shape[1:]):
        array = array.reshape(len(array), *shape[1:])
    if array.shape[1:] != shape[1:] or len(array) == 0 or len(array) % shape[0]:
        raise RunnelError(f"{where}: {mismatch(array, info, shape)}")
    return array if array.dtype == info.dtype else array.astype(np.float32)


def last_axis_first(shape: Sequence[int]) -> tuple[int, ...]:
    """N, C, ... as N, ..., C."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) > 2 else tuple(shape)


def squeezed(shape: Sequence[int]) -> list[int]:
    return [extent for extent in shape if extent != 1]


def mismatch(array: Array, info: TensorInfo, shape: Sequence[int]) -> str:
    """Why the shape is wrong, and what would help."""
    text = (
        f"has shape {list(array.shape)}, input '{info.name}' needs [samples, "
        f"{', '.join(map(str, shape[1:]))}]"
    )
    if array.shape[1:] == last_axis_first(shape)[1:]:
        text += "; if it is channels-last, give --data-layout channels-last"
    elif shape[0] > 1:
        text += f" with a multiple of {shape[0]} samples"
    return text


def every_nth(
    samples: Mapping[str, Array], inputs: Sequence[TensorInfo], n: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """(every `n`-th inference, all others)."""
    taken: dict[str, Array] = {}
    left: dict[str, Array] = {}
    for info in inputs:
        array = samples[info.name]
        chosen = is_nth(len(array) // info.shape[0], n).repeat(info.shape[0])
        taken[info.name], left[info.name] = array[chosen], array[~chosen]
    return taken, left


def is_nth(count: int, n: int) -> NDArray[np.bool_]:
    """Which of `count` things are the `n`-th, the 2 `n`-th, ..."""
    return np.arange(1, count + 1) % n == 0


def first(
    samples: Mapping[str, Array], inputs: Sequence[TensorInfo], count: int
) -> dict[str, Array]:
    """The first `count` inferences."""
    return {info.name: samples[info.name][: count * info.shape[0]] for info in inputs}


def labels_of(path: Path, samples: Mapping[str, Array], inputs: Sequence[TensorInfo]) -> Array:
    """The classes of all inferences that the data holds. Raises `RunnelError`."""
    return read_labels(path, sample_count(samples, inputs))


def sample_count(samples: Mapping[str, Array], inputs: Sequence[TensorInfo]) -> int:
    """How many inferences the data holds."""
    return len(samples[inputs[0].name]) // inputs[0].shape[0]
