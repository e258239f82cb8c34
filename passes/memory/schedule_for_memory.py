"""schedule-for-memory: ops on tensors in the order in which the fewest bytes are alive together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import is_side_effect_free

from ...dialects.diagnostics import emit_remark, refer_to
from ...dialects.reuse import SameBytes, in_place_pairs
from ...dialects.types import byte_size
from .schedule import Graph, Node, Storage, best_order


@dataclass(frozen=True)
class ScheduleForMemory(ModulePass):
    """Reorder the ops of every function, within their data dependences, for the lowest peak.

    Counted are the bytes of all tensors alive while an op runs, its results included. Ops without
    operands (constants) cost nothing and stay before their first user; a result may take the bytes
    of an operand that dies where the op has the `InPlace` trait, and has none of its own with
    `SameBytes`. The order stays as it is when no other one is better, or when an op is not pure.
    """

    name = "schedule-for-memory"

    states: int = 20_000
    """States (sets of ops that have run) of the exact search; with more the beam takes over."""
    beam: int = 64
    """States that the beam search keeps per step."""
    keep_inputs: bool = False
    """Whether arguments stay alive to the end of the function."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for func in op.body.block.ops:
            if isinstance(func, FuncOp) and len(func.body.blocks) == 1:
                self._schedule(func)

    def _schedule(self, func: FuncOp) -> None:
        block = func.body.block
        ops = [op for op in block.ops if op is not block.last_op]
        impure = next((op for op in ops if not is_side_effect_free(op)), None)
        if impure is not None:
            message = f"order kept: {refer_to(impure)} is not known to be free of side effects"
            emit_remark("missed", self.name, impure, message)
            return
        scheduled = [op for op in ops if any(True for _ in operands_of(op))]
        graph = memory_graph(block, scheduled, self.keep_inputs)
        before = graph.peak(range(len(scheduled)))
        order, exact = best_order(graph, self.states, self.beam)
        after = graph.peak(order)
        how = "no order has less" if exact else f"beam search of width {self.beam}"
        if after < before:
            _reorder(block, [scheduled[i] for i in order])
            emit_remark("passed", self.name, func, f"peak {before} B to {after} B ({how})")
        else:
            emit_remark("analysis", self.name, func, f"order kept, peak {before} B ({how})")


def operands_of(op: Operation) -> Iterator[SSAValue]:
    """The values that `op`, or an op inside it, takes from outside."""
    inside = set(op.walk())
    for inner in op.walk():
        for operand in inner.operands:
            owner = operand.owner
            defined_by = owner.parent_op() if isinstance(owner, Block) else owner
            if defined_by not in inside:
                yield operand


def memory_graph(block: Block, ops: list[Operation], keep_inputs: bool = False) -> Graph:
    """The scheduling problem of `ops`, which are pure and in `block`; sizes are in bytes."""
    return _GraphBuilder(block, ops, keep_inputs).build()


class _GraphBuilder:
    """Numbers the storages of a block: one per tensor, shared by those that are the same bytes."""

    def __init__(self, block: Block, ops: list[Operation], keep_inputs: bool):
        self.block = block
        self.ops = ops
        self.keep_inputs = keep_inputs
        self.position = {op: i for i, op in enumerate(ops)}
        self.storage_of: dict[SSAValue, int] = {}
        self.values: list[list[SSAValue]] = []
        for argument in block.args:
            self.add_storage(argument)
        for op in ops:
            self.add_results(op)

    def add_results(self, op: Operation) -> None:
        if op.has_trait(SameBytes) and op.operands[0] in self.storage_of:
            storage = self.storage_of[op.operands[0]]
            self.storage_of[op.results[0]] = storage
            self.values[storage].append(op.results[0])
            return
        for result in op.results:
            self.add_storage(result)

    def add_storage(self, value: SSAValue) -> None:
        if isinstance(value.type, TensorType):
            self.storage_of[value] = len(self.values)
            self.values.append([value])

    def build(self) -> Graph:
        return Graph(
            [self.node(op) for op in self.ops], [self.storage(values) for values in self.values]
        )

    def node(self, op: Operation) -> Node:
        operands = list(operands_of(op))
        before = {v.owner for v in operands if isinstance(v.owner, Operation)}
        reads = dict.fromkeys(self.known(operands))
        makes = [s for s in self.known(op.results) if s not in reads]
        return Node(
            after=self.bits(before),
            reads=tuple(reads),
            makes=tuple(makes),
            in_place=tuple(self.in_place(op)),
        )

    def in_place(self, op: Operation) -> Iterator[tuple[int, int]]:
        for i, o in in_place_pairs(op):
            read = self.storage_of.get(op.operands[i])
            made = self.storage_of.get(op.results[o])
            if read is None or made is None:
                continue
            given, returned = self.values[read][0] in self.block.args, self.is_returned(made)
            if not (given and returned):
                yield read, made

    def storage(self, values: list[SSAValue]) -> Storage:
        given = values[0] in self.block.args
        number = self.storage_of[values[0]]
        assert isinstance(values[0].type, TensorType)
        return Storage(
            size=byte_size(values[0].type),
            readers=self.bits(self.users(values)),
            lasts=self.is_returned(number) or (given and self.keep_inputs),
            given=given,
        )

    def users(self, values: Iterable[SSAValue]) -> Iterator[Operation]:
        for value in values:
            for use in value.uses:
                user = self.block.find_ancestor_op_in_block(use.operation)
                if user is not None:
                    yield user

    def is_returned(self, storage: int) -> bool:
        return any(user is self.block.last_op for user in self.users(self.values[storage]))

    def known(self, values: Iterable[SSAValue]) -> Iterator[int]:
        return (self.storage_of[value] for value in values if value in self.storage_of)

    def bits(self, ops: Iterable[Operation]) -> int:
        return sum({1 << self.position[op] for op in ops if op in self.position})


def _reorder(block: Block, order: list[Operation]) -> None:
    """Put `order` at the end of the block, each constant before the first op that takes it."""
    last = block.last_op
    assert last is not None
    placed: set[Operation] = set()
    for op in order:
        for operand in operands_of(op):
            source = operand.owner
            if isinstance(source, Operation) and source not in placed and not source.operands:
                _move_before(source, last, placed)
        _move_before(op, last, placed)


def _move_before(op: Operation, last: Operation, placed: set[Operation]) -> None:
    block = last.parent_block()
    assert block is not None
    op.detach()
    block.insert_op_before(op, last)
    placed.add(op)
