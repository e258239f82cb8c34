"""Placement by a constraint solver: rectangles (steps x bytes) without overlap. Needs ortools."""

from __future__ import annotations

from collections.abc import Sequence

from ortools.sat.python import cp_model

from .placement_problem import Problem

DETERMINISTIC_SECONDS = 4.0
"""The solver's own clock counts work, not time: a slow machine finds the same placement."""


def solve(problem: Problem, hint: Sequence[int]) -> list[int]:
    """Offsets (bytes) with the smallest arena found, never larger than that of `hint`.

    One worker, fixed seed and a limit in deterministic time give the same answer on every run.
    """
    model = cp_model.CpModel()
    unit, limit = problem.alignment, problem.arena(hint)
    arena = model.new_int_var(problem.bound, limit, "arena")
    places: list[cp_model.IntVar] = []
    spans: list[cp_model.IntervalVar] = []
    times: list[cp_model.IntervalVar] = []
    for i, interval in enumerate(problem.intervals):
        low, high = 0, (limit - interval.size) // unit
        if interval.offset is not None:
            low = high = interval.offset // unit
        at = model.new_int_var(low, high, f"offset_{i}")
        model.add_hint(at, hint[i] // unit)
        model.add(arena >= at * unit + interval.size)
        blocks = -(-interval.size // unit)
        spans.append(model.new_fixed_size_interval_var(at, blocks, f"span_{i}"))
        steps = interval.end - interval.start + 1
        times.append(model.new_fixed_size_interval_var(interval.start, steps, f"time_{i}"))
        places.append(at)
    model.add_no_overlap_2d(times, spans)
    model.minimize(arena)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = problem.seed
    solver.parameters.max_deterministic_time = DETERMINISTIC_SECONDS
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return list(hint)
    return [solver.value(at) * unit for at in places]
