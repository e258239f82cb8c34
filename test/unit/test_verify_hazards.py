"""verify-hazards: exact windows, and what it accepts does not depend on when transfers happen."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Operation, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    result_def,
)
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import cluster, dma
from runnel.passes.dma.byte_windows import ByteWindow
from runnel.passes.dma.verify_hazards import VerifyHazards
from runnel.runtime.interpreter import run
from runnel.runtime.interpreter.dma import Token
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context


def parse(text: str) -> ModuleOp:
    return Parser(new_context(), text).parse_module()


def verify(module: ModuleOp) -> None:
    VerifyHazards().apply(Context(), module)


def refusal(module: ModuleOp) -> str:
    with pytest.raises(PassFailedException) as caught:
        verify(module)
    return str(caught.value)


# Windows


@st.composite
def windows(draw: Any) -> ByteWindow:
    """A window of a buffer [4, 5, 3] of elements of 1 or 2 bytes somewhere in a memory."""
    item = draw(st.sampled_from([1, 2]))
    shape = draw(st.sampled_from([(4, 5, 3), (60,), (12, 5)]))
    whole = ByteWindow.dense("l1", "l1", "%a", item, draw(st.integers(0, 40)), shape)
    offsets = [draw(st.integers(0, n - 1)) for n in shape]
    steps = [draw(st.sampled_from([1, 1, 2])) for _ in shape]
    room = [-(-(n - offset) // step) for n, offset, step in zip(shape, offsets, steps, strict=True)]
    return whole.part(offsets, [draw(st.integers(0, n)) for n in room], steps)


def bytes_of(window: ByteWindow) -> set[int]:
    """One by one."""
    places = np.ndindex(*window.sizes)
    starts = [
        window.start + sum(i * s for i, s in zip(place, window.strides, strict=True))
        for place in places
    ]
    return {start + i for start in starts for i in range(window.item)}


@settings(max_examples=400)
@given(windows(), windows())
def test_windows_overlap_where_they_have_common_bytes(a: ByteWindow, b: ByteWindow):
    common = bytes_of(a) & bytes_of(b)
    found = a.overlap(b)
    assert (found is not None) == bool(common)
    if found is not None:
        assert set(range(*found)) <= common


def test_windows_of_two_places_have_nothing_in_common():
    a, b = (ByteWindow.dense(place, "l1", "%a", 1, 0, (4,)) for place in ("l1", "l2"))
    assert a.overlap(b) is None


# What is accepted computes the same bytes, be the transfers early or late


def random_schedule(seed: int) -> ModuleOp:
    """Copies, transfers, waits and kernels in any order on overlapping buffers."""
    choose = random.Random(seed)
    far, near = 'memref<16xi8, "l2">', 'memref<16xi8, "l1">'
    lines = [
        f'%x = dma.buffer at 0 "input" 0 : {far}',
        f'%y = dma.buffer at 16 "output" 0 : {far}',
        f"dma.copy %x to %n : {far} to {near}",
        f"dma.copy %n to %y : {near} to {far}",
    ]
    names = [f"%b{i}" for i in range(4)]
    for name in ["%n", *names]:
        offset = 16 * choose.randrange(5)
        lines.insert(0, f"{name} = dma.buffer at {offset} : {near}")
    lines += [f"dma.copy %x to {name} : {far} to {near}" for name in names]
    tokens: list[str] = []
    for number in range(choose.randrange(3, 12)):
        match choose.randrange(4):
            case 0:
                tokens.append(f"%t{number}")
                lines.append(f"%t{number} = dma.token")
                source = choose.choice(["%x", "%y"])
                lines.append(
                    f"dma.start {source} to {choose.choice(names)} on %t{number} : {far} to {near}"
                )
            case 1:
                tokens.append(f"%t{number}")
                lines.append(f"%t{number} = dma.token")
                lines.append(
                    f"dma.start {choose.choice(names)} to %y on %t{number} : {near} to {far}"
                )
            case 2 if tokens:
                lines.append(f"dma.wait {tokens.pop(choose.randrange(len(tokens)))}")
            case _:
                a, b, out = (choose.choice(names) for _ in range(3))
                lines.append(
                    f"cluster.add ins({a}, {b} : {near}, {near}) outs({out} : {near}) "
                    '{kernel = "k", multipliers = array<i32: 1, 3>, bias = 1 : i32, '
                    "shift = 1 : i32, clamp = array<i32: -128, 127>}"
                )
    if choose.random() < 0.9:
        lines += [f"dma.wait {token}" for token in tokens]
    return parse("func.func @net() {\n" + "\n".join(lines) + "\nfunc.return\n}")


class EarlyToken(Token):
    """Copies at once."""

    def start(self, source: Any, target: Any) -> None:
        target[...] = source


def outcome(module: ModuleOp) -> list[int]:
    return run(module, [np.arange(1, 17, dtype=np.int8)])["output0"].tolist()


def test_what_is_accepted_does_not_depend_on_when_transfers_happen(monkeypatch: Any):
    accepted = refused = 0
    for seed in range(600):
        module = random_schedule(seed)
        try:
            verify(module)
        except PassFailedException:
            refused += 1
            continue
        accepted += 1
        late = outcome(module)
        with monkeypatch.context() as patch:
            patch.setattr("runnel.runtime.interpreter.dma.Token", EarlyToken)
            assert outcome(module) == late
    assert accepted > 20
    assert refused > 20


# A pipeline as the passes schedule it

PIPELINE = """
func.func @net() {
  %x = dma.buffer "input" 0 : memref<1x9x4x4xi8, "l2">
  %y = dma.buffer "output" 0 : memref<1x9x4x4xi8, "l2">
  %a = dma.buffer : memref<2x2x4x4xi8, "l1">
  %b = dma.buffer : memref<2x2x4x4xi8, "l1">
  %c = dma.buffer : memref<1x2x4x4xi8, "l1">
  dma.pipeline 5 buffers 2 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0(%i : index):
    ROWS
    %w = memref.subview %x[0, %first, 0, 0]SIZES : memref<1x9x4x4xi8, "l2"> to FAR
    %v = memref.subview %a[%slot, 0, 0, 0]SIZES : memref<2x2x4x4xi8, "l1"> to NEAR
    dma.copy %w to %v : FAR to NEAR
  } compute {
  ^bb0(%i : index):
    ROWS
    %v = memref.subview %a[%slot, 0, 0, 0]SIZES : memref<2x2x4x4xi8, "l1"> to NEAR
    %m = memref.subview %c[0, 0, 0, 0]SIZES : memref<1x2x4x4xi8, "l1"> to NEAR
    %u = memref.subview %b[%slot, 0, 0, 0]SIZES : memref<2x2x4x4xi8, "l1"> to NEAR
    cluster.add ins(%v, %v : NEAR, NEAR) outs(%m : NEAR) ADD
    cluster.add ins(%m, %v : NEAR, NEAR) outs(%u : NEAR) ADD
  } store {
  ^bb0(%i : index):
    ROWS
    %w = memref.subview %y[0, %first, 0, 0]SIZES : memref<1x9x4x4xi8, "l2"> to FAR
    %u = memref.subview %b[%slot, 0, 0, 0]SIZES : memref<2x2x4x4xi8, "l1"> to NEAR
    dma.copy %u to %w : NEAR to FAR
  }
  func.return
}
"""
MACROS = {
    "ROWS": """%c2 = arith.constant 2 : index
    %c9 = arith.constant 9 : index
    %first = arith.muli %i, %c2 : index
    %stop = arith.addi %first, %c2 : index
    %end = arith.minsi %stop, %c9 : index
    %n = arith.subi %end, %first : index
    %slot = arith.remui %i, %c2 : index""",
    "SIZES": "[1, %n, 4, 4][1, 1, 1, 1]",
    "FAR": 'memref<1x?x4x4xi8, strided<[144, 16, 4, 1], offset: ?>, "l2">',
    "NEAR": 'memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">',
    "ADD": '{kernel = "k", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, '
    "clamp = array<i32: -128, 127>}",
}


def lowered(passes: str) -> ModuleOp:
    text = PIPELINE
    for word, meaning in MACROS.items():
        text = text.replace(word, meaning)
    module = parse(text)
    resolve_pipeline(f"set-platform{{platform=siracusa}},{passes}").run(new_context(), module)
    return module


SCHEDULE = "software-pipeline,split-transfers,plan-memory"


@pytest.mark.parametrize("passes", ["plan-memory", SCHEDULE, f"{SCHEDULE},fork-cores"])
def test_each_stop_of_a_pipeline_is_accepted_and_computes_the_same(passes: str):
    module = lowered(f"{passes},verify-memory,verify-hazards")
    x = np.arange(144, dtype=np.int8).reshape(1, 9, 4, 4) % 40
    np.testing.assert_array_equal(run(module, [x])["output0"], 3 * x)


def without_each(module: ModuleOp, kind: type[Operation]) -> Iterator[ModuleOp]:
    """Copies of the module that each lack one op of a kind."""
    count = sum(isinstance(op, kind) for op in module.walk())
    for index in range(count):
        copy = module.clone()
        op = [op for op in copy.walk() if isinstance(op, kind)][index]
        op.detach()
        op.erase()
        yield copy


def test_every_barrier_and_every_wait_of_a_schedule_is_needed():
    module = lowered(f"{SCHEDULE},fork-cores")
    barriers = [refusal(copy) for copy in without_each(module, cluster.BarrierOp)]
    waits = [refusal(copy) for copy in without_each(module, dma.WaitOp)]
    assert len(barriers) > 3
    assert len(waits) > 3
    assert all("missing barrier" in message for message in barriers)
    assert not any("missing barrier" in message for message in waits)


# Jobs of another unit


@irdl_attr_definition
class JobType(ParametrizedAttribute, TypeAttribute):
    name = "job.token"


@irdl_op_definition
class JobOp(IRDLOperation, dma.AsyncOp):
    """Works on its own until it is waited for."""

    name = "job.start"

    source = operand_def(MemRefType)
    target = operand_def(MemRefType)
    token = result_def(JobType)

    def __init__(self, source: SSAValue, target: SSAValue):
        super().__init__(operands=[source, target], result_types=[JobType()])

    @property
    def inputs(self):
        return (self.source,)

    @property
    def outputs(self):
        return (self.target,)

    @property
    def started(self) -> SSAValue:
        return self.token


@irdl_op_definition
class JobWaitOp(dma.AwaitOp):
    name = "job.wait"

    token = operand_def(JobType)


def two_jobs(second_target: int, *, wait_first: bool) -> ModuleOp:
    """Two jobs that read one buffer; the second one writes buffer `second_target`."""
    module = parse(
        """func.func @net() {
          %x = dma.buffer at 0 "input" 0 : memref<16xi8, "l1">
          %a = dma.buffer at 16 : memref<16xi8, "l1">
          %b = dma.buffer at 32 : memref<16xi8, "l1">
          func.return
        }"""
    )
    buffers = [op.result for op in module.walk() if isinstance(op, dma.BufferOp)]
    end = next(op for op in module.walk() if op.name == "func.return")
    block = end.parent_block()
    assert block is not None
    one, two = JobOp(buffers[0], buffers[1]), JobOp(buffers[0], buffers[second_target])
    waits = [JobWaitOp(one.token), JobWaitOp(two.token)]
    ops = [one, waits[0], two, waits[1]] if wait_first else [one, two, *waits]
    block.insert_ops_before(ops, end)
    return module


def test_jobs_may_read_one_buffer_at_a_time():
    verify(two_jobs(2, wait_first=False))


def test_two_jobs_may_not_write_one_buffer_at_a_time():
    assert refusal(two_jobs(1, wait_first=False)) == (
        "job.start: writes bytes 16..32 of l1 (%a), which job.start may still be writing; wait for "
        "its token before"
    )
    verify(two_jobs(1, wait_first=True))


def test_a_job_that_nobody_waits_for_is_refused():
    module = two_jobs(2, wait_first=True)
    last = [op for op in module.walk() if isinstance(op, JobWaitOp)][-1]
    last.detach()
    last.erase()
    assert refusal(module) == (
        "job.start: the token is never waited for; wait for it before the function ends"
    )


# Control flow


def test_index_arithmetic_and_branches_are_executed():
    """Only the rounds in which the branch is taken touch the bytes behind the buffer."""
    text = """func.func @net() {
      %a = dma.buffer at 0 : memref<64xi8, "l1">
      %t = dma.token
      dma.wait %t
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c7 = arith.constant 7 : index
      %c10 = arith.constant 10 : index
      scf.for %i = %c0 to %c10 step %c1 {
        %small = arith.cmpi slt, %i, %c7 : index
        scf.if %small {
          %at = arith.muli %i, %c10 : index
          %w = memref.subview %a[%at][4][1] : memref<64xi8, "l1"> to WINDOW
          "test.op"(%w) : (WINDOW) -> ()
        }
      }
      func.return
    }""".replace("WINDOW", 'memref<4xi8, strided<[1], offset: ?>, "l1">')
    verify(parse(text))
    message = refusal(parse(text.replace("%c7 = arith.constant 7", "%c7 = arith.constant 8")))
    assert "the window takes 70..74 of dimension 0 of %a in l1, which has 64" in message


def test_bounds_that_depend_on_data_are_refused():
    text = """func.func @net() {
      %a = dma.buffer at 0 : memref<64xi8, "l1">
      %t = dma.token
      dma.wait %t
      %n = "test.op"() : () -> index
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      scf.for %i = %c0 to %n step %c1 {
      }
      func.return
    }"""
    assert refusal(parse(text)) == (
        "scf.for: its bounds or windows depend on data, only indices can be checked"
    )
