"""What the documents show under a command is what the command gives: `...` stands for anything."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs/tutorial"
DOCUMENTS = (
    "cluster.md",
    "placement.md",
    *(
        f"passes/{name}.md"
        for name in (
            *("tile-network", "software-pipeline", "fork-cores", "fit-requant", "place-units"),
            *("spill-units", "spill-homes", "spill-constants"),
        )
    ),
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown(document: str) -> Iterator[tuple[str, str]]:
    """Each command that the document gives, with what it shows behind it."""
    command = None
    for language, text in BLOCK.findall((ROOT / "docs" / document).read_text()):
        if language == "sh":
            command = text.strip() if text.startswith("opt-tool ") else None
        elif command is not None and language in ("mlir", "c", "text"):
            yield command, text


def missing(expected: str, output: str) -> str | None:
    """The first line that does not follow in the output behind the lines before it."""
    rest = iter(output.splitlines())
    for line in expected.splitlines():
        parts = [re.escape(part.strip()) for part in line.split("...")]
        pattern = re.compile(".*".join(parts))
        if not any(pattern.search(given) for given in rest):
            return line
    return None


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's pass at the tile level, installed as pip would."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "my_tile_pass.py").write_text((TUTORIAL / "my_tile_pass.py").read_text())
    info = folder / "my_tile_pass-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-tile-pass\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(
        "[xdsl.universe]\nmy_tile_pass = my_tile_pass:UNIVERSE\n"
    )
    return folder


def run(command: str, tutorial: Path) -> str:
    """Standard output, then what goes to standard error."""
    arguments = shlex.split(command)
    assert arguments[0] == "opt-tool"
    paths = [str(tutorial), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "runnel.tools.opt_tool", *arguments[1:]],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_show_what_commands_give(document: str, tutorial: Path) -> None:
    found = list(shown(document))
    assert found, "the document has no command"
    outputs = {command: run(command, tutorial) for command in dict.fromkeys(c for c, _ in found)}
    for command, expected in found:
        line = missing(expected, outputs[command])
        assert line is None, f"{command}\ngives no line (at this place):\n{line}"


def test_a_line_that_is_not_there_is_missed() -> None:
    assert missing("a...c\nd", "x\na b c\nd") is None
    assert missing("d\na...c", "a b c\nd") == "a...c"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_linked_files_exist(document: str) -> None:
    path = ROOT / "docs" / document
    for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_platform_in_the_text_is_the_tutorial() -> None:
    lines = (TUTORIAL / "shifts.toml").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    assert text in (ROOT / "docs/placement.md").read_text()


def test_the_pass_in_the_text_is_the_tutorial() -> None:
    text = (TUTORIAL / "my_tile_pass.py").read_text().strip()
    assert text in (ROOT / "docs/cluster.md").read_text()


def test_the_tutorial_pass_keeps_the_bytes(tutorial: Path, tmp_path: Path) -> None:
    """The layer with halved tiles, on buffers and on all cores, against the layer itself."""
    pixels = np.random.default_rng(1).integers(-128, 128, (1, 96, 16, 16), dtype=np.int8)
    np.save(tmp_path / "x.npy", pixels)
    layer = f"opt-tool docs/tutorial/layer.mlir --run --input {tmp_path / 'x.npy'}"
    tiles = "set-platform{platform=siracusa-cores},tile-network{memory=14336}"

    def outputs(passes: str) -> NDArray[Any]:
        run(f"{layer} --output {tmp_path / 'y.npy'} -p '{passes}'", tutorial)
        return np.load(tmp_path / "y.npy")

    expected = outputs("canonicalize")
    assert len(np.unique(expected)) > 50
    for passes in (f"{tiles},halve-tiles", f"{tiles},halve-tiles,lower-to-dma,fork-cores"):
        assert np.array_equal(outputs(passes), expected)
