"""What passes note on ops, arguments and weights for insert-quant-casts."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Attribute

from ...dialects import quant

REAL = "quant.real"
"""The attribute (on the cast of a weight) that names the float constant it stands for."""

TYPE = "quant.type"
"""The attribute (on an op, a function argument, the constant of a weight) that holds the quantized
type that a quantizer must have, whatever was calibrated."""

BITS = "quant.bits"
"""The attribute (on an op or a function argument) that holds the bits of an activation: 8, 16."""

WEIGHT_BITS = "quant.weight_bits"
"""The attribute (on a product) that holds the bits of its weight: 2 to 8."""

FLOAT = "quant.float"
"""The attribute (on an op) that holds why it is not computed in integers."""


def given_type(attributes: Mapping[str, Attribute]) -> quant.UniformQuantizedType | None:
    """The type among `attributes` that a quantizer must have."""
    found = attributes.get(TYPE)
    return found if isinstance(found, quant.UniformQuantizedType) else None


def given_bits(attributes: Mapping[str, Attribute]) -> int:
    """The width among `attributes` of what is computed there; 8 if nothing is said."""
    given, bits = given_type(attributes), attributes.get(BITS)
    if given is not None:
        return given.storage.width.data
    return bits.value.data if isinstance(bits, IntegerAttr) else 8


def given_weight_bits(attributes: Mapping[str, Attribute], default: int) -> int:
    """The width among `attributes` of the weight that is read there."""
    bits = attributes.get(WEIGHT_BITS)
    return bits.value.data if isinstance(bits, IntegerAttr) else default
