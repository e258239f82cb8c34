"""When overlap-units lets transfers begin: as early as memory allows until their use, and no more
of them at a time than the engine takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser

from runnel.dialects.platform import platform_of
from runnel.passes.overlap.costs import Costs
from runnel.passes.overlap.list_schedule import (
    Policy,
    Room,
    Schedule,
    as_written,
    list_schedule,
)
from runnel.passes.overlap.search import earlier_transfers
from runnel.passes.overlap.segments import segments_of
from runnel.passes.overlap.work import Role, Task, order_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

IMAGE, CHUNK = 24 * 24 * 32, 16672
HEAD = f"""
!t = memref<1x24x24x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x{CHUNK}xi8, "l1">
!f = memref<1x{CHUNK}xi8, "l2">
func.func @f() {{
  %pad = arith.constant 1 : index
  %x = dma.buffer "input" 0 : !t
  %y = dma.buffer : !t
  %z = dma.buffer : !t
"""


def add(a: str, b: str, to: str) -> str:
    return (
        f'cluster.add ins({a}, {b} : !t, !t) outs({to} : !t) {{kernel = "rn_cluster_add_s8_xpulp",'
        " multipliers = array<i32: 1048576, 1048576>, bias = 1048576 : i32, shift = 21 : i32,"
        " clamp = array<i32: -128, 127>}"
    )


def conv(x: str, chunk: int, to: str) -> str:
    """A job that is waited for."""
    return (
        f"%job{chunk} = npu.conv2d ins({x} : !t) constants(%c{chunk} : !c) outs({to} : !t) "
        "pads(%pad, %pad) {layer = #npu.layer<dense, 32 to 32 channels>}\n"
        f"npu.wait %job{chunk}"
    )


def start(chunk: int) -> str:
    token = f"%t{chunk}"
    return f"{token} = dma.token\n dma.start %f{chunk} to %c{chunk} on {token} : !f to !c"


def wait(chunk: int) -> str:
    return f"dma.wait %t{chunk}"


def tasks_of(*code: str) -> list[Task]:
    """The tasks of straight-line code."""
    (tasks,) = segments(*code)
    return tasks


def segments(*code: str) -> list[list[Task]]:
    """The tasks of code on images %x, %y, %z and far and near chunks %f0 to %f4, %c0 to %c4,
    between what is no task.
    """
    far = [f'%f{i} = dma.buffer "input" {i + 1} : !f' for i in range(5)]
    near = [f"%c{i} = dma.buffer : !c" for i in range(5)]
    text = "\n".join([HEAD, *far, *near, *code, "func.return\n}"])
    module = Parser(new_context(), text).parse_module()
    resolve_pipeline("set-platform{platform=siracusa}").run(new_context(), module)
    (function,) = [op for op in module.body.block.ops if isinstance(op, FuncOp)]
    costs = Costs.of(platform_of(module))
    assert costs is not None
    return [segment.tasks for segment in segments_of(function.body.block, costs)]


def room(images: int, chunks: int, queue: int = 16) -> Room:
    """Memory for as many images and chunks."""
    limit = images * IMAGE + chunks * CHUNK
    return Room(limit, 0, frozenset(), frozenset(), "l1", 16, queue)


def turns(found: Schedule | None) -> str | None:
    """K for each kernel, J for each job and S for each transfer, as they begin."""
    if found is None:
        return None
    names = {Role.KERNEL: "K", Role.JOB: "J", Role.START: "S"}
    return "".join(names.get(a.piece.role, "") for a in found.actions if not a.waits)


def scheduled(tasks: Sequence[Task], room: Room, *, ahead: bool) -> str | None:
    order = order_of([task.whole for task in tasks], in_turn=False)
    return turns(list_schedule(order, room, Policy(in_turn=False, ahead=ahead, queue=16)))


def test_memory_is_free_until_the_use():
    """A chunk that is used last is fetched first if there is room for it beside three images. If
    not, that would leave no room for the third one: it waits until the first one was read.
    """
    tasks = tasks_of(
        *(add("%x", "%x", "%y"), add("%x", "%y", "%z"), start(0), wait(0), conv("%z", 0, "%y"))
    )
    assert scheduled(tasks, room(3, 1), ahead=False) == "SKKJ"
    assert scheduled(tasks, room(3, 1), ahead=True) == "SKKJ"
    assert scheduled(tasks, room(3, 0), ahead=False) is None
    assert scheduled(tasks, room(3, 0), ahead=True) == "KKSJ"


@pytest.mark.parametrize("queue", [1, 2, 3, 4])
def test_who_asks_for_more_than_the_queue_takes_stands_still(queue: int):
    """Four transfers, then a kernel that needs none of them."""
    starts, waits = map(start, range(4)), map(wait, range(4))
    tasks = tasks_of(*starts, add("%x", "%x", "%y"), *waits)
    order = order_of([task.whole for task in tasks])
    piece = next(piece for piece in order.pieces if piece.role is Role.START)
    (kernel,) = as_written(order, room(2, 4, queue)).spans
    # The last transfer is asked for when the one has ended that came `queue` before it.
    asked, moved = {1: (4, 3), 2: (2, 2), 3: (2, 1), 4: (4, 0)}[queue]
    assert kernel.start == asked * piece.core + moved * piece.engine


def test_only_transfers_begin_earlier():
    """Two jobs wait for their chunks behind a kernel. All is fetched before it, or what there is
    room for; kernel and jobs stay as they are, though the second job could begin with the kernel.
    """
    code = [add("%x", "%x", "%y"), start(0), wait(0), conv("%y", 0, "%z")]
    tasks = tasks_of(*code, start(1), wait(1), conv("%x", 1, "%y"))
    assert turns(earlier_transfers(tasks, room(3, 2))) == "SSKJJ"
    assert turns(earlier_transfers(tasks, room(3, 1))) == "SKJSJ"
    assert turns(earlier_transfers(tasks, room(2, 0))) is None


def test_an_engine_adds_transfers_to_its_last_token():
    """A loop starts more on %t1, so no other token may be made between. What is started on it
    behind the loop comes before a new token.
    """
    loop = (
        "%zero = arith.constant 0 : index\n%one = arith.constant 1 : index\n"
        "scf.for %i = %zero to %one step %one {\n dma.start %f2 to %c2 on %t1 : !f to !c\n}"
    )
    more = "dma.start %f3 to %c3 on %t1 : !f to !c"
    code = [start(0), start(1), loop, more, wait(1), start(4), wait(4), wait(0)]
    for segment, expected in zip(segments(*code), [{0: [], 2: [0]}, {2: [0]}], strict=True):
        order = order_of([task.whole for task in segment], in_turn=False)
        tokens = [i for i, piece in enumerate(order.pieces) if piece.role is Role.TOKEN]
        found = {
            i: [j for j in order.before[i] if order.pieces[j].role is not Role.WAIT] for i in tokens
        }
        assert found == expected
