"""What goes in and out of a network: names, shapes, layout, scale and zero point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute

from ..dialects.diagnostics import RunnelError
from ..dialects.quant_types import UniformQuantizedType
from ..dialects.types import dtype_of

Array = NDArray[Any]
LAYOUT = "graph.layout"
"""The attribute of an argument or result that is not in the model's own axis order."""


@dataclass(frozen=True)
class TensorInfo:
    """One input or output. `shape` is what the program sees; stored integers s stand for
    `scale * (s - zero_point)`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str | None = None
    """`nhwc` if the axes of the model's tensor (N, C, H, W) were moved, else None."""
    scale: float | None = None
    zero_point: int | None = None

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def model_shape(self) -> tuple[int, ...]:
        """The shape in the model's own axis order."""
        if self.layout != "nhwc":
            return self.shape
        n, h, w, c = self.shape
        return n, c, h, w

    def store(self, samples: Array) -> Array:
        """Samples in the model's axis order, real or stored, as the program takes them.

        Reals are quantized as ONNX QuantizeLinear does: f32, ties to even, saturating.
        """
        values = samples
        if self.scale is not None and samples.dtype != self.dtype:
            limits = np.iinfo(self.dtype)
            scaled = np.rint(samples.astype(np.float32) / np.float32(self.scale))
            values = np.clip(scaled + np.float32(self.zero_point or 0), limits.min, limits.max)
        if self.layout == "nhwc":
            values = values.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(values.astype(self.dtype))

    def real(self, stored: Array) -> Array:
        """What the program gave as reals in the model's axis order."""
        values = self.model_order(stored)
        if self.scale is None:
            return values
        return (values.astype(np.float32) - np.float32(self.zero_point or 0)) * np.float32(
            self.scale
        )

    def model_order(self, stored: Array) -> Array:
        """What the program gave in the model's axis order."""
        return stored.transpose(0, 3, 1, 2) if self.layout == "nhwc" else stored


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a network, in order."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def store(self, samples: Mapping[str, Array]) -> dict[str, Array]:
        """All inputs as the program takes them."""
        return {info.name: info.store(samples[info.name]) for info in self.inputs}


def network_function(module: ModuleOp) -> func.FuncOp:
    """The one function of a module above the c level."""
    found = [op for op in module.body.block.ops if isinstance(op, func.FuncOp) and op.body.blocks]
    public = [op for op in found if op.sym_visibility is None]
    if len(public) != 1:
        names = ", ".join(f"@{op.sym_name.data}" for op in public) or "none"
        raise RunnelError(f"expected a module with one function, it has: {names}")
    return public[0]


def signature_of(module: ModuleOp) -> Signature:
    """The signature of the function in `module`, be it on tensors or on buffers."""
    from ..runtime.interpreter import input_names, input_types, output_names, role_buffers

    function = network_function(module)
    buffers = {role: role_buffers(function, role) for role in ("input", "output")}
    outputs: Sequence[Attribute] = [op.result.type for op in buffers["output"]]
    entries = {
        "input": [op.attributes for op in buffers["input"]] or _entries(function.arg_attrs),
        "output": [op.attributes for op in buffers["output"]] or _entries(function.res_attrs),
    }
    return Signature(
        _infos(input_names(function), input_types(function), entries["input"]),
        _infos(
            output_names(function),
            outputs or function.function_type.outputs.data,
            entries["output"],
        ),
    )


def _entries(attributes: ArrayAttr[DictionaryAttr] | None) -> list[Mapping[str, Attribute]]:
    return [] if attributes is None else [entry.data for entry in attributes.data]


def _infos(
    names: Sequence[str], types: Sequence[Attribute], entries: Sequence[Mapping[str, Attribute]]
) -> tuple[TensorInfo, ...]:
    padded = [*entries, *({} for _ in range(len(names) - len(entries)))]
    return tuple(
        _info(name, type, entry) for name, type, entry in zip(names, types, padded, strict=True)
    )


def _info(name: str, type: Attribute, entry: Mapping[str, Attribute]) -> TensorInfo:
    if not isinstance(type, TensorType | MemRefType):
        raise RunnelError(f"'{name}' is no tensor: {type}")
    element: Attribute = type.element_type
    layout = entry.get(LAYOUT)
    scale = zero_point = None
    if isinstance(element, UniformQuantizedType) and not element.per_axis:
        scale, zero_point = element.scale, element.zero_point
    return TensorInfo(
        name,
        tuple(type.get_shape()),
        np.dtype(dtype_of(element)),
        layout.data if isinstance(layout, StringAttr) else None,
        scale,
        zero_point,
    )
