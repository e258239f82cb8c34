"""ONNX tensors as NumPy arrays and xDSL types: nothing is believed before it is checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from xdsl.dialects.builtin import (
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
)
from xdsl.ir import Attribute

Array = NDArray[Any]

MAX_TENSOR_BYTES = 1 << 31
"""No network for a small machine has a larger tensor: what claims to be is a mistake or worse."""

ELEMENTS: dict[int, tuple[Attribute, Any]] = {
    TensorProto.FLOAT: (Float32Type(), np.float32),
    TensorProto.FLOAT16: (Float16Type(), np.float16),
    TensorProto.DOUBLE: (Float64Type(), np.float64),
    TensorProto.INT8: (IntegerType(8), np.int8),
    TensorProto.INT16: (IntegerType(16), np.int16),
    TensorProto.INT32: (IntegerType(32), np.int32),
    TensorProto.INT64: (IntegerType(64), np.int64),
    TensorProto.UINT8: (IntegerType(8, Signedness.UNSIGNED), np.uint8),
    TensorProto.UINT16: (IntegerType(16, Signedness.UNSIGNED), np.uint16),
    TensorProto.UINT32: (IntegerType(32, Signedness.UNSIGNED), np.uint32),
    TensorProto.UINT64: (IntegerType(64, Signedness.UNSIGNED), np.uint64),
    TensorProto.BOOL: (IntegerType(1), np.bool_),
}
"""ONNX element type to xDSL's type and NumPy's dtype."""

_TYPED_FIELDS: dict[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
    TensorProto.UINT32: "uint64_data",
    TensorProto.UINT64: "uint64_data",
}
"""Where elements live that are not raw bytes; all others are in int32_data."""


class ImportProblem(Exception):
    """What is wrong with one node or tensor; the message has no place yet."""


def type_name(data_type: int) -> str:
    """`FLOAT`, `INT4`, ... or the number of a type that this onnx does not know."""
    names = [name for name, number in TensorProto.DataType.items() if int(number) == data_type]
    return names[0] if names else f"number {data_type}"


def element_of(data_type: int) -> Attribute:
    """The xDSL type of ONNX elements."""
    if data_type not in ELEMENTS:
        supported = ", ".join(type_name(number) for number in ELEMENTS)
        raise ImportProblem(
            f"elements of type {type_name(data_type)} are not supported, only {supported}"
        )
    return ELEMENTS[data_type][0]


def dtype_for(data_type: int) -> np.dtype[Any]:
    """The NumPy dtype of ONNX elements."""
    element_of(data_type)
    return np.dtype(ELEMENTS[data_type][1])


def data_type_of(dtype: np.dtype[Any]) -> int:
    """The ONNX number of a NumPy dtype."""
    for number, (_, candidate) in ELEMENTS.items():
        if np.dtype(candidate) == dtype:
            return number
    raise ImportProblem(f"elements of type {dtype} are not supported")


def type_of_array(array: Array) -> TensorType:
    """The tensor type that an array is a value of."""
    return TensorType(element_of(data_type_of(array.dtype)), array.shape)


def check_size(shape: Sequence[int], itemsize: int) -> None:
    """Refuse shapes that no memory holds."""
    if any(extent < 0 for extent in shape):
        raise ImportProblem(f"shape {list(shape)} has a negative extent")
    size = math.prod(shape) * itemsize
    if size > MAX_TENSOR_BYTES:
        raise ImportProblem(
            f"shape {list(shape)} takes {size} bytes; tensors of more than {MAX_TENSOR_BYTES} "
            "bytes are refused"
        )


def to_array(tensor: TensorProto, folder: Path | None) -> Array:
    """The elements of a tensor; external data is looked for in `folder` only."""
    dtype = dtype_for(tensor.data_type)
    shape = tuple(tensor.dims)
    check_size(shape, dtype.itemsize)
    count = math.prod(shape)
    if tensor.HasField("segment"):
        raise ImportProblem("it is stored in segments, which is not supported")
    if tensor.data_location == TensorProto.EXTERNAL:
        return _from_bytes(_external_bytes(tensor, folder, count * dtype.itemsize), dtype, shape)
    if tensor.HasField("raw_data"):
        return _from_bytes(tensor.raw_data, dtype, shape)
    values = getattr(tensor, _TYPED_FIELDS.get(tensor.data_type, "int32_data"))
    if len(values) != count:
        raise ImportProblem(f"shape {list(shape)} has {count} elements, {len(values)} are stored")
    if dtype == np.float16:
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    bounds = None if dtype.kind in "fb" else np.iinfo(dtype)
    if bounds is not None and count and not bounds.min <= min(values) <= max(values) <= bounds.max:
        raise ImportProblem(f"stored values do not fit {dtype}")
    return np.array(values, dtype).reshape(shape)


def _from_bytes(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise ImportProblem(
            f"shape {list(shape)} of {dtype} needs {expected} bytes, {len(data)} are stored"
        )
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)


def _external_bytes(tensor: TensorProto, folder: Path | None, size: int) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise ImportProblem(
            f"its data is in the file '{location}', but the folder of the model is not known: "
            "import the model from its path"
        )
    base = folder.resolve()
    path = (base / location).resolve()
    if not location or Path(location).is_absolute() or not path.is_relative_to(base):
        raise ImportProblem(f"its data file '{location}' is outside of the folder of the model")
    if not path.is_file():
        raise ImportProblem(f"its data file '{location}' is not there; expected it at {path}")
    try:
        offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(size)))
    except ValueError:
        raise ImportProblem("the offset and length of its external data are no numbers") from None
    held = path.stat().st_size
    if offset < 0 or length != size or offset + length > held:
        raise ImportProblem(
            f"its {size} bytes are declared as {length} bytes at offset {offset} of '{location}', "
            f"which holds {held} bytes"
        )
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
