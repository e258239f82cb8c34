"""The float parameters that the quantized ones of a layer stand for."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Operation
from xdsl.traits import SymbolTable

from ...dialects import graph, quant
from .layers import Layer
from .notes import REAL

Array = NDArray[Any]

REAL_BIAS = "quant.real_bias"
"""The attribute (on a layer) that names the bias it had before it was corrected."""


def real_weight(layer: Layer) -> Array | None:
    """The float weight behind the quantized one of `layer`, as stored; None if it has none."""
    cast = layer.weight.owner
    if not isinstance(cast, quant.DequantizeCastOp):
        return None
    return named(layer.op, cast.attributes.get(REAL))


def real_bias(layer: Layer) -> Array | None:
    """The bias of `layer` before any correction; None if there was none."""
    noted = named(layer.op, layer.op.attributes.get(REAL_BIAS))
    if noted is not None or len(layer.op.operands) < 3:
        return noted
    return graph.constant_array(layer.op.operands[2])


def named(op: Operation, symbol: object) -> Array | None:
    """The array of the global that an attribute of `op` names."""
    if not isinstance(symbol, SymbolRefAttr):
        return None
    found = SymbolTable.lookup_symbol(op, symbol)
    return found.array() if isinstance(found, graph.GlobalOp) else None
