"""From quant to the schedule of all cores and to C: every pass on the way keeps the bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from platform_files import platform_with
from quant_programs import compiled
from tile_networks import Array, Builder, random_inputs, random_layers, random_network
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from runnel.dialects import cluster, dma, tile
from runnel.lowering.print_c import print_c
from runnel.runtime.interpreter import run
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners import Tensor, build
from runnel.runtime.runners import run as run_program
from runnel.runtime.runners.build_files import write_build_files
from runnel.tools.pipeline import Instrument, PassStep, resolve_pipeline
from runnel.tools.registry import new_context

RANDOM = (
    "set-platform{{platform={platform}}},fold-columns,schedule-for-memory,place-units,"
    "tile-network{{random={seed}}},spill-homes,lower-to-dma,fork-cores,verify-hazards"
)
"""The road of the cluster, with any legal tiling in place of the best one."""

SEARCHED = "lower-to-cluster{{platform={platform} solver=heuristic}}"


def lower(module: ModuleOp, road: str, *watch: Instrument, **options: object) -> ModuleOp:
    """A copy of the module at the end of the road."""
    copy = module.clone()
    resolve_pipeline(road.format(**options)).run(new_context(), copy, watch)
    return copy


def expect_same(found: Iterable[Array], expected: Iterable[Array], where: object) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=str(where))


class SameBytes(Instrument):
    """Runs the module after every pass, two samples in one memory."""

    def __init__(self, module: ModuleOp, inputs: list[Array]):
        self.inputs = inputs
        self.expected = list(run(module, inputs).values())
        self.passes: list[str] = []

    def after_verify(self, step: PassStep, op: Operation) -> None:
        assert isinstance(op, ModuleOp)
        self.passes.append(step.name)
        expect_same(run(op, self.inputs).values(), self.expected, step)


@pytest.fixture(scope="session")
def small_memories(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The cluster without NPU with little L1: 6 KiB, 12 KiB or all of it beside the stacks."""
    folder, name = tmp_path_factory.mktemp("platforms"), "siracusa-cores"
    stacks = load_platform(name).stack_bytes("l1")
    return [*(platform_with(folder, name, l1=stacks + n * 1024) for n in (6, 12)), name]


# Every pass


@pytest.mark.parametrize("seed", range(10))
def test_every_pass_keeps_the_bytes(seed: int, small_memories: list[str]):
    module = random_network(seed)
    for road in (RANDOM, SEARCHED):
        watch = SameBytes(module, random_inputs(module, seed))
        lower(module, road, watch, platform=small_memories[seed % 3], seed=seed)
        assert {"software-pipeline", "plan-memory", "fork-cores"} < set(watch.passes)


@pytest.mark.parametrize("seed", range(3))
def test_every_pass_keeps_the_bytes_with_an_npu(seed: int):
    b = Builder(np.random.default_rng(seed))
    x = b.conv(b.input(1, 9, 7, 16), 40, (3, 3), pads=(1, 1, 1, 1))
    module = b.finish(b.add(x, b.conv(x, 40, (1, 1))))
    fitted = lower(module, "set-platform{{platform=siracusa}},fit-requant")
    watch = SameBytes(fitted, random_inputs(module, seed))
    lowered = lower(fitted, RANDOM, watch, platform="siracusa", seed=seed)
    assert any(op.name.startswith("npu.") for op in lowered.walk())


def test_a_pass_that_changes_bytes_is_seen():
    """What the tests above rest on: without its waits a schedule computes something else."""
    module = random_network(1)
    inputs = random_inputs(module, 1)
    lowered = lower(module, RANDOM, platform="siracusa-cores", seed=1)
    for op in list(lowered.walk()):
        if isinstance(op, dma.WaitOp):
            op.detach()
    (expected,), (found,) = (run(m, inputs).values() for m in (module, lowered))
    assert not np.array_equal(found, expected)


# Any legal tiling

CHUNKS = 10
TILINGS = 1000


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_any_layers_in_any_legal_tiles(chunk: int, small_memories: list[str]):
    """quant and the planned schedule of all cores: equal bytes, and the verifiers find nothing."""
    for seed in range(chunk, TILINGS, CHUNKS):
        b = Builder(np.random.default_rng(seed))
        module = b.finish(random_layers(b))
        inputs = random_inputs(module, seed)
        expected = list(run(module, inputs).values())
        lowered = lower(module, RANDOM, platform=small_memories[seed % 3], seed=seed)
        expect_same(run(lowered, inputs).values(), expected, f"seed {seed}")


def test_any_tilings_are_many():
    """What the test above needs to see at all: ragged, fused, kept near, pipelined, in loops."""
    groups: list[tile.GroupOp] = []
    kernels, ops = set[type[Operation]](), set[str]()
    for seed in range(60):
        b = Builder(np.random.default_rng(seed))
        module = b.finish(random_layers(b))
        text = "set-platform{{platform=siracusa-cores}},place-units,tile-network{{random={seed}}}"
        tiled = lower(module, text, seed=seed)
        groups += [op for op in tiled.walk() if isinstance(op, tile.GroupOp)]
        lowered = lower(module, RANDOM, platform="siracusa-cores", seed=seed)
        kernels |= {type(op) for op in lowered.walk() if isinstance(op, cluster.KernelOp)}
        ops |= {op.name for op in lowered.walk()}
    assert any(group.tiles() > 8 for group in groups)
    assert any(len(group.ops) > 1 for group in groups)
    assert any(group.stored is None for group in groups)
    assert {group.buffers.value.data for group in groups} == {1, 2, 3}
    assert kernels == {
        cluster.Conv2DOp, cluster.FullyConnectedOp, cluster.AddOp, cluster.AveragePool2DOp,
        cluster.MaxPool2DOp, cluster.TableOp,
    }  # fmt: skip
    assert {"scf.for", "scf.if", "cluster.barrier"} <= ops


# C

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1")


def forest(seed: int, count: int) -> ModuleOp:
    """Many small networks side by side, as one program with as many inputs and outputs."""
    b = Builder(np.random.default_rng(seed))
    return b.finish(*(random_layers(b) for _ in range(count)))


@pytest.mark.parametrize("late", [False, True], ids=["asan", "asan-late"])
def test_c_of_any_tiles_on_threads(late: bool, tmp_path: Path):
    """Ten networks in random tiles as C on threads, twice, under the sanitizers."""
    module = forest(5, 10)
    inputs = random_inputs(module, 5)
    expected = list(run(module, inputs).values())
    lowered = lower(module, RANDOM + ",lower-to-c", platform="host-cluster", seed=5 + late)
    files = print_c(lowered)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    machine = load_platform("host-cluster")
    write_build_files(tmp_path, "net", machine, list(files))
    flags = [*SANITIZERS, *(["-DRN_DMA_LATE"] if late else [])]
    program = build(tmp_path, "net", machine, extra_flags=flags)
    samples = [[x[n : n + 1] for x in inputs] for n in (0, 1, 0)]
    tensors = [Tensor(y.dtype, (1, *y.shape[1:])) for y in expected]
    result = run_program(program, samples, tensors)
    for n, outputs in zip((0, 1, 0), result.outputs, strict=True):
        expect_same(outputs, [y[n : n + 1] for y in expected], f"sample {n}")


# Determinism


def c_of(folder: Path, platform: str) -> str:
    """All C of a network that went the whole road."""
    return "\n".join(compiled.__wrapped__(folder, 1, platform=platform).c_files.values())


def test_c_is_the_same_in_every_process(tmp_path: Path):
    """Nothing depends on the order of sets, which differs from hash seed to hash seed."""
    here = c_of(tmp_path, "siracusa")
    assert c_of(tmp_path, "siracusa") == here
    script = (
        "import sys; from pathlib import Path; from test_cluster_road import c_of; "
        "sys.stdout.write(c_of(Path(sys.argv[1]), 'siracusa'))"
    )
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        }
        command = [sys.executable, "-c", script, str(tmp_path)]
        other = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert other.returncode == 0, other.stderr
        assert other.stdout == here
