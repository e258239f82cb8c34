"""verify-quantization: whether integer ops keep to what the platform asks of quantization."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects import graph, quant
from ...dialects.diagnostics import refuse
from ...dialects.platform import platform_of
from ...dialects.quant_types import storage_bounds
from ...dialects.quantization import Rule

PRODUCTS = (quant.Conv2DOp, quant.FullyConnectedOp)
KERNELS = (
    *PRODUCTS,
    *(
        quant.MatmulOp,
        quant.LayerNormOp,
        quant.AddOp,
        quant.AveragePool2DOp,
        quant.MaxPool2DOp,
        quant.TableOp,
        quant.SoftmaxOp,
    ),
)
REQUANTIZED = (*PRODUCTS, quant.MatmulOp, quant.AveragePool2DOp)


@dataclass(frozen=True)
class VerifyQuantization(ModulePass):
    """Refuse integer ops whose types, scales or rounding the module's platform does not have.

    It looks at ops of the quant dialect alone, wherever their quantization came from, and judges by
    what the platform says of kernels (rows of `quant.` ops). A platform without a `quantization`
    section refuses nothing.
    """

    name = "verify-quantization"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op)
        found = [
            (inner, problem)
            for inner in op.walk()
            if isinstance(inner, KERNELS)
            for problem in problems_of(inner, platform.quantization.rule(kernel_name(inner)))
        ]
        if not found:
            return
        first, problem = found[0]
        more = f" (and {len(found) - 1} more such problems)" if len(found) > 1 else ""
        refuse(
            first,
            f"{problem}{more}; platform {platform.label} asks for it: quantize the float model for "
            "this platform, or compile for another one",
        )


def kernel_name(op: Operation) -> str:
    """As rules name it."""
    depthwise = isinstance(op, quant.Conv2DOp) and op.depthwise
    return "quant.depthwise_conv2d" if depthwise else op.name


def problems_of(op: Operation, rule: Rule) -> Iterator[str]:
    """What of `rule` the op does not keep."""
    if not rule.integer:
        yield "must not be computed in integers"
    for value in (*op.operands, *op.results):
        element = value.type.element_type if isinstance(value.type, TensorType) else None
        if not isinstance(element, quant.UniformQuantizedType):
            continue
        if isinstance(op, PRODUCTS) and value is op.weight:
            yield from weight_problems(value, element, rule)
        else:
            yield from activation_problems(element, rule)
        if rule.power_of_two and not powers_of_two(element.scale_array()).all():
            yield f"scales must be powers of two, {element} has others"
    if isinstance(op, REQUANTIZED):
        yield from requant_problems(op.requant, rule)
    if isinstance(op, quant.AddOp) and rule.power_of_two:
        multipliers = np.array(op.multipliers.get_values())
        if not powers_of_two(multipliers).all():
            yield f"multipliers must be powers of two, not {multipliers.tolist()}"


def activation_problems(element: quant.UniformQuantizedType, rule: Rule) -> Iterator[str]:
    width, least = element.storage.width.data, storage_bounds(element.storage)[0]
    if rule.widths and width not in rule.widths:
        yield f"activations must have {' or '.join(map(str, rule.widths))} bits, not {width}"
    zeros = set(element.zero_point_array().tolist())
    if rule.activations == "asymmetric" or (rule.unsigned and zeros == {least}):
        return
    if zeros != {0}:
        yield f"activations must be symmetric, {element} has a zero point"
    elif rule.activations == "strict" and element.bounds[0] == least:
        yield f"activations must be strictly symmetric, {element} has the code {least}"


def weight_problems(
    value: SSAValue, element: quant.UniformQuantizedType, rule: Rule
) -> Iterator[str]:
    if element.per_axis and not rule.per_channel:
        yield "weights must have one scale, not one per channel"
    codes, limit = graph.constant_array(value), rule.weight_bits()
    if codes is None:
        return
    least = -(1 << (limit - 1)) + (rule.weights == "strict")
    if codes.min() < least or codes.max() >= 1 << (limit - 1):
        most = (1 << (limit - 1)) - 1
        yield f"weights must lie in [{least}, {most}], not in [{codes.min()}, {codes.max()}]"


def requant_problems(requant: quant.RequantAttr, rule: Rule) -> Iterator[str]:
    if rule.power_of_two and not powers_of_two(requant.multiplier_array()).all():
        yield "requantization must be by shifts, its multipliers are no powers of two"
    if rule.roundings and requant.rounding.data not in rule.roundings:
        known = " or ".join(rule.roundings)
        yield f"requantization must round {known}, not {requant.rounding.data}"


def powers_of_two(numbers: np.ndarray) -> np.ndarray:
    """Which numbers are powers of two, or 0."""
    mantissas, _ = np.frexp(numbers)
    return (mantissas == 0.5) | (numbers == 0)
