"""The reference programs on the emulator: every row of the table within 15 %, and fast enough."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runnel.bench import emulator as bench

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        shutil.which(bench.COMPILER) is None,
        reason=f"{bench.COMPILER} is not installed (see setup.sh)",
    ),
]


@pytest.fixture(scope="module")
def programs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    bench.build(shared / "reference", folder)
    return folder


@pytest.mark.parametrize("contention", [False, True])
def test_rows_are_within_limit(programs: Path, contention: bool) -> None:
    rows = list(bench.measured(bench.run(programs, contention=contention)))
    off = {m.row.name: round(m.error, 3) for m in rows if abs(m.error) > bench.LIMIT}
    assert not off
    assert len(rows) == 25
