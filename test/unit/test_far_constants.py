"""Constants that L2 has no room for cost what the farther memory takes, before they move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tile_networks import Builder, random_inputs
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from runnel.dialects import tile
from runnel.dialects.platform_records import Dma
from runnel.passes.memory.limits import CODE_BYTES
from runnel.passes.place.set_platform import SetPlatform
from runnel.passes.tile.search import Search, search_of
from runnel.passes.tile.tile_network import TileNetwork
from runnel.runtime.interpreter import run

SMALL, LARGE = 64 * 256, 256 * 96
"""Weights of the two convolutions."""
ACTIVATIONS = 49 * (64 + 256)
"""The most that is alive: input and result of the first one."""
BESIDE = CODE_BYTES + 0x2000 + ACTIVATIONS
"""Code, the stack of the controller, activations."""


def two_convolutions() -> ModuleOp:
    b = Builder(np.random.default_rng(3))
    x = b.conv(b.input(1, 7, 7, 64), 256, (1, 1))
    return b.finish(b.conv(x, 96, (1, 1)))


def on(folder: Path, base: str, l2: int) -> ModuleOp:
    """The network on a platform with so many bytes of L2."""
    path = folder / "small.toml"
    path.write_text(
        f'base = "{base}"\nname = "small"\n[[memories]]\nname = "l2"\nsize = {l2}\n', "utf-8"
    )
    module = two_convolutions()
    SetPlatform(str(path)).apply(Context(), module)
    return module


def search(module: ModuleOp) -> Search:
    return search_of(module, next(op for op in module.body.block.ops if isinstance(op, FuncOp)))


def engines(found: Search) -> list[Dma]:
    """What fetches the constants of each op, in order."""
    chains = [found.chains[i, i + 1] for i in range(len(found.network.steps))]
    machines = ((chain.machine, chain.ops[0]) for chain in chains)
    return [machine.far.get(op, machine.constants) for machine, op in machines]


@pytest.mark.parametrize(
    ("base", "room", "expected"),
    [
        ("siracusa-ext", 2 * (SMALL + LARGE), ["mchan", "mchan"]),
        ("siracusa-ext", SMALL + LARGE // 2, ["mchan", "mchan_ext"]),
        ("siracusa-ext", SMALL // 2, ["mchan_ext", "mchan_ext"]),
        # There is nowhere to go: spill-constants will say so.
        ("siracusa", SMALL // 2, ["mchan", "mchan"]),
    ],
)
def test_the_largest_constants_are_expected_farther_away(
    tmp_path: Path, base: str, room: int, expected: list[str]
):
    found = search(on(tmp_path, base, BESIDE + room))
    assert [engine.name for engine in engines(found)] == expected


def test_a_far_chunk_takes_the_slower_engine(tmp_path: Path):
    found = search(on(tmp_path, "siracusa-ext", BESIDE + SMALL + LARGE // 2))
    chain = found.chains[1, 2]
    # 60 cycles to begin, one for the only row, 1.1 bytes in each.
    assert chain.machine.chunk(chain.ops[0], 1100).cycles == pytest.approx(60 + 1 + 1000)
    first = found.chains[0, 1]
    assert first.machine.chunk(first.ops[0], 1100).cycles == pytest.approx(8 + 1 + 1100 / 8)


def test_what_comes_slowly_is_cut_finer_and_computes_the_same(tmp_path: Path):
    """While one tile of weights is used the next one is on its way."""
    tiles = list[int]()
    for room in (2 * (SMALL + LARGE), SMALL // 2):
        module = on(tmp_path, "siracusa-ext", BESIDE + room)
        inputs = random_inputs(module, 5)
        before = run(module, inputs)
        TileNetwork().apply(Context(), module)
        module.verify()
        last = [op for op in module.walk() if isinstance(op, tile.GroupOp)][-1]
        tiles.append(96 // last.tile_sizes()[-1])
        for a, b in zip(before.values(), run(module, inputs).values(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert tiles[0] < tiles[1]
