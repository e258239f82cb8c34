"""The way from the most bits everywhere to the fewest, in the order of noise per saving."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ...dialects.diagnostics import RunnelError, emit_remark
from .integer_forms import PRODUCTS
from .logits import is_row
from .pareto import Point
from .precision_price import Price, Prices, model_of, prices
from .precision_trial import FULL, WIDE, Precision, Trial

if TYPE_CHECKING:
    from .mixed_precision import MixedPrecision

PASS = "mixed-precision"
DECIBELS = 30.0
"""What is kept where no limit is given."""


@dataclass(frozen=True)
class Step:
    """The quantizer behind `cast` gets `bits`."""

    cast: Operation
    bits: int
    rate: float
    """Noise for each byte or cycle that this saves."""


@dataclass
class Walk:
    """From the most bits everywhere to the fewest, a quantizer a step."""

    trial: Trial
    module: ModuleOp
    options: MixedPrecision
    labels: NDArray[np.int64] | None
    measured: dict[int, Point] = field(default_factory=dict[int, Point])
    totals: dict[int, Price] = field(default_factory=dict[int, Price])

    def __post_init__(self) -> None:
        options, trial = self.options, self.trial
        self.exact = trial.result(Precision(), options.check)
        self.few = trial.result(Precision(), options.samples)
        self.narrowest = frozenset(trial.candidates if 8 in options.activation_bits else ())
        chosen = len(options.activation_bits) > 1
        self.always = frozenset() if chosen else self.narrowest
        most = max(options.weight_bits)
        self.full = {cast: most for cast in trial.layers}
        chains = self.weight_chains()
        if chosen:
            chains += [[step] for step in self.activation_steps()]
        # a layer loses its bits one after the other, whatever a later step may save
        for chain in chains:
            rates = np.maximum.accumulate([step.rate for step in chain])
            chain[:] = [replace(s, rate=r) for s, r in zip(chain, rates, strict=True)]
        flat = [step for chain in chains for step in chain]
        self.steps = sorted(flat, key=lambda step: step.rate)

    def activation_steps(self) -> Iterator[Step]:
        base = self.price(Precision(self.narrowest, self.full))
        for cast in self.trial.candidates:
            if self.options.minimize == "bytes":
                saving = float(self.trial.activation_bytes(cast))
            else:
                wider = self.price(Precision(self.narrowest - {cast}, self.full))
                saving = wider.total.cycles - base.total.cycles
            if saving > 0:
                noise = self.noise(Precision(frozenset({cast}), self.full))
                yield Step(cast, 8, noise / saving)

    def weight_chains(self) -> list[list[Step]]:
        """For each layer its steps from the most bits to the fewest."""
        trial, levels = self.trial, sorted(set(self.options.weight_bits), reverse=True)
        paid = {
            bits: self.price(Precision(self.narrowest, dict.fromkeys(trial.layers, bits))).layers
            for bits in (levels if len(levels) > 1 else ())
        }
        products: list[Operation] = [op for op in self.module.walk() if isinstance(op, PRODUCTS)]
        chains: list[list[Step]] = []
        for cast, layer in trial.layers.items():
            place, chain = products.index(layer), list[Step]()
            costs = {bits: found[place] for bits, found in paid.items() if place in found}
            for before, bits in pairwise(costs):
                if (saving := self.amount(costs[before]) - self.amount(costs[bits])) <= 0:
                    break
                had, has = (
                    self.noise(Precision(weights={**self.full, cast: b})) for b in (before, bits)
                )
                chain.append(Step(cast, bits, max(has - had, 0.0) / saving))
            chains.append(chain)
        return [chain for chain in chains if chain]

    def amount(self, price: Price) -> float:
        if self.options.minimize == "cycles":
            return price.cycles
        return float(price.parameters + price.activations)

    def noise(self, precision: Precision) -> float:
        found = self.trial.result(precision, self.options.samples)
        return float(((found - self.few) ** 2).sum())

    def price(self, precision: Precision) -> Prices:
        self.trial.write(precision)
        return prices(self.module, self.options.per_channel)

    def precision(self, taken: int) -> Precision:
        """After so many steps."""
        steps = self.steps[:taken]
        narrow = {step.cast for step in steps if step.cast in self.trial.makers}
        weights = {step.cast: step.bits for step in steps if step.cast in self.trial.layers}
        return Precision(self.always | narrow, {**self.full, **weights})

    def measure(self, taken: int) -> Point:
        """Run the network with all quantizers in place, and tell."""
        if taken in self.measured:
            return self.measured[taken]
        precision = self.precision(taken)
        found, total = self.trial.result(precision, self.options.check), self.total(taken)
        noise, power = ((found - self.exact) ** 2).sum(), (self.exact**2).sum()
        point = Point(
            self.text(precision),
            float(10 * np.log10(power / noise)) if noise else np.inf,
            self.drop(found),
            total.parameters,
            total.activations,
            total.cycles,
            model_of(self.module),
        )
        lost = "" if point.drop is None else f", {point.drop:+.2f} points lost"
        cost = f"{point.parameters} bytes of parameters, {point.activations} of activations"
        cycles = f"{point.cycles:.0f} {point.model}"
        text = f"{point.bits}: {point.sqnr:.1f} dB{lost}, {cost}, {cycles}"
        emit_remark("analysis", PASS, self.trial.function, text)
        self.measured[taken] = point
        return point

    def total(self, taken: int) -> Price:
        if taken not in self.totals:
            self.totals[taken] = self.price(self.precision(taken)).total
        return self.totals[taken]

    def drop(self, found: NDArray[np.float64]) -> float | None:
        """Points lost on the samples."""
        chosen, before = (x.reshape(len(x), -1).argmax(1) for x in (found, self.exact))
        if self.labels is not None:
            count = min(len(self.labels), len(chosen))
            labels, chosen, before = self.labels[:count], chosen[:count], before[:count]
            return 100 * float((before == labels).mean() - (chosen == labels).mean())
        return 100 * float((chosen != before).mean()) if is_row(self.exact.shape) else None

    def choose(self) -> int:
        """How many steps to take."""
        options, function, most = self.options, self.trial.function, len(self.steps)
        if options.max_bytes is None and options.max_cycles is None:
            if self.keeps(most):
                return most
            if not self.keeps(0):
                text = "the most bits miss the target too; they are what it gets"
                emit_remark("missed", PASS, function, text)
                return 0
            return last_kept(self.keeps, 0, most)
        if not self.fits(most):
            text = f"the fewest bits take more than was allowed: {self.measure(most).bits}"
            emit_remark("missed", PASS, function, text)
            return most
        taken = 0 if self.fits(0) else last_kept(lambda i: not self.fits(i), 0, most) + 1
        if not self.keeps(taken):
            emit_remark("missed", PASS, function, "what is cheap enough misses the target")
        return taken

    def keeps(self, taken: int) -> bool:
        """Whether the limits of quality are kept; 30 dB where there is no limit at all."""
        options, point = self.options, self.measure(taken)
        if options.target_drop is not None and point.drop is None:
            raise RunnelError(f"{PASS}: results are no classes; give sqnr, not target-drop")
        enough = options.target_drop is None or (point.drop or 0.0) <= options.target_drop
        limits = (options.target_drop, options.max_bytes, options.max_cycles)
        least = options.sqnr
        if least is None:
            least = DECIBELS if limits == (None, None, None) else -np.inf
        return enough and point.sqnr >= least

    def fits(self, taken: int) -> bool:
        """Whether the limits of cost are kept."""
        options, total = self.options, self.total(taken)
        small = options.max_bytes is None or total.parameters <= options.max_bytes
        return small and (options.max_cycles is None or total.cycles <= options.max_cycles)

    def text(self, precision: Precision) -> str:
        candidates, layers = self.trial.candidates, self.trial.layers
        wide = sum(cast not in precision.narrow for cast in candidates)
        text = f"{wide} of {len(candidates)} tensors in 16 bits"
        for bits in sorted(set(precision.weights.values()) - {FULL}, reverse=True):
            count = sum(found == bits for found in precision.weights.values())
            text += f", {count} of {len(layers)} weights in {bits}"
        return text

    def names(self, taken: int) -> str:
        """The quantizers that are not of 8 bits."""
        trial, precision = self.trial, self.precision(taken)
        wide = [cast for cast in trial.candidates if cast not in precision.narrow]
        texts = [self.listed(f"{WIDE} bits for", wide, len(trial.candidates))] if wide else []
        for bits in sorted(set(precision.weights.values()) - {FULL}, reverse=True):
            casts = [cast for cast, found in precision.weights.items() if found == bits]
            texts.append(self.listed(f"{bits}-bit weights for", casts, len(trial.layers)))
        return "; ".join(texts) or "8 bits for all"

    def listed(self, what: str, casts: Sequence[Operation], of: int) -> str:
        return f"{what} {len(casts)} of {of}: {', '.join(map(self.trial.name_of, casts))}"


def last_kept(holds: Callable[[int], bool], kept: int, missed: int) -> int:
    """The last place from `kept` on at which `holds` is true, by bisection."""
    while missed - kept > 1:
        middle = (kept + missed) // 2
        kept, missed = (middle, missed) if holds(middle) else (kept, middle)
    return kept
