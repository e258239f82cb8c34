"""Memory of a C program as the interpreter sees it: bytes for numbers, cells for all else.

Every read and write is checked against the bounds of its object, as a sanitizer would.
"""

from __future__ import annotations

from collections.abc import MutableMapping, MutableSequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    Signedness,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr, EmitC_PtrDiffT, EmitC_SizeT
from xdsl.ir import Attribute

from ...dialects import c
from ...dialects.types import dtype_of

Bytes = NDArray[np.uint8]
Store = Bytes | MutableSequence[Any] | MutableMapping[str, Any]
POISON = 0xA5


def number_dtype(type: Attribute) -> np.dtype[Any] | None:
    """How a number of `type` lies in memory; None for pointers and structs."""
    if isinstance(type, EmitC_SizeT):
        return np.dtype(np.uint64)
    if isinstance(type, EmitC_PtrDiffT):
        return np.dtype(np.int64)
    return dtype_of(type) if isinstance(type, IntegerType | AnyFloat) else None


def convert(value: Any, type: Attribute) -> Any:
    """`value` as C converts it to `type`: integers are cut off, floats rounded."""
    dtype = number_dtype(type)
    if dtype is None:
        return value
    if dtype.kind == "f":
        return dtype.type(value)
    if dtype.kind == "b":
        return bool(value)
    bits = 8 * dtype.itemsize
    cut = int(value) % (1 << bits)
    return cut - (1 << bits) if dtype.kind == "i" and cut >> (bits - 1) else cut


def is_signed(type: Attribute) -> bool:
    return isinstance(type, IntegerType) and type.signedness.data is not Signedness.UNSIGNED


@dataclass(frozen=True)
class Pointer:
    """A place in `store`: a byte of numbers, an element of a list of cells or a field.

    `dtype` is that of the numbers that it points to; None points to cells or to void.
    """

    store: Store
    offset: Any
    dtype: np.dtype[Any] | None = None

    def moved(self, count: int) -> Pointer:
        """`pointer + count`"""
        size = self.dtype.itemsize if self.dtype is not None else 1
        return Pointer(self.store, self.offset + count * size, self.dtype)

    def cast(self, pointee: Attribute) -> Pointer:
        """The same place seen as another type."""
        return Pointer(self.store, self.offset, number_dtype(pointee))

    def array(self, count: int) -> NDArray[Any]:
        """The next `count` numbers as a view; refuses to leave the object."""
        assert isinstance(self.store, np.ndarray) and self.dtype is not None
        size = count * self.dtype.itemsize
        self._check(size)
        return self.store[self.offset : self.offset + size].view(self.dtype)

    def _check(self, size: int) -> None:
        if not 0 <= self.offset <= len(self.store) - size:
            raise ValueError(
                f"{size} bytes at {self.offset} are outside of an object of {len(self.store)} bytes"
            )

    def load(self) -> Any:
        if isinstance(self.store, np.ndarray):
            value = self.array(1)[0]
            return value if isinstance(value, np.floating) else int(value)
        if isinstance(self.store, MutableMapping):
            return self.store.get(self.offset, 0)
        if not 0 <= self.offset < len(self.store):
            raise ValueError(f"element {self.offset} is outside of {len(self.store)} elements")
        return self.store[self.offset]

    def save(self, value: Any) -> None:
        if isinstance(self.store, np.ndarray):
            self.array(1)[0] = value
        else:
            self.store[self.offset] = value


def pointer_to(array: NDArray[Any]) -> Pointer:
    """A pointer to the elements of `array`, which must be contiguous; writes go into it."""
    if not array.flags.c_contiguous:
        raise ValueError("only a contiguous array can be handed to C")
    flat = array.reshape(-1)
    return Pointer(flat.view(np.uint8), 0, array.dtype)


def new_object(type: Attribute, *, zero: bool) -> Pointer:
    """Room for an object of `type`, zero or filled with what reads as nonsense."""
    count, element = 1, type
    if isinstance(type, c.ArrayType):
        count, element = type.length.data, type.element_type
    dtype = number_dtype(element)
    if dtype is None:
        return Pointer([None] * count, 0)
    fill = 0 if zero else POISON
    return Pointer(np.full(count * dtype.itemsize, fill, np.uint8), 0, dtype)


class Globals:
    """The globals of a program, made when they are first used."""

    def __init__(self) -> None:
        self._objects: dict[str, Pointer] = {}

    def find(self, op: c.GlobalOp) -> Pointer:
        """The object of a definition."""
        name = op.sym_name.data
        if name not in self._objects:
            if op.value is None:
                self._objects[name] = new_object(op.type, zero=True)
            else:
                self._objects[name] = self._initialised(op, op.type, op.value)
        return self._objects[name]

    def _initialised(self, op: c.GlobalOp, type: Attribute, value: Attribute) -> Pointer:
        if isinstance(value, DenseIntOrFPElementsAttr):
            dtype = dtype_of(value.type.element_type)
            return Pointer(np.frombuffer(bytearray(value.data.data), np.uint8), 0, dtype)
        if isinstance(type, c.ArrayType) and isinstance(value, ArrayAttr):
            element = type.element_type
            found = new_object(type, zero=True)
            for index, item in enumerate(value.data):
                found.moved(index).save(self.value(op, element, item))
            return found
        found = new_object(type, zero=True)
        found.save(self.value(op, type, value))
        return found

    def value(self, op: c.GlobalOp, type: Attribute | None, value: Attribute) -> Any:
        """A value of an initialiser: a number, a pointer, or a struct as a dictionary."""
        match value:
            case IntegerAttr() | FloatAttr():
                return convert(value.value.data, type or value.type)
            case StringAttr():
                return text_pointer(value.data)
            case DictionaryAttr():
                return {name: self.value(op, None, item) for name, item in value.data.items()}
            case ArrayAttr():
                return Pointer([self.value(op, None, item) for item in value.data], 0)
            case SymbolRefAttr():
                found = c.find_definition(op, value.string_value())
                if not isinstance(found, c.GlobalOp):
                    raise ValueError(f"no file of the module defines {value}")
                return self.find(found)
            case EmitC_OpaqueAttr():
                return named_constant(value)
            case _:
                raise ValueError(f"{value} has no meaning here")


def text_pointer(text: str) -> Pointer:
    """A string literal: a char is a cell."""
    return Pointer([*text, "\0"], 0)


def named_constant(value: EmitC_OpaqueAttr) -> Any:
    """The names that C itself gives a value."""
    known = {"NULL": None, "true": True, "false": False, "INFINITY": np.inf, "NAN": np.nan}
    name = value.value.data
    if name not in known:
        raise ValueError(f"the value of {name} is in a header that the interpreter does not read")
    return known[name]
