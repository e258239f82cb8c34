"""The C of a small random network: same bytes as every level above, clean under all that checks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from quant_programs import Array, Program, apply, compiled, per_tensor

from runnel.dialects import cortexm, graph
from runnel.dialects.quant_types import ROUNDINGS
from runnel.runtime.interpreter import run
from runnel.runtime.runners import RunResult
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.interpret import interpret

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
COUNT = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emitted")


def inputs_of(artifact: Artifact) -> dict[str, Array]:
    """Random stored inputs in the order that the program takes."""
    info = artifact.signature.inputs[0]
    shape = (COUNT, *info.shape[1:])
    stored = np.random.default_rng(9).integers(-128, 128, shape).astype(np.int8)
    return {info.name: stored}


def run_binary(artifact: Artifact, to: Path, flags: list[str]) -> tuple[RunResult, Array]:
    """All inputs, twice in one process."""
    twice = {name: np.concatenate([x, x]) for name, x in inputs_of(artifact).items()}
    result, outputs = artifact.run(artifact.build(to, flags=flags), twice)
    return result, outputs[0]


@pytest.mark.parametrize("flags", [WARNINGS, SANITIZERS, ["-O3"]], ids=["strict", "asan", "O3"])
@pytest.mark.parametrize("seed", [1, 2])
def test_binary_and_levels_give_the_same_bytes(
    seed: int, flags: list[str], folder: Path, tmp_path: Path
) -> None:
    artifact = compiled(folder, seed)
    _, outputs = run_binary(artifact, tmp_path, flags)
    inputs = inputs_of(artifact)
    for level in ("channels-last", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, inputs).values()
        assert outputs[:COUNT].tobytes() == expected.tobytes(), level
    assert outputs[:COUNT].tobytes() == outputs[COUNT:].tobytes()  # nothing is left behind
    assert len(np.unique(outputs)) > COUNT


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("scale", [0.25, 1.0], ids=["shifted", "one"])
def test_roundings_with_large_multipliers(scale: float, rounding: str, tmp_path: Path) -> None:
    """Multipliers of 1/4 and 1: the accumulator is shifted, and at 1/4 many sums are ties."""
    random = np.random.default_rng(6)
    program = Program()
    x = program.input((1, 12), per_tensor(0.5, 3))
    weight = program.weight(random.integers(-3, 4, (16, 12)).astype(np.int8), per_tensor(scale))
    core = program.add(graph.GemmOp(x, weight, trans_b=True))
    module = program.finish(core, per_tensor(0.5, -1))
    module = apply(module, f"convert-graph-to-quant{{rounding={rounding}}},cleanup")
    artifact = api.compile(module, "host")
    (op,) = (op for op in artifact.road["cortexm"].module.walk() if op.name.startswith("cortexm."))
    assert isinstance(op, cortexm.FullyConnectedOp)
    assert (op.acc_shift.value.data > 0) == (op.requant.rounding.data != "double")
    stored = random.integers(-20, 20, (COUNT, 12)).astype(np.int8)
    program_there = artifact.build(tmp_path, flags=SANITIZERS)
    _, (found,) = artifact.run(program_there, {artifact.signature.inputs[0].name: stored})
    assert found.tobytes() == run(module, [stored])["output0"].tobytes()


def test_the_layout_is_all_that_differs_at_quant(folder: Path) -> None:
    artifact = compiled(folder, 1)
    (stored,) = inputs_of(artifact).values()
    first = run(artifact.road["quant"].module, [stored.transpose(0, 3, 1, 2)])
    last = run(artifact.road["channels-last"].module, [stored])
    assert first["output0"].tobytes() == last["output0"].tobytes()


def test_text_is_the_same_from_run_to_run(folder: Path, tmp_path: Path) -> None:
    assert compiled(folder, 1).c_files == compiled.__wrapped__(tmp_path, 1).c_files


def text_of(artifact: Artifact) -> str:
    """All emitted C without comments."""
    joined = "\n".join(artifact.c_files.values())
    return re.sub(r"/\*.*?\*/", "", joined, flags=re.DOTALL)


def test_nothing_is_allocated(folder: Path) -> None:
    assert not re.search(r"\b(malloc|calloc|realloc|alloca|free)\b", text_of(compiled(folder, 1)))


def test_arrays_have_literal_extents(folder: Path) -> None:
    declared = re.compile(r"^\s*(?!return)(?:static |const |extern )*\w+ \w+\[([^\]]*)\]", re.M)
    extents = declared.findall(text_of(compiled(folder, 1)))
    assert len(extents) > 10
    assert [extent for extent in extents if not extent.isdigit()] == []


def test_no_function_reaches_itself(folder: Path) -> None:
    text = text_of(compiled(folder, 1))
    bodies = dict(re.findall(r"^[\w *]+?(net_\w+)\([^;{)]*\)\s*\{(.*?)^\}", text, re.M | re.S))
    assert {"net_run", "net_init"} <= set(bodies)
    calls = {name: set(re.findall(r"\bnet_\w+(?=\()", body)) for name, body in bodies.items()}

    def reached(name: str, seen: frozenset[str]) -> frozenset[str]:
        for called in calls.get(name, ()):
            if called not in seen:
                seen = reached(called, seen | {called})
        return seen

    assert [name for name in calls if name in reached(name, frozenset())] == []


def objects(artifact: Artifact, to: Path) -> list[Path]:
    """The emitted sources, compiled."""
    artifact.write_sources(to)
    found: list[Path] = []
    for name in artifact.c_files:
        if name.endswith(".c"):
            found.append(to / f"{name}.o")
            command = ["cc", "-O1", "-Ikernels", "-Iboard", "-c", name, "-o", str(found[-1])]
            subprocess.run(command, cwd=to, check=True)
    return found


def test_public_symbols_have_the_prefix(folder: Path, tmp_path: Path) -> None:
    artifact = compiled(folder, 1)
    table = subprocess.run(
        ["nm", "-g", "--defined-only", *objects(artifact, tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    symbols = re.findall(r" [A-Z] (\w+)$", table, re.M)
    assert {"net_run", "net_init", "net_input", "net_output"} <= set(symbols)
    assert [name for name in symbols if not name.startswith("net_")] == []


MAIN = """#include <stdio.h>
#include <string.h>
#include "one.h"
#include "two.h"
int main(void) {
    static char x[ONE_INPUT_0_BYTES];
    if (fread(x, 1, sizeof x, stdin) != sizeof x) return 1;
    one_init();
    two_init();
    memcpy(one_input(0), x, sizeof x);
    memcpy(two_input(0), x, sizeof x);
    if (two_run() || one_run()) return 2;
    fwrite(one_output(0), 1, ONE_OUTPUT_0_BYTES, stdout);
    fwrite(two_output(0), 1, TWO_OUTPUT_0_BYTES, stdout);
    return 0;
}
"""


def test_two_models_in_one_program(folder: Path, tmp_path: Path) -> None:
    artifacts = [compiled(folder, 1, "one"), compiled(folder, 2, "two")]
    linked = [str(path) for artifact in artifacts for path in objects(artifact, tmp_path)]
    (tmp_path / "main.c").write_text(MAIN)
    subprocess.run(["cc", "-o", "both", "main.c", *linked], cwd=tmp_path, check=True)
    (stored,) = inputs_of(artifacts[0]).values()
    done = subprocess.run(
        [tmp_path / "both"], input=stored[0].tobytes(), capture_output=True, check=True
    )
    expected = [run(a.road["channels-last"].module, [stored[:1]]) for a in artifacts]
    assert done.stdout == b"".join(outputs["output0"].tobytes() for outputs in expected)
    assert done.stdout[:4] != done.stdout[4:]
