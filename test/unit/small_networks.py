"""A small convolutional network as float and as QDQ ONNX, and inputs for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper
from onnx_models import Array, model

SHAPE = (1, 3, 8, 8)
CHANNELS = 8
CLASSES = 4


def images(count: int, seed: int = 1) -> Array:
    """Inputs in the shape of the model."""
    return np.random.default_rng(seed).normal(size=(count, *SHAPE[1:])).astype(np.float32)


@dataclass
class Builder:
    """Nodes of a chain; with `quantized`, activations and weights pass Quantize/Dequantize."""

    quantized: bool
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name, **attributes))
        return name

    def activation(self, value: str, scale: float, zero: int) -> str:
        """`value` through int8, if the network is quantized."""
        if not self.quantized:
            return value
        parameters = self.parameters(value, np.float32(scale), np.int8(zero))
        stored = self.node("QuantizeLinear", value, *parameters)
        return self.node("DequantizeLinear", stored, *parameters)

    def parameters(self, value: str, scale: object, zero: object) -> tuple[str, str]:
        self.constants[f"{value}.scale"] = np.asarray(scale)
        self.constants[f"{value}.zero"] = np.asarray(zero)
        return f"{value}.scale", f"{value}.zero"

    def weight(self, name: str, *shape: int) -> str:
        """A constant, held as int8 if the network is quantized."""
        stored = self.random.integers(-127, 128, shape).astype(np.int8)
        if not self.quantized:
            self.constants[name] = stored.astype(np.float32) * np.float32(0.01)
            return name
        self.constants[name] = stored
        parameters = self.parameters(name, np.float32(0.01), np.int8(0))
        return self.node("DequantizeLinear", name, *parameters)

    def bias(self, name: str, size: int) -> str:
        self.constants[name] = self.random.normal(size=size).astype(np.float32)
        return name


def network(*, quantized: bool) -> onnx.ModelProto:
    """conv, depthwise conv, addition, mean, fully connected."""
    b = Builder(quantized)
    x = b.activation("image", 0.0413, 3)
    pads = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    y = b.node("Conv", x, b.weight("w0", CHANNELS, 3, 3, 3), b.bias("b0", CHANNELS), **pads)
    y = b.activation(b.node("Relu", y), 0.0637, -128)
    z = b.node(
        "Conv", y, b.weight("w1", CHANNELS, 1, 3, 3), b.bias("b1", CHANNELS), **pads, group=CHANNELS
    )
    z = b.activation(z, 0.0911, 5)
    s = b.activation(b.node("Relu", b.node("Add", y, z)), 0.1037, -128)
    p = b.activation(b.node("GlobalAveragePool", s), 0.0419, -128)
    flat = b.node("Flatten", p)
    scores = b.node(
        "Gemm", flat, b.weight("w2", CLASSES, CHANNELS), b.bias("b2", CLASSES), transB=1
    )
    scores = b.activation(scores, 0.1093, -7)
    b.nodes.append(helper.make_node("Identity", [scores], ["scores"], "last"))
    return model(b.nodes, {"image": SHAPE}, ["scores"], b.constants)


def save_network(folder: Path, *, quantized: bool) -> Path:
    """Write the network; its path."""
    path = folder / ("quantized.onnx" if quantized else "real.onnx")
    onnx.save(network(quantized=quantized), path)
    return path
