"""Quantized programs for tests: ops between casts, their inputs as stored integers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.ir import Block, Operation, Region, SSAValue

from runnel.dialects import graph, quant
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

Array = NDArray[Any]
Element = quant.UniformQuantizedType
SHAPE = (1, 3, 9, 7)
"""Of the input of `network`."""


def per_tensor(scale: float, zero: int = 0) -> Element:
    """A signed 8-bit type."""
    return Element.get([scale], [zero])


def weights_of(scales: list[float], axis: int = 0) -> Element:
    """A symmetric 8-bit type: one scale, or one per slice of `axis`."""
    return Element.get(scales, axis=axis if len(scales) > 1 else -1)


@dataclass
class Program:
    """Builds one function; `input` and `finish` stand on quantized tensors, all else on floats."""

    module: ModuleOp = field(default_factory=lambda: ModuleOp([]))
    block: Block = field(default_factory=Block)
    name: str = "net"

    def add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def input(self, shape: tuple[int, ...], element: Element) -> SSAValue:
        argument = self.block.insert_arg(TensorType(element, shape), len(self.block.args))
        return self.add(quant.DequantizeCastOp(argument, TensorType(f32, shape)))

    def real_input(self, shape: tuple[int, ...]) -> SSAValue:
        return self.block.insert_arg(TensorType(f32, shape), len(self.block.args))

    def weight(self, stored: Array, element: Element) -> SSAValue:
        """Stored integers behind a dcast."""
        type = TensorType(element, stored.shape)
        symbol = graph.add_global(self.module, "w", stored, type).sym_name.data
        constant = self.add(graph.ConstantOp(symbol, type))
        return self.add(quant.DequantizeCastOp(constant, TensorType(f32, stored.shape)))

    def constant(self, values: Array) -> SSAValue:
        """f32 values."""
        type = TensorType(f32, values.shape)
        array = values.astype(np.float32)
        symbol = graph.add_global(self.module, "c", array, type).sym_name.data
        return self.add(graph.ConstantOp(symbol, type))

    def requantize(self, value: SSAValue, element: Element) -> SSAValue:
        """Through a qcast and a dcast."""
        assert isinstance(value.type, TensorType)
        stored = TensorType(element, value.type.get_shape())
        cast = self.add(quant.QuantizeCastOp(value, stored))
        return self.add(quant.DequantizeCastOp(cast, value.type))

    def finish(self, value: SSAValue, element: Element | None = None) -> ModuleOp:
        """The module of the function that returns `value`, quantized if `element` says how."""
        assert isinstance(value.type, TensorType)
        if element is not None:
            stored = TensorType(element, value.type.get_shape())
            value = self.add(quant.QuantizeCastOp(value, stored))
        self.add_return(value)
        self.module.verify()
        return self.module

    def add_return(self, value: SSAValue) -> None:
        self.block.add_op(func.ReturnOp(value))
        types = ([argument.type for argument in self.block.args], [value.type])
        self.module.body.block.add_op(func.FuncOp(self.name, types, Region(self.block)))


def apply(module: ModuleOp, pipeline: str) -> ModuleOp:
    """A copy of the module after the pipeline."""
    copy = module.clone()
    resolve_pipeline(pipeline).run(new_context(), copy)
    return copy


def names(module: ModuleOp) -> list[str]:
    """The ops of the function but constants, in order."""
    function = next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))
    skipped = (graph.ConstantOp, func.ReturnOp)
    return [op.name for op in function.body.block.ops if not isinstance(op, skipped)]


def random_int8(random: np.random.Generator, *shape: int) -> Array:
    """All of int8, with the ends more often than by chance."""
    values = random.integers(-128, 128, shape)
    ends = random.random(shape)
    return np.where(ends < 0.05, -128, np.where(ends > 0.95, 127, values)).astype(np.int8)


def network(seed: int, name: str = "net") -> ModuleOp:
    """conv, depthwise, sigmoid, add, max pool, mean, fully connected, softmax, in float."""
    random = np.random.default_rng(seed)
    program = Program(name=name)

    def constant(*shape: int) -> SSAValue:
        return program.constant(random.normal(0, 0.4, shape))

    def conv(x: SSAValue, depth: int, group: int) -> SSAValue:
        one = (1, 1)
        w, b = constant(8, depth, 3, 3), constant(8)
        return program.add(
            graph.ConvOp(x, w, b, strides=one, pads=(1, 1, 1, 1), dilations=one, group=group)
        )

    a = program.add(graph.ReluOp(conv(program.real_input(SHAPE), 3, 1)))
    b = program.add(graph.SigmoidOp(conv(a, 1, 8)))
    total = program.add(graph.AddOp(a, b))
    pooled = program.add(
        graph.MaxPoolOp(
            total, kernel_shape=(2, 2), strides=(2, 2), pads=(0, 0, 1, 1), dilations=(1, 1)
        )
    )
    mean = program.add(graph.GlobalAveragePoolOp(pooled))
    flat = program.add(graph.ReshapeOp(mean, (1, 8)))
    scores = program.add(graph.GemmOp(flat, constant(4, 8), constant(4), trans_b=True))
    return program.finish(program.add(graph.SoftmaxOp(scores, 1)))


def samples(seed: int, count: int) -> Array:
    shape = (count, *SHAPE[1:])
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@cache
def compiled(
    folder: Path,
    seed: int,
    name: str = "net",
    platform: str = "host",
    kernels: Path | None = None,
    weight_bits: int = 8,
) -> Artifact:
    """The network, calibrated on random data and compiled."""
    data = folder / f"{name}.npy"
    np.save(data, samples(seed + 100, 16))
    quantize = (
        f"calibrate{{data={data} cache=false}},insert-quant-casts{{weight-bits={weight_bits}}},"
        "convert-graph-to-quant{rounding=single},cleanup,integer-io,remove-unused-globals"
    )
    return api.compile(apply(network(seed, name), quantize), platform, kernels=kernels)
