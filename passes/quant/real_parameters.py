"""The float parameters that the quantized ones of a layer stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.traits import SymbolTable

from ...dialects import graph, quant
from .layers import Float, Layer, layers_of
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
    """The bias of `layer` before any correction or rounding; None if there was none."""
    noted = named(layer.op, layer.op.attributes.get(REAL_BIAS))
    if noted is not None or len(layer.op.operands) < 3:
        return noted
    bias = layer.op.operands[2]
    if isinstance(cast := bias.owner, quant.DequantizeCastOp):
        noted = named(cast, cast.attributes.get(REAL))
    return graph.constant_array(bias) if noted is None else noted


def named(op: Operation, symbol: object) -> Array | None:
    """The array of the global that an attribute of `op` names."""
    if not isinstance(symbol, SymbolRefAttr):
        return None
    found = SymbolTable.lookup_symbol(op, symbol)
    return found.array() if isinstance(found, graph.GlobalOp) else None


def float_constant(cast: quant.DequantizeCastOp) -> graph.ConstantOp | None:
    """A new constant before `cast`, of the floats that it names; None if it names none."""
    symbol = cast.attributes.get(REAL)
    if not isinstance(symbol, SymbolRefAttr) or cast.parent is None:
        return None
    found = SymbolTable.lookup_symbol(cast, symbol)
    assert isinstance(found, graph.GlobalOp) and isinstance(found.type, TensorType)
    constant = graph.ConstantOp(symbol.string_value(), found.type)
    constant.location = cast.location
    constant.result.name_hint = symbol.string_value()
    cast.parent.insert_op_before(constant, cast)
    return constant


def real_parameters(module: ModuleOp) -> dict[SSAValue, Array]:
    """What stands for the weight and the bias of each layer in the float network."""
    found: dict[SSAValue, Array] = {}
    for layer in layers_of(module):
        weight, bias = real_weight(layer), real_bias(layer)
        if weight is not None:
            found[layer.weight] = weight
            if bias is not None:
                found[layer.op.operands[2]] = bias
    return found


def set_corrected_bias(layer: Layer, bias: Float) -> None:
    """Let the layer read `bias`; the one before the first correction stays known."""
    op = layer.op
    if len(op.operands) < 3:
        layer.set_bias(np.zeros(layer.outputs))
    old = op.operands[2]
    if isinstance(cast := old.owner, quant.DequantizeCastOp):
        symbol = cast.attributes.get(REAL)
    else:
        assert isinstance(old.owner, graph.ConstantOp)
        symbol = old.owner.global_name
    if symbol is not None:
        op.attributes.setdefault(REAL_BIAS, symbol)
    layer.set_bias(bias)
