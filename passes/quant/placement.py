"""Which tensors need a quantizer: those that an integer op makes or reads.

What has no integer form computes in float whatever is quantized around it, so a quantizer between
two such ops would only add noise. Pointwise ops that depend on one tensor are one op: a table.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from xdsl.dialects import func
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of
from ...dialects.graph_math import BinaryOp, UnaryOp
from ...dialects.quant_pointwise import broadcast_runs

PRODUCTS = (graph.ConvOp, graph.GemmOp, graph.MatmulOp)
GRID_PRESERVING = (
    graph.ReshapeOp,
    graph.TransposeOp,
    graph.SliceOp,
    graph.PadOp,
    graph.MaxPoolOp,
)
"""Their results lie on the grid of their input: they need no quantizer.

A pad does if it pads with what every grid has, zero: see `preserves_grid`.
"""

PAIRS = (graph.AddOp, graph.SubOp, graph.MulOp)
"""Integer ops of two tensors, either of which may be a constant."""

ACTIVATIONS = (graph.ReluOp, graph.ClipOp)


def is_pointwise(op: Operation) -> bool:
    """An op that gives one element for the elements at one place."""
    return isinstance(op, UnaryOp | BinaryOp) and not isinstance(op, graph.SoftmaxOp)


def data_operands(op: Operation) -> list[SSAValue]:
    """The operands of a pointwise op that are no constants of one element."""
    return [value for value in op.operands if not is_scalar(value)]


def is_scalar(value: SSAValue) -> bool:
    """A constant of one element."""
    array = graph.constant_array(value)
    return array is not None and array.size == 1


def preserves_grid(op: Operation) -> bool:
    """The result of `op` lies on the grid of its input."""
    if isinstance(op, graph.PadOp):
        return op.mode.data == "constant" and op.value.value.data == 0
    return isinstance(op, GRID_PRESERVING)


def continues(op: Operation) -> bool:
    """An activation follows and is the only reader: the quantizer goes behind it."""
    uses = list(op.results[0].uses)
    return len(uses) == 1 and isinstance(uses[0].operation, ACTIVATIONS)


@dataclass
class Placement:
    """Which values of `block` need a quantizer; those of `given` have one in any case.

    Products (convolutions, matrix products) of constants are integer ops wherever they are; other
    ops that have an integer form are, if all that they read is quantized anyway.
    """

    block: Block
    given: frozenset[SSAValue] = frozenset()
    sources: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    """The one tensor that a chain of pointwise ops depends on, by its result."""
    integer: set[Operation] = field(default_factory=set[Operation])
    """Ops that have an integer form and use it."""
    quantized: set[SSAValue] = field(default_factory=set[SSAValue])

    def __post_init__(self) -> None:
        """Find the longest chains, then end them where something else reads a value of one."""
        longest: dict[SSAValue, SSAValue] = {}
        for op in self.block.ops:
            self.follow(op, longest, longest.keys())
        inner = {value for value in longest if self.is_within(value, longest)}
        for op in self.block.ops:
            self.follow(op, self.sources, inner)
        self.quantized.update(self.block.args, self.given)
        for op in self.block.ops:
            if len(op.results) == 1:
                self.visit(op, op.results[0])

    def follow(
        self, op: Operation, sources: dict[SSAValue, SSAValue], through: Container[SSAValue]
    ) -> None:
        """Note the source of what a pointwise `op` makes; chains go on `through` some values."""
        if not is_pointwise(op) or is_fused_activation(op, sources):
            return
        shape = shape_of(op.results[0])
        values = data_operands(op)
        found = {sources.get(value, value) if value in through else value for value in values}
        if len(found) == 1 and all(shape_of(value) == shape for value in values):
            sources[op.results[0]] = found.pop()

    def is_within(self, value: SSAValue, sources: Mapping[SSAValue, SSAValue]) -> bool:
        """Only ops of the same chain read `value`, which is of a chain."""
        results = [use.operation.results for use in value.uses]
        return value not in self.given and all(
            len(made) == 1 and sources.get(made[0]) is sources[value] for made in results
        )

    def visit(self, op: Operation, result: SSAValue) -> None:
        """Note whether `op` is an integer op and its result quantized; its operands are known."""
        if preserves_grid(op):
            made = op.operands[0] in self.quantized
        else:
            core = core_of(op)
            made = core in self.integer or self.has_integer_form(core)
            if made:
                self.integer |= {op, core}
        if made or is_read_by_product(result):
            self.quantized.add(result)

    def has_integer_form(self, op: Operation) -> bool:
        """What convert-graph-to-quant makes an integer op of, with the values quantized so far."""
        if isinstance(op, PRODUCTS):
            return is_integer_product(op)
        if op.results[0] in self.sources:
            return self.sources[op.results[0]] in self.quantized
        if isinstance(op, graph.ConcatOp):
            return any(value in self.quantized for value in op.inputs)
        constants = [value for value in op.operands if is_constant(value)]
        if any(value not in self.quantized for value in op.operands if value not in constants):
            return False
        if constants and not isinstance(op, PAIRS):
            return False
        match op:
            case graph.AddOp() | graph.SubOp():
                return shape_of(op.lhs) == shape_of(op.rhs)
            case graph.MulOp():
                return factor_of(op) is not None
            case graph.GlobalAveragePoolOp():
                return len(shape_of(op.input)) == 4
            case graph.AveragePoolOp():
                counted = not any(ints(op.pads)) or bool(op.count_include_pad.value.data)
                return len(op.kernel()) == 2 and counted and set(ints(op.dilations)) == {1}
            case graph.SoftmaxOp():
                return op.axis.value.data in (-1, len(shape_of(op.input)) - 1)
            case _:
                return False

    def needs_quantizer(self, value: SSAValue) -> bool:
        """An integer op reads `value`, or a product or an op before a result makes it, or a type
        was given for it.

        What only float ops read is better made in float too, but for products.
        """
        if value in self.given:
            return True
        if self.is_inner(value) or self.is_joined(value):
            return False
        owner = value.owner
        if self.is_read(value):
            return True
        if not isinstance(owner, Operation) or owner not in self.integer:
            return False
        return isinstance(core_of(owner), PRODUCTS) or is_returned(value)

    def is_inner(self, value: SSAValue) -> bool:
        """A table computes `value` on the way."""
        return value in self.sources and self.is_within(value, self.sources)

    def is_joined(self, value: SSAValue) -> bool:
        """Only concatenations on integers read `value`: it is made on the grid of their results."""
        readers = [use.operation for use in value.uses]
        return bool(readers) and all(
            isinstance(op, graph.ConcatOp) and self.is_on_grid(op) for op in readers
        )

    def is_on_grid(self, op: Operation) -> bool:
        """What `op` makes has a quantizer: its own, one behind its activations, or that of what it
        is joined to.
        """
        while continues(op):
            op = next(iter(op.results[0].uses)).operation
        value = op.results[0]
        return op in self.integer and (self.is_joined(value) or self.needs_quantizer(value))

    def is_read(self, value: SSAValue) -> bool:
        """An integer op reads `value`, moved or at the end of a chain."""
        for use in value.uses:
            op = use.operation
            moved = preserves_grid(op)
            if moved or (len(op.results) == 1 and self.is_inner(op.results[0])):
                if self.is_read(op.results[0]):
                    return True
            elif op in self.integer:
                return True
        return False


def is_returned(value: SSAValue) -> bool:
    """`value` is a result of the function, as it is or moved."""
    users = [use.operation for use in value.uses]
    return any(
        is_returned(op.results[0]) if preserves_grid(op) else isinstance(op, func.ReturnOp)
        for op in users
    )


def is_integer_product(op: Operation) -> bool:
    """A product with constant parameters, in a form that integer kernels have."""
    if any(not is_constant(value) for value in op.operands[1:]):
        return False
    match op:
        case graph.ConvOp():
            return len(shape_of(op.input)) == 4
        case graph.GemmOp():
            return op.alpha.value.data == op.beta.value.data == 1.0 and not op.trans_a.value.data
        case graph.MatmulOp():
            return (len(shape_of(op.lhs)), len(shape_of(op.rhs))) == (2, 2)
        case _:
            return False


def is_read_by_product(value: SSAValue) -> bool:
    """An integer product multiplies `value`, as it is or moved."""
    for use in value.uses:
        op = use.operation
        if preserves_grid(op):
            if is_read_by_product(op.results[0]):
                return True
        elif use.index == 0 and isinstance(op, PRODUCTS) and is_integer_product(op):
            return True
    return False


def is_fused_activation(op: Operation, sources: Container[SSAValue]) -> bool:
    """An activation that becomes the clamp of the op before it, which is of no chain."""
    if not isinstance(op, ACTIVATIONS):
        return False
    value = op.input
    return isinstance(value.owner, Operation) and value not in sources and value.has_one_use()


def core_of(op: Operation) -> Operation:
    """The op whose clamp the activations up to `op` become."""
    while isinstance(op, ACTIVATIONS) and op.input.has_one_use():
        before = op.input.owner
        if not isinstance(before, Operation):
            break
        op = before
    return op


def factor_of(op: graph.MulOp) -> tuple[SSAValue, SSAValue] | None:
    """The operand that has the shape of the result, and the other, which an integer op broadcasts;
    None where it cannot.
    """
    shape = shape_of(op.result)
    for value, factor in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        extents = (*[1] * (len(shape) - len(shape_of(factor))), *shape_of(factor))
        if shape_of(value) == shape and broadcast_runs(shape, extents) is not None:
            return value, factor
    return None


def is_constant(value: SSAValue) -> bool:
    return graph.constant_array(value) is not None
