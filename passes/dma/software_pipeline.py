"""software-pipeline: stages of neighbouring rounds overlap; copies become asynchronous."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from ...dialects import dma
from ...dialects.diagnostics import emit_remark
from ..memory.limits import space_for_buffers
from ..memory.liveness import Liveness, buffer_liveness, functions_with_buffers
from .stages import Rounds, StageCopy, moves


@dataclass(frozen=True)
class SoftwarePipeline(ModulePass):
    """Schedule every `dma.pipeline`: prologue, steady state, epilogue.

    With n buffers round t computes while the copies in of rounds up to t + n - 1 and the copies out
    of rounds from t - n + 1 on are under way. The constants of a pipeline's first round are fetched
    while the pipeline before it ends, where the near memory has room for both (`early`).
    """

    name = "software-pipeline"

    early: bool = True
    """Whether constants may be fetched while the pipeline before computes."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions_with_buffers(op.body.block.ops):
            early = _with_room(op, function) if self.early else set[dma.PipelineOp]()
            before: Operation | None = None
            for pipeline in list(function.body.block.ops):
                if isinstance(pipeline, dma.PipelineOp):
                    schedule = Schedule(pipeline, before if pipeline in early else None)
                    before = schedule.run()


def _with_room(module: ModuleOp, function: FuncOp) -> set[dma.PipelineOp]:
    """The pipelines whose constants fit beside what is alive in the pipeline before."""
    liveness = buffer_liveness(function)
    found: set[dma.PipelineOp] = set()
    previous: dma.PipelineOp | None = None
    for op in liveness.steps:
        if not isinstance(op, dma.PipelineOp):
            continue
        if previous is not None and _has_room(module, liveness, previous, op):
            found.add(op)
        elif previous is not None:
            emit_remark("missed", SoftwarePipeline.name, op, "constants not fetched ahead: no room")
        previous = op
    return found


def _has_room(
    module: ModuleOp, liveness: Liveness, previous: dma.PipelineOp, op: dma.PipelineOp
) -> bool:
    targets = {
        buffer
        for copy in op.constants.block.ops
        if isinstance(copy, dma.CopyOp) and (buffer := dma.buffer_of(copy.target)) is not None
    }
    step = liveness.steps.index(previous)
    for memory in {buffer.memory for buffer in targets}:
        space = space_for_buffers(module, memory)
        alive = set(liveness.alive(step, memory)) | {b for b in targets if b.memory == memory}
        if space is not None and sum(_aligned(b.size) for b in alive) > space.bytes:
            return False
    return bool(targets)


def _aligned(size: int) -> int:
    return -(-size // dma.BUFFER_ALIGNMENT) * dma.BUFFER_ALIGNMENT


@dataclass
class Schedule:
    """Replaces one pipeline."""

    pipeline: dma.PipelineOp
    early: Operation | None
    """The op before which the first constants may be fetched; None: where the pipeline stands."""
    block: Block = field(default_factory=Block)
    loads: deque[SSAValue | None] = field(default_factory=deque[SSAValue | None])
    """Tokens of the rounds whose copies in are under way, the next one first; None: no copies."""
    stores: deque[SSAValue] = field(default_factory=deque[SSAValue])
    """The same for copies out."""
    anchor: Operation | None = None
    """The first op of the last round's computation."""

    def __post_init__(self) -> None:
        self.rounds = self.pipeline.iterations.value.data
        self.slots = min(self.pipeline.buffers.value.data, self.rounds)
        self.ahead = self.slots - 1
        self.has_stores = moves(self.pipeline.store, Rounds(0, self.rounds - 1))

    def run(self) -> Operation | None:
        """Put the schedule in place of the pipeline; returns where the next one may fetch early."""
        constants = self._fetch_first_constants()
        for round in range(max(self.ahead, 1)):
            self.loads.append(self._load(Rounds(round, round), inputs_only=round == 0))
        first = self.slots if self.has_stores else 1
        last = self.rounds - max(self.ahead, 1)
        if last - first < 2:
            first = last = self.rounds
        for round in range(self.rounds):
            if not first <= round < last:
                self._round(Rounds(round, round), constants if round == 0 else None)
            elif round == first:
                self._steady(first, last)
        self._drain()
        self._replace()
        return self.anchor

    def _fetch_first_constants(self) -> SSAValue | None:
        """Start the copies of the first round's constants, early if that is allowed."""
        if not moves(self.pipeline.constants, Rounds(0, 0)):
            return None
        block = Block()
        token = dma.TokenOp()
        block.add_op(token)
        StageCopy(block, Rounds(0, 0), token.result).append(self.pipeline.constants)
        ops = list(block.ops)
        for op in ops:
            op.detach()
        parent = self.pipeline.parent_block()
        assert parent is not None
        if self.early is None:
            self.block.add_ops(ops)
        else:
            _hoist_buffers(ops, self.early)
            parent.insert_ops_before(ops, self.early)
        return token.result

    def _load(self, rounds: Rounds, *, inputs_only: bool = False) -> SSAValue | None:
        """Start the copies in of a round on a new token; None if there are none."""
        stages = [self.pipeline.inputs]
        if not inputs_only:
            stages.insert(0, self.pipeline.constants)
        stages = [stage for stage in stages if moves(stage, rounds)]
        return self._started(rounds, stages) if stages else None

    def _started(self, rounds: Rounds, stages: Sequence[Region]) -> SSAValue:
        token = dma.TokenOp()
        self.block.add_op(token)
        for stage in stages:
            StageCopy(self.block, rounds, token.result).append(stage)
        return token.result

    def _round(self, rounds: Rounds, constants: SSAValue | None = None) -> None:
        """One round, or the body of a loop over some that all do the same."""
        if self.ahead == 0:
            self._round_alone(rounds, constants)
            return
        self._wait(constants, self.loads.popleft())
        if self.has_stores and rounds.first >= self.slots:
            self._wait(self.stores.popleft())
        if self.has_stores and rounds.first > 0:
            self._store(self._shifted(rounds, -1))
        if rounds.last + self.ahead < self.rounds:
            self.loads.append(self._load(self._shifted(rounds, self.ahead)))
        self._compute(rounds)

    def _round_alone(self, rounds: Rounds, constants: SSAValue | None) -> None:
        """A round that overlaps with no other: there is one buffer of each kind."""
        load = self.loads.popleft() if self.loads else self._load(rounds)
        self._wait(constants, load)
        self._compute(rounds)
        if self.has_stores:
            self._store(rounds)
            self._wait(self.stores.popleft())

    def _wait(self, *tokens: SSAValue | None) -> None:
        self.block.add_ops(dma.WaitOp(token) for token in tokens if token is not None)

    def _shifted(self, rounds: Rounds, by: int) -> Rounds:
        if rounds.value is None:
            return Rounds(rounds.first + by, rounds.last + by)
        step = arith.ConstantOp(IntegerAttr(by, IndexType()))
        value = arith.AddiOp(rounds.value, step.result)
        self.block.add_ops([step, value])
        return Rounds(rounds.first + by, rounds.last + by, value.result)

    def _steady(self, first: int, last: int) -> None:
        """The loop over the rounds [first, last)."""
        later = Rounds(first + self.ahead, last - 1 + self.ahead)
        loads = self.ahead > 0 and (
            moves(self.pipeline.constants, later) or moves(self.pipeline.inputs, later)
        )
        carried = [*(self._token(token, loads) for token in self.loads), *self.stores]
        tokens = [token for token in carried if token is not None]
        begin, end, step = bounds = [
            arith.ConstantOp(IntegerAttr(n, IndexType())) for n in (first, last, 1)
        ]
        outer, body = self.block, Block(arg_types=[IndexType(), *(t.type for t in tokens)])
        arguments = deque[SSAValue](body.args[1:])
        self.loads = deque(
            None if t is None else arguments.popleft() for t in carried[: self.ahead]
        )
        self.stores = arguments
        self.block = body
        self._round(Rounds(first, last - 1, body.args[0]))
        results = [token for token in (*self.loads, *self.stores) if token is not None]
        body.add_op(scf.YieldOp(*results))
        loop = scf.ForOp(begin, end, step, tokens, body)
        outer.add_ops([*bounds, loop])
        left = deque[SSAValue](loop.results)
        self.loads = deque(None if t is None else left.popleft() for t in self.loads)
        self.stores = left
        self.block, self.anchor = outer, loop

    def _token(self, token: SSAValue | None, needed: bool) -> SSAValue | None:
        """A token of a loop that has one in every round; an empty one where none is under way."""
        if token is not None or not needed:
            return token
        empty = dma.TokenOp()
        self.block.add_op(empty)
        return empty.result

    def _store(self, rounds: Rounds) -> None:
        self.stores.append(self._started(rounds, [self.pipeline.store]))

    def _compute(self, rounds: Rounds) -> None:
        before = self.block.last_op
        StageCopy(self.block, rounds).append(self.pipeline.compute)
        self.anchor = self.block.first_op if before is None else before.next_op

    def _drain(self) -> None:
        if self.has_stores and self.ahead > 0:
            self._store(Rounds(self.rounds - 1, self.rounds - 1))
        self._wait(*self.stores)

    def _replace(self) -> None:
        parent = self.pipeline.parent_block()
        assert parent is not None
        ops = list(self.block.ops)
        for op in ops:
            op.detach()
        parent.insert_ops_before(ops, self.pipeline)
        parent.erase_op(self.pipeline)


def _hoist_buffers(ops: Sequence[Operation], to: Operation) -> None:
    """Move what `ops` use in front of `to`: buffers and constants have no operands."""
    block = to.parent_block()
    assert block is not None
    for op in ops:
        for operand in op.operands:
            owner = operand.owner
            if isinstance(owner, dma.BufferOp | dma.ConstantOp) and not owner.is_before_in_block(
                to
            ):
                owner.detach()
                block.insert_op_before(owner, to)
