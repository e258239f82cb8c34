"""Small bare-metal programs on the emulated cluster."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from pulp_programs import SMALL, needs_compiler, run

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.emulator.report import Kind

pytestmark = needs_compiler


def test_loops_cost_what_the_manual_says(tmp_path: Path) -> None:
    assert run("count", tmp_path).report.exit_code == 0


def test_xpulp_instructions_are_right(tmp_path: Path) -> None:
    assert run("xpulp", tmp_path).report.exit_code == 0


@pytest.mark.parametrize(("platform", "cores"), [("siracusa", 8), (SMALL, 4)])
def test_all_cores_do_their_part(tmp_path: Path, platform: str | Path, cores: int) -> None:
    found = run("fork", tmp_path, ["-DCASE=0"], platform=platform)
    assert found.text == "forked\n"
    assert found.report.exit_code == cores * (cores + 1) // 2
    assert len(found.report.harts) == cores + 1
    assert all(hart.barriers == 2 for hart in found.report.harts[:1])


@pytest.mark.parametrize("poison", [False, True])
def test_dma_moves_windows(tmp_path: Path, poison: bool) -> None:
    found = run("dma", tmp_path, poison=poison)
    assert (found.text, found.report.exit_code) == ("right\n", 0)
    assert found.report.summary.dma_bytes_in == found.report.summary.dma_bytes_out == 512
    assert [e.a for e in found.report.of_kind(Kind.DMA_IN, Kind.DMA_OUT)] == [512, 512]


def test_poison_shows_a_missing_wait(tmp_path: Path) -> None:
    """On time the transfer is early enough by chance; poisoned it is not."""
    assert run("dma", tmp_path, ["-DBROKEN"]).report.exit_code == 0
    assert run("dma", tmp_path, ["-DBROKEN"], poison=True).report.exit_code == 1


def test_layers_are_measured_between_marks(tmp_path: Path) -> None:
    layers = run("dma", tmp_path).report.layers()
    assert [layer.number for layer in layers] == [0, 1, 2]
    assert [(layer.dma_in, layer.dma_out) for layer in layers] == [(512, 0), (0, 0), (0, 512)]
    assert all(a.end == b.start for a, b in pairwise(layers))
    alone, together = layers[0].busy, layers[1].busy
    assert max(alone[1:]) < layers[0].cycles / 10
    assert min(together) > layers[1].cycles / 4


def test_runs_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = run("dma", tmp_path).report, run("dma", tmp_path).report
    assert (first.harts, first.summary, first.events) == (
        second.harts,
        second.summary,
        second.events,
    )


def test_wild_store_names_hart_address_and_function(tmp_path: Path) -> None:
    with pytest.raises(RunnelError, match=r"core 2: wild store of 4 bytes at 0x20000008") as error:
        run("fork", tmp_path, ["-DCASE=1"])
    assert "in write_down+" in str(error.value)


def test_waiting_for_ever_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RunnelError, match="all harts wait for an event") as error:
        run("fork", tmp_path, ["-DCASE=2"])
    assert "core 1 in write_down+" in str(error.value)


def test_illegal_instruction_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RunnelError, match="core 3: illegal instruction"):
        run("fork", tmp_path, ["-DCASE=3"])


def test_limit_stops_a_program(tmp_path: Path) -> None:
    with pytest.raises(RunnelError, match="still running after 100 cycles"):
        run("fork", tmp_path, ["-DCASE=0"], limit=100)


def test_program_outside_of_the_memories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunnelError, match="not a 32-bit RISC-V ELF file"):
        from runnel.runtime.emulator.elf import Elf

        path = tmp_path / "text"
        path.write_text("no program")
        Elf.read(path)
