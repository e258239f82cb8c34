"""Round results as integer ops do: simulated quantization then has their integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import graph, quant
from ...dialects.accumulators import grid_of
from ...dialects.diagnostics import emit_remark
from ...dialects.graph_base import shape_of, tensor_type
from ...lowering.fixed_point import NoFixedPoint
from ...lowering.fuse_arithmetic import add_parameters, multiplier_bits
from ..graph.constants import erase_unused
from .integer_forms import factor_of, form_problem, is_product
from .layers import layer_of
from .notes import FLOAT
from .placement import ACTIVATIONS
from .round_biases import grids_of
from .rules import Rules

PASS = "round-results"
SUMS = (
    graph.AddOp,
    graph.SubOp,
    graph.MatmulOp,
    graph.AveragePoolOp,
    graph.GlobalAveragePoolOp,
)
"""Beside products: what sums of activations are made by."""


@dataclass(frozen=True)
class RoundResults(ModulePass):
    """Let quantizers behind integer ops round ties as the platform's requantization does, and sums
    read their operands as the integer sum does.

    A qcast is half to even. Where it stands for a requantization that rounds half up or down it
    says so. A sum multiplies stored integers by 15-bit numbers: s_a / s_y and s_b / s_y, by up to
    2^-15 off; a `quant.widen` does that here. Comes after all that moves scales; a second run is
    right too. Sums that something reads in float, too, keep their scales. convert-graph-to-quant
    and exports take both out again.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rounding = Rules.of(op).rounding
        forget_rounding(op)
        for inner in list(op.walk()):
            if isinstance(inner, graph.AddOp | graph.SubOp) and is_requantized(inner):
                round_sum(inner, rounding)
            elif isinstance(inner, quant.QuantizeCastOp):
                inner.rounding = cast_rounding(inner, rounding)


def cast_rounding(cast: quant.QuantizeCastOp, rounding: str) -> StringAttr | None:
    """How `cast` rounds ties, if other than to even: as all that it quantizes is requantized."""
    found = {result_rounding(maker, rounding) for maker in makers(cast.input)}
    only = found.pop() if len(found) == 1 else "half_even"
    return None if only == "half_even" else StringAttr(only)


def result_rounding(op: Operation | None, rounding: str) -> str:
    """How the result of `op` is rounded where requantization has `rounding`; integer sums know two
    ways only.
    """
    if op is None or not is_requantized(op):
        return "half_even"
    if rounding == "half_even" and not isinstance(op, graph.AddOp | graph.SubOp):
        return "half_even"
    return "floor" if rounding == "floor" else "single"


def forget_rounding(module: ModuleOp) -> None:
    """Take out what this pass puts in."""
    for op in list(module.walk()):
        if isinstance(op, quant.WidenOp):
            read_narrow(op)
        elif isinstance(op, quant.QuantizeCastOp):
            op.rounding = None


def read_narrow(op: quant.WidenOp) -> None:
    """Let readers of `op` read what it widens: the value that it was widened for, if that is moved,
    else one dcast for all.
    """
    maker = op.input.owner
    moved = maker if isinstance(maker, quant.QuantizeCastOp) and grid_of(maker.input) else None
    backs = [use.operation for use in op.input.uses]
    old = next((back for back in backs if isinstance(back, quant.DequantizeCastOp)), None)
    real = moved.input if moved is not None else old.result if old is not None else None
    for use in list(op.result.uses):
        if real is not None and isinstance(use.operation, quant.DequantizeCastOp):
            Rewriter.replace_op(use.operation, [], [real])
    Rewriter.replace_op(op, [], [op.input])
    if moved is not None and moved.result.first_use is None:
        Rewriter.erase_op(moved)


def is_requantized(op: Operation) -> bool:
    """Whether `op` between casts is an integer op whose accumulators are requantized."""
    if FLOAT in op.attributes:
        return False
    if is_product(op):
        return (layer := layer_of(op)) is not None and grids_of(layer) is not None
    accumulates = isinstance(op, SUMS) or (isinstance(op, graph.MulOp) and factor_of(op))
    quantized = all(grid_of(operand) is not None for operand in op.operands)
    return bool(accumulates) and quantized and form_problem(op) is None


def makers(value: SSAValue) -> Iterator[Operation | None]:
    """The ops whose results are quantized together, before activations and concatenations."""
    op = value.owner
    if isinstance(op, graph.ConcatOp):
        for operand in op.inputs:
            yield from makers(operand)
    elif isinstance(op, ACTIVATIONS):
        yield from makers(op.operands[0])
    else:
        yield op if isinstance(op, Operation) else None


def round_sum(op: graph.AddOp | graph.SubOp, rounding: str) -> None:
    """Let `op` read its operands times the multipliers of the integer sum."""
    results = set(result_grids(op.result))
    y = results.pop() if len(results) == 1 else None
    a, b = map(grid_of, op.operands)
    if a is None or b is None or y is None or y.per_axis:
        return
    if (bits := multiplier_bits(rounding)) > 15:
        return  # they are as fine as scales
    sign = -1 if isinstance(op, graph.SubOp) else 1
    try:
        multipliers, _, shift = add_parameters(a, b, y, bits, rounding, sign)
    except NoFixedPoint:
        return
    step, worst = y.scale / 2**shift, 0.0
    for index, (element, multiplier) in enumerate(zip((a, b), map(abs, multipliers), strict=True)):
        if multiplier:
            worst = max(worst, abs(multiplier * step / element.scale - 1))
            widen(op, index, element, multiplier, step)
    emit_remark("passed", PASS, op, f"multipliers are off by at most {100 * worst:.2g} %")


def widen(
    op: Operation,
    index: int,
    element: quant.UniformQuantizedType,
    multiplier: int,
    step: float,
) -> None:
    """Let operand `index` of `op`, which lies on the grid `element`, be its integers times
    `multiplier`. Where it is moved on its way, a qcast gives them.
    """
    old, shape, block = op.operands[index], shape_of(op.operands[index]), op.parent
    type = quant.UniformQuantizedType.get([step], [element.zero_point * multiplier], bits=32)
    made: list[Operation] = []
    if isinstance(old.owner, quant.DequantizeCastOp):
        source = old.owner.input
    else:
        made = [quant.QuantizeCastOp(old, TensorType(element, shape))]
        source = made[0].results[0]
    wide = quant.WidenOp(source, TensorType(type, shape), multiplier)
    back = quant.DequantizeCastOp(wide.result, tensor_type(old))
    made += [wide, back]
    for created in made:
        created.location = op.location
    assert block is not None
    block.insert_ops_before(made, op)
    op.operands[index] = back.result
    erase_unused(old)


def result_grids(value: SSAValue) -> Iterator[quant.UniformQuantizedType | None]:
    """The types that `value` is quantized to, behind activations and in concatenations; None where
    something else reads it.
    """
    for use in value.uses:
        match use.operation:
            case quant.QuantizeCastOp() as cast:
                yield quant.quantized(cast.result)
            case graph.ConcatOp() | graph.ReluOp() | graph.ClipOp() as reader:
                yield from result_grids(reader.results[0])
            case _:
                yield None
