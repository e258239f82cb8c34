"""The plan of a network by a constraint solver: the same choice as in plan.py, as one model.

A literal for each option; each op is covered once, readers agree with the home of what they read,
and at each group its buffers, the near tensors and the constants fetched early for the next group
fit. Needs ortools.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ortools.sat.python import cp_model

from .chain import Homes, Option
from .network import Network, Tensor
from .plan import Candidates, Group, cycles_of, with_early_constants

SCALE = 16
"""The solver counts sixteenths of cycles."""

Expression = cp_model.LinearExpr
sum_of = cp_model.LinearExpr.sum
weighted = cp_model.LinearExpr.weighted_sum


@dataclass(frozen=True)
class Choice:
    """One option of one run of ops."""

    first: int
    end: int
    homes: Homes
    option: Option
    taken: cp_model.IntVar


@dataclass
class Plans:
    """The model of all plans of a network within `capacity` bytes."""

    network: Network
    candidates: Candidates
    capacity: int
    model: cp_model.CpModel = field(default_factory=cp_model.CpModel)

    @cached_property
    def choices(self) -> list[Choice]:
        return [
            Choice(first, end, homes, option, self.model.new_bool_var(""))
            for (first, end), options in sorted(self.candidates.items())
            for homes, found in options.items()
            for option in found
        ]

    @cached_property
    def near(self) -> dict[Tensor, Expression]:
        """Whether each tensor lives in the near memory: the group that makes it says so."""
        makers: dict[Tensor, list[cp_model.IntVar]] = {}
        for choice in self.choices:
            if choice.homes.result:
                made = self.network.steps[choice.end - 1].made
                makers.setdefault(made, []).append(choice.taken)
        return {tensor: sum_of(taken) for tensor, taken in makers.items()}

    def build(self) -> None:
        """Add all constraints and the objective."""
        self.cover()
        self.agree()
        gains = [gain for at in range(len(self.network.steps)) for gain in self.gain(at)]
        costs = [round(choice.option.cycles * SCALE) for choice in self.choices]
        taken = [choice.taken for choice in self.choices]
        self.model.minimize(weighted(taken, costs) - sum_of(gains))

    def cover(self) -> None:
        """Each op is in one group."""
        for at, step in enumerate(self.network.steps):
            if step.unit is not None:
                self.model.add_exactly_one(c.taken for c in self.choices if c.first <= at < c.end)

    def agree(self) -> None:
        """A group reads in place what is near, and loads the rest; it fits beside what is near."""
        for choice in self.choices:
            for value, tensor in self.network.inputs(choice.first, choice.end).items():
                if tensor in self.near:
                    here = self.near[tensor] == int(value in choice.homes.near)
                    self.model.add(here).only_enforce_if(choice.taken)
            fits = self.held(choice) <= self.capacity - choice.option.bytes
            self.model.add(fits).only_enforce_if(choice.taken)

    def held(self, choice: Choice) -> Expression:
        """The near bytes of tensors while a group runs: those made before it and read in it or
        later, and its result.
        """
        made = self.network.steps[choice.end - 1].made
        before = [
            step.made
            for step in self.network.steps[: choice.first]
            if step.made in self.near and step.made.last >= choice.first
        ]
        sizes = [tensor.size for tensor in before]
        result = made.size if choice.homes.result else 0
        return weighted([self.near[tensor] for tensor in before], sizes) + result

    def gain(self, at: int) -> Iterator[cp_model.IntVar]:
        """What is gained at most where the group that begins at `at` fetches its first constants
        during the one before, if they fit beside it; nothing where that is nothing.
        """
        after = [c for c in self.choices if c.first == at]
        before = [c for c in self.choices if c.end == at]
        most = max((round(c.option.early_cycles * SCALE) for c in after), default=0)
        if not before or most == 0:
            return
        gain, early = self.model.new_int_var(0, most, ""), self.model.new_bool_var("")
        self.model.add(gain <= most * early)
        needed = [round(c.option.early_cycles * SCALE) for c in after]
        idle = [min(most, round(c.option.slack * SCALE)) for c in before]
        self.model.add(gain <= weighted([c.taken for c in after], needed))
        self.model.add(gain <= weighted([c.taken for c in before], idle))
        fetched = weighted([c.taken for c in after], [c.option.early_bytes for c in after])
        for choice in before:
            fits = self.held(choice) + fetched <= self.capacity - choice.option.bytes
            self.model.add(fits).only_enforce_if(choice.taken, early)
        yield gain

    def hint(self, groups: Sequence[Group]) -> None:
        """Begin the search at a plan."""
        known = {(group.first, group.end, group.homes, group.option) for group in groups}
        for c in self.choices:
            self.model.add_hint(c.taken, (c.first, c.end, c.homes, c.option) in known)


def solve(
    network: Network,
    candidates: Candidates,
    capacity: int,
    hint: list[Group],
    seconds: float,
) -> list[Group]:
    """The best plan found in `seconds` of the solver's own clock, which counts work and not time;
    the hint if there is no better one.
    """
    plans = Plans(network, candidates, capacity)
    plans.build()
    plans.hint(hint)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = seconds
    if solver.solve(plans.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return hint
    taken = sorted(
        (c for c in plans.choices if solver.value(c.taken)), key=lambda choice: choice.first
    )
    groups = [Group(c.first, c.end, c.homes, c.option) for c in taken]
    return min(hint, with_early_constants(network, groups, capacity), key=cycles_of)
