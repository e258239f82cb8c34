"""N-EUREKA jobs beside NumPy: 1x1, dense and depthwise 3x3, all weight widths, ragged tiles."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pulp_programs import build, needs_compiler

from runnel.runtime.emulator import Emulator, Report, machine_of
from runnel.runtime.emulator.report import Kind
from runnel.runtime.platforms import load_platform

pytestmark = needs_compiler

L1_DATA = 0x1001_0000
X, W, SCALE, BIAS, Y = (L1_DATA + offset for offset in (0x0, 0x8000, 0x10000, 0x11000, 0x12000))
BYTES = 0x20000


@dataclass(frozen=True)
class Job:
    """A convolution with stride 1; `pad` on all sides; weights are unsigned plus an offset."""

    kernel: int
    depthwise: bool
    height: int
    width: int
    channels_in: int
    channels_out: int
    bits: int = 8
    pad: int = 0
    relu: bool = False
    wide: bool = False
    shift: int = 10

    @property
    def out_height(self) -> int:
        return self.height + 2 * self.pad - self.kernel + 1

    @property
    def out_width(self) -> int:
        return self.width + 2 * self.pad - self.kernel + 1


def encode(job: Job, weights: NDArray[np.uint8]) -> bytes:
    """Weights [out, taps, in] in the NPU's order: by output channel, input tile, then bit."""
    tile = 32 if job.kernel == 1 else 28
    if job.depthwise:
        weights = weights[:, :, 0].T[np.newaxis]
    out, taps, channels = weights.shape
    tiles = -(-channels // tile)
    padded = np.zeros((out, taps, tiles * tile), np.uint8)
    padded[:, :, :channels] = weights
    bits = padded.reshape(out, taps, tiles, tile)[..., np.newaxis] >> np.arange(8) & 1
    if job.kernel == 1:
        words = bits[:, 0].reshape(out, tiles, 8, 4, 8).transpose(0, 1, 2, 4, 3)
        lines = words.reshape(out * tiles, 256)
    else:
        planes = bits[..., : job.bits].transpose(0, 2, 4, 1, 3).reshape(-1, 9 * 28)
        lines = np.pad(planes, ((0, 0), (0, 4)))
    return np.packbits(lines.astype(np.uint8), axis=-1, bitorder="little").tobytes()


def registers(job: Job, offset: int) -> list[int]:
    """The 24 registers of the job; tiles are 6x6 output pixels and 32 (depthwise: 28) channels."""
    lanes_in = 32 if job.kernel == 1 else 28
    lanes_out = 28 if job.depthwise else 32
    out_bytes = 4 if job.wide else 1

    def tiles(size: int, full: int) -> tuple[int, int]:
        return -(-size // full), (size - 1) % full + 1

    number_ko, last_ko = tiles(job.channels_out, lanes_out)
    number_ki, last_ki = tiles(job.channels_in, lanes_in)
    (number_h, last_h), (number_w, last_w) = tiles(job.out_height, 6), tiles(job.out_width, 6)
    extra = job.kernel - 1 - job.pad
    line, plane = 32, 32 * (1 if job.kernel == 1 else job.bits) * number_ki
    origin = X - job.pad * (job.width + 1) * job.channels_in
    mode = 2 if job.kernel == 1 else int(job.depthwise)
    conf = (1 << 26 | 1 << 25 | (not job.relu) << 23 | (2 if job.wide else 0) << 21) | (
        job.shift << 16 | 1 << 15 | mode << 5 | 1 << 4 | (job.bits - 1)
    )
    return [
        *(W, origin, Y, SCALE, 0, BIAS),
        *(job.channels_in, job.width * job.channels_in, 0),
        *(32, job.channels_out * out_bytes, job.out_width * job.channels_out * out_bytes),
        *(line, plane, 0),
        last_ko << 16 | last_ki,
        last_h << 16 | last_w,
        (last_h + extra) << 16 | (last_w + extra),
        number_ko << 16 | number_ki,
        number_h << 16 | number_w,
        job.pad << 28 | job.pad << 24 | job.pad << 20 | job.pad << 16,
        *(offset & 0xFFFFFFFF, 0, conf),
    ]


def expected(
    job: Job,
    x: NDArray[np.int8],
    w: NDArray[np.int64],
    scale: NDArray[np.uint8],
    bias: NDArray[np.int32],
) -> NDArray[np.int64]:
    """acc = conv(x, w); y = clip((acc * scale + bias) >> shift)."""
    padded = np.pad(x.astype(np.int64), ((job.pad,) * 2, (job.pad,) * 2, (0, 0)))
    acc = np.zeros((job.out_height, job.out_width, job.channels_out), np.int64)
    for tap in range(job.kernel**2):
        row, column = divmod(tap, job.kernel)
        window = padded[row : row + job.out_height, column : column + job.out_width]
        acc += window * w[:, tap, 0] if job.depthwise else window @ w[:, tap].T
    y = (acc * scale.astype(np.int64) + bias) >> job.shift
    low, high = (-(2**31), 2**31 - 1) if job.wide else (0, 255) if job.relu else (-128, 127)
    return np.clip(y, 0 if job.relu else low, high)


def run_job(folder: Path, job: Job, *, poison: bool = False, times: int = 1) -> tuple[bool, Report]:
    """Whether the NPU gives what NumPy gives."""
    random = np.random.default_rng(job.height * 100 + job.channels_out)
    offset = -(1 << (job.bits - 1))
    x = random.integers(-128, 128, (job.height, job.width, job.channels_in)).astype(np.int8)
    shape = (job.channels_out, job.kernel**2, 1 if job.depthwise else job.channels_in)
    w = random.integers(0, 1 << job.bits, shape).astype(np.uint8)
    scale = random.integers(1, 50, job.channels_out).astype(np.uint8)
    bias = random.integers(-100000, 100000, job.channels_out).astype(np.int32)
    memory = bytearray(BYTES)
    for address, data in (
        *((X, x.tobytes()), (W, encode(job, w)), (SCALE, scale.tobytes())),
        (BIAS, bias.tobytes()),
    ):
        memory[address - L1_DATA : address - L1_DATA + len(data)] = data
    words = struct.pack("<24I", *registers(job, offset))
    (folder / "job.bin").write_bytes(words + memory)
    platform = load_platform("siracusa")
    program = build("npu", folder, platform, [f"-DJOBS={times}"])
    here = Path.cwd()
    os.chdir(folder)
    try:
        report = Emulator(machine_of(platform, poison=poison)).run(program)
    finally:
        os.chdir(here)
    y = expected(job, x, w.astype(np.int64) + offset, scale, bias)
    kind = np.int32 if job.wide else np.uint8 if job.relu else np.int8
    found = np.frombuffer((folder / "out.bin").read_bytes(), kind, y.size, Y - L1_DATA)
    return bool(np.array_equal(found, y.ravel())), report


@pytest.mark.parametrize(
    "job",
    [
        Job(1, False, 12, 12, 64, 64),
        Job(1, False, 5, 7, 40, 33),
        Job(1, False, 6, 6, 32, 32, bits=3),
        Job(1, False, 4, 9, 16, 20, wide=True, shift=0),
        Job(3, False, 8, 8, 28, 32),
        Job(3, False, 9, 11, 30, 40, pad=1),
        Job(3, False, 13, 6, 16, 8, pad=1, bits=4, relu=True),
        Job(3, True, 8, 8, 28, 28),
        Job(3, True, 12, 10, 60, 60, pad=1),
        Job(3, True, 7, 7, 16, 16, bits=5, pad=1, relu=True),
    ],
    ids=str,
)
def test_jobs_compute_what_numpy_computes(tmp_path: Path, job: Job) -> None:
    right, report = run_job(tmp_path, job)
    assert right
    per_channel = 1 if job.depthwise else job.channels_in
    work = job.out_height * job.out_width * job.channels_out * per_channel * job.kernel**2
    assert report.summary.npu_macs == work
    assert report.summary.npu_overflows == 0


def test_poisoned_jobs_deliver_when_they_were_waited_for(tmp_path: Path) -> None:
    assert run_job(tmp_path, Job(3, False, 9, 11, 30, 40, pad=1), poison=True)[0]


@pytest.mark.parametrize("poison", [False, True])
def test_the_next_job_is_set_up_while_one_runs(tmp_path: Path, poison: bool) -> None:
    """Job numbers have 8 bits; core 0 sleeps until the job that it waits for has ended."""
    job = Job(1, False, 20, 20, 64, 64)
    right, report = run_job(tmp_path, job, poison=poison, times=300)
    assert right and report.exit_code == 0
    jobs = report.of_kind(Kind.NPU)
    assert len(jobs) == 300
    gaps = [b.start - a.end for a, b in pairwise(jobs)]
    assert max(gaps) == 0, "two are under way at any time"
    asleep = sum(
        e.end - e.start for e in report.of_kind(Kind.WAIT) if e.unit == 0 and e.a >> 12 & 1
    )
    assert asleep > 0.9 * sum(e.end - e.start for e in jobs)
