"""The data of large constants: elided in the text, kept in one .npz beside it.

In the text `graph.global @w : tensor<...> = dense_resource<w>` stands for the array `w` of the
file. Arrays go to and from the IR as raw bytes; nothing is ever turned into Python numbers.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    ModuleOp,
    TensorType,
)

from ..dialects.diagnostics import RunnelError
from .messages import listing

if TYPE_CHECKING:
    from ..dialects.graph import GlobalOp

GLOBAL = "graph.global"
DEFAULT_LIMIT = 16
"""Constants with at most this many elements are printed in the text."""


def globals_of(module: ModuleOp) -> list[GlobalOp]:
    """The constants of `module`; the graph dialect is imported only if there are any."""
    found = [op for op in module.walk() if op.name == GLOBAL]
    if not found:
        return []
    from ..dialects.graph import GlobalOp

    return [op for op in found if isinstance(op, GlobalOp)]


def _handle(name: str, taken: Mapping[str, Any]) -> str:
    """An identifier for the text and the file from a symbol, which may hold any character."""
    base = re.sub(r"[^A-Za-z0-9_$.]", "_", name)
    base = base if re.match(r"[A-Za-z_]", base) else f"_{base}"
    handle, count = base, 0
    while handle in taken:
        count += 1
        handle = f"{base}_{count}"
    return handle


@contextmanager
def elided(module: ModuleOp, limit: int | None) -> Iterator[dict[str, Any]]:
    """Within this, constants of more than `limit` elements hold only a name.

    Gives name to array (views of the IR's bytes). None elides nothing.
    """
    data: dict[str, Any] = {}
    values: list[tuple[GlobalOp, DenseIntOrFPElementsAttr]] = []
    taken: dict[str, Any] = {}
    operations = [] if limit is None else globals_of(module)
    for op in operations:
        if isinstance(op.value, DenseResourceAttr):
            taken[op.value.resource_handle.data] = None
    for op in operations:
        if not isinstance(op.value, DenseIntOrFPElementsAttr):
            continue
        array = op.array()
        if limit is None or array.size <= limit:
            continue
        handle = _handle(op.sym_name.data, {**data, **taken})
        data[handle] = array
        values.append((op, op.value))
        op.value = DenseResourceAttr.from_params(handle, op.value.type)
    try:
        yield data
    finally:
        for op, value in values:
            op.value = value


def save(path: Path, data: Mapping[str, Any]) -> None:
    """Write the arrays; the same arrays give the same bytes.

    Not `np.savez`, which cannot hold an array whose name is one of its parameters.
    """
    import numpy as np

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in data.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def restore(module: ModuleOp, path: Path) -> None:
    """Put the data of `path` into the constants of `module` that are elided.

    RunnelError tells of every array that is missing or does not fit. Without a file at `path`
    the constants stay elided: passes that need no data still work.
    """
    waiting = [op for op in globals_of(module) if isinstance(op.value, DenseResourceAttr)]
    if not waiting or not path.is_file():
        return
    import numpy as np

    try:
        arrays = np.load(path, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("not an .npz archive")
        with arrays:
            problems = [problem for op in waiting if (problem := _fill(op, arrays, path))]
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise RunnelError(f"{path}: cannot be read as the data of constants: {error}") from error
    if problems:
        raise RunnelError(*problems)


def _fill(op: GlobalOp, arrays: Mapping[str, Any], path: Path) -> str | None:
    from ..dialects.types import dtype_of

    value = op.value
    assert isinstance(value, DenseResourceAttr)
    name, type = value.resource_handle.data, value.type
    assert isinstance(type, TensorType)
    at = f"{path}: the data of graph.global @{op.sym_name.data}"
    if name not in arrays:
        return f"{at} is missing: no array '{name}' among {listing(sorted(arrays))}"
    array = arrays[name]
    dtype, shape = dtype_of(type.element_type), type.get_shape()
    if array.dtype != dtype or array.shape != shape:
        return (
            f"{at} does not fit: array '{name}' is {array.dtype} {list(array.shape)}, "
            f"the type needs {dtype} {list(shape)}"
        )
    op.value = DenseIntOrFPElementsAttr(type, BytesAttr(array.tobytes()))  # pyright: ignore
    return None
