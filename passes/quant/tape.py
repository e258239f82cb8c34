"""Run a graph, with casts or in float, and carry gradients back through it (reverse mode)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from ...dialects import quant
from ...dialects.diagnostics import refuse
from ...runtime.interpreter.batch import batch_factor
from ...runtime.interpreter.graph import independent
from .gradient_rules import RULES, Rule
from .prefix import Prefix, is_constant

Array = NDArray[Any]
Values = Mapping[SSAValue, Array]

CASTS = (quant.CastOp,)


@dataclass(frozen=True)
class Tape:
    """The ops from the inputs to `output`; `casts=False` passes values by all quantizers."""

    network: Prefix
    output: SSAValue
    casts: bool

    @property
    def ops(self) -> Sequence[Operation]:
        every = [op for op in self.network.function.body.block.ops if op.results]
        last = self.output.owner
        until = every.index(last) + 1 if isinstance(last, Operation) else 0
        return [op for op in every[:until] if not is_constant(op)]

    @property
    def unknown(self) -> Sequence[Operation]:
        """The ops that no gradient goes through."""
        return [op for op in self.ops if type(op) not in RULES]

    def run(self, inputs: Values, parameters: Values) -> dict[SSAValue, Array]:
        """All values; `parameters` are weights and biases that take the place of constants."""
        values = {**inputs, **parameters}
        for op in self.ops:
            values[op.results[0]] = self.step(op, values)
        return values

    def step(self, op: Operation, values: Values) -> Array:
        if isinstance(op, CASTS) and not self.casts:
            return self.network.value(op.operands[0], values)
        return self.network.run(op, values)

    def back(self, values: Values, slopes: Values) -> dict[SSAValue, Array]:
        """The gradients of a sum of terms with respect to everything in `values`; `slopes` are
        those that terms have with respect to some values directly.
        """
        found = dict(slopes)
        for op in reversed(self.ops):
            slope = found.get(op.results[0])
            if slope is None:
                continue
            arguments = [values.get(operand) for operand in op.operands]
            for operand, part in zip(op.operands, self.parts(op, arguments, slope), strict=True):
                if operand in values and part is not None:
                    found[operand] = found[operand] + part if operand in found else part
        return found

    def parts(
        self, op: Operation, arguments: Sequence[Array | None], slope: Array
    ) -> Sequence[Array | None]:
        """The gradient with respect to each operand; `arguments` are None for constants."""
        if isinstance(op, CASTS) and not self.casts:
            return (slope,)
        rule = RULES.get(type(op))
        if rule is None:
            refuse(op, f"the gradient of {op.name} is not known here")
        known = tuple(
            self.network.constant(operand) if argument is None else argument
            for operand, argument in zip(op.operands, arguments, strict=True)
        )
        with np.errstate(all="ignore"):
            if independent(op, known):
                return rule(op, known, slope)
            return by_sample(rule, op, known, slope)


def by_sample(
    rule: Rule, op: Operation, arrays: Sequence[Array], slope: Array
) -> Sequence[Array | None]:
    """`rule` on each sample alone: slopes one after another, or their sum for what all share."""
    factors = [batch_factor(a, v) for a, v in zip(arrays, op.operands, strict=True)]
    count = max(factors)
    if count == 1:
        return rule(op, arrays, slope)
    split = [
        np.split(array, count) if factor == count else [array] * count
        for array, factor in zip(arrays, factors, strict=True)
    ]
    samples = zip(*split, np.split(slope, count), strict=True)
    parts = [rule(op, arguments, own) for *arguments, own in samples]
    return [
        joined(own, factor == count)
        for factor, own in zip(factors, zip(*parts, strict=True), strict=True)
    ]


def joined(parts: Sequence[Array | None], after_one_another: bool) -> Array | None:
    """What one operand gets from all samples."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return np.concatenate(known) if after_one_another else np.sum(known, axis=0)
