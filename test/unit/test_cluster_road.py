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
from pulp_programs import needs_compiler
from quant_programs import compiled
from tile_networks import (
    Array,
    Builder,
    attention_layers,
    npu_layers,
    random_inputs,
    random_layers,
    random_network,
)
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from runnel.dialects import c, cluster, dma, npu, tile
from runnel.dialects.diagnostics import RunnelError
from runnel.lowering.print_c import print_c
from runnel.runtime.interpreter import run
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners import Emulation, Tensor, build
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


@pytest.mark.parametrize("chunk", range(3))
def test_any_layers_with_an_npu(chunk: int):
    """The same where the NPU takes what it can."""
    jobs = 0
    for seed in range(chunk, 60, 3):
        b = Builder(np.random.default_rng(seed))
        fitted = lower(b.finish(npu_layers(b)), "set-platform{{platform=siracusa}},fit-requant")
        inputs = random_inputs(fitted, seed)
        expected = list(run(fitted, inputs).values())
        lowered = lower(fitted, RANDOM, platform="siracusa", seed=seed)
        jobs += sum(op.name == "npu.conv2d" for op in lowered.walk())
        expect_same(run(lowered, inputs).values(), expected, f"seed {seed}")
    assert jobs > 10


@pytest.mark.parametrize("chunk", range(2))
def test_any_attention_in_any_legal_tiles(chunk: int, small_memories: list[str]):
    """Products of activations, softmax and normalization: in random tiles and in the best ones."""
    kernels = set[type[Operation]]()
    for seed in range(chunk, 60, 2):
        b = Builder(np.random.default_rng(seed))
        module = b.finish(attention_layers(b))
        inputs = random_inputs(module, seed)
        expected = list(run(module, inputs).values())
        for road in (RANDOM, SEARCHED):
            lowered = lower(module, road, platform=small_memories[seed % 3], seed=seed)
            expect_same(run(lowered, inputs).values(), expected, f"seed {seed}")
            kernels |= {type(op) for op in lowered.walk() if isinstance(op, cluster.KernelOp)}
    assert kernels == {
        cluster.MatmulOp, cluster.SoftmaxOp, cluster.LayerNormOp, cluster.TransposeOp
    }  # fmt: skip


class Groups(Instrument):
    """The groups of tiles that a network becomes on its way."""

    def __init__(self) -> None:
        self.found: list[tile.GroupOp] = []

    def after_verify(self, step: PassStep, op: Operation) -> None:
        if step.name == "tile-network":
            copy = op.clone()
            self.found += [inner for inner in copy.walk() if isinstance(inner, tile.GroupOp)]


def test_any_tilings_are_many():
    """What the tests above need to see at all: ragged, fused, kept near, pipelined, in loops."""
    watch, kernels, ops = Groups(), set[type[Operation]](), set[str]()
    for seed in range(40):
        b = Builder(np.random.default_rng(seed))
        module = b.finish(random_layers(b))
        lowered = lower(module, RANDOM, watch, platform="siracusa-cores", seed=seed)
        kernels |= {type(op) for op in lowered.walk() if isinstance(op, cluster.KernelOp)}
        ops |= {op.name for op in lowered.walk()}
    groups = watch.found
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
RACES = ("-fsanitize=thread", "-O1")
TREES = 10
"""Networks in one program."""


def forest(seed: int, *, attention: bool = True) -> ModuleOp:
    """Many small networks side by side, as one program with as many outputs."""
    b = Builder(np.random.default_rng(seed))
    trees = [random_layers(b) for _ in range(TREES)]
    if attention:
        trees += [attention_layers(b), attention_layers(b)]
    return b.finish(*trees)


def to_c(scheduled: ModuleOp) -> ModuleOp:
    """The schedule itself becomes C."""
    resolve_pipeline("lower-to-c").run(new_context(), scheduled)
    return scheduled


def check_c(
    folder: Path,
    code: ModuleOp,
    platform: str,
    flags: Iterable[str],
    module: ModuleOp,
    poison: Iterable[bool] = (True,),
) -> None:
    """The program of the C gives the bytes of `module`, also after other inferences; with `poison`
    transfers and jobs are as late as may be.
    """
    inputs = random_inputs(module, 5)
    expected = list(run(module, inputs).values())
    files = print_c(code)
    for name, text in files.items():
        (folder / name).write_text(text)
    machine = load_platform(platform)
    write_build_files(folder, "net", machine, list(files))
    program = build(folder, "net", machine, extra_flags=["-Werror", *flags])
    order = (0, 1, 0)
    samples = [[x[n : n + 1] for x in inputs] for n in order]
    tensors = [Tensor(y.dtype, (1, *y.shape[1:])) for y in expected]
    for late in poison:
        result = run_program(program, samples, tensors, emulation=Emulation(poison=late))
        for n, outputs in zip(order, result.outputs, strict=True):
            expect_same(outputs, [y[n : n + 1] for y in expected], f"sample {n}")


THREADS = {"asan": SANITIZERS, "tsan": RACES}


@pytest.mark.parametrize("flags", THREADS.values(), ids=THREADS)
def test_c_of_any_tiles_on_threads(flags: tuple[str, ...], tmp_path: Path):
    """Ten networks in random tiles as one program, in portable C."""
    module, platform = forest(5), "host-cluster"
    scheduled = lower(module, RANDOM, platform=platform, seed=5)
    check_c(tmp_path, to_c(scheduled), platform, flags, module, (False, True))


@needs_compiler
@pytest.mark.parametrize("platform", ["siracusa-cores", "siracusa-rv32"])
def test_c_of_any_tiles(platform: str, tmp_path: Path):
    """The same on the emulator, with Xpulp and without."""
    module = forest(5)
    scheduled = lower(module, RANDOM, platform=platform, seed=5)
    check_c(tmp_path, to_c(scheduled), platform, (), module)


def test_c_without_barriers_has_races(tmp_path: Path):
    """What the thread sanitizer sees. (A softmax would divide by what is not there yet.)"""
    module, platform = forest(0, attention=False), "host-cluster"
    scheduled = lower(module, RANDOM, platform=platform, seed=0)
    for op in list(scheduled.walk()):
        if isinstance(op, cluster.BarrierOp):
            op.detach()
    with pytest.raises(RunnelError, match="data race"):
        check_c(tmp_path, to_c(scheduled), platform, RACES, module, (False,))


def jobs(seed: int) -> ModuleOp:
    """Layers that an NPU may take, fitted to it."""
    b = Builder(np.random.default_rng(seed))
    module = b.finish(b.conv(npu_layers(b), 40, (3, 3), pads=(1, 1, 1, 1)))
    return lower(module, "set-platform{{platform=host-npu}},fit-requant")


@pytest.mark.parametrize("flags", THREADS.values(), ids=THREADS)
def test_c_of_any_jobs(flags: tuple[str, ...], tmp_path: Path):
    """Cores, DMA and NPU as threads."""
    module, platform = jobs(0), "host-npu"
    scheduled = lower(module, RANDOM, platform=platform, seed=0)
    assert sum(isinstance(op, npu.Conv2DOp) for op in scheduled.walk()) > 2
    check_c(tmp_path, to_c(scheduled), platform, flags, module, (False, True))


@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_c_without_a_wait_for_a_job_is_found(which: int, tmp_path: Path):
    """Two networks of one job each, whose result leaves the near memory."""
    b, platform = Builder(np.random.default_rng(0)), "host-npu"
    trees = [b.conv(b.input(1, 5, 6, 16), 40, (3, 3), pads=(1, 1, 1, 1)) for _ in range(2)]
    module = lower(b.finish(*trees), "set-platform{{platform=host-npu}},fit-requant")
    code = to_c(lower(module, SEARCHED, platform=platform))
    calls = [op for op in code.walk() if isinstance(op, c.CallOp)]
    waits = [op for op in calls if op.callee.root_reference.data == "rn_npu_wait"]
    waits[which].detach()
    flags = ("-Wno-unused-variable",)
    with pytest.raises(RunnelError, match="data race"):
        check_c(tmp_path, code, platform, (*RACES, *flags), module, (False,))
    with pytest.raises(AssertionError, match="sample 0"):
        check_c(tmp_path, code, platform, flags, module, (True,))


# Determinism


def c_of_networks(folder: Path) -> str:
    """All C of some networks: one from float on, and some in the best tiles."""
    files = dict(compiled.__wrapped__(folder, 1, platform="siracusa").c_files)
    for seed in range(3):
        road = SEARCHED + ",lower-to-c"
        made = print_c(lower(random_network(seed), road, platform="siracusa"))
        files |= {f"{seed}/{name}": text for name, text in made.items()}
    return "\n".join(f"{name}\n{text}" for name, text in files.items())


def test_c_is_the_same_in_every_process(tmp_path: Path):
    """Nothing depends on the order of sets, nor on addresses, which differ from run to run."""
    here = c_of_networks(tmp_path)
    assert c_of_networks(tmp_path) == here
    script = (
        "import sys; from pathlib import Path; from test_cluster_road import c_of_networks; "
        "sys.stdout.write(c_of_networks(Path(sys.argv[1])))"
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
