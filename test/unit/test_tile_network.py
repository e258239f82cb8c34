"""Tilings: every one computes the same, fits the memory, and moves what the model says."""

from __future__ import annotations

import re
from itertools import product
from math import prod

import numpy as np
import pytest
from tile_networks import Builder, random_inputs, random_network
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from runnel.dialects import tile
from runnel.dialects.diagnostics import RunnelError, add_remark_handler
from runnel.dialects.quant import TableOp
from runnel.dialects.tiling import Box, Interval, Numbers, shape_of
from runnel.lowering.chain_windows import ChainWindows
from runnel.lowering.tile_buffers import group_buffers
from runnel.lowering.unit_backends import backend_of
from runnel.passes.memory.placement import has_cp_sat
from runnel.passes.place.set_platform import SetPlatform
from runnel.passes.tile.costs import Machine
from runnel.passes.tile.plan import cycles_of, plan
from runnel.passes.tile.rounds import schedule
from runnel.passes.tile.search import candidates, search_of
from runnel.passes.tile.tile_network import TileNetwork
from runnel.runtime.interpreter import run
from runnel.runtime.platforms import load_platform


def tiled(module: ModuleOp, entry: TileNetwork) -> tuple[ModuleOp, list[str]]:
    """A copy of the module with groups, and the remarks."""
    copy, remarks = module.clone(), list[str]()
    stop = add_remark_handler(lambda remark: remarks.append(str(remark)))
    try:
        SetPlatform("siracusa").apply(Context(), copy)
        entry.apply(Context(), copy)
        copy.verify()
    finally:
        stop()
    return copy, [text for text in remarks if "tile-network" in text]


def groups_of(module: ModuleOp) -> list[tile.GroupOp]:
    return [op for op in module.walk() if isinstance(op, tile.GroupOp)]


def expect_same(module: ModuleOp, other: ModuleOp) -> None:
    inputs = random_inputs(module, 7)
    for a, b in zip(run(module, inputs).values(), run(other, inputs).values(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seed", range(40))
def test_random_tilings_compute_the_same(seed: int):
    module = random_network(seed)
    for memory in (1 << 13, 1 << 15):
        other, _ = tiled(module, TileNetwork(memory=memory, random=seed))
        assert groups_of(other)
        expect_same(module, other)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("fuse", [True, False])
def test_searched_tilings_compute_the_same(seed: int, fuse: bool):
    module = random_network(100 + seed)
    for memory in (1 << 13, 1 << 16):
        other, _ = tiled(module, TileNetwork(memory=memory, fuse=fuse))
        expect_same(module, other)
        assert fuse or all(len(group.ops) == 1 for group in groups_of(other))


def test_random_tilings_are_ragged_fused_and_near():
    """What the tests above need to see at all."""
    found = [
        group
        for seed in range(30)
        for group in groups_of(tiled(random_network(seed), TileNetwork(random=seed))[0])
    ]
    ragged = [
        shape % size
        for group in found
        for shape, size in zip(shape_of(group.result), group.tile_sizes(), strict=True)
    ]
    assert any(ragged)
    assert any(len(group.ops) > 1 for group in found)
    assert any(group.stored is None for group in found)
    assert {group.buffers.value.data for group in found} == {1, 2, 3}
    assert len({tuple(group.order.get_values()) for group in found}) > 3


def boxes(group: tile.GroupOp) -> list[Box[int]]:
    """The tiles in the order of the loops, by the definition of the op."""
    order, counts = list(group.order.get_values()), group.counts()
    shape, sizes = shape_of(group.result), group.tile_sizes()
    found: list[Box[int]] = []
    for at in product(*(range(counts[dim]) for dim in order)):
        starts = {dim: n * sizes[dim] for dim, n in zip(order, at, strict=True)}
        found.append(
            tuple(
                Interval(starts[dim], min(starts[dim] + sizes[dim], shape[dim]))
                for dim in range(len(shape))
            )
        )
    return found


def moved_bytes(module: ModuleOp, group: tile.GroupOp) -> int:
    """What a group moves, window by window."""
    backend = backend_of(module, group.unit.data)
    constants = {item.op: item for item in group_buffers(group, backend).constants}
    total, last = 0, dict[object, object]()
    for number, box in enumerate(boxes(group)):
        windows = tile.windows(group, box, Numbers())
        for op in group.block.ops:
            if isinstance(op, tile.LoadOp):
                window = windows[op.result].box
                if last.get(op) != window:
                    total += prod(i.stop - i.start for i in window)
                last[op] = window
        for op, item in constants.items():
            channels = windows[op.results[0]].box[-1] if item.dims else None
            if number == 0 or last.get(op) != channels:
                total += item.chunk_bytes
            last[op] = channels
        if group.stored is not None:
            total += prod(i.stop - i.start for i in box)
    return total


@pytest.mark.parametrize("seed", range(12))
def test_the_model_moves_what_the_tiles_move(seed: int):
    module, remarks = tiled(random_network(200 + seed), TileNetwork(memory=1 << 13))
    said = [int(n) for text in remarks for n in re.findall(r"(\d+) B moved", text)]
    assert said == [moved_bytes(module, group) for group in groups_of(module)]


@pytest.mark.parametrize("seed", range(8))
def test_arrays_of_windows_are_the_windows_of_each_tile(seed: int):
    module, _ = tiled(random_network(300 + seed), TileNetwork(memory=1 << 13, random=seed))
    for group in groups_of(module):
        windows = ChainWindows(group.ops, group.tile_sizes())
        each = [tile.windows(group, box, Numbers()) for box in boxes(group)]
        for value in windows.windows:
            shapes = [[i.stop - i.start for i in found[value].box] for found in each]
            assert windows.largest(value) == tuple(map(max, zip(*shapes, strict=True)))


@pytest.mark.parametrize("seed", range(12))
def test_groups_and_near_tensors_fit(seed: int):
    """At each group: its buffers and the tensors that live in the near memory."""
    memory = 1 << 13
    module, _ = tiled(random_network(400 + seed), TileNetwork(memory=memory))
    groups = groups_of(module)
    for number, group in enumerate(groups):
        backend = backend_of(module, group.unit.data)
        alive = [
            prod(shape_of(other.result))
            for at, other in enumerate(groups)
            if other.stored is None and at <= number <= last_reader(other, groups)
        ]
        assert group_buffers(group, backend).bytes + sum(alive) <= memory


def last_reader(group: tile.GroupOp, groups: list[tile.GroupOp]) -> int:
    """The number of the last group that reads the result, by whatever name."""
    pending: list[SSAValue] = [group.result]
    last = 0
    while pending:
        for use in pending.pop().uses:
            if isinstance(use.operation, tile.GroupOp):
                last = max(last, groups.index(use.operation))
            elif use.operation.results:
                pending.append(use.operation.results[0])
    return last


def modelled(remarks: list[str]) -> int:
    return next(int(n) for text in remarks for n in re.findall(r"(\d+) cycles by model", text))


@pytest.mark.skipif(not has_cp_sat(), reason="needs ortools")
@pytest.mark.parametrize("seed", range(8))
def test_the_walk_finds_what_the_solver_proves_best(seed: int):
    module = random_network(500 + seed)
    walked, solved = (
        tiled(module, TileNetwork(solver=solver, memory=1 << 13))
        for solver in ("heuristic", "cp_sat")
    )
    assert modelled(walked[1]) == modelled(solved[1])
    expect_same(module, solved[0])


@pytest.mark.skipif(not has_cp_sat(), reason="needs ortools")
def test_the_solver_improves_a_poor_plan():
    """It does not just give back what it began with."""
    from runnel.passes.tile.cp_sat import solve

    b = Builder(np.random.default_rng(0))
    x = b.conv(b.input(1, 16, 16, 8), 16, (1, 1))
    module = b.finish(b.add(x, b.table(b.conv(x, 16, (1, 1)))))
    SetPlatform("siracusa").apply(Context(), module)
    func = next(op for op in module.body.block.ops if isinstance(op, FuncOp))
    search = search_of(module, func, memory=1 << 14)
    options = candidates(search)
    best = plan(search.network, options, search.capacity)
    poor = plan(search.network, options, search.capacity // 2)
    assert best is not None and poor is not None and cycles_of(poor) > cycles_of(best)
    found = solve(search.network, options, search.capacity, poor, 2.0)
    assert cycles_of(found) == pytest.approx(cycles_of(best), abs=1)


def test_the_same_plan_every_time():
    module = random_network(1)
    first, second = (str(tiled(module, TileNetwork(memory=1 << 13))[0]) for _ in range(2))
    assert first == second


def test_intermediates_stay_near_where_there_is_room():
    b = Builder(np.random.default_rng(0))
    x = b.conv(b.input(1, 16, 16, 8), 16, (3, 3), pads=(1, 1, 1, 1))
    y = b.conv(x, 16, (3, 3), pads=(1, 1, 1, 1))
    module, _ = tiled(b.finish(b.conv(b.add(x, y), 8, (1, 1))), TileNetwork())
    *inner, last = groups_of(module)
    assert {group.home.data for group in inner} <= {"l1"}
    assert last.home.data == "l2"


def test_a_small_memory_fuses_what_would_not_fit():
    """What flows between is larger than the memory: made tile by tile it need not leave it."""
    b = Builder(np.random.default_rng(0))
    x = b.conv(b.input(1, 40, 40, 4), 32, (1, 1))
    module = b.finish(b.conv(b.table(x), 4, (1, 1)))
    entries = [TileNetwork(memory=1 << 14, fuse=fuse) for fuse in (True, False)]
    fused, apart = (tiled(module, entry)[0] for entry in entries)
    assert max(len(group.ops) for group in groups_of(fused)) > 1
    moved = [sum(moved_bytes(m, group) for group in groups_of(m)) for m in (fused, apart)]
    assert moved[0] < 0.7 * moved[1]


def test_an_op_that_fits_in_no_tile_is_named():
    b = Builder(np.random.default_rng(0))
    module = b.finish(b.fully_connected(b.input(1, 3000), 4))
    with pytest.raises(RunnelError, match=r"quant.fully_connected.* takes \d+ B, l1 has 8192 B"):
        tiled(module, TileNetwork(memory=8192))


def test_an_unknown_solver_is_refused():
    with pytest.raises(RunnelError, match="auto, cp_sat, heuristic"):
        tiled(random_network(0), TileNetwork(solver="magic"))


def transfers(sizes: tuple[int, ...]) -> tuple[float, int, int]:
    """Cycles, bytes and transfers of the first window of a copy of a 1x8x8x16 table's operand."""
    b = Builder(np.random.default_rng(0))
    x = b.input(1, 8, 8, 16)
    op = b.table(x).owner
    assert isinstance(op, TableOp)
    platform = load_platform("siracusa")
    machine = Machine.of(platform, platform.unit("cluster"), "l1")
    found = machine.window(x, ChainWindows([op], sizes))
    arrays = np.broadcast_arrays(found.cycles, found.bytes, found.starts)
    cycles, size, starts = (array.flat[0] for array in arrays)
    return float(cycles), int(size), int(starts)


@pytest.mark.parametrize(
    ("sizes", "rows", "pieces"),
    [
        ((1, 8, 8, 16), 1, 1),
        ((1, 3, 8, 16), 1, 1),
        ((1, 3, 4, 16), 3, 1),
        ((1, 3, 8, 4), 24, 1),
        ((1, 3, 4, 4), 12, 3),
        ((1, 1, 4, 4), 4, 1),
        ((1, 3, 1, 4), 3, 1),
    ],
)
def test_windows_take_rows_and_transfers(sizes: tuple[int, ...], rows: int, pieces: int):
    """The engine has two dimensions, starts in 8 cycles and moves 8 bytes in each."""
    size = prod(sizes)
    assert transfers(sizes) == (8 * pieces + rows + size / 8, size, pieces)


def test_rounds_overlap_through_buffers():
    """Three rounds of compute 10, load 4, store 3."""
    compute, load, store = (np.array([n] * 3, float) for n in (10, 4, 3))
    assert schedule(compute, load, store, 1)[0] == 3 * (10 + 4 + 3)
    assert schedule(compute, load, store, 2)[0] == 4 + 30 + 3
    assert schedule(compute, load, store, 3)[0] == 4 + 30 + 3


def test_transfers_bound_rounds_that_compute_little():
    """The engine is busy throughout: 4 x 7 cycles, and one round of compute between."""
    compute, load, store = (np.array([n] * 4, float) for n in (1, 4, 3))
    assert schedule(compute, load, store, 2)[0] == 4 + 4 + 7 + 7 + 3 + 3


def test_a_third_buffer_lends_time_to_an_uneven_round():
    compute, store = np.array([10.0, 10.0, 10.0]), np.zeros(3)
    load = np.array([2.0, 2.0, 18.0])
    assert schedule(compute, load, store, 2)[0] == 2 + 10 + 18 + 10
    assert schedule(compute, load, store, 3)[0] == 2 + 10 + 10 + 10
