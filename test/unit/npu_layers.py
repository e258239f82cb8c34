"""Random layers for the NPU, as quant ops and as jobs, and a program that runs the jobs."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulp_programs import build
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType, i32
from xdsl.ir import Block, Operation, Region, SSAValue

from runnel.dialects import graph, quant
from runnel.dialects.npu_chunk import Chunk
from runnel.dialects.npu_job import Geometry, Kind, Mode, Pitch
from runnel.dialects.platform_records import Unit
from runnel.passes.place.npu_model import Layer, constants_of, geometry_of, mode_of
from runnel.runtime.emulator import Emulator, Report, machine_of
from runnel.runtime.interpreter import run
from runnel.runtime.platforms import board_folder, load_platform
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

Array = NDArray[Any]
KERNELS = board_folder("pulp").parent.parent / "kernels"
FIT = "set-platform{platform=siracusa},fit-requant"


def npu_unit() -> Unit:
    return load_platform("siracusa").unit("npu")


@dataclass(frozen=True)
class Case:
    """A layer; `pads` are top, left, bottom, right. A matrix product has height 0: `width` rows."""

    kind: Kind
    height: int
    width: int
    channels_in: int
    channels_out: int
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    strides: tuple[int, int] = (1, 1)
    bits: int = 8
    zero: int = -128
    seed: int = 0
    kernel: int | None = None
    rounding: str = "single"
    clamp: tuple[int, int] = (-128, 127)


def random_case(random: np.random.Generator) -> Case:
    """Small and odd sizes, any padding, channels around the lanes."""
    kind = list(Kind)[random.integers(3)]
    bits = int(random.integers(2, 9))
    zero = int(random.choice([-128, -3, 0, 77]))
    seed = int(random.integers(1 << 30))
    channels_in, channels_out = (int(n) for n in random.integers(1, 71, 2))
    height, width = (int(n) for n in random.integers(1, 21, 2))
    if kind is Kind.POINTWISE:
        down, right = (int(n) for n in random.integers(1, 4, 2))
        top, left, bottom, behind = 0, 0, 0, 0
    else:
        down, right = (int(n) for n in random.integers(1, 3, 2))
        top, left, bottom, behind = (int(n) for n in random.integers(0, 2, 4))
        height, width = max(height, 3 - top - bottom), max(width, 3 - left - behind)
    if kind is Kind.DEPTHWISE:
        channels_in = channels_out = max(channels_out, 2)
    pads, strides = (top, left, bottom, behind), (down, right)
    return Case(kind, height, width, channels_in, channels_out, pads, strides, bits, zero, seed)


def layer_module(case: Case) -> ModuleOp:
    """A function that is one quant op with random weights of `bits` bits."""
    random = np.random.default_rng(case.seed)
    kernel = case.kind.kernel if case.kernel is None else case.kernel
    depthwise = case.kind is Kind.DEPTHWISE
    depth = 1 if depthwise else case.channels_in
    out, k = case.channels_out, kernel
    matrix = case.height == 0
    low = -(1 << (case.bits - 1))
    shape = (out, depth) if matrix else (out, k, k, depth)
    weights = random.integers(low, -low, shape).astype(np.int8)
    x = quant.UniformQuantizedType.get([0.5], [case.zero])
    y = quant.UniformQuantizedType.get([0.25], [int(random.integers(-128, 128))])
    taps = k * k * depth
    sums = weights.reshape(out, -1).astype(np.int64).sum(1)
    bias = random.integers(-3000, 3000, out) - case.zero * sums
    # Outputs spread over about twice the range of int8; where the seed is odd some channels have
    # much less, so that no common shift suits all.
    reach = random.uniform(0.5, 2, out) * (2.0 ** random.integers(-7, 1, out)) ** (case.seed % 2)
    spread = reach * 256 / (75 * -low * np.sqrt(taps))
    exponent = np.frexp(spread)[1]
    shifts = 31 - exponent
    multipliers = np.rint(np.ldexp(spread, shifts)).astype(np.int64)
    module, block = ModuleOp([]), Block()

    def constant(name: str, array: Array, element: Any) -> SSAValue:
        type = TensorType(element, array.shape)
        op = graph.ConstantOp(graph.add_global(module, name, array, type).sym_name.data, type)
        block.add_op(op)
        return op.result

    top, left, bottom, behind = case.pads
    height = quant.window_extent(case.height, top, bottom, k, case.strides[0], 1)
    width = quant.window_extent(case.width, left, behind, k, case.strides[1], 1)
    if matrix:
        in_shape, out_shape = (case.width, depth), (case.width, out)
    else:
        in_shape = (1, case.height, case.width, case.channels_in)
        out_shape = (1, height, width, out)
    argument = block.insert_arg(TensorType(x, in_shape), 0)
    scale = quant.UniformQuantizedType.get([0.1])
    w, b = constant("w", weights, scale), constant("b", bias.astype(np.int32), i32)
    requant = quant.RequantAttr.get(multipliers, shifts, case.rounding, case.clamp)
    result = TensorType(y, out_shape)
    op: Operation
    if matrix:
        op = quant.FullyConnectedOp(argument, w, b, result, requant)
    else:
        op = quant.Conv2DOp(
            argument, w, b, result,
            strides=case.strides, pads=case.pads, dilations=(1, 1),
            groups=case.channels_in if depthwise else 1, layout="nhwc", requant=requant,
        )  # fmt: skip
    block.add_ops([op, func.ReturnOp(op.results[0])])
    types = ([argument.type], [result])
    module.body.block.add_op(func.FuncOp("net", types, Region(block)))
    module.verify()
    return module


def layer_of(module: ModuleOp) -> Layer:
    return next(op for op in module.walk() if isinstance(op, Layer))


def fitted(case: Case, pipeline: str = FIT) -> ModuleOp:
    """The module of the case after fit-requant."""
    module = layer_module(case)
    resolve_pipeline(pipeline).run(new_context(), module)
    return module


@dataclass(frozen=True)
class Job:
    """One job of a layer: `x` is [1, h, w, c], `y` what it shall give."""

    mode: Mode
    geometry: Geometry
    chunk: Chunk
    data: Array
    x: Array
    y: Array


def whole_layer(module: ModuleOp, seed: int) -> Job:
    """The layer as one job on windows with gaps, and what the quant level gives."""
    random = np.random.default_rng(seed)
    op = layer_of(module)
    mode, dense = mode_of(op), geometry_of(op)
    x = random.integers(-128, 128, quant.shape_of(op.input)).astype(np.int8)
    (y,) = run(module, [x]).values()
    shape_x = (dense.in_h, dense.in_w, dense.in_c)
    shape_y = (dense.out_h, dense.out_w, dense.out_c)
    made = gaps(random, *mode.made(dense.out_h, dense.out_w), dense.out_c)
    down, right = mode.gaps
    g = Geometry(
        *shape_x, *shape_y, dense.pad_top, dense.pad_left,
        gaps(random, *shape_x), Pitch(made.row * down, made.pixel * right),
    )  # fmt: skip
    capacity = dense.out_c + int(random.integers(0, 5))
    depth = capacity if mode.kind is Kind.DEPTHWISE else dense.in_c
    chunk = Chunk(mode, depth, capacity)
    data = chunk.pack(constants_of(op))
    return Job(mode, g, chunk, data, x.reshape(1, *shape_x), y.reshape(1, *shape_y))


def gaps(random: np.random.Generator, height: int, width: int, channels: int) -> Pitch:
    """A pitch with random gaps between pixels and rows."""
    pixel = channels + int(random.integers(0, 9))
    return Pitch(width * pixel + int(random.integers(0, 30)), pixel)


def placed(array: Array, pitch: Pitch, memory: Array) -> Array:
    """A window view of `memory` (bytes) for [1, h, w, c] elements like those of `array`."""
    _, height, width, channels = array.shape
    strides = (pitch.row, pitch.pixel, 1)
    view = memory.view(array.dtype)
    return np.lib.stride_tricks.as_strided(view, (height, width, channels), strides)


def made_window(job: Job) -> tuple[Array, Pitch]:
    """An array of the shape that the job makes, and its pitch."""
    g, (down, right) = job.geometry, job.mode.gaps
    made = np.zeros((1, *job.mode.made(g.out_h, g.out_w), g.out_c), job.y.dtype)
    return made, Pitch(g.y.row // down, g.y.pixel // right)


def extent(array: Array, pitch: Pitch) -> int:
    return array.shape[1] * pitch.row


@dataclass(frozen=True)
class Ran:
    """What the program gave for a job: the output, and what lies between its pixels was kept."""

    y: Array
    kept: bool
    configure: int
    cycles: int


def run_jobs(
    folder: Path, jobs: Sequence[Job], *, poison: bool = False
) -> tuple[list[Ran], Report]:
    """All jobs in one program on the emulator."""
    memories = write_jobs(folder, jobs)
    platform = load_platform("siracusa")
    program = build("npu_layers", folder, platform, [f"-I{KERNELS}"])
    here = Path.cwd()
    os.chdir(folder)
    try:
        report = Emulator(machine_of(platform, poison=poison)).run(program)
    finally:
        os.chdir(here)
    return read_jobs(folder, jobs, memories), report


def run_jobs_on_threads(
    folder: Path, jobs: Sequence[Job], flags: Sequence[str], *, late: bool
) -> list[Ran]:
    """All jobs in one program on this machine, without cycles."""
    memories = write_jobs(folder, jobs)
    program = build("npu_layers", folder, load_platform("host-npu"), [f"-I{KERNELS}", *flags])
    environment = {**os.environ, **({"RN_LATE": "1"} if late else {})}
    subprocess.run([program], cwd=folder, check=True, timeout=60, env=environment)
    return read_jobs(folder, jobs, memories)


Memory = tuple[Array, int]
"""Bytes of L1 before a job, and where its output is in them."""


def write_jobs(folder: Path, jobs: Sequence[Job]) -> list[Memory]:
    """layers.bin in `folder`, as pulp/npu_layers.c reads it."""
    blocks: list[bytes] = [struct.pack("<i", len(jobs))]
    memories: list[Memory] = []
    for job in jobs:
        g = job.geometry
        at_data = -(-extent(job.x, g.x) // 4) * 4
        at_y = at_data + job.data.size
        memory = np.full(-(-(at_y + extent(job.y, g.y)) // 4) * 4, 0x5A, np.uint8)
        placed(job.x, g.x, memory)[...] = job.x[0]
        memory[at_data:at_y] = job.data
        kind, mode = job.mode.kind, job.mode
        words = [
            *(kind.value, mode.weight_bits, mode.configuration),
            *(g.in_h, g.in_w, g.in_c, g.out_h, g.out_w, g.out_c, kind.kernel, kind.kernel),
            *(*mode.strides, 1, 1, g.pad_top, g.pad_left, 1, mode.padding),
            *(g.x.row, g.x.pixel, g.y.row, g.y.pixel),
            *(job.chunk.bias, job.chunk.scale, job.chunk.shift),
            *(0, at_data, at_y, memory.size),
        ]
        blocks += [struct.pack(f"<{len(words)}i", *words), memory.tobytes()]
        memories.append((memory, at_y))
    (folder / "layers.bin").write_bytes(b"".join(blocks))
    return memories


def read_jobs(folder: Path, jobs: Sequence[Job], memories: Sequence[Memory]) -> list[Ran]:
    """What the program has written to out.bin in `folder`."""
    out = np.frombuffer((folder / "out.bin").read_bytes(), np.uint8)
    found: list[Ran] = []
    for job, (memory, at_y) in zip(jobs, memories, strict=True):
        after, out = out[: memory.size].copy(), out[memory.size :]
        configure, cycles = out[:8].view("<u4")
        out = out[8:]
        copy = placed(job.y, job.geometry.y, after[at_y:]).copy()[None]
        made_y, made_pitch = made_window(job)
        placed(made_y, made_pitch, after[at_y:])[...] = placed(made_y, made_pitch, memory[at_y:])
        kept = bool(np.array_equal(after, memory))
        found.append(Ran(copy, kept, int(configure), int(cycles)))
    return found
