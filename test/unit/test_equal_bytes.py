"""bench/equal_bytes.py: what is known is not run again, and only what is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runnel.bench import equal_bytes
from runnel.tools.validation import Check

ONE_CELL = ("--networks", "autoencoder", "--platforms", "siracusa-cores", "--l1", "64")


def run(file: Path, *more: str) -> tuple[int, list[dict[str, Any]]]:
    status = equal_bytes.main([*ONE_CELL, "--ways", "tile", "--json", str(file), *more])
    return status, json.loads(file.read_text())


@pytest.mark.shared
def test_a_later_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []
    check_level = equal_bytes.check_level

    def watched(artifact: Any, level: str, samples: Any, reference: Any) -> Check:
        asked.append(len(samples["input"]))
        if wrong:
            reference = [np.zeros_like(array) for array in reference]
        return check_level(artifact, level, samples, reference)

    monkeypatch.setattr(equal_bytes, "check_level", watched)
    file, wrong = tmp_path / "found.json", False
    status, (cell,) = run(file, "--inputs", "3", "--chunk", "2")
    assert (status, cell["inputs"], cell["equal"], cell["second"]) == (0, 3, True, True)
    assert asked == [2, 1]
    assert run(file, "--inputs", "4")[1][0]["inputs"] == 4
    assert asked == [2, 1, 1]
    file.write_text(json.dumps([cell | {"digest": "that of another program"}]))
    assert run(file, "--inputs", "2")[0] == 0
    assert asked == [2, 1, 1, 2]
    wrong = True
    status, (cell,) = run(file, "--inputs", "4", "--chunk", "1")
    assert (status, cell["inputs"], cell["equal"]) == (1, 3, False)
    assert "NO" in capsys.readouterr().out
    wrong = False
    assert run(file, "--inputs", "1")[0] == 0
    assert asked == [2, 1, 1, 2, 1, 1]
