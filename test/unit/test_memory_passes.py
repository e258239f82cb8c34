"""plan-memory, reuse-in-place and verify-memory on programs that run before and after."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_programs import Machine, Program, apply, offsets
from xdsl.dialects import scf, test
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import IndexType, IntegerAttr, MemRefType, ModuleOp, StringAttr, i8, i64
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import DimOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.dma import BufferOp, ViewOp, arenas_of
from runnel.passes.memory.liveness import buffer_liveness
from runnel.passes.memory.plan_memory import PlanMemory
from runnel.passes.memory.reuse_in_place import ReuseInPlace
from runnel.passes.memory.verify_memory import VerifyMemory


def place_at(module: ModuleOp, *offsets: int | None) -> ModuleOp:
    """Set the offsets of the buffers by hand, in the order of the text."""
    buffers = [op for op in module.walk() if isinstance(op, BufferOp)]
    for buffer, offset in zip(buffers, offsets, strict=True):
        buffer.offset = None if offset is None else IntegerAttr(offset, i64)
    return module


def net(module: ModuleOp) -> FuncOp:
    """The function of a program."""
    func = module.body.block.first_op
    assert isinstance(func, FuncOp)
    return func


def two_layers() -> ModuleOp:
    """x -> a -> y, 64 bytes each."""
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    program.kernel([x], a)
    program.kernel([a], y)
    return program.finish()


def random_program(seed: int) -> ModuleOp:
    """Layers that read one or two earlier buffers, some through views, some with scratch."""
    choose = random.Random(seed)
    program = Program()
    known = [program.buffer(choose.choice([32, 48]), "input", i) for i in range(2)]
    outputs = 0
    for _ in range(choose.randrange(1, 10)):
        ins = choose.choices(known[-4:], k=choose.choice([1, 2]))
        size = choose.choice([buffer_bytes(ins[0]), 16, 20, 48, 96])
        role = "output" if choose.random() < 0.15 else None
        out = program.buffer(size, role, outputs)
        outputs += role is not None
        if choose.random() < 0.5:
            program.map(ins, out)
        else:
            scratch = [program.buffer(choose.choice([8, 40]))] if choose.random() < 0.4 else []
            program.kernel(ins, out, *scratch)
        known.append(out)
        if choose.random() < 0.2:
            type = MemRefType(i8, [1, buffer_bytes(out)], memory_space=StringAttr("sram"))
            known.append(program.builder.insert(ViewOp(out, type)).result)
    program.kernel([known[-1]], program.buffer(24, "output", outputs))
    return program.finish()


def buffer_bytes(value: SSAValue) -> int:
    assert isinstance(value.type, MemRefType)
    return value.type.get_shape()[-1]


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from(["linear", "first_fit", "greedy_by_size"]))
def test_a_plan_computes_the_same_bytes(seed: int, algorithm: str):
    module = random_program(seed)
    expected = Machine(module).run()
    apply(module, PlanMemory(algorithm=algorithm), VerifyMemory())
    assert Machine(module).run() == expected


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.booleans())
def test_working_in_place_computes_the_same_bytes(seed: int, keep: bool):
    module = random_program(seed)
    expected = Machine(module).run()
    apply(module, ReuseInPlace(keep_inputs=keep))
    assert Machine(module).run() == expected
    apply(module, PlanMemory(keep_inputs=keep), VerifyMemory(keep_inputs=keep))
    assert Machine(module).run() == expected


@settings(max_examples=150)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_the_verifier_accepts_computes_the_same_bytes(seed: int, other: int):
    """Spoil one offset of a plan: either the verifier refuses it, or it does not matter."""
    module = random_program(seed)
    expected = Machine(module).run()
    apply(module, PlanMemory())
    del net(module).attributes["dma.arenas"]
    choose = random.Random(other)
    buffers = [op for op in module.walk() if isinstance(op, BufferOp)]
    choose.choice(buffers).offset = IntegerAttr(16 * choose.randrange(8), i64)
    try:
        apply(module, VerifyMemory())
    except PassFailedException:
        return
    assert Machine(module).run() == expected


def test_a_chain_uses_two_buffers():
    module = two_layers()
    remarks = apply(module, PlanMemory())
    assert offsets(module) == [0, 64, 0]
    assert remarks == [
        "remark: analysis: plan-memory: sram: arena 128 B, liveness bound 128 B (1.00x), "
        "algorithm first_fit"
    ]
    assert str(arenas_of(net(module))["sram"]) == '#dma.arena<"sram", size = 128, bound = 128>'


def test_inputs_that_survive_keep_their_bytes():
    module = two_layers()
    apply(module, PlanMemory(keep_inputs=True), VerifyMemory(keep_inputs=True))
    assert len(set(offsets(module))) == 3


def test_each_memory_has_its_own_arena():
    program = Program()
    x, y = program.buffer(64, "input"), program.buffer(32, "output", memory="dram")
    program.kernel([x], y)
    module = program.finish()
    apply(module, PlanMemory(memory="dram"))
    assert offsets(module) == [None, 0]
    apply(module, PlanMemory(memory="sram"), VerifyMemory())
    sizes = {name: arena.size.data for name, arena in arenas_of(net(module)).items()}
    assert sizes == {"dram": 32, "sram": 64}


def test_planning_again_keeps_the_plan():
    module = two_layers()
    apply(module, PlanMemory())
    before = str(module)
    apply(module, PlanMemory(algorithm="hill_climb"))
    assert str(module) == before


def test_alignment_is_a_multiple_of_the_buffers():
    with pytest.raises(RunnelError, match="alignment 24 is not a multiple of 16"):
        apply(two_layers(), PlanMemory(alignment=24))


def refusal(module: ModuleOp, verifier: VerifyMemory | None = None) -> str:
    with pytest.raises(PassFailedException) as caught:
        apply(module, verifier or VerifyMemory())
    return str(caught.value)


def test_verifier_refuses_a_missing_offset():
    assert refusal(place_at(two_layers(), 0, None, 128)) == (
        "dma.buffer: a buffer: has no offset in sram; run plan-memory first"
    )


def test_verifier_refuses_a_misaligned_offset():
    module = place_at(two_layers(), 0, 72, 160)
    assert "offset 72 in sram is not a multiple of 16 B" in refusal(module)


def test_verifier_refuses_bytes_beyond_the_arena():
    module = two_layers()
    apply(module, PlanMemory())
    place_at(module, 0, 80, 0)
    assert refusal(module) == (
        "dma.buffer: a buffer: bytes 80..144 of sram lie beyond the end of the arena, which "
        "dma.arenas gives 128 B"
    )


def test_verifier_refuses_operands_that_overlap():
    assert refusal(place_at(two_layers(), 0, 48, 128)) == (
        "mem.kernel: output (a buffer, bytes 48..112 of sram) overlaps input (network input 0, "
        "bytes 0..64 of sram) in bytes 48..64; the op cannot work in place there"
    )


def test_verifier_refuses_a_kernel_in_place_that_must_not():
    assert "the op cannot work in place there" in refusal(place_at(two_layers(), 0, 0, 128))


def test_verifier_refuses_use_after_overwrite():
    program = Program()
    x, a, b = program.buffer(64, "input"), program.buffer(64), program.buffer(64)
    y = program.buffer(64, "output")
    program.kernel([x], a)
    program.kernel([a], b)
    program.kernel([x, b], y)
    module = place_at(program.finish(), 0, 64, 32 + 96, 192)
    apply(module, VerifyMemory())
    place_at(module, 0, 64, 32, 192)
    assert "output (a buffer, bytes 32..96 of sram) overlaps input" in refusal(module)
    place_at(module, 0, 128, 32, 192)
    assert refusal(module) == (
        "mem.kernel: reads network input 0 (bytes 0..64 of sram), but bytes 32..64 were "
        "overwritten by mem.kernel with a buffer"
    )


def test_verifier_refuses_in_place_on_a_live_value():
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    program.map([x], a)
    program.map([a, x], y)
    module = place_at(program.finish(), 0, 0, 64)
    assert "reads network input 0 (bytes 0..64 of sram), but bytes 0..64 were" in refusal(module)


def test_verifier_accepts_two_buffers_in_place_when_the_first_is_dead():
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    program.map([x], a)
    program.map([a], y)
    apply(place_at(program.finish(), 0, 0, 0), VerifyMemory())


def test_verifier_refuses_scratch_over_an_input():
    program = Program()
    x, y = program.buffer(64, "input"), program.buffer(64, "output")
    program.kernel([x], y, program.buffer(32))
    assert "scratch (a buffer, bytes 32..64 of sram) overlaps input" in refusal(
        place_at(program.finish(), 0, 64, 32)
    )


def test_verifier_refuses_a_read_of_nothing():
    program = Program()
    a, y = program.buffer(64), program.buffer(64, "output")
    program.kernel([a], y)
    assert "reads a buffer (bytes 0..64 of sram), which nothing has written" in refusal(
        place_at(program.finish(), 0, 64)
    )


def test_verifier_refuses_an_output_that_is_lost():
    program = Program()
    x, y = program.buffer(64, "input"), program.buffer(64, "output")
    z = program.buffer(64, "output", 1)
    program.kernel([x], y)
    program.kernel([x], z)
    assert refusal(place_at(program.finish(), 0, 64, 64)) == (
        "func.func @net: the caller reads network output 0 (bytes 64..128 of sram), but bytes "
        "64..128 were overwritten by mem.kernel with network output 1"
    )


def test_verifier_refuses_a_lost_input_that_must_survive():
    module = two_layers()
    apply(module, PlanMemory(), VerifyMemory())
    assert "func.func @net: the caller reads network input 0" in refusal(
        module, VerifyMemory(keep_inputs=True)
    )


def loop_program() -> ModuleOp:
    """A loop whose body reads `a`, which was written before it, and then writes `b`."""
    program = Program()
    x, a, b = program.buffer(64, "input"), program.buffer(64), program.buffer(64)
    y = program.buffer(64, "output")
    program.kernel([x], a)
    bound = program.builder.insert(ConstantOp.from_int_and_width(2, 64)).result
    body = Block(arg_types=[i64])
    program.builder.insert(scf.ForOp(bound, bound, bound, [], Region(body)))
    inner = Program()
    for op in (inner.kernel([a], y), inner.kernel([y], b)):
        op.detach()
        body.add_op(op)
    body.add_op(scf.YieldOp())
    return program.finish()


def test_a_loop_is_one_step():
    module = loop_program()
    liveness = buffer_liveness(net(module))
    spans = [(i.start, i.end) for i in liveness.intervals.values()]
    assert spans == [(0, 0), (0, 1), (1, 1), (1, 1)]
    apply(module, PlanMemory(), VerifyMemory())
    assert offsets(module) == [0, 64, 0, 128]


def test_verifier_runs_a_loop_twice():
    """`b` over `a` goes well in the first iteration only."""
    assert "but bytes 64..128 were overwritten by mem.kernel" in refusal(
        place_at(loop_program(), 0, 64, 64, 128)
    )


def test_a_result_that_holds_on_to_a_buffer_keeps_it_alive():
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    handle = program.builder.insert(test.TestOp([x], [x.type])).results[0]
    program.kernel([handle], a)
    program.kernel([a], y)
    module = program.finish()
    apply(module, PlanMemory())
    assert offsets(module) == [0, 64, 0]
    apply(module, VerifyMemory())
    assert "overlaps input (network input 0" in refusal(place_at(module, 0, 32, 0))


def test_a_number_holds_on_to_nothing():
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    zero = program.builder.insert(ConstantOp.from_int_and_width(0, IndexType())).result
    program.kernel([x], a)
    size = program.builder.insert(DimOp(x, zero)).result
    program.kernel([a], y)
    program.builder.insert(test.TestOp([size]))
    module = program.finish()
    liveness = buffer_liveness(net(module))
    assert [(i.start, i.end) for i in liveness.intervals.values()] == [(0, 1), (0, 2), (2, 2)]


def in_place_remarks(program: Program, reuse: ReuseInPlace | None = None) -> list[str]:
    """The remarks without their heads."""
    remarks = apply(program.finish(), reuse or ReuseInPlace())
    return [remark.removeprefix("remark: ").replace("reuse-in-place: ", "") for remark in remarks]


def test_in_place_merges_a_dead_input():
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    program.map([x], a)
    program.map([a], y)
    assert in_place_remarks(program) == [
        "passed: works in place, 64 B less to place",
        "missed: not in place: the network's input and output stay apart",
    ]
    assert sum(isinstance(op, BufferOp) for op in program.module.walk()) == 2


def test_in_place_keeps_a_surviving_input():
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    program.map([x], a)
    program.kernel([a], y)
    assert in_place_remarks(program, ReuseInPlace(keep_inputs=True)) == [
        "missed: not in place: the network input must survive"
    ]


def test_in_place_refuses_an_input_that_is_read_later_through_a_view():
    program = Program()
    x, a, y = program.buffer(64, "input"), program.buffer(64), program.buffer(64, "output")
    type = MemRefType(i8, [8, 8], memory_space=StringAttr("sram"))
    view = program.builder.insert(ViewOp(x, type)).result
    program.map([x], a)
    program.kernel([a, view], y)
    assert in_place_remarks(program) == [
        "missed: not in place: the input is still read, last by mem.kernel"
    ]


def test_in_place_refuses_other_sizes():
    program = Program()
    x, y = program.buffer(64, "input"), program.buffer(32)
    program.map([x], y)
    assert in_place_remarks(program) == [
        'missed: not in place: memref<64xi8, "sram"> and memref<32xi8, "sram"> differ in size'
    ]


def test_in_place_takes_the_other_operand_when_the_first_lives_on():
    program = Program()
    x, a, b = program.buffer(64, "input"), program.buffer(64), program.buffer(64)
    y = program.buffer(64, "output")
    program.kernel([x], a)
    program.map([x, a], b)
    program.kernel([x, b], y)
    assert in_place_remarks(program) == [
        "missed: not in place: the input is still read, last by mem.kernel",
        "passed: works in place, 64 B less to place",
    ]
