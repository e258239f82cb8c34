"""tile -> dma: tensors become buffers in their memories, each group a pipeline of four stages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    MemRefType,
    ModuleOp,
    NoneAttr,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i8,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import dma, graph, tile
from ..dialects.diagnostics import RunnelError, blaming, layer_name
from ..dialects.platform import PlatformAttr, platform_of
from ..dialects.tiling import Box, Interval, Window, shape_of
from ..dialects.types import memref_type
from .bufferizer import memref_of
from .index_math import Index, IndexMath
from .kernel_table import all_kernels
from .quant_to_cortexm import QuantBufferizer
from .tile_buffers import GroupBuffers, group_buffers
from .unit_backends import backend_of
from .units import TileOperands, UnitBackend
from .user_kernels import own_kernels


@dataclass(frozen=True)
class ConvertTileToDma(ModulePass):
    """Turn tensors into buffers and groups into pipelines.

    What stands outside a group is computed by core 0 on the homes of its tensors.
    """

    name = "convert-tile-to-dma"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op)
        cluster = platform.cluster
        if cluster is None:
            raise RunnelError(f"platform {platform.label} has no cluster that tiles could run on")
        backends: dict[str, UnitBackend] = {}
        for group in op.walk():
            if isinstance(group, tile.GroupOp) and group.unit.data not in backends:
                with blaming(group):
                    backends[group.unit.data] = backend_of(op, group.unit.data)
        for function in [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]:
            to = TileBufferizer(
                op,
                platform.board.data,
                code=platform.board.code,
                kernels=(*own_kernels(op, "cpu"), *all_kernels()),
                isa=cluster.features,
                platform=platform,
                backends=backends,
            )
            to.convert(function)


@dataclass
class TileBufferizer(QuantBufferizer):
    """Lowers groups to pipelines; the rest as on a single core."""

    platform: PlatformAttr = field(kw_only=True)
    backends: dict[str, UnitBackend] = field(kw_only=True)

    def problems(self, op: Operation) -> Iterable[tuple[Operation, str]]:
        if not isinstance(op, tile.GroupOp):
            return super().problems(op)
        backend = self.backends[op.unit.data]
        return [(inner, why) for inner in op.ops if (why := backend.refuses(inner))]

    def lower(self, op: Operation) -> None:
        if isinstance(op, tile.GroupOp):
            GroupLowering(op, self).run()
        elif isinstance(op, graph.ReshapeOp):
            space = self.values[op.input].type
            assert isinstance(space, MemRefType) and isinstance(space.memory_space, StringAttr)
            view = dma.ViewOp(
                self.values[op.input], memref_of(op.result.type, space.memory_space.data)
            )
            self.emit(view, op)
            self.values[op.result] = view.result
        else:
            super().lower(op)


class GroupLowering:
    """Lowers one group."""

    def __init__(self, group: tile.GroupOp, to: TileBufferizer):
        self.group, self.to = group, to
        self.backend = to.backends[group.unit.data]
        self.near = group.near.data
        self.plan: GroupBuffers = group_buffers(group, self.backend)
        self.rank = len(shape_of(group.result))
        self.buffers: dict[SSAValue, SSAValue] = {}
        """Near buffer of each loaded, intermediate or stored value."""
        self.chunks: dict[Operation, SSAValue] = {}
        self.sources: dict[Operation, SSAValue] = {}
        """Near and far chunks of each op with constants."""
        self.scratch: dict[Operation, SSAValue] = {}

    def run(self) -> None:
        group, to = self.group, self.to
        self.allocate()
        pipeline = dma.PipelineOp(group.tiles(), group.buffers.value.data)
        for region, build in (
            (pipeline.constants, self.fetch_constants),
            (pipeline.inputs, self.fetch_inputs),
            (pipeline.compute, self.compute),
            (pipeline.store, self.store),
        ):
            build(Stage(self, region.block))
        to.emit(pipeline, group)

    # Buffers

    def allocate(self) -> None:
        group, to = self.group, self.to
        for arg, value in zip(group.block.args, group.ins, strict=True):
            to.values[arg] = to.values[value]
        for item in self.plan.windows:
            self.buffers[item.value] = self.near_buffer(
                element_of(item.value), (item.slots, *item.shape[1:]), group
            )
        for item in self.plan.constants:
            data = self.backend.chunks(item.op, item.channels)
            name = layer_name(item.op)
            symbol = to.constant(f"{name}_constants", data)
            self.sources[item.op] = self.constant(symbol, data.shape)
            self.chunks[item.op] = self.near_buffer(i8, (item.slots, data.shape[1]), group)
        for op, size in self.plan.scratch.items():
            self.scratch[op] = self.near_buffer(i8, (size,), group)
        home = group.home.data
        buffer = dma.BufferOp(memref_of(group.result.type, home))
        buffer.result.name_hint = group.result.name_hint
        to.emit(buffer, group)
        to.values[group.result] = buffer.result
        if home == self.near:
            self.buffers[group.computed] = buffer.result

    def near_buffer(self, element: Attribute, shape: Iterable[int], source: Operation) -> SSAValue:
        type = MemRefType(element, list(shape), NoneAttr(), StringAttr(self.near))
        buffer = dma.BufferOp(type)
        self.to.emit(buffer, source)
        return buffer.result

    def constant(self, symbol: SymbolRefAttr, shape: tuple[int, ...]) -> SSAValue:
        memory = StringAttr(self.to.platform.board.code)
        op = dma.ConstantOp(symbol, MemRefType(i8, list(shape), NoneAttr(), memory))
        self.to.emit(op, self.group)
        return op.result

    # Stages

    def fetch_constants(self, stage: Stage) -> None:
        for item in self.plan.constants:
            turn = stage.turn(item.dims)
            size = memref_type(self.sources[item.op]).get_shape()[1]
            number = stage.math.number
            chunk = stage.channel_tile(item.dims)
            source = stage.view(
                self.sources[item.op], (Interval(chunk, add_one(stage, chunk)), whole(stage, size))
            )
            slot = stage.math.rem(turn.number, item.slots)
            target = stage.view(
                self.chunks[item.op],
                (Interval(slot, stage.math.add(slot, number(1))), whole(stage, size)),
            )
            stage.copy(source, target, turn.period, item.op)

    def fetch_inputs(self, stage: Stage) -> None:
        windows = stage.windows()
        for item in self.plan.windows:
            if not isinstance(item.value.owner, tile.LoadOp):
                continue
            box = windows[item.value].box
            turn = stage.turn(item.dims)
            source = stage.view(self.to.values[item.value.owner.source], box)
            target = self.slot_view(stage, item.value, box, turn, item.slots)
            stage.copy(source, target, turn.period, item.value.owner)

    def slot_view(
        self, stage: Stage, value: SSAValue, box: Box[Index], turn: Turn, slots: int
    ) -> SSAValue:
        """The slot of a tile buffer, as far as the window fills it."""
        slot = stage.math.rem(turn.number, slots)
        rest = [Interval(stage.math.number(0), stage.size(i)) for i in box[1:]]
        first = Interval(slot, add_one(stage, slot))
        return stage.view(self.buffers[value], (first, *rest))

    def compute(self, stage: Stage) -> None:
        windows = stage.windows()
        for op in self.group.ops:
            needed = tile.operand_windows(op, windows[op.results[0]].box, stage.math)
            ins = [
                self.operand(stage, op.operands[position], window, windows)
                for position, window in needed.items()
            ]
            before = next(iter(needed.values())).before
            item = next((c for c in self.plan.constants if c.op is op), None)
            operands = TileOperands(
                ins=ins,
                out=self.result(stage, op.results[0], windows[op.results[0]].box),
                pads=[stage.math.value(before[axis]) for axis in (1, 2) if len(before) == 4],
                channels=0 if item is None else item.channels,
                constants=None if item is None else self.chunk(stage, op),
                scratch=self.scratch.get(op),
            )
            stage.block.add_ops(self.backend.compute(op, operands))

    def chunk(self, stage: Stage, op: Operation) -> SSAValue:
        item = next(c for c in self.plan.constants if c.op is op)
        slot = stage.math.rem(stage.turn(item.dims).number, item.slots)
        size = memref_type(self.sources[op]).get_shape()[1]
        return stage.view(
            self.chunks[op], (Interval(slot, add_one(stage, slot)), whole(stage, size))
        )

    def operand(
        self,
        stage: Stage,
        value: SSAValue,
        needed: Window[Index],
        windows: dict[SSAValue, Window[Index]],
    ) -> SSAValue:
        """Where an op finds what it needs of `value`: in a tile buffer, or in a whole tensor."""
        if value not in self.buffers:
            return stage.view(self.to.values[value], needed.box)
        item = next(item for item in self.plan.windows if item.value is value)
        held = windows[value].box
        slot = stage.math.rem(stage.turn(item.dims).number, item.slots)
        inside = [
            Interval(stage.math.sub(n.start, h.start), stage.math.sub(n.stop, h.start))
            for n, h in zip(needed.box[1:], held[1:], strict=True)
        ]
        first = Interval(slot, add_one(stage, slot))
        return stage.view(self.buffers[value], (first, *inside))

    def result(self, stage: Stage, value: SSAValue, box: Box[Index]) -> SSAValue:
        """Where an op writes: a window of the whole result, or a tile buffer."""
        item = next((item for item in self.plan.windows if item.value is value), None)
        if item is None:
            return stage.view(self.buffers[value], box)
        return self.slot_view(stage, value, box, stage.turn(item.dims), item.slots)

    def store(self, stage: Stage) -> None:
        if self.group.stored is None:
            return
        box = stage.tile()
        item = next(item for item in self.plan.windows if item.value is self.group.computed)
        turn = stage.turn(item.dims)
        source = self.slot_view(stage, item.value, box, turn, item.slots)
        target = stage.view(self.to.values[self.group.result], box)
        stage.copy(source, target, 1, self.group)


@dataclass(frozen=True)
class Turn:
    """How often a window has changed when a round begins, and how many rounds it stays."""

    number: Index
    period: int


class Stage:
    """Builds one stage of a group."""

    def __init__(self, lowering: GroupLowering, block: Block):
        self.group, self.block = lowering.group, block
        self.to = lowering.to
        self.math = IndexMath(block)
        rounds = self.group.tiles()
        self.round = self.math.number(0) if rounds == 1 else Index(block.args[0])

    def tile(self) -> Box[Index]:
        """The box of the result that this round computes."""
        shape = shape_of(self.group.result)
        sizes = self.group.tile_sizes()
        return tuple(
            self._interval(dim, size, extent)
            for dim, (size, extent) in enumerate(zip(sizes, shape, strict=True))
        )

    def _interval(self, dim: int, size: int, extent: int) -> Interval[Index]:
        if size == extent:
            return Interval(self.math.number(0), self.math.number(extent))
        start = self.math.mul(self.position(dim), self.math.number(size))
        stop = self.math.add(start, self.math.number(size))
        if extent % size:
            stop = self.math.min(stop, self.math.number(extent))
        return Interval(start, stop)

    def position(self, dim: int) -> Index:
        """Which tile along `dim` this round computes."""
        order, counts = list(self.group.order.get_values()), self.group.counts()
        inner = prod(counts[d] for d in order[order.index(dim) + 1 :])
        outermost = inner * counts[dim] == self.group.tiles()
        position = self.math.div(self.round, inner)
        return position if outermost else self.math.rem(position, counts[dim])

    def turn(self, dims: frozenset[int]) -> Turn:
        """When a window that depends on the position along `dims` changes."""
        period = change_period(self.group, dims)
        if period == self.group.tiles():
            return Turn(self.math.number(0), period)
        return Turn(self.math.div(self.round, period), period)

    def channel_tile(self, dims: frozenset[int]) -> Index:
        """Which chunk of the constants this round needs."""
        last = len(shape_of(self.group.result)) - 1
        return self.position(last) if last in dims else self.math.number(0)

    def windows(self) -> dict[SSAValue, Window[Index]]:
        return tile.windows(self.group, self.tile(), self.math)

    def size(self, interval: Interval[Index]) -> Index:
        return self.math.sub(interval.stop, interval.start)

    def view(self, buffer: SSAValue, box: Box[Index]) -> SSAValue:
        """The window `box` of a buffer; the buffer itself where it is all of it."""
        type = buffer.type
        assert isinstance(type, MemRefType)
        starts = [i.start for i in box]
        sizes = [self.size(i) for i in box]
        if all(s.value == 0 for s in starts) and [s.value for s in sizes] == list(type.get_shape()):
            return buffer
        offsets, extents = self.math.operands(starts), self.math.operands(sizes)
        strides = [1] * len(box)
        result = memref.SubviewOp.infer_result_type(type, offsets, extents, strides)
        op = memref.SubviewOp.get(buffer, offsets, extents, strides, result)
        self.block.add_op(op)
        return op.result

    def copy(self, source: SSAValue, target: SSAValue, period: int, op: Operation) -> None:
        new = dma.CopyOp(source, target, every=period)
        new.location = op.location
        self.block.add_op(new)


def change_period(group: tile.GroupOp, dims: frozenset[int]) -> int:
    """After how many rounds a window changes that depends on the position along `dims`."""
    counts = group.counts()
    period = 1
    for dim in reversed(group.order.get_values()):
        if dim in dims and counts[dim] > 1:
            return period
        period *= counts[dim]
    return period


def whole(stage: Stage, size: int) -> Interval[Index]:
    return Interval(stage.math.number(0), stage.math.number(size))


def add_one(stage: Stage, value: Index) -> Index:
    return stage.math.add(value, stage.math.number(1))


def element_of(value: SSAValue) -> Attribute:
    assert isinstance(value.type, TensorType)
    return value.type.element_type
