"""split-transfers: a copy that the engine cannot make at once becomes several."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
)
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects import dma
from ...dialects.diagnostics import emit_remark, refuse
from ...dialects.platform import PlatformAttr, platform_of
from ...dialects.platform_records import Dma
from ...dialects.types import dtype_of, memref_type
from ...lowering.index_math import Index, IndexMath


@dataclass(frozen=True)
class SplitTransfers(ModulePass):
    """Cut copies that have more dimensions, or more bytes, than their engine takes.

    The outermost dimension becomes a loop of copies on the same token; the next one too where one
    index of it is still too much.
    """

    name = "split-transfers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op)
        pending = [start for start in op.walk() if isinstance(start, dma.StartOp)]
        while pending:
            start = pending.pop()
            if (inner := _split(start, _engine(start, platform))) is not None:
                pending.append(inner)


def _engine(start: dma.StartOp, platform: PlatformAttr) -> Dma:
    spaces = [_memory(value) for value in (start.source, start.target)]
    engine = platform.dma_between(*spaces)
    if engine is None:
        refuse(
            start, f"no DMA engine of platform {platform.label} joins {spaces[0]} and {spaces[1]}"
        )
    return engine


def _memory(value: SSAValue) -> str:
    assert isinstance(value.type, MemRefType) and isinstance(value.type.memory_space, StringAttr)
    return value.type.memory_space.data


def _split(start: dma.StartOp, engine: Dma) -> dma.StartOp | None:
    """Put a loop around a smaller copy, which is returned; None if nothing is to be done."""
    groups = dma.transfer_dimensions(start)
    sizes = _greatest_sizes(start)
    item = dtype_of(memref_type(start.source).element_type).itemsize
    limit = engine.max_bytes or 1 << 31
    if len(groups) <= engine.dimensions and prod(sizes) * item <= limit:
        return None
    dim = groups[0][0]
    step = 1
    if len(groups) <= engine.dimensions:
        step = max(1, limit // (prod(sizes) // sizes[dim] * item))
    why = f"{len(groups)} dimensions, up to {prod(sizes) * item} bytes"
    emit_remark("passed", SplitTransfers.name, start, f"copy in steps of {step}: {why}")
    return _loop(start, dim, step)


def _greatest_sizes(start: dma.StartOp) -> list[int]:
    """The shape of the copy where its windows are largest: buffers bound them, and minima do."""
    math = IndexMath(Block())
    given = memref_type(start.source).get_shape()
    shape = [_bound(size_of(start.source, dim, math)) for dim in range(len(given))]
    for value in (start.source, start.target):
        root = value
        while isinstance(root.owner, memref.SubviewOp):
            root = root.owner.source
        for dim, size in enumerate(memref_type(root).get_shape()):
            if given[dim] < 0:
                shape[dim] = size if shape[dim] < 0 else min(shape[dim], size)
    return shape


def _bound(size: Index) -> int:
    """The greatest number that a size is seen to be at once, else -1."""
    if size.base is None:
        return size.offset
    owner = size.base.owner
    if not isinstance(owner, arith.MinSIOp):
        return -1
    known = [
        operand.owner.value.value.data
        for operand in owner.operands
        if isinstance(operand.owner, arith.ConstantOp)
        and isinstance(operand.owner.value, IntegerAttr)
    ]
    return min(known, default=-1)


def _loop(start: dma.StartOp, dim: int, step: int) -> dma.StartOp:
    """`for i = 0 to size step s: start(window [i, i + s) of both)`."""
    parent = start.parent_block()
    assert parent is not None
    head, body = Block(), Block(arg_types=[IndexType()])
    math = IndexMath(head)
    size = size_of(start.source, dim, math)
    begin, end, by = (math.value(n) for n in (math.number(0), size, math.number(step)))
    inner = IndexMath(body)
    first = Index(body.args[0])
    count = inner.number(1)
    if step > 1:
        count = inner.min(inner.number(step), inner.sub(size, first))
    source, target = (
        _part(value, dim, first, count, inner) for value in (start.source, start.target)
    )
    new = dma.StartOp(source, target, start.token)
    new.location = start.location
    body.add_ops([new, scf.YieldOp()])
    loop = scf.ForOp(begin, end, by, [], body)
    ops: list[Operation] = list(head.ops)
    for op in ops:
        op.detach()
    parent.insert_ops_before([*ops, loop], start)
    parent.erase_op(start)
    return new


def _part(value: SSAValue, dim: int, first: Index, count: Index, math: IndexMath) -> SSAValue:
    """`count` indices of `dim` from `first` on."""
    type = value.type
    assert isinstance(type, MemRefType)
    rank = len(type.get_shape())
    offsets: list[SSAValue | int] = [0] * rank
    sizes = [math.operand(size_of(value, i, math)) for i in range(rank)]
    offsets[dim], sizes[dim] = math.operand(first), math.operand(count)
    strides = [1] * rank
    result = memref.SubviewOp.infer_result_type(type, offsets, sizes, strides)
    part = memref.SubviewOp.get(value, offsets, sizes, strides, result)
    math.block.add_op(part)
    return part.result


def size_of(value: SSAValue, dim: int, math: IndexMath) -> Index:
    """The size of a window along `dim`."""
    assert isinstance(value.type, MemRefType)
    size = value.type.get_shape()[dim]
    if size >= 0:
        return math.number(size)
    assert isinstance(value.owner, memref.SubviewOp)
    static = value.owner.static_sizes.get_values()
    position = sum(n == DYNAMIC_INDEX for n in static[:dim])
    return Index(value.owner.sizes[position])
