"""Scores of single layers on disk, by what they depend on; an interrupted search goes on.

Beside the calibration cache, as that one: what cannot be read or written is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from ..quant import calibration_cache

Float = NDArray[np.float64]


def folder() -> Path:
    """Where entries are."""
    return calibration_cache.folder().parent / "compression"


@cache
def code_hash() -> bytes:
    """Of the passes here, and of the interpreter: an entry of other code is not found."""
    digest = blake2b(calibration_cache.code_hash(), digest_size=20)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def key_of(module: ModuleOp, arrays: Mapping[str, NDArray[Any]], options: str) -> str:
    """A hash of the network, the data and the options."""
    digest = blake2b(code_hash(), digest_size=20)
    digest.update(options.encode())
    calibration_cache.hash_module(module, digest.update)
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def load(key: str, shape: tuple[int, int]) -> Float:
    """The table under `key`; NaN for scores that are not known yet."""
    try:
        table = np.load(folder() / f"{key}.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile):
        return np.full(shape, np.nan)
    return table if table.shape == shape else np.full(shape, np.nan)


def store(key: str, table: Float) -> None:
    """Keep the table; the file is complete at any moment."""
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        beside = place / f"{key}.part.npy"
        np.save(beside, table)
        beside.replace(place / f"{key}.npy")
        entries = sorted(place.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in entries[calibration_cache.ENTRIES :]:
            path.unlink(missing_ok=True)
    except OSError:
        return
