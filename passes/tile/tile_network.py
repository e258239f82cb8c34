"""tile-network: ops become groups of tiles that fit the near memory of their unit."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ...dialects import tile
from ...dialects.diagnostics import RunnelError, choices, emit_remark, refuse
from ..memory.placement import has_cp_sat
from .fit import arena_of
from .groups import build_group
from .network import ops_of
from .plan import Candidates, Group, cycles_of, group_cycles, plan
from .random_plan import random_plan
from .search import Search, candidates, search_of

SOLVERS = ("auto", "cp_sat", "heuristic")
ATTEMPTS = 12
"""Plans that are made, each for less memory, until one can be placed without gaps."""


@dataclass(frozen=True)
class TileNetwork(ModulePass):
    """Choose tiles, order of loops, number of buffers and home memories for the fewest modelled
    cycles; chains of ops are fused where that is cheaper. What no unit computes tile by tile stays.

    Every plan fits the near memory: an op that no tiling of fits is an error.
    """

    name = "tile-network"

    solver: str = "auto"
    """heuristic: a walk along the schedule; cp_sat: a constraint solver that begins at its plan;
    auto: heuristic, which has found what the solver proves to be the best wherever it came to an
    end.
    """
    time_limit: float = 2.0
    """Of the solver, in its own deterministic seconds, each some real ones."""
    memory: int | None = None
    """Bytes of the near memory that may be used; all that the platform leaves if not given."""
    fuse: bool = True
    """Whether ops may be computed together."""
    random: int | None = None
    """A seed: take any legal plan instead of the best one, for tests."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.solver not in SOLVERS:
            raise RunnelError(
                f"no solver named '{self.solver}': choose one of {choices(self.solver, SOLVERS)}"
            )
        for func in op.body.block.ops:
            if isinstance(func, FuncOp) and len(func.body.blocks) == 1:
                self._tile(op, func)

    def _tile(self, module: ModuleOp, func: FuncOp) -> None:
        found = search_of(module, func, memory=self.memory, fuse=self.fuse)
        if not found.chains:
            return
        groups = self._plan(found, func)
        made: dict[SSAValue, SSAValue] = {}
        for group, cycles in zip(groups, group_cycles(groups), strict=True):
            new = self._build(found, group, made)
            new.attributes[tile.CYCLES] = IntegerAttr(round(cycles), i64)

    def _plan(self, found: Search, func: FuncOp) -> list[Group]:
        """A plan that can be placed in the near memory."""
        if self.random is not None:
            return random_plan(found, self.random)
        options = candidates(found)
        space = found.capacity
        for _ in range(ATTEMPTS):
            groups = plan(found.network, options, space)
            if groups is None:
                break
            arena = arena_of(found, groups)
            if arena <= found.capacity:
                groups = self._improved(found, options, space, groups)
                summary = f"{len(groups)} groups, {cycles_of(groups):.0f} cycles by model"
                arena = arena_of(found, groups)
                emit_remark("analysis", self.name, func, f"{summary}, {arena} B of {found.near}")
                return groups
            space -= max(arena - found.capacity, found.capacity // 100)
        refuse(
            func,
            f"no plan fits {found.capacity} B of {found.near}; choose a platform with a larger one",
        )

    def _improved(
        self, found: Search, options: Candidates, space: int, groups: list[Group]
    ) -> list[Group]:
        """The plan of the solver if it was asked for and has a better one that can be placed."""
        if self.solver != "cp_sat":
            return groups
        if not has_cp_sat():
            raise RunnelError(
                "solver cp_sat needs ortools: pip install 'runnel[solver]', or choose solver auto"
            )
        from .cp_sat import solve

        better = solve(found.network, options, space, groups, self.time_limit)
        return better if arena_of(found, better) <= found.capacity else groups

    def _build(self, found: Search, group: Group, made: dict[SSAValue, SSAValue]) -> tile.GroupOp:
        """Put a group into the function; `made` says what stands for the results of ops by now."""
        steps = found.network.steps[group.first : group.end]
        ops, result = ops_of(steps), steps[-1].op.results[0]
        inputs = list(found.network.inputs(group.first, group.end))
        new = build_group(
            ops,
            [made.get(value, value) for value in inputs],
            {made.get(value, value) for value in group.homes.near},
            group.option.tiling,
            unit=str(steps[-1].unit),
            near=found.near,
            home=found.near if group.homes.result else found.far,
        )
        made[result] = new.result
        emit_remark("analysis", self.name, new, text_of(group, new.home.data))
        return new


def text_of(group: Group, home: str) -> str:
    """What a group is, for a remark: sizes, homes, bytes, modelled cycles and what bounds them."""
    option = group.option
    sizes = "x".join(map(str, option.tiling.sizes))
    order = " ".join(map(str, option.tiling.order))
    early = ", constants early" if group.early else ""
    return (
        f"tiles {sizes}, order {order}, {option.tiling.buffers} buffers, result in {home}, "
        f"{option.bytes} B, {option.cycles:.0f} cycles ({option.bound}), {option.moved} B moved"
        f"{early}"
    )
