"""Cluster and DMA below the emitted C: one program on the emulator and with threads for cores."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pulp_programs import SMALL, build, needs_compiler, run

from runnel.runtime.emulator import Emulator, machine_of
from runnel.runtime.emulator.report import Kind
from runnel.runtime.platforms import load_platform

BUGS = ("LATE_WAIT_IN=1", "LATE_WAIT_OUT=1", "NO_BARRIER")
RACES = ("-fsanitize=thread", "-g")


@cache
def has_sanitizer(flag: str) -> bool:
    """Whether the host's compiler links it and the program starts."""
    source = ("sh", "-c", f"echo 'int main(void){{return 0;}}' | cc {flag} -xc - -o $0 && $0")
    with TemporaryDirectory() as folder:
        done = subprocess.run([*source, f"{folder}/a"], capture_output=True, check=False)
    return done.returncode == 0


needs_host_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
needs_tsan = pytest.mark.skipif(not has_sanitizer(RACES[0]), reason="no thread sanitizer here")


def on_threads(folder: Path, *flags: str, late: bool = False) -> subprocess.CompletedProcess[str]:
    program = build("cluster/hal", folder, load_platform("host-cluster"), flags)
    command = ["env", "RN_LATE=1", program] if late else [program]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, cwd=folder
    )


@needs_compiler
@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("platform", ["siracusa", SMALL])
def test_all_bytes_on_the_emulator(tmp_path: Path, platform: str | Path, poison: bool) -> None:
    found = run("cluster/hal", tmp_path, platform=platform, poison=poison)
    assert (found.text, found.report.exit_code) == ("right\n", 0)
    tiles = 3 * 12 * 4 * 24
    assert found.report.summary.dma_bytes_in == tiles + 16 * 3 * 8
    assert found.report.summary.dma_bytes_out == tiles + 16 * 3 * 8


@needs_compiler
def test_transfers_run_while_cores_compute(tmp_path: Path) -> None:
    report = run("cluster/hal", tmp_path, ["-DREPEAT=400"]).report
    inside = [layer for layer in report.layers()[1:] if layer.dma_in]
    assert inside and all(layer.busy[7] > layer.dma_cycles for layer in inside)
    in_use = [e for e in report.of_kind(Kind.DMA_IN) if inside[0].start < e.start < inside[-1].end]
    asleep = [e for e in report.of_kind(Kind.WAIT) if e.unit == 7]
    assert not any(w.start < e.start < w.end for e in in_use for w in asleep)
    waits = [e for e in report.of_kind(Kind.WAIT) if e.unit == 0 and e.a >> 8 & 1]
    assert waits, "core 0 sleeps until the end of a transfer"


@needs_compiler
@pytest.mark.parametrize("room", [16, 4])
def test_who_asks_for_more_than_the_queue_holds_waits(tmp_path: Path, room: int) -> None:
    """Core 0 asks for 48 transfers as fast as it can, of an engine that takes long for each."""
    platform = load_platform("siracusa")
    program = build("cluster/hal", tmp_path, platform)
    machine = machine_of(platform)
    slow = tuple(replace(memory, dma_rate=128) for memory in machine.memories)
    machine = replace(machine, memories=slow, dma_queue=room)
    report = Emulator(machine, lambda _: None).run(program)
    assert report.exit_code == 0
    transfers = report.of_kind(Kind.DMA_IN)[-48:]
    waiting = [sum(t.start <= now.start < t.end for t in transfers) for now in transfers]
    assert max(waiting) == room


@needs_compiler
@pytest.mark.parametrize("bug", BUGS)
def test_poison_shows_what_was_left_out(tmp_path: Path, bug: str) -> None:
    found = run("cluster/hal", tmp_path, [f"-D{bug}"], poison=True)
    assert (found.text, found.report.exit_code) == ("", 1)


@needs_host_compiler
@pytest.mark.parametrize("late", [False, True])
def test_all_bytes_with_threads(tmp_path: Path, late: bool) -> None:
    done = on_threads(tmp_path, late=late)
    assert (done.stdout, done.returncode) == ("right\n", 0), done.stderr


@needs_host_compiler
@pytest.mark.parametrize("bug", BUGS)
def test_late_transfers_show_what_was_left_out(tmp_path: Path, bug: str) -> None:
    assert on_threads(tmp_path, f"-D{bug}", late=True).returncode == 1


@needs_tsan
@pytest.mark.parametrize("late", [False, True])
def test_no_race_is_found_in_what_is_right(tmp_path: Path, late: bool) -> None:
    done = on_threads(tmp_path, *RACES, late=late)
    assert (done.stdout, done.returncode) == ("right\n", 0), done.stderr


@needs_tsan
@pytest.mark.parametrize("bug", ["LATE_WAIT_IN=1", "NO_BARRIER"])
def test_a_race_is_found(tmp_path: Path, bug: str) -> None:
    """A late wait for an output is none here: the transfers behind it end after it."""
    assert "data race" in on_threads(tmp_path, *RACES, f"-D{bug}").stderr
