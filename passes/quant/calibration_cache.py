"""Statistics on disk, by what they were made from: network, data, and the code that ran it.

The folder is `runnel/calibration` in XDG_CACHE_HOME (default ~/.cache). A cache that cannot be read
or written is passed over; old entries make room for new ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp
from xdsl.ir import Operation, SSAValue

from ...dialects import graph
from .calibrators.cross_entropy import RowSample
from .logits import logits_of
from .observe import Observer, observed
from .statistics import BINS, RangeStatistics

Array = NDArray[Any]
ENTRIES = 64
"""More than this many entries are not kept."""

PACKAGE = Path(__file__).resolve().parent.parent.parent
SOURCES = (
    *("passes/quant/statistics.py", "passes/quant/observe.py", "passes/quant/calibration_cache.py"),
    *("runtime/interpreter/graph.py", "runtime/interpreter/windows.py"),
    *("runtime/interpreter/batch.py", "runtime/interpreter/resize.py"),
)
"""The code that the statistics depend on: an entry of other code is not found."""


def folder() -> Path:
    """Where entries are."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "runnel" / "calibration"


@cache
def code_hash() -> bytes:
    """A hash of `SOURCES`."""
    digest = blake2b(digest_size=20)
    for name in SOURCES:
        digest.update((PACKAGE / name).read_bytes())
    return digest.digest()


def key_of(module: ModuleOp, inputs: Mapping[str, Array], batch: int) -> str:
    """A hash of all that statistics depend on."""
    digest = blake2b(code_hash(), digest_size=20)
    digest.update(f"{batch}".encode())
    hash_module(module, digest.update)
    for name, array in inputs.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def hash_module(module: ModuleOp, update: Any) -> None:
    """Feed names, types, properties, operands and raw constants; not locations or attributes."""
    numbers: dict[SSAValue, int] = {}
    for op in module.walk():
        for block in (block for region in op.regions for block in region.blocks):
            for argument in block.args:
                numbers[argument] = len(numbers)
        for result in op.results:
            numbers[result] = len(numbers)
        operands = [numbers.get(operand, -1) for operand in op.operands]
        types = [str(result.type) for result in op.results]
        update(f"{op.name} {operands} {types}".encode())
        for name, value in sorted(op.properties.items()):
            if isinstance(op, graph.GlobalOp) and isinstance(value, DenseIntOrFPElementsAttr):
                update(f"{name} {value.type}".encode())
                update(value.data.data)
            else:
                update(f"{name} {value}".encode())


def load(key: str, function: func.FuncOp) -> Observer | None:
    """The statistics under `key`, for the ops of `function`."""
    path = folder() / f"{key}.npz"
    ops = [op for op in function.body.block.ops if observed(op)]
    arguments = len(function.body.block.args)
    try:
        with np.load(path, allow_pickle=False) as file:
            numbers, counts = file["numbers"], file["counts"]
            rows, row_numbers = file["rows"], file["row_numbers"]
        os.utime(path)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    if numbers.shape != (arguments + len(ops), 7) or counts.shape != (len(numbers), BINS):
        return None
    found = [unpack(*entry) for entry in zip(numbers, counts, strict=True)]
    observer = Observer(
        found[:arguments], dict(zip(ops, found[arguments:], strict=True)), logits_of(function)
    )
    observer.rows = RowSample(list(rows), int(row_numbers[0]), int(row_numbers[1]))
    return observer


def unpack(numbers: Array, counts: Array) -> RangeStatistics:
    low, high, edge, *moving, batches = numbers.tolist()
    return RangeStatistics(low, high, edge, counts.copy(), np.array(moving), int(batches))


def store(key: str, observer: Observer, function: func.FuncOp) -> None:
    """Keep the statistics under `key`; where that is not possible, do nothing."""
    ops: list[Operation] = [op for op in function.body.block.ops if observed(op)]
    if any(op not in observer.ops for op in ops):
        return
    every = [*observer.arguments, *(observer.ops[op] for op in ops)]
    numbers = [[s.low, s.high, s.edge, *s.moving, s.batches] for s in every]
    rows = np.stack(observer.rows.rows) if observer.rows.rows else np.zeros((0, 0), np.float32)
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=place, suffix=".new", delete=False) as file:
            np.savez_compressed(
                file,
                numbers=np.array(numbers),
                counts=np.stack([s.counts for s in every]),
                rows=rows,
                row_numbers=np.array([observer.rows.step, observer.rows.seen]),
            )
        os.replace(file.name, place / f"{key}.npz")
        prune(place)
    except OSError:
        return


def prune(place: Path) -> None:
    """Remove the entries that were not used for longest."""
    entries = sorted(place.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in entries[ENTRIES:]:
        path.unlink(missing_ok=True)
