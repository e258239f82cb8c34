"""Which tensors need a quantizer: those that an integer op makes or reads.

What has no integer form computes in float whatever is quantized around it, so a quantizer between
two such ops would only add noise. Pointwise ops that depend on one tensor are one op: a table.
Which ops the platform computes in integers, and with what in one kernel, `Rules` know.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import func
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Block, BlockArgument, Operation, SSAValue, Use

from ...dialects import graph
from ...dialects.accumulators import GRID_PRESERVING
from ...dialects.diagnostics import describe
from ...dialects.graph_base import shape_of
from ...dialects.graph_math import BinaryOp
from ...dialects.graph_unary import UnaryOp
from ...dialects.quantization import Rule
from .integer_forms import PAIRS, form_problem, is_product, pads_with_zero, rule_problem
from .notes import FLOAT
from .rules import Rules, kernel_of, rules_of, scheme_for
from .scheme import Scheme

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


def is_constant(value: SSAValue) -> bool:
    return graph.constant_array(value) is not None


@dataclass
class Placement:
    """Which values of `block` need a quantizer; those of `given` have one in any case.

    Products (convolutions, matrix products) of constants are integer ops wherever they are; other
    ops that have an integer form are, if all that they read is quantized anyway. Activations have
    8 bits where `widths` says nothing else.
    """

    block: Block
    given: frozenset[SSAValue] = frozenset()
    rules: Rules = field(default_factory=lambda: rules_of(None))
    widths: Mapping[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    sources: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    """The one tensor that a chain of pointwise ops depends on, by its result."""
    integer: set[Operation] = field(default_factory=set[Operation])
    """Ops that have an integer form and use it."""
    quantized: set[SSAValue] = field(default_factory=set[SSAValue])
    read: dict[SSAValue, bool] = field(default_factory=dict[SSAValue, bool])
    """What `is_read` has found."""
    reasons: dict[Operation, str] = field(default_factory=dict[Operation, str])
    """Why other ops stay in float."""
    platform_refuses: dict[Operation, str] = field(default_factory=dict[Operation, str])
    """Those of them that other platforms compute in integers."""

    def __post_init__(self) -> None:
        """Find the longest chains, then end them where something else reads a value of one."""
        longest: dict[SSAValue, SSAValue] = {}
        for op in self.block.ops:
            self.follow(op, longest, longest.keys())
        inner = {value for value in longest if self.is_within(value, longest)}
        for op in self.block.ops:
            self.follow(op, self.sources, inner)
        self.quantized.update(self.block.args if self.rules.asked.inputs else (), self.given)
        for op in self.block.ops:
            if len(op.results) == 1:
                self.visit(op, op.results[0])

    def follow(
        self, op: Operation, sources: dict[SSAValue, SSAValue], through: Container[SSAValue]
    ) -> None:
        """Note the source of what a pointwise `op` makes; chains go on `through` some values."""
        if not is_pointwise(op) or self.is_fused_activation(op, sources):
            return
        shape = shape_of(op.results[0])
        values = data_operands(op)
        found = {sources.get(value, value) if value in through else value for value in values}
        if len(found) == 1 and all(shape_of(value) == shape for value in values):
            sources[op.results[0]] = found.pop()

    def is_fused_activation(self, op: Operation, sources: Container[SSAValue]) -> bool:
        """An activation that becomes the clamp of the op before it, which is of no chain."""
        return self.core_of(op) is not op and op.operands[0] not in sources

    def is_within(self, value: SSAValue, sources: Mapping[SSAValue, SSAValue]) -> bool:
        """Only ops of the same chain read `value`, which is of a chain."""
        results = [use.operation.results for use in value.uses]
        return value not in self.given and all(
            len(made) == 1 and sources.get(made[0]) is sources[value] for made in results
        )

    def core_of(self, op: Operation) -> Operation:
        """The op whose clamp the activations up to `op` become."""
        return core_of(op, self.rules)

    def continues(self, op: Operation) -> bool:
        """An activation follows, in the same kernel: the quantizer goes behind it."""
        user = op.results[0].get_user_of_unique_use()
        return user is not None and self.core_of(user) is not user

    def end_of(self, op: Operation) -> SSAValue:
        """What the kernel of `op` makes: behind the activations that it computes too."""
        value = op.results[0]
        user = value.get_user_of_unique_use()
        return self.end_of(user) if user is not None and self.continues(op) else value

    def visit(self, op: Operation, result: SSAValue) -> None:
        """Note whether `op` is an integer op and its result quantized; its operands are known."""
        if self.preserves(op):
            made = op.operands[0] in self.quantized
        else:
            core = self.core_of(op)
            reason = None if core in self.integer else self.refusal(core)
            made = reason is None
            if reason is None:
                self.integer |= {op, core}
            else:
                self.reasons[op] = reason
        if made or self.is_read_by_product(result):
            self.quantized.add(result)

    def refusal(self, op: Operation) -> str | None:
        """Why convert-graph-to-quant makes no integer op of `op`, with the values quantized so far;
        None if it does.
        """
        if isinstance(why := op.attributes.get(FLOAT), StringAttr):
            return why.data
        if is_product(op):
            return self.product_refusal(op)
        source = self.sources.get(op.results[0])
        if source is None and (problem := form_problem(op)) is not None:
            return problem
        if isinstance(op, graph.ConcatOp):
            return self.joined_refusal(op)
        operands = op.operands if source is None else [source]
        if isinstance(op, (*PAIRS, graph.LayerNormalizationOp)) and source is None:
            operands = [value for value in op.operands if not is_constant(value)]
        for value in operands:
            if value not in self.quantized:
                return f"reads what {maker_of(self.root_of(value))} makes in float"
        if source is not None and self.is_inner(op.results[0]):
            return None
        return self.refused(op, operands)

    def joined_refusal(self, op: graph.ConcatOp) -> str | None:
        """The same of a concatenation: what it reads is made on its own grid."""
        if not any(value in self.quantized for value in op.inputs):
            return "reads nothing that is made in integers"
        if not self.rule_of(op).integer:
            return self.refused(op, [])
        return None

    def product_refusal(self, op: Operation) -> str | None:
        """The same of a product, wherever it is."""
        root = self.root_of(op.operands[0])
        if isinstance(root, BlockArgument) and not self.rules.asked.inputs:
            return f"reads an input of the network, which {self.rules.where} leaves in float"
        return form_problem(op) or self.refused(op, op.operands[:1])

    def refused(self, op: Operation, operands: Sequence[SSAValue]) -> str | None:
        """The same where only the platform is to blame: noted as such."""
        problem = self.rule_problem(op, operands)
        if problem is not None:
            self.platform_refuses[op] = problem
        return problem

    def rule_problem(self, op: Operation, operands: Sequence[SSAValue]) -> str | None:
        """Why the platform computes no such op in integers, whose form is one that kernels have."""
        end, kernel = self.end_of(op), self.kernel_of(op)
        rule, where = self.rule_of(op), self.rules.where
        returned = self.rules.asked.outputs and self.is_returned(end)
        if not rule.integer and not returned:
            return f"{where} does not compute it in integers (quant.{kernel})"
        widths = [self.width_of(value) for value in (*operands, end)]
        if not self.rules.takes(kernel, widths):
            bits = listed(widths)
            return f"{where} has no kernel of quant.{kernel} for activations of {bits} bits"
        if rule.widths and not set(widths) <= set(rule.widths):
            return (
                f"{where} computes quant.{kernel} on activations of {listed(rule.widths)} bits, "
                f"not of {listed(widths)}"
            )
        readers = [self.rule_of(reader) for reader in self.uses_of(end) if self.is_core(reader)]
        return rule_problem(op, (rule, *readers), where)

    def is_core(self, op: Operation) -> bool:
        """An op that kernels are for."""
        return is_product(op) or (form_problem(op) is None and not is_pointwise(op))

    def kernel_of(self, op: Operation) -> str:
        """The kernel that computes `op`, also as the last one of a chain."""
        return "table" if op.results[0] in self.sources else kernel_of(op)

    def rule_of(self, op: Operation) -> Rule:
        """What the platform asks of `op`."""
        return self.rules.rule(op, self.kernel_of(op))

    def width_of(self, value: SSAValue) -> int:
        """Bits of the grid of `value`."""
        return self.widths.get(self.root_of(value), 8)

    def root_of(self, value: SSAValue) -> SSAValue:
        """The value that is moved to become `value`."""
        while isinstance(value.owner, Operation) and self.preserves(value.owner):
            value = value.owner.operands[0]
        return value

    def preserves(self, op: Operation) -> bool:
        """What `op` makes lies on the grid of what it reads."""
        if isinstance(op, graph.PadOp) and not pads_with_zero(op):
            return False
        return isinstance(op, GRID_PRESERVING) and self.rules.rule(op).integer

    def uses_of(self, value: SSAValue) -> Iterator[Operation]:
        """What reads `value` as it is, what moves it, and what reads it moved."""
        for use in value.uses:
            yield use.operation
            if self.preserves(use.operation):
                yield from self.uses_of(use.operation.results[0])

    def scheme(self, value: SSAValue) -> Scheme:
        """What all integer ops that make and read `value` allow its grid."""
        return scheme_for(self.rules_at(value), self.width_of(value))

    def rules_at(self, value: SSAValue) -> list[Rule]:
        """What the platform asks of all integer ops that make and read `value`."""
        return [self.rule_of(op) for op in self.integer_ops_at(value)]

    def integer_ops_at(self, value: SSAValue) -> list[Operation]:
        """The integer ops that make, move and read `value`."""
        ops = [op for op in self.uses_of(value) if op in self.integer or self.preserves(op)]
        if isinstance(value.owner, Operation) and value.owner in self.integer:
            ops += self.makers_of(self.core_of(value.owner))
        return ops

    def has_width(self, value: SSAValue, bits: int) -> bool:
        """Whether the platform has so many bits for `value`: in what makes it, and in products that
        read it. Other ops that read it may go on in float.
        """
        ops = self.integer_ops_at(value)
        core = self.core_of(value.owner) if isinstance(value.owner, Operation) else None
        kernels = [
            self.kernel_of(op)
            for op in ops
            if is_product(op) or (op is core and not isinstance(op, graph.ConcatOp))
        ]
        asked = [self.rule_of(op).widths for op in ops]
        return all(self.rules.has_width(kernel, bits) for kernel in kernels) and all(
            bits in widths for widths in asked if widths
        )

    def makers_of(self, core: Operation) -> Iterator[Operation]:
        """`core`, and what makes the operands that it joins."""
        yield core
        for value in core.operands if isinstance(core, graph.ConcatOp) else ():
            owner = value.owner
            if self.is_joined(value) and isinstance(owner, Operation) and owner in self.integer:
                yield from self.makers_of(self.core_of(owner))

    def range_of(self, value: SSAValue) -> tuple[float, float] | None:
        """The range that the platform asks for what makes `value`."""
        owner = value.owner
        return self.rule_of(self.core_of(owner)).range if isinstance(owner, Operation) else None

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
        return is_product(self.core_of(owner)) or self.is_returned(value)

    def is_read(self, value: SSAValue) -> bool:
        """An integer op reads `value`, moved or at the end of a chain."""
        if value not in self.read:
            self.read[value] = any(self.is_made(op) for op in self.readers_of(value))
        return self.read[value]

    def is_made(self, op: Operation) -> bool:
        """Integers come out of `op`: it has an integer form, and something has use for it."""
        if op not in self.integer:
            return False
        return is_product(self.core_of(op)) or self.needs_quantizer(op.results[0])

    def reads_real(self, use: Use) -> bool:
        """A float op reads there what a float op made: nothing need be rounded on the way."""
        op = use.operation
        value = op.operands[use.index]
        maker = value.owner
        if not isinstance(maker, Operation) or value in self.given or isinstance(op, func.ReturnOp):
            return False
        if self.preserves(maker) or self.is_made(maker):
            return False
        if self.preserves(op) or (len(op.results) == 1 and self.is_inner(op.results[0])):
            return not self.is_read(op.results[0])
        return not self.is_made(op)

    def is_returned(self, value: SSAValue) -> bool:
        """`value` is a result of the function, as it is or moved."""
        return any(isinstance(op, func.ReturnOp) for op in self.uses_of(value))

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
        end = self.end_of(op)
        return op in self.integer and (self.is_joined(end) or self.needs_quantizer(end))

    def readers_of(self, value: SSAValue) -> Iterator[Operation]:
        """What reads `value`, moved or at the end of a chain."""
        for op in self.uses_of(value):
            if len(op.results) == 1 and self.is_inner(op.results[0]):
                yield from self.readers_of(op.results[0])
            elif not self.preserves(op):
                yield op

    def is_read_by_product(self, value: SSAValue) -> bool:
        """An integer product multiplies `value`, as it is or moved."""
        for use in value.uses:
            op = use.operation
            if self.preserves(op):
                if self.is_read_by_product(op.results[0]):
                    return True
            elif use.index == 0 and is_product(op) and self.product_refusal(op) is None:
                return True
        return False


def listed(widths: Iterable[int]) -> str:
    return " and ".join(map(str, dict.fromkeys(widths)))


def maker_of(value: SSAValue) -> str:
    """What a message calls the maker of `value`."""
    return describe(value.owner) if isinstance(value.owner, Operation) else "the caller"


def core_of(op: Operation, rules: Rules) -> Operation:
    """The op whose clamp the activations up to `op` become: one kernel computes them all."""
    if not isinstance(op, ACTIVATIONS) or not op.input.has_one_use():
        return op
    before = op.input.owner
    if not isinstance(before, Operation) or isinstance(before, GRID_PRESERVING):
        return op
    core = core_of(before, rules)
    return core if rules.fuses(core, op) else op
