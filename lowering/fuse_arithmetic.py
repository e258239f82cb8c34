"""Sums and products of two tensors between casts, in integers."""

from __future__ import annotations

import numpy as np

from ..dialects import graph, quant
from ..dialects.diagnostics import emit_remark
from ..passes.quant.integer_forms import factor_of
from .fixed_point import NoFixedPoint
from .fusion import PASS, FusePattern, Fusion, dequantized, requantization


class FuseAdd(FusePattern):
    """The sum (or difference) of two scales: raw integers times their multipliers, in i32.

    A model that comes in quantized is met with all the bits that fit. In a program of our own
    making multipliers have 15 bits (2**-7 of a step off at most): one SMLAD does both products.
    """

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if not isinstance(core, graph.AddOp | graph.SubOp):
            return
        lhs, rhs = dequantized(core.lhs), dequantized(core.rhs)
        if lhs is None or rhs is None or quant.shape_of(lhs) != quant.shape_of(rhs):
            return
        sign = -1 if isinstance(core, graph.SubOp) else 1
        multipliers, bias, shift = add_parameters(
            quant.quantized(lhs),
            quant.quantized(rhs),
            fusion.element,
            multiplier_bits(self.rounding),
            self.rounding,
            sign,
        )
        new = quant.AddOp(
            lhs,
            rhs,
            fusion.type,
            multipliers=multipliers,
            bias=bias,
            shift=shift,
            clamp=fusion.clamp,
        )
        fusion.replace(new)


def multiplier_bits(rounding: str) -> int:
    """Of the multipliers of sums."""
    return 15 if rounding == "single" else 31


def add_parameters(
    a: quant.UniformQuantizedType,
    b: quant.UniformQuantizedType,
    y: quant.UniformQuantizedType,
    bits: int = 31,
    rounding: str = "single",
    sign: int = 1,
) -> tuple[tuple[int, int], int, int]:
    """Multipliers below 2**bits, bias and the greatest shift; no partial sum leaves i32.

    Sums are rounded half up, or down where the rounding is floor. With `sign` -1 the second one is
    subtracted.
    """
    for shift in range(30, -1, -1):
        m_a, m_b = (round(x.scale / y.scale * 2**shift) for x in (a, b))
        half = 0 if rounding == "floor" else (1 << shift) >> 1
        bias = (y.zero_point << shift) + half
        bias -= a.zero_point * m_a + b.zero_point * sign * m_b
        reach = sum(max(map(abs, x.bounds)) * m for x, m in ((a, m_a), (b, m_b)))
        if reach + abs(bias) < 2**31 and max(m_a, m_b) < 2**bits:
            return (m_a, sign * m_b), bias, shift
    raise NoFixedPoint(
        f"scales {a.scale:g} and {b.scale:g} cannot be added at scale {y.scale:g} in i32"
    )


class FuseMul(FusePattern):
    """The product of two tensors, the second maybe broadcast."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        found = factor_of(core) if isinstance(core, graph.MulOp) else None
        if found is None:
            return
        value, factor = (dequantized(operand) for operand in found)
        if value is None or factor is None:
            return
        a, b, shape = quant.quantized(value), quant.quantized(factor), quant.shape_of(factor)
        if (reach := quant.greatest_product(a, b)) >= 2**31:
            emit_remark("missed", PASS, core, f"a product may reach {reach}, beyond i32")
            return
        real = np.array([a.scale * b.scale / fusion.element.scale])
        requant = requantization(real, self.rounding, fusion.clamp, [reach])
        missing = len(quant.shape_of(value)) - len(shape)
        aligned = [graph.ReshapeOp(factor, [*[1] * missing, *shape])] if missing else []
        factor = aligned[0].result if aligned else factor
        fusion.replace(*aligned, quant.MulOp(value, factor, fusion.type, requant))
