"""What tests of kernels assert of a machine; they skip where it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from .cases import Case
from .toolchain import Machine


def check_bytes(machine: Machine, cases: Sequence[Case], folder: Path) -> None:
    """All cases give the bytes that they expect."""
    skip_without(machine)
    results = machine.results(cases, folder)
    assert {name: r.detail for name, r in results.items() if r.wrong} == {}


def check_instructions(
    machine: Machine, limits: Sequence[tuple[Case, float]], folder: Path
) -> None:
    """No case takes more instructions per multiplication than the limit beside it."""
    skip_without(machine)
    results = machine.results([case for case, _ in limits], folder)
    measured = {case.name: results[case.name].instructions / case.macs for case, _ in limits}
    assert {c.name: measured[c.name] for c, limit in limits if measured[c.name] > limit} == {}


def skip_without(machine: Machine) -> None:
    if reason := machine.missing():
        pytest.skip(reason)
