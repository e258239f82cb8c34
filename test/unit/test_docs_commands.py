"""What the documents show under a command is what the command gives: `...` stands for anything."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.passes import ModulePass

from runnel.lowering import LOWERINGS
from runnel.passes import PASSES
from runnel.tools import opt_tool
from runnel.tools.registry import multiverse

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs/tutorial"
PASS_PAGES = tuple(sorted((ROOT / "docs/passes").glob("*.md")))
DOCUMENTS = (
    "placement.md",
    *(f"passes/{page.name}" for page in PASS_PAGES if "\nopt-tool " in page.read_text()),
)
TEXTS = tuple(
    str(path.relative_to(ROOT))
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
)
OWN = {**PASSES, **LOWERINGS}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A command that a document gives, with what it shows behind it."""

    command: str
    shown: str

    @property
    def fails(self) -> bool:
        return re.search(r"\berror: ", self.shown) is not None


def examples(document: str) -> Iterator[Example]:
    command = None
    for language, text in blocks(document):
        if language == "sh":
            command = text.strip() if text.startswith("opt-tool ") else None
        elif command is not None and language in ("mlir", "c", "text"):
            yield Example(command, text)


def blocks(document: str) -> list[tuple[str, str]]:
    """Language and text of each block of code."""
    return BLOCK.findall((ROOT / "docs" / document).read_text())


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
    """What a process with the tutorial's pass prints: standard output, then standard error."""
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


def check(document: str, run: Callable[[str, bool], str]) -> None:
    """What the document shows is what `run(command, whether it fails)` prints."""
    found = list(examples(document))
    assert found, "the document shows nothing behind a command"
    failing = {example.command for example in found if example.fails}
    commands = dict.fromkeys(example.command for example in found)
    outputs = {command: run(command, command in failing) for command in commands}
    for example in found:
        line = missing(example.shown, outputs[example.command])
        assert line is None, f"{example.command}\ngives no line (at this place):\n{line}"


def test_the_guide_shows_what_commands_give(tutorial: Path) -> None:
    check("cluster.md", lambda command, fails: run(command, tutorial))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_show_what_commands_give(
    document: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process; `before.mlir` is the first block of IR in the document."""
    before = tmp_path / "before.mlir"
    before.write_text(next((text for kind, text in blocks(document) if kind == "mlir"), ""))
    monkeypatch.chdir(ROOT)

    def call(command: str, fails: bool) -> str:
        arguments = [str(before) if a == before.name else a for a in shlex.split(command)]
        code = opt_tool.main(arguments[1:])
        printed = capsys.readouterr()
        assert code == int(fails), printed.err
        return printed.out + printed.err

    check(document, call)


def test_every_pass_has_a_page() -> None:
    assert {page.stem for page in PASS_PAGES} == set(OWN)


@pytest.mark.parametrize("page", PASS_PAGES, ids=lambda page: page.stem)
def test_pages_name_their_pass_and_its_options(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    fields = dataclasses.fields(options_of(page.stem))
    options = {f.name.replace("_", "-") for f in fields if f.init and f.name != "name"}
    for name in options:
        assert re.search(rf"`{name}[`=]", text), f"the option {name} is missing"
    tables = re.findall(r"^\| option \|.*\n\|.*\n((?:\|.*\n)*)", text, re.MULTILINE)
    rows = re.findall(r"^\| ([^|]*) \|", "".join(tables), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert named <= options, f"no options of the pass: {named - options}"


def options_of(name: str) -> type[ModulePass]:
    return multiverse().all_passes[name]()


def test_a_line_that_is_not_there_is_missed() -> None:
    assert missing("a...c\nd", "x\na b c\nd") is None
    assert missing("d\na...c", "a b c\nd") == "a...c"


@pytest.mark.parametrize("document", TEXTS)
def test_links_lead_somewhere(document: str) -> None:
    """To a file, and to a heading in it."""
    path = ROOT / document
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", path.read_text()):
        file = path.parent / target if target else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def anchors(file: Path) -> set[str]:
    """The names that GitHub gives headings."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    words = (re.sub(r"[^\w -]", "", heading) for heading in headings)
    return {text.strip().lower().replace(" ", "-") for text in words}


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
