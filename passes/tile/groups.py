"""Ops of a function become a tile group."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Block, Operation, Region, SSAValue

from ...dialects import tile
from ...dialects.graph import ConstantOp
from .chain import Tiling
from .network import UNIT


def build_group(
    ops: Sequence[Operation],
    inputs: Sequence[SSAValue],
    in_place: Collection[SSAValue],
    tiling: Tiling,
    *,
    unit: str,
    near: str,
    home: str,
) -> tile.GroupOp:
    """Replace `ops`, of which only the last one's result is read by others, by a group.

    It loads those of its `inputs` that are not `in_place`, in the near memory; a result whose home
    is elsewhere it stores.
    """
    last = ops[-1]
    result_type = last.results[0].type
    assert isinstance(result_type, TensorType)
    block = Block(arg_types=[value.type for value in inputs])
    values: dict[SSAValue, SSAValue] = {}
    for value, argument in zip(inputs, block.args, strict=True):
        values[value] = argument
        if value not in in_place:
            load = tile.LoadOp(argument)
            load.location = last.location
            block.add_op(load)
            values[value] = load.result
    constants = [
        value.owner
        for op in ops
        for value in op.operands
        if value not in values and isinstance(value.owner, ConstantOp)
    ]
    for op in dict.fromkeys([*constants, *ops]):
        new = op.clone(values)
        new.location = op.location
        new.attributes.pop(UNIT, None)
        block.add_op(new)
    value = values[last.results[0]]
    if home != near:
        store = tile.StoreOp(value)
        store.location = last.location
        block.add_op(store)
        value = store.result
    block.add_op(tile.YieldOp(value))
    group = tile.GroupOp(
        inputs,
        result_type,
        Region(block),
        unit=unit,
        near=near,
        home=home,
        sizes=tiling.sizes,
        order=tiling.order,
        buffers=tiling.buffers,
    )
    group.location = last.location
    group.result.name_hint = last.results[0].name_hint
    parent = last.parent_block()
    assert parent is not None
    parent.insert_op_before(group, last)
    last.results[0].replace_all_uses_with(group.result)
    for op in reversed(ops):
        op.detach()
        op.erase()
    for op in dict.fromkeys(constants):
        if not any(True for _ in op.result.uses):
            op.detach()
            op.erase()
    return group
