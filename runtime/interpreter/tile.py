"""The NumPy meaning of the tile dialect: window after window, each op on what its tile sees.

Nothing is computed on whole tensors here: operands are cut out, padding is put around them where
the image ends, and weights and requantization are those of the tile's channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls
from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant, tile
from ...dialects.diagnostics import refuse
from ...dialects.graph import constant_array
from ...dialects.tiling import Access, Box, Interval, Numbers, shape_of, tiling_of
from ...dialects.types import dtype_of
from . import integer

Array = NDArray[Any]
Values = tuple[Any, ...]
NUMBERS = Numbers()


@register_impls
class TileFunctions(InterpreterFunctions):
    @impl(tile.GroupOp)
    def group(self, _: Interpreter, op: tile.GroupOp, args: Values) -> Values:
        return (run_group(op, args),)


def run_group(group: tile.GroupOp, args: Sequence[Array]) -> Array:
    """The result of a group, computed tile by tile; the first dimension may hold a batch."""
    tensors: dict[SSAValue, Array] = dict(zip(group.block.args, args, strict=True))
    assert isinstance(group.result.type, TensorType)
    shape = (len(args[0]), *shape_of(group.result)[1:])
    result = np.zeros(shape, dtype_of(group.result.type.element_type))
    written = np.zeros(shape, np.bool_)
    for box in tiles(group):
        at = cut(box)
        result[at] = run_tile(group, box, tensors)
        written[at] = True
    if not written.all():
        refuse(group, "its tiles do not cover the result")
    return result


def tiles(group: tile.GroupOp) -> list[Box[int]]:
    """The tiles of the result, in the order of the loops."""
    order = list(group.order.get_values())
    shape, sizes, counts = shape_of(group.result), group.tile_sizes(), group.counts()
    found: list[Box[int]] = []
    for numbers in product(*(range(counts[dim]) for dim in order)):
        position = dict(zip(order, numbers, strict=True))
        starts = [position[dim] * size for dim, size in enumerate(sizes)]
        ends = [min(a + n, m) for a, n, m in zip(starts, sizes, shape, strict=True)]
        found.append(tuple(map(Interval, starts, ends)))
    return found


def run_tile(group: tile.GroupOp, box: Box[int], tensors: dict[SSAValue, Array]) -> Array:
    """One tile of the result."""
    windows = tile.windows(group, box, NUMBERS)
    near: dict[SSAValue, tuple[Array, Box[int]]] = {
        value: (array, whole(value)) for value, array in tensors.items()
    }
    for op in group.block.ops:
        if isinstance(op, tile.LoadOp):
            held = windows[op.result].box
            near[op.result] = tensors[op.source][cut(held)].copy(), held
        elif tiling_of(op) is not None:
            made = windows[op.results[0]].box
            near[op.results[0]] = run_op(op, made, near), made
    return near[group.computed][0]


def whole(value: SSAValue) -> Box[int]:
    return tuple(Interval(0, size) for size in shape_of(value))


def cut(box: Box[int], origin: Box[int] | None = None) -> tuple[slice, ...]:
    """The slices of a box in an array that begins at `origin`; all samples of a batch."""
    starts = [0] * len(box) if origin is None else [interval.start for interval in origin]
    inner = [
        slice(interval.start - start, interval.stop - start)
        for interval, start in zip(box, starts, strict=True)
    ]
    return (slice(None), *inner[1:])


def run_op(op: Operation, made: Box[int], near: dict[SSAValue, tuple[Array, Box[int]]]) -> Array:
    """The box `made` of the result of an op, from what of its operands is near."""
    tiling = tiling_of(op)
    assert tiling is not None
    needs = tile.operand_windows(op, made, NUMBERS)
    operands: list[Array] = []
    for position, accesses in tiling.accesses(op).items():
        array, held = near[op.operands[position]]
        needed = needs[position]
        seen = array[cut(needed.box, held)]
        if seen.shape[1:] != tuple(i.stop - i.start for i in needed.box[1:]):
            refuse(op, f"operand {position} is not near where it is read")
        missing = [
            missing_after(access, made, interval, before)
            for access, interval, before in zip(accesses, needed.box, needed.before, strict=True)
        ]
        pads = [(0, 0), *zip(needed.before[1:], missing[1:], strict=True)]
        operands.append(np.pad(seen, pads, constant_values=padding(op)))
    result = compute(op, made, operands)
    assert isinstance(op.results[0].type, TensorType)
    return result.astype(dtype_of(op.results[0].type.element_type))


def missing_after(access: Access, made: Box[int], there: Interval[int], before: int) -> int:
    """How much of what the op reads along a dimension lies behind the end of the operand."""
    if access.dim is None:
        return 0
    given = made[access.dim]
    span = (given.stop - given.start - 1) * access.stride + access.extent
    return span - before - (there.stop - there.start)


def padding(op: Operation) -> int:
    """What stands where the operand of a window ends."""
    if isinstance(op, quant.MaxPool2DOp):
        return quant.quantized(op.input).bounds[0]
    return quant.quantized(op.operands[0]).zero_point


def constants(op: Operation, value: SSAValue) -> Array:
    array = constant_array(value)
    if array is None:
        refuse(op, "its constants must be graph.constant")
    return array


def channels(made: Box[int]) -> slice:
    return slice(made[-1].start, made[-1].stop)


def requantized(
    accumulator: Array, requant: quant.RequantAttr, result: SSAValue, part: slice
) -> Array:
    """Requantize the channels `part` of a result."""
    multipliers, shifts = requant.multiplier_array(), requant.shift_array()
    if len(multipliers) > 1:
        multipliers, shifts = multipliers[part], shifts[part]
    zero = quant.quantized(result).zero_point
    return integer.requantize(
        accumulator, multipliers, shifts, requant.rounding.data, zero, requant.clamp
    )


@singledispatch
def compute(op: Operation, made: Box[int], operands: list[Array]) -> Array:
    """The tile `made` of the result from the padded windows of the operands."""
    refuse(op, "the interpreter cannot compute a tile of this op")


@compute.register
def _(op: quant.Conv2DOp, made: Box[int], operands: list[Array]) -> Array:
    part = channels(made)
    accumulator = integer.conv2d(
        operands[0],
        constants(op, op.weight)[part],
        constants(op, op.bias)[part],
        pads=(0, 0, 0, 0),
        strides=op.strides.get_values(),
        dilations=op.dilations.get_values(),
        groups=part.stop - part.start if op.depthwise else op.groups.value.data,
        pad_value=0,
    )
    return requantized(accumulator, op.requant, op.result, part)


@compute.register
def _(op: quant.FullyConnectedOp, made: Box[int], operands: list[Array]) -> Array:
    part = channels(made)
    weight, bias = constants(op, op.weight)[part], constants(op, op.bias)[part]
    return requantized(integer.matmul(operands[0], weight.T) + bias, op.requant, op.result, part)


@compute.register
def _(op: quant.AddOp, made: Box[int], operands: list[Array]) -> Array:
    a, b = operands
    return integer.scaled_sum(a, b, *op.numbers)


@compute.register
def _(op: quant.MulOp, made: Box[int], operands: list[Array]) -> Array:
    zeros = [quant.quantized(value).zero_point for value in op.operands]
    accumulator = integer.product(operands[0], operands[1], *zeros)
    return requantized(accumulator, op.requant, op.result, channels(made))


@compute.register
def _(op: quant.MatmulOp, made: Box[int], operands: list[Array]) -> Array:
    zeros = [quant.quantized(value).zero_point for value in op.operands]
    accumulator = integer.activation_product(operands[0], operands[1], *zeros)
    return requantized(accumulator, op.requant, op.result, channels(made))


@compute.register
def _(op: quant.AveragePool2DOp, made: Box[int], operands: list[Array]) -> Array:
    view = integer.windows(operands[0], op.kernel_size(), op.strides.get_values())
    zero = quant.quantized(op.input).zero_point
    accumulator = (view.astype(np.int64) - zero).sum((4, 5))
    return requantized(accumulator, op.requant, op.result, channels(made))


@compute.register
def _(op: quant.MaxPool2DOp, made: Box[int], operands: list[Array]) -> Array:
    return integer.windows(operands[0], op.kernel_size(), op.strides.get_values()).max((4, 5))


@compute.register
def _(op: quant.UnfoldOp, made: Box[int], operands: list[Array]) -> Array:
    kernel, strides = op.kernel_size(), op.strides.get_values()
    return integer.unfold(operands[0], kernel, strides, shape_of(op.result)[-1], padding(op))


@compute.register
def _(op: quant.TableOp, made: Box[int], operands: list[Array]) -> Array:
    result = dtype_of(quant.quantized(op.result))
    return integer.lookup(operands[0], constants(op, op.table), result)


@compute.register
def _(op: quant.SoftmaxOp, made: Box[int], operands: list[Array]) -> Array:
    element = quant.quantized(op.result)
    table, result = constants(op, op.table), dtype_of(element)
    return integer.softmax(operands[0], table, result, element.zero_point, element.bounds)


@compute.register
def _(op: quant.LayerNormOp, made: Box[int], operands: list[Array]) -> Array:
    low, high = op.clamp.get_values()
    numbers = op.epsilon.value.data, op.shift.value.data, (low, high)
    return integer.layer_norm(
        operands[0], constants(op, op.weight), constants(op, op.bias), *numbers
    )


@compute.register
def _(op: graph.TransposeOp, made: Box[int], operands: list[Array]) -> Array:
    return operands[0].transpose(op.perm.get_values())
