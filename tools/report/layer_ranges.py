"""What the values of each quantized tensor are: seen, covered, clipped, and how far from float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import BlockArgument, Operation

from ...dialects import quant
from ...dialects.diagnostics import source_name
from ...runtime.interpreter import run
from ..fidelity import decibels
from ..sensitivity import core_of, with_casts
from ..signature import network_function, signature_of

Array = NDArray[Any]
SAMPLES = 16
"""Samples that are looked at: all their tensors are held at once."""


@dataclass(frozen=True)
class LayerRange:
    """One tensor that has a quantizer."""

    name: str
    low: float
    high: float
    """What its codes cover."""
    seen_low: float
    seen_high: float
    clipped: float
    """The share of its values outside of that."""
    sqnr: float
    """In dB, against the float network."""


@dataclass
class Inputs(Interpreter.Listener):
    """What goes into chosen ops, by their place in the function."""

    places: Mapping[Operation, int]
    found: dict[int, Array]

    def will_interpret_op(self, op: Operation, args: PythonValues) -> None:
        if op in self.places:
            self.found[self.places[op]] = args[0]


def layer_ranges(simulated: ModuleOp, samples: Mapping[str, Array]) -> list[LayerRange]:
    """The quantized tensors of a graph with casts, in order, on a few samples."""
    rows = {name: array[:SAMPLES] for name, array in samples.items()}
    float_inputs = before_casts(with_casts(simulated, lambda place: False), rows)
    quantized_inputs = before_casts(simulated, rows)
    ops = list(network_function(simulated).body.block.ops)
    casts = [op for op in ops if isinstance(op, quant.QuantizeCastOp)]
    found: list[LayerRange] = []
    for place, cast in enumerate(casts):
        element = quant.quantized(cast.result)
        low, high = (element.scale * (code - element.zero_point) for code in element.bounds)
        real, here = float_inputs[place], quantized_inputs[place]
        half = element.scale / 2
        found.append(
            LayerRange(
                name_of(cast),
                *(low, high, float(real.min()), float(real.max())),
                float(((real < low - half) | (real > high + half)).mean()),
                decibels(real.astype(np.float64), on_grid(here, element) - real),
            )
        )
    return found


def on_grid(x: Array, element: quant.UniformQuantizedType) -> NDArray[np.float64]:
    codes = np.clip(np.rint(x / element.scale) + element.zero_point, *element.bounds)
    return element.scale * (codes - element.zero_point)


def before_casts(module: ModuleOp, samples: Mapping[str, Array]) -> dict[int, Array]:
    """What each qcast takes, by its number. Without its dcast a qcast still runs."""
    ops = network_function(module).body.block.ops
    casts = [op for op in ops if isinstance(op, quant.QuantizeCastOp)]
    listener = Inputs({op: place for place, op in enumerate(casts)}, {})
    run(module, signature_of(module).store(samples), listeners=[listener])
    return listener.found


def name_of(cast: quant.QuantizeCastOp) -> str:
    """The node whose result is quantized, or the input."""
    back = next((u.operation for u in cast.result.uses), None)
    core = core_of(back) if isinstance(back, quant.DequantizeCastOp) else None
    if isinstance(core, BlockArgument):
        return f"input {core.index}"
    owner = core if core is not None else cast
    return source_name(owner) or owner.name
