"""MobileNetV2 (1.0, 224 x 224) on a cluster: 3.5 MB of weights, which do not fit L2, so that an
external memory holds them, and layers of which no L1 holds more than a few rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runnel.bench.cluster_networks import (
    L1_KIB,
    MOBILENET_V2,
    PLATFORMS,
    Start,
    start,
    variant,
)
from runnel.runtime.runners import Emulation
from runnel.tools import api
from runnel.tools.validation import check_built, check_levels, check_lowered

pytestmark = [pytest.mark.shared, pytest.mark.xdist_group("mobilenet_v2")]


@pytest.fixture(scope="module")
def portable() -> Start:
    pytest.importorskip("PIL", reason="reads JPEG files")
    return start(MOBILENET_V2, 1)


@pytest.mark.parametrize("l1", L1_KIB)
@pytest.mark.parametrize("base", PLATFORMS)
def test_levels_and_program_give_the_same_bytes(
    base: str, l1: int, portable: Start, tmp_path: Path, row: Callable[..., None]
) -> None:
    """On one input; `bench/equal_bytes.py` takes 20."""
    platform = variant(tmp_path, base, l1, external=portable.external)
    artifact, samples = api.retarget(portable.artifact, platform), portable.samples
    reference, checks = check_levels(artifact, samples)
    checks += check_lowered(artifact, samples, reference)
    program = artifact.build(tmp_path / "program", flags=["-Werror"])
    for emulation in (Emulation(), Emulation(poison=True)):
        checks.append(check_built(artifact, program, samples, reference, emulation))
    assert [check for check in checks if not check.passed] == []
    report = checks[-2].cycles
    assert report is not None
    found = "tile, dma, cluster, program, poison: 1 input twice"
    row(MOBILENET_V2, f"{l1} KiB", base, f"{found}; {report.total.cycles:,} cycles")
