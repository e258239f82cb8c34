"""Element types and NumPy: which dtype stores an element, which integer type a quantized one."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import (
    Float16Type,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    MemRefType,
    ShapedType,
    Signedness,
    TensorType,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import VerifyException


class QuantizedType:
    """What every quantized element type offers: `storage_type`, the type of its stored integers."""

    @property
    def stored(self) -> IntegerType:
        raise NotImplementedError


def stored_element(element: Attribute) -> Attribute:
    """The type that holds one stored element: i8 for `!quant.uniform<i8:f32, ...>`."""
    return element.stored if isinstance(element, QuantizedType) else element


def storage_type(type: TensorType) -> TensorType:
    """`type` with its elements as they are stored."""
    return TensorType(stored_element(type.element_type), type.get_shape())


def dtype_of(element: Attribute) -> np.dtype[np.generic]:
    """The NumPy dtype of a stored element; refuses what NumPy cannot hold."""
    element = stored_element(element)
    match element:
        case Float16Type():
            return np.dtype(np.float16)
        case Float32Type():
            return np.dtype(np.float32)
        case Float64Type():
            return np.dtype(np.float64)
        case IndexType():
            return np.dtype(np.int64)
        case IntegerType() if element.width.data == 1:
            return np.dtype(np.bool_)
        case IntegerType() if element.width.data in (8, 16, 32, 64):
            sign = "u" if element.signedness.data is Signedness.UNSIGNED else "i"
            return np.dtype(f"{sign}{element.width.data // 8}")
        case _:
            raise VerifyException(f"no NumPy type for elements of type {element}")


def memref_type(value: SSAValue) -> MemRefType:
    """The type of a buffer, or of a window of one."""
    assert isinstance(value.type, MemRefType)
    return value.type


def byte_size(type: TensorType | MemRefType) -> int:
    """Bytes that a densely stored value of `type` takes."""
    assert isinstance(type, ShapedType)
    return int(np.prod(type.get_shape(), dtype=np.int64)) * dtype_of(type.element_type).itemsize
