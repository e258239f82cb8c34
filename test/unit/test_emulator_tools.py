"""The emulator's command line, reports and traces; its machines; building the native core."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pulp_programs import SMALL, build, needs_compiler

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.emulator import Emulator, machine_of, native_library
from runnel.runtime.emulator.__main__ import main
from runnel.runtime.emulator.machine import FreeRange, read_machine
from runnel.runtime.emulator.report import Event, Kind, covered
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners import runner_of


def test_machine_is_what_the_platform_says() -> None:
    machine = machine_of(load_platform(SMALL), poison=True)
    assert (machine.cores, machine.has_npu, machine.poison) == (4, 0, 1)
    assert [(m.name, m.size, m.core_latency, m.is_l1) for m in machine.memories] == [
        ("l1", 0x10000, 0, True),
        ("l2", 0x80000, 14, False),
    ]
    assert machine_of(load_platform("siracusa")).has_npu == 1


def test_machine_needs_a_cluster() -> None:
    with pytest.raises(RunnelError, match="no unit of kind"):
        machine_of(load_platform("cortex-m4"))


def test_machine_survives_its_file() -> None:
    platform = load_platform("siracusa-ext")
    (text,) = runner_of(platform).files(platform).values()
    facts = json.loads(text)
    assert facts.pop("platform") == "siracusa-ext"
    assert read_machine(facts) == machine_of(platform)


def test_runner_explains_with_the_emulators_message(tmp_path: Path) -> None:
    platform = load_platform(SMALL)
    explain = runner_of(platform).explain
    log = "text\nerror: a.elf: core 1: wild load\n"
    assert explain(tmp_path / "a.elf", platform, log, 98) == "a.elf: core 1: wild load"
    assert "exit code 3" in explain(tmp_path / "a.elf", platform, "text\n", 3)


def test_covered_counts_overlapping_events_once() -> None:
    events = [Event(start, end, Kind.NPU, 0, 0, 0) for start, end in ((5, 10), (8, 12), (20, 30))]
    assert covered(events, 0, 100) == 17
    assert covered(events, 9, 25) == 8


def test_missing_compiler_is_an_error_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(RunnelError, match="apt-get install gcc"):
        native_library.compiler()


@needs_compiler
def test_command_line_writes_reports(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    program = build("dma", tmp_path, load_platform("siracusa"))
    trace, facts = tmp_path / "trace.json", tmp_path / "facts.json"
    arguments = ["--report", "--trace", str(trace), "--json", str(facts), str(program)]
    assert main(arguments) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"right\n"
    assert b"DMA: 2 transfers, 512 bytes to L1, 512 bytes from L1" in err
    bars = [e for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
    assert {bar["name"] for bar in bars} == {
        *("run", "wait", "to L1", "from L1"),
        *("layer 0", "layer 1", "layer 2"),
    }
    moved = [bar["args"]["bytes"] for bar in bars if bar["name"] in ("to L1", "from L1")]
    assert moved == [512, 512]
    assert json.loads(facts.read_text())["summary"]["dma_transfers"] == 2


@needs_compiler
def test_command_line_reports_faults(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = build("fork", tmp_path, load_platform("siracusa"), ["-DCASE=1"])
    assert main([str(program)]) == 98
    assert "error: fork.elf: core 2: wild store" in capfd.readouterr().err


@needs_compiler
@pytest.mark.parametrize(("layer", "status"), [(0, 1), (2, 0)])
def test_poison_shows_memory_that_is_used_after_it_was_free(
    tmp_path: Path, layer: int, status: int
) -> None:
    """`tile` is the only thing in L1: the cores read it behind layer 0, where they meet."""
    platform = load_platform("siracusa")
    program = build("dma", tmp_path, platform)
    free = (FreeRange(layer, 0x1000_0000, 512),)
    machine = replace(machine_of(platform, poison=True), free=free)
    assert Emulator(machine, lambda _: None).run(program).exit_code == status
    assert Emulator(replace(machine, poison=0), lambda _: None).run(program).exit_code == 0
