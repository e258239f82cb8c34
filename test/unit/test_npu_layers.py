"""Emulated block, npu interpreter and quant level give equal bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from npu_layers import (
    Case,
    fitted,
    layer_of,
    npu_unit,
    random_case,
    run_jobs,
    run_jobs_on_threads,
    whole_layer,
)
from pulp_programs import needs_compiler

from runnel.dialects.npu_job import Kind, cycles, macs
from runnel.passes.place.npu_model import MODEL
from runnel.runtime.emulator.report import Kind as Event
from runnel.runtime.interpreter.npu import convolve

CASES = [
    Case(Kind.POINTWISE, 12, 12, 64, 64),
    Case(Kind.POINTWISE, 7, 5, 33, 31, zero=5),
    Case(Kind.POINTWISE, 13, 9, 40, 70, strides=(2, 2)),
    Case(Kind.DENSE, 24, 24, 3, 8, pads=(0, 0, 1, 1), strides=(2, 2)),
    Case(Kind.DEPTHWISE, 13, 12, 33, 33, pads=(1, 1, 1, 1), strides=(2, 2)),
    Case(Kind.POINTWISE, 0, 1, 200, 10),
    Case(Kind.POINTWISE, 0, 9, 64, 40),
    Case(Kind.DENSE, 12, 12, 28, 32, pads=(1, 1, 1, 1)),
    Case(Kind.DENSE, 11, 7, 3, 9, pads=(0, 0, 1, 1)),
    Case(Kind.DENSE, 1, 1, 60, 33, pads=(1, 1, 1, 1), bits=3),
    Case(Kind.DEPTHWISE, 12, 12, 56, 56, pads=(1, 1, 1, 1)),
    Case(Kind.DEPTHWISE, 13, 14, 30, 30, pads=(1, 0, 0, 1), zero=77),
    *(
        Case(Kind.DEPTHWISE, n, n + 1, 5, 5, pads=(1, 1, 1, 1), zero=-7, bits=2)
        for n in range(1, 9)
    ),
]
RANDOM = [random_case(np.random.default_rng(seed)) for seed in range(60)]


def test_the_npu_as_a_thread_computes_what_the_quant_level_computes(tmp_path: Path):
    """A model of the block that has nothing in common with the emulator's."""
    cases = CASES + RANDOM
    jobs = [whole_layer(fitted(case), seed) for seed, case in enumerate(cases)]
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    for late in (False, True):
        found = run_jobs_on_threads(tmp_path, jobs, flags, late=late)
        for case, job, ran in zip(cases, jobs, found, strict=True):
            assert np.array_equal(ran.y, job.y), case
            assert ran.kept, case


@needs_compiler
@pytest.mark.parametrize("poison", [False, True])
def test_the_emulated_npu_computes_what_the_quant_level_computes(tmp_path: Path, poison: bool):
    cases = CASES + RANDOM
    modules = [fitted(case) for case in cases]
    for case, module in zip(cases, modules, strict=True):
        assert MODEL.refuses(layer_of(module), npu_unit()) is None, case
    jobs = [whole_layer(module, seed) for seed, module in enumerate(modules)]
    assert {job.mode.shift is None for job in jobs} == {False, True}
    found, report = run_jobs(tmp_path, jobs, poison=poison)
    for case, job, ran in zip(cases, jobs, found, strict=True):
        assert np.array_equal(ran.y, job.y), case
        assert ran.kept, case
    assert report.summary.npu_overflows == 0
    assert report.summary.npu_jobs == len(jobs)
    assert report.summary.npu_macs == sum(macs(job.mode, job.geometry) for job in jobs)
    took = [event.end - event.start for event in report.events if event.kind == Event.NPU]
    assert took == [cycles(job.mode, job.geometry) for job in jobs]


@pytest.mark.parametrize("case", CASES + RANDOM, ids=str)
def test_the_interpreter_reads_the_chunk_and_computes_the_same(case: Case):
    job = whole_layer(fitted(case), 1)
    known = job.chunk.unpack(job.data).slice(0, job.geometry.out_c)
    size = job.mode.made(job.geometry.out_h, job.geometry.out_w)
    pads = job.geometry.pad_top, job.geometry.pad_left
    x = job.x
    if job.mode.kind is Kind.DEPTHWISE:
        assert known.weights.shape == (job.geometry.out_c, 3, 3, 1)
    down, right = job.mode.gaps
    assert np.array_equal(convolve(job.mode, known, x, size, pads)[:, ::down, ::right], job.y)
