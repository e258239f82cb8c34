"""What a quantization costs: bytes of parameters, bytes of activations, modelled cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, NameLoc, NoneAttr, StringAttr, TensorType
from xdsl.ir import Operation
from xdsl.transforms.canonicalize import CanonicalizePass

from ...dialects import graph, quant
from ...dialects.diagnostics import RunnelError, source_name, unheard
from ...dialects.graph_base import shape_of
from ...dialects.platform import KEY, PlatformAttr
from ...dialects.platform_records import Unit
from ...dialects.tiling import tiling_of
from ...dialects.types import byte_size
from ...lowering.graph_to_quant import ConvertGraphToQuant, is_float_compute
from ...lowering.kernel_problem import problem_of
from ...lowering.kernel_table import all_kernels
from ...lowering.kernels import choose_kernel
from ...lowering.unit_backends import backend_of
from ..place.place_units import PlaceUnits, cycles
from ..tile.network import UNIT
from .channels_last import ChannelsLast
from .fit_requant import FitRequant
from .insert_casts import InsertQuantCasts
from .integer_forms import PRODUCTS

Product = quant.Conv2DOp | quant.FullyConnectedOp

PER_CHANNEL = 9
"""Bytes of bias, multiplier and shift of an output channel."""
LOOP_WORK = 12.0
"""Instructions of a product, or of an element, of what has no kernel, such as what stays in float.
"""
UNMEASURED = 6.0
"""Instructions of a kernel for which the table has no `work`: plain C."""


@dataclass(frozen=True)
class Price:
    """`parameters` of products as they are stored, and `activations` of all tensors, in bytes."""

    parameters: int = 0
    activations: int = 0
    cycles: float = 0.0

    def __add__(self, other: Price) -> Price:
        return Price(
            self.parameters + other.parameters,
            self.activations + other.activations,
            self.cycles + other.cycles,
        )


@dataclass(frozen=True)
class Prices:
    """Of a network: by the place of the layer among the products of the graph, and in all."""

    layers: dict[int, Price]
    total: Price


def model_of(module: ModuleOp) -> str:
    """Which model the cycles come from."""
    platform = module.attributes.get(KEY)
    if not isinstance(platform, PlatformAttr):
        return "products of 8 x 8 bits (no platform)"
    if platform.cluster is not None:
        return f"cycles as place-units models them on {platform.label}"
    return f"instructions by the kernel table for {platform.label}"


def prices(module: ModuleOp, per_channel: bool) -> Prices:
    """The prices of a calibrated float graph (with `quant.bits` and `quant.weight_bits` as they
    are), quantized.
    """
    lowered = module.clone()
    numbered(lowered)
    with unheard():
        InsertQuantCasts(per_channel).apply(Context(), lowered)
        ConvertGraphToQuant("single").apply(Context(), lowered)
        CanonicalizePass().apply(Context(), lowered)
        return priced(lowered)


def price_of(integers: ModuleOp) -> Price:
    """The price of a network at the quant level."""
    with unheard():
        return priced(integers.clone()).total


def priced(lowered: ModuleOp) -> Prices:
    """The prices of a module at the quant level, which is lowered further."""
    ChannelsLast().apply(Context(), lowered)
    price = pricer(lowered)
    layers: dict[int, Price] = {}
    total = Price()
    for op in computing(lowered):
        found = price(op)
        total += found
        if isinstance(op, Product | graph.GraphOp) and (name := source_name(op) or "").isdigit():
            layers[int(name)] = found
    return Prices(layers, total)


def numbered(module: ModuleOp) -> None:
    """Name the products of `module` after their places; what becomes of them keeps its name."""
    products = [op for op in module.walk() if isinstance(op, PRODUCTS)]
    for op in module.walk():
        op.location = NameLoc(StringAttr(""), NoneAttr())
    for place, op in enumerate(products):
        op.location = NameLoc(StringAttr(str(place)), NoneAttr())


def computing(module: ModuleOp) -> Iterator[Operation]:
    """The ops that run, and make a tensor."""
    for function in module.body.block.ops:
        if isinstance(function, func.FuncOp):
            for op in function.body.block.ops:
                if len(op.results) == 1 and not isinstance(op, graph.ConstantOp):
                    yield op


def pricer(module: ModuleOp) -> Callable[[Operation], Price]:
    """What an op of `module`, at the quant level, costs on its platform."""
    platform = module.attributes.get(KEY)
    if not isinstance(platform, PlatformAttr):
        return plain_price
    core = next((unit for unit in platform.units if unit.kind == "cpu"), None)
    if platform.cluster is None:
        return lambda op: core_price(op, core)
    if any(unit.kind == "npu" for unit in platform.units):
        FitRequant().apply(Context(), module)
    PlaceUnits().apply(Context(), module)
    backends = {
        unit.name: backend_of(module, unit.name)
        for unit in platform.units
        if unit.kind in ("cluster", "npu")
    }

    def price(op: Operation) -> Price:
        unit = op.attributes.get(UNIT)
        if not isinstance(unit, StringAttr) or backends[unit.data].refuses(op) is not None:
            return core_price(op, core)
        parameters = 0
        if isinstance(op, Product):
            channels = quant.shape_of(op.result)[-1]
            parameters = backends[unit.data].chunk_bytes(op, channels)
        return Price(parameters, made(op), cycles(op, platform.unit(unit.data)))

    return price


def made(op: Operation) -> int:
    """Bytes of the tensor that `op` makes."""
    type = op.results[0].type
    return byte_size(type) if isinstance(type, TensorType) else 0


def terms(op: Operation) -> int:
    """Products of `op`; the elements of its result where it sums nothing up."""
    tiling = tiling_of(op)
    if tiling is None and isinstance(op, PRODUCTS):
        outputs = prod(shape_of(op.results[0]))
        return outputs * prod(shape_of(op.operands[1])) // shape_of(op.results[0])[1]
    return prod(quant.shape_of(op.results[0])) * (1 if tiling is None else tiling.reduced(op))


def plain_price(op: Operation) -> Price:
    """Without a platform: a product counts as many times as its bits are more than 8 x 8."""
    if not isinstance(op, Product):
        return Price(0, made(op), 0.0)
    low, high = quant.quantized(op.weight).bounds
    bits = max(int(high).bit_length(), int(-1 - low).bit_length()) + 1
    wide = quant.quantized(op.input).storage.width.data
    size, channels = prod(quant.shape_of(op.weight)), quant.shape_of(op.weight)[0]
    stored = -(-size * bits // 8) + PER_CHANNEL * channels
    return Price(stored, made(op), terms(op) * bits * wide / 64)


def core_price(op: Operation, unit: Unit | None) -> Price:
    """A kernel of a single core: its `work` for each product or element; loops without one."""
    if isinstance(op, graph.ReshapeOp):
        return Price()
    kernel = problem = None
    if not is_float_compute(op):
        features: frozenset[str] = frozenset() if unit is None else unit.features
        with suppress(RunnelError):  # no kernel: it becomes loops
            problem = problem_of(op)
            kernel, _ = choose_kernel(problem, features, all_kernels())
    if kernel is None or problem is None:
        return Price(weights_of(op), made(op), terms(op) * LOOP_WORK)
    parameters = 0
    if isinstance(op, Product):
        channels, *depth = quant.shape_of(op.weight)
        depthwise = isinstance(op, quant.Conv2DOp) and op.depthwise
        shape = (prod(depth), channels) if depthwise else (channels, prod(depth))
        parameters = kernel.packing(problem).packed_size(*shape) + PER_CHANNEL * channels
    return Price(parameters, made(op), terms(op) * (kernel.work or UNMEASURED))


def weights_of(op: Operation) -> int:
    """Bytes of the constants of an op without a kernel."""
    arrays = [graph.constant_array(value) for value in op.operands]
    return int(np.sum([array.nbytes for array in arrays if array is not None], dtype=np.int64))
