"""The picture of a plan: one box per buffer at its address and time."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from runnel.passes.memory.liveness import Interval
from runnel.tools.report.memory_map import HEIGHT, TOP, MemoryMap, draw, main

PLAN = """
func.func @net() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "sram">
  %a = dma.buffer at 64 : memref<64xi8, "sram">
  %y = dma.buffer at 0 "output" 0 : memref<64xi8, "sram">
  "test.op"(%x, %a) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  "test.op"(%a, %y) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  func.return
}
"""


def boxes(svg: str) -> dict[str, tuple[float, float]]:
    """The (top, height) of every box by its title."""
    found: dict[str, tuple[float, float]] = {}
    for rect in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect"):
        title = rect.find("{http://www.w3.org/2000/svg}title")
        if title is not None and title.text is not None:
            found[title.text] = float(rect.attrib["y"]), float(rect.attrib["height"])
    return found


def test_boxes_stand_at_their_addresses():
    svg = draw(
        MemoryMap(
            "<net>", [Interval("a", 75, 0, 1, 0), Interval("b", 25, 1, 1, 75)], ["one", "two"]
        )
    )
    assert boxes(svg) == {
        "a: 75 B, bytes 0..75, steps 0..1": (TOP + HEIGHT / 4, HEIGHT * 3 / 4),
        "b: 25 B, bytes 75..100, steps 1..1": (TOP, HEIGHT / 4),
    }
    assert "&lt;net&gt;: arena 100 B, liveness bound 100 B (1.00x)" in svg


def test_a_planned_module_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, picture = tmp_path / "plan.mlir", tmp_path / "map.svg"
    source.write_text(PLAN)
    assert main([str(source), "-o", str(picture)]) == 0
    assert len(boxes(picture.read_text())) == 3
    assert capsys.readouterr().out == f"{picture}: @net, sram\n"


def test_a_module_without_a_plan_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = tmp_path / "plan.mlir"
    source.write_text(PLAN.replace(" at 64", ""))
    assert main([str(source), "-o", str(tmp_path / "map.svg")]) == 1
    assert "has no offset: run plan-memory first" in capsys.readouterr().err
    source.write_text("func.func @empty() { func.return }")
    assert main([str(source), "-o", str(tmp_path / "map.svg")]) == 1
    assert "no function with buffers" in capsys.readouterr().err
