"""Which layers suffer from quantization: each alone quantized, or all but it.

The measure is the SQNR of the logits on unlabelled data. It says where to look; it does not rank
accuracy (arXiv:2302.05397 uses it the same way, as a cheap first order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.rewriter import Rewriter

from ..dialects import graph, quant
from ..dialects.diagnostics import source_name
from ..dialects.graph_base import tensor_type
from ..passes.quant.placement import ACTIVATIONS
from ..passes.quant.real_parameters import REAL_BIAS, float_constant
from .fidelity import fidelity, outputs_of
from .signature import network_function

Array = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """The quantizers of one layer: those of its weight and of its result (or of a network input).

    `casts` are the places of their dcasts among the ops of the function.
    """

    name: str
    op: str
    casts: tuple[int, ...]


@dataclass(frozen=True)
class Sensitivity:
    """SQNR of the logits in dB with only this layer quantized, and with all but this layer."""

    layer: Layer
    only: float
    without: float
    gain: float
    """Of the logits, with only this layer quantized."""


def layers_of(simulated: ModuleOp) -> list[Layer]:
    """The layers of a graph with casts, in order."""
    found: dict[Operation | BlockArgument, list[int]] = {}
    for place, op in enumerate(network_function(simulated).body.block.ops):
        if isinstance(op, quant.DequantizeCastOp) and (core := core_of(op)) is not None:
            found.setdefault(core, []).append(place)
    return [
        Layer(f"input {core.index}", "input", tuple(casts))
        if isinstance(core, BlockArgument)
        else Layer(source_name(core) or core.name, core.name, tuple(casts))
        for core, casts in sorted(found.items(), key=lambda item: max(item[1]))
    ]


def core_of(cast: quant.DequantizeCastOp) -> Operation | BlockArgument | None:
    """The layer whose weight or result (or the input that) goes through `cast`."""
    stored = quant.before_widening(cast.input).owner
    if isinstance(stored, graph.ConstantOp):
        return next((use.operation for use in cast.result.uses), None)
    if not isinstance(stored, quant.QuantizeCastOp):
        return None
    value: SSAValue = stored.input
    while isinstance(value.owner, ACTIVATIONS):
        value = value.owner.operands[0]
    if isinstance(value, BlockArgument):
        return value
    return value.owner if isinstance(value.owner, Operation) else None


def with_casts(simulated: ModuleOp, keep: Callable[[int], bool]) -> ModuleOp:
    """A copy in which only the dcasts at places that `keep` chooses quantize; float elsewhere."""
    module = simulated.clone()
    for place, op in enumerate(list(network_function(module).body.block.ops)):
        if not isinstance(op, quant.DequantizeCastOp) or keep(place):
            continue
        value = float_value(op)
        if value is not None:
            restore_bias(op)
            op.result.replace_all_uses_with(value)
            Rewriter.erase_op(op)
    return module


def restore_bias(cast: quant.DequantizeCastOp) -> None:
    """A float weight goes with the bias from before any correction."""
    if not isinstance(cast.input.owner, graph.ConstantOp):
        return
    for use in list(cast.result.uses):
        symbol, layer = use.operation.attributes.get(REAL_BIAS), use.operation
        if isinstance(symbol, SymbolRefAttr) and layer.parent is not None:
            bias = graph.ConstantOp(symbol.string_value(), tensor_type(layer.operands[2]))
            layer.parent.insert_op_before(bias, layer)
            layer.operands[2] = bias.result


def float_value(cast: quant.DequantizeCastOp) -> SSAValue | None:
    """What `cast` stands for: the value before it was quantized, or the float parameter."""
    stored = quant.before_widening(cast.input).owner
    if isinstance(stored, quant.QuantizeCastOp):
        return stored.input
    constant = float_constant(cast)
    return None if constant is None else constant.result


def sensitivity(
    simulated: ModuleOp,
    samples: Mapping[str, Array],
    tell: Callable[[int, int], None] = lambda done, count: None,
) -> list[Sensitivity]:
    """Measure each layer of a graph with casts on samples in the model's order."""
    layers = layers_of(simulated)
    reference = outputs_of(with_casts(simulated, lambda place: False), samples).logits
    found: list[Sensitivity] = []
    for layer in layers:
        mine = frozenset(layer.casts)
        only = fidelity(reference, logits(simulated, samples, mine.__contains__))
        without = fidelity(
            reference, logits(simulated, samples, lambda place, mine=mine: place not in mine)
        )
        found.append(Sensitivity(layer, only.sqnr, without.sqnr, only.gain))
        tell(len(found), len(layers))
    return found


def logits(simulated: ModuleOp, samples: Mapping[str, Array], keep: Callable[[int], bool]) -> Array:
    return outputs_of(with_casts(simulated, keep), samples).logits


def worst(found: Iterable[Sensitivity], count: int = 5) -> list[Sensitivity]:
    """The layers that lower the SQNR most when only they are quantized."""
    return sorted(found, key=lambda entry: entry.only)[:count]
