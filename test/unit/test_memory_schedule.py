"""schedule-for-memory: graphs whose best order is known, and comparison with all orders."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from memory_programs import apply
from xdsl.builder import Builder
from xdsl.dialects import test
from xdsl.dialects.builtin import ModuleOp, TensorType, i8
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.rewriter import InsertPoint
from xdsl.traits import Pure

from runnel.dialects.reuse import InPlace, SameBytes
from runnel.passes.memory.schedule import Graph, Node, Storage, best_order
from runnel.passes.memory.schedule_for_memory import ScheduleForMemory, memory_graph


class TensorOp(IRDLOperation):
    """Any tensors in, any tensors out."""

    ins = var_operand_def(TensorType)
    outs = var_result_def(TensorType)

    def __init__(self, *ins: SSAValue, size: int):
        super().__init__(operands=[ins], result_types=[[TensorType(i8, [size])]])


@irdl_op_definition
class LayerOp(TensorOp):
    name = "mem.layer"
    traits = traits_def(Pure())


@irdl_op_definition
class OverwriteOp(TensorOp):
    name = "mem.overwrite"
    traits = traits_def(Pure(), InPlace(((0, 0),)))


@irdl_op_definition
class ReshapeOp(TensorOp):
    name = "mem.reshape"
    traits = traits_def(Pure(), SameBytes())


class Network:
    """A function `@net` of tensors of i8: sizes are bytes."""

    def __init__(self, *inputs: int):
        types = [TensorType(i8, [size]) for size in inputs]
        self.func = FuncOp("net", (types, ()))
        self.module = ModuleOp([self.func])
        self.builder = Builder(InsertPoint.at_end(self.func.body.block))
        self.inputs = self.func.body.block.args

    def layer(
        self, *ins: SSAValue, size: int, name: str | None = None, op: type[TensorOp] = LayerOp
    ) -> SSAValue:
        result = self.builder.insert(op(*ins, size=size)).results[0]
        result.name_hint = name
        return result

    def finish(self, *outputs: SSAValue) -> ModuleOp:
        self.builder.insert(ReturnOp(*outputs))
        self.func.update_function_type()
        self.module.verify()
        return self.module

    def ops(self) -> list[Operation]:
        return [op for op in self.func.body.block.ops if not isinstance(op, ReturnOp)]

    def order(self) -> list[str]:
        return [op.results[0].name_hint or "?" for op in self.ops()]

    def peak(self) -> int:
        ops = [op for op in self.ops() if op.operands]
        return memory_graph(self.func.body.block, ops).peak(range(len(ops)))


def two_branches() -> Network:
    """Two branches that grow to 100 bytes and shrink to 10: one after the other is best."""
    net = Network(20)
    x = net.inputs[0]
    a = net.layer(x, size=100, name="a_wide")
    b = net.layer(x, size=100, name="b_wide")
    a = net.layer(a, size=10, name="a_narrow")
    b = net.layer(b, size=10, name="b_narrow")
    net.finish(net.layer(a, b, size=10, name="join"))
    return net


def test_branches_run_one_after_the_other():
    net = two_branches()
    assert net.peak() == 20 + 100 + 100
    remarks = apply(net.module, ScheduleForMemory())
    assert net.order() == ["a_wide", "a_narrow", "b_wide", "b_narrow", "join"]
    assert net.peak() == 20 + 10 + 100
    assert remarks == [
        "remark: passed: schedule-for-memory: peak 220 B to 130 B (no order has less)"
    ]


def test_an_input_that_survives_counts():
    net = Network(100)
    net.finish(net.layer(net.layer(net.inputs[0], size=10), size=100))
    block, ops = net.func.body.block, net.ops()
    assert memory_graph(block, ops).peak([0, 1]) == 110
    assert memory_graph(block, ops, keep_inputs=True).peak([0, 1]) == 210


def test_the_beam_finds_it_too():
    net = two_branches()
    remarks = apply(net.module, ScheduleForMemory(states=1, beam=4))
    assert net.peak() == 130
    assert remarks == [
        "remark: passed: schedule-for-memory: peak 220 B to 130 B (beam search of width 4)"
    ]


def test_the_order_stays_when_no_other_is_better():
    net = Network(20)
    a = net.layer(net.inputs[0], size=30, name="a")
    b = net.layer(net.inputs[0], size=30, name="b")
    net.finish(net.layer(a, b, size=10, name="join"))
    remarks = apply(net.module, ScheduleForMemory())
    assert net.order() == ["a", "b", "join"]
    assert remarks == [
        "remark: analysis: schedule-for-memory: order kept, peak 80 B (no order has less)"
    ]


def test_an_impure_op_keeps_the_order():
    net = two_branches()
    net.func.body.block.insert_op_before(test.TestOp(), net.ops()[-1])
    before = str(net.module)
    remarks = apply(net.module, ScheduleForMemory())
    assert str(net.module) == before
    assert remarks == [
        "remark: missed: schedule-for-memory: order kept: test.op is not known to be free of side "
        "effects"
    ]


def test_working_in_place_costs_nothing():
    net = Network(8)
    y = net.layer(net.inputs[0], size=64)
    z = net.layer(y, size=64, op=OverwriteOp)
    net.finish(net.layer(z, size=8))
    assert net.peak() == 64 + 8


def test_a_value_that_is_read_later_is_not_overwritten():
    net = Network(8)
    y = net.layer(net.inputs[0], size=64)
    z = net.layer(y, size=64, op=OverwriteOp)
    net.finish(net.layer(y, z, size=8))
    assert net.peak() == 64 + 64 + 8


def test_the_input_and_the_output_of_the_network_stay_apart():
    net = Network(64)
    net.finish(net.layer(net.inputs[0], size=64, op=OverwriteOp))
    assert net.peak() == 128


def test_a_reshape_is_the_same_bytes():
    net = Network(8)
    y = net.layer(net.inputs[0], size=64)
    z = net.layer(y, size=64, op=ReshapeOp)
    net.finish(net.layer(y, z, size=8))
    assert net.peak() == 64 + 8


def test_constants_stay_before_their_user_and_cost_nothing():
    net = Network(20)
    x = net.inputs[0]
    wa = net.layer(size=1000, name="w_a")
    a = net.layer(x, wa, size=100, name="a_wide")
    wb = net.layer(size=1000, name="w_b")
    b = net.layer(x, wb, size=100, name="b_wide")
    a = net.layer(a, size=10, name="a_narrow")
    b = net.layer(b, size=10, name="b_narrow")
    net.finish(net.layer(a, b, size=10, name="join"))
    apply(net.module, ScheduleForMemory())
    order = ["w_a", "a_wide", "a_narrow", "w_b", "b_wide", "b_narrow", "join"]
    assert net.order() == order
    assert net.peak() == 130


def best_peak(graph: Graph) -> int:
    """The lowest peak over all orders that respect the dependences."""

    def legal(order: tuple[int, ...]) -> bool:
        done = 0
        for op in order:
            if graph.nodes[op].after & ~done:
                return False
            done |= 1 << op
        return True

    everything = permutations(range(len(graph.nodes)))
    return min(graph.peak(order) for order in everything if legal(order))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 7 ops with one result each that read an input and earlier results."""
    count = draw(st.integers(1, 7))
    sizes = [draw(st.sampled_from([1, 4, 16, 64])) for _ in range(count + 1)]
    reads = [draw(st.sets(st.integers(0, op), max_size=3)) for op in range(count)]
    lasts = draw(st.sets(st.integers(1, count), max_size=2))
    nodes = [
        Node(
            after=sum(1 << (s - 1) for s in read if s),
            reads=tuple(sorted(read)),
            makes=(op + 1,),
            in_place=tuple((s, op + 1) for s in sorted(read)) if draw(st.booleans()) else (),
        )
        for op, read in enumerate(reads)
    ]
    storages = [
        Storage(
            size,
            readers=sum(1 << op for op, read in enumerate(reads) if number in read),
            lasts=number in lasts,
            given=number == 0,
        )
        for number, size in enumerate(sizes)
    ]
    return Graph(nodes, storages)


@settings(max_examples=80)
@given(graphs())
def test_the_search_finds_the_lowest_peak(graph: Graph):
    order, exact = best_order(graph, max_states=10_000, beam_width=1)
    assert exact
    assert sorted(order) == list(range(len(graph.nodes)))
    assert graph.peak(order) == best_peak(graph)


@settings(max_examples=80)
@given(graphs(), st.integers(1, 8))
def test_the_beam_is_never_worse_than_the_present_order(graph: Graph, width: int):
    order, _ = best_order(graph, max_states=0, beam_width=width)
    assert sorted(order) == list(range(len(graph.nodes)))
    assert best_peak(graph) <= graph.peak(order) <= graph.peak(range(len(graph.nodes)))


def simulated_peak(graph: Graph, order: list[int]) -> int:
    """The peak by counting what is alive at each step, without the incremental bookkeeping."""
    position = {op: step for step, op in enumerate(order)}
    made = {s: position[op] for op, node in enumerate(graph.nodes) for s in node.makes}
    peak = graph.bytes_given()
    for step, op in enumerate(order):
        alive = 0
        for number, storage in enumerate(graph.storages):
            last = max((position[o] for o in position if storage.readers >> o & 1), default=-1)
            start = -1 if storage.given else made[number]
            end = len(order) if storage.lasts else max(last, start)
            alive += storage.size if start <= step <= end else 0
        node = graph.nodes[op]
        dying = [
            s
            for s, _ in node.in_place
            if not graph.storages[s].lasts
            and all(position[o] <= step for o in position if graph.storages[s].readers >> o & 1)
            and graph.storages[s].size == graph.storages[node.makes[0]].size
        ]
        peak = max(peak, alive - (graph.storages[dying[0]].size if dying else 0))
    return peak


@settings(max_examples=80)
@given(graphs())
def test_the_peak_is_what_is_alive(graph: Graph):
    order, _ = best_order(graph, max_states=10_000, beam_width=1)
    for tried in (order, list(range(len(graph.nodes)))):
        assert graph.peak(tried) == simulated_peak(graph, tried)
