"""Groups of tiles on the NPU, from quant to a program on the emulated SoC: the bytes of quant."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from npu_layers import Case, fitted, layer_of
from pulp_programs import needs_compiler
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, Region

from runnel.dialects import graph, quant, tile
from runnel.dialects.npu_job import Kind
from runnel.lowering.print_c import print_c
from runnel.runtime.interpreter import run
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners import Tensor, build
from runnel.runtime.runners import run as run_program
from runnel.runtime.runners.build_files import write_build_files
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

SCHEDULE = (
    "convert-tile-to-dma,software-pipeline,split-transfers,plan-memory,verify-memory,fork-cores,"
    "verify-hazards"
)


REGISTERS = "convert-npu-to-accfg,dedup-setups,convert-accfg-to-npu"


def tiled(module: ModuleOp, sizes: tuple[int, ...], buffers: int = 2) -> ModuleOp:
    """A copy of a module of one layer whose layer is a group on the NPU, from L2 to L2."""
    copy = module.clone()
    op = layer_of(copy)
    result, result_type = op.result, op.result.type
    assert isinstance(result_type, TensorType)
    block = Block(arg_types=[op.input.type])
    load = tile.LoadOp(block.args[0])
    owners = [value.owner for value in (op.weight, op.bias)]
    constants = [owner.clone() for owner in owners if isinstance(owner, graph.ConstantOp)]
    inner = op.clone()
    for index, value in enumerate((load.result, *(c.results[0] for c in constants))):
        inner.operands[index] = value
    store = tile.StoreOp(inner.results[0])
    block.add_ops([load, *constants, inner, store, tile.YieldOp(store.result)])
    group = tile.GroupOp(
        [op.input], result_type, Region(block),
        unit="npu", near="l1", home="l2", sizes=sizes, order=list(range(len(sizes))),
        buffers=buffers,
    )  # fmt: skip
    parent = op.parent_block()
    assert parent is not None
    parent.insert_op_before(group, op)
    result.replace_all_uses_with(group.result)
    parent.erase_op(op)
    copy.verify()
    return copy


def program_outputs(folder: Path, module: ModuleOp, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the program of a scheduled module gives, twice."""
    resolve_pipeline("convert-cortexm-to-c").run(new_context(), module)
    files = print_c(module)
    for name, text in files.items():
        (folder / name).write_text(text)
    platform = load_platform("siracusa")
    write_build_files(folder, "net", platform, list(files))
    program = build(folder, "net", platform)
    result = run_program(program, [[x], [x]], [Tensor(y.dtype, y.shape)])
    first, second = (outputs[0] for outputs in result.outputs)
    assert np.array_equal(first, second)
    return first


CASES = [
    (Case(Kind.POINTWISE, 12, 12, 64, 64), (1, 5, 12, 32)),
    (Case(Kind.POINTWISE, 9, 10, 40, 70, strides=(2, 2)), (1, 2, 3, 32)),
    (Case(Kind.POINTWISE, 0, 1, 200, 70), (1, 32)),
    (Case(Kind.DENSE, 13, 12, 16, 33, pads=(1, 1, 1, 1)), (1, 4, 7, 32)),
    (Case(Kind.DEPTHWISE, 13, 12, 60, 60, pads=(1, 1, 1, 1)), (1, 4, 5, 28)),
    (Case(Kind.DEPTHWISE, 13, 12, 60, 60, pads=(0, 0, 1, 1), strides=(2, 2)), (1, 4, 5, 28)),
    (Case(Kind.DENSE, 24, 24, 3, 8, pads=(0, 0, 1, 1), strides=(2, 2)), (1, 5, 12, 8)),
]


@needs_compiler
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("registers", [False, True], ids=["helper", "accfg"])
@pytest.mark.parametrize(("case", "sizes"), CASES, ids=str)
def test_tiles_give_the_bytes_of_the_quant_level(
    tmp_path: Path, case: Case, sizes: tuple[int, ...], registers: bool
):
    module = fitted(case)
    op = layer_of(module)
    x = np.random.default_rng(5).integers(-128, 128, quant.shape_of(op.input)).astype(np.int8)
    (y,) = run(module, [x]).values()
    tiles = tiled(module, sizes)
    for step in SCHEDULE.split(","):
        resolve_pipeline(step).run(new_context(), tiles)
        (found,) = run(tiles, [x]).values()
        assert np.array_equal(found, y), step
    if registers:
        resolve_pipeline(REGISTERS).run(new_context(), tiles)
    assert np.array_equal(program_outputs(tmp_path, tiles, x, y), y)
