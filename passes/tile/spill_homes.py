"""spill-homes: tensors move to a farther memory where their home is too small for all."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import IsTerminator

from ...dialects import tile
from ...dialects.diagnostics import emit_remark, refuse
from ...dialects.platform import PlatformAttr, platform_of
from ...dialects.platform_records import Memory
from ...dialects.reuse import SameBytes
from ...dialects.types import byte_size
from ..memory.limits import CODE_BYTES, space_for_buffers


@dataclass(frozen=True)
class SpillHomes(ModulePass):
    """Make room in the data memory: while the tensors alive together do not fit, the largest of
    them goes to the next farther memory that a DMA engine joins with its group's near one.

    What a network takes and gives, and what is computed outside groups, stays.
    """

    name = "spill-homes"

    code: int = CODE_BYTES
    """Bytes that are kept free where the code is in the data memory."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op)
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and function.body.blocks:
                self._make_room(op, function, platform)

    def _make_room(self, module: ModuleOp, function: func.FuncOp, platform: PlatformAttr) -> None:
        data = platform.board.data
        space = space_for_buffers(module, data)
        assert space is not None
        limit = space.bytes - (self.code if space.holds_code else 0)
        while True:
            need, alive, at = peak(function, data)
            if need <= limit:
                return
            moved = next((g for g in _movable(alive) if _farther(g, platform, data)), None)
            if moved is None:
                message = (
                    f"the tensors alive here take {need} B of {data}, which has "
                    f"{max(limit, 0)} B beside stack and code, and none of them can live in a "
                    "farther memory"
                )
                refuse(at, message)
            memory = _farther(moved, platform, data)[0]
            moved.home = StringAttr(memory.name)
            text = f"{_size(moved.result)} B move from {data} to {memory.name} to make room"
            emit_remark("passed", self.name, moved, text)


def _movable(alive: list[SSAValue]) -> list[tile.GroupOp]:
    """Groups whose results may move, the largest result first; results of the network stay."""
    found = [
        value.owner
        for value in alive
        if isinstance(value.owner, tile.GroupOp)
        and not any(use.operation.has_trait(IsTerminator) for use in value.uses)
        and all(isinstance(use.operation, tile.GroupOp) for use in value.uses)
    ]
    return sorted(found, key=lambda group: -_size(group.result))


def _farther(group: tile.GroupOp, platform: PlatformAttr, data: str) -> list[Memory]:
    return [m for m in platform.farther(data, [group.near.data]) if m.kind == "ram"]


def peak(function: func.FuncOp, memory: str) -> tuple[int, list[SSAValue], Operation]:
    """The most bytes that tensors with this home take together, which they are, and where."""
    block = function.body.block
    ops = list(block.ops)
    position = {op: index for index, op in enumerate(ops)}
    values = [*block.args, *(result for op in ops for result in op.results)]
    spans: list[tuple[SSAValue, int, int]] = []
    for value in values:
        owner = value.owner
        alias = isinstance(owner, Operation) and owner.has_trait(SameBytes)
        constant = isinstance(owner, Operation) and not owner.operands
        if alias or constant or tile.home_of(value, memory) != memory:
            continue
        start = position[owner] if isinstance(owner, Operation) else 0
        spans.append((value, start, last_use(value, position)))
    best: tuple[int, list[SSAValue], Operation] = (0, [], ops[0])
    for step, op in enumerate(ops):
        alive = [value for value, start, end in spans if start <= step <= end]
        size = sum(map(_size, alive))
        if size > best[0]:
            best = size, alive, op
    return best


def last_use(value: SSAValue, position: dict[Operation, int]) -> int:
    """The last position at which a tensor, or an alias of it, is read."""
    last = position.get(value.owner, 0) if isinstance(value.owner, Operation) else 0
    for use in value.uses:
        user = use.operation
        last = max(last, position[user])
        if user.has_trait(SameBytes):
            last = max(last, last_use(user.results[0], position))
    return last


def _size(value: SSAValue) -> int:
    assert isinstance(value.type, TensorType)
    return byte_size(value.type)
