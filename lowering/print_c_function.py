"""Prints one function of the c dialect."""

from __future__ import annotations

import re

from xdsl.dialects.builtin import IntegerAttr
from xdsl.dialects.emitc import EmitC_PointerType
from xdsl.ir import Block, Operation, SSAValue

from ..dialects import c
from ..dialects.diagnostics import refuse
from .c_inline import Inlining, dead_expressions
from .c_text import INDENT, address, cast_name, comment, constant, declare, wrapped

_PRECEDENCE = {
    operator: precedence
    for precedence, operators in enumerate(
        ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %"), start=3
    )
    for operator in operators.split()
}
ANY, CONDITIONAL, UNARY, POSTFIX, PRIMARY = 0, 2, 13, 14, 15
_COMPOUND = frozenset(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"])
_BITWISE = frozenset(["&", "|", "^", "<<", ">>"])

Text = tuple[str, int]
"""An expression and its precedence."""


class FunctionPrinter:
    """Turns the ops of one function into lines."""

    def __init__(self, function: c.FuncOp):
        self.function = function
        self.texts: dict[SSAValue, Text] = {}
        self.used = _reserved(function)
        self.inlined: set[Operation] = set()
        self.dead = dead_expressions(function.body)
        self.unnamed = 0

    def lines(self) -> list[str]:
        """The declaration, or the definition with its body."""
        head = self._head()
        if not self.function.body.blocks:
            return wrapped(f"{head};", "")
        return [*wrapped(f"{head} {{", ""), *self._body(self.function.body.block, INDENT), "}"]

    def _head(self) -> str:
        function = self.function
        type = function.function_type
        names = self._parameters()
        declared = [declare(t, n) for t, n in zip(type.inputs, names, strict=True)]
        name = f"{function.sym_name.data}({', '.join(declared) or 'void'})"
        result = declare(type.outputs.data[0], name) if type.outputs else f"void {name}"
        return f"static {result}" if function.static is not None else result

    def _parameters(self) -> list[str]:
        function = self.function
        count = len(function.function_type.inputs)
        given: list[str | None] = [None] * count
        if function.arg_names is not None:
            given = [name.data for name in function.arg_names]
        elif function.body.blocks:
            given = [value.name_hint for value in function.args]
        names = [self._unique(name or f"arg{i}") for i, name in enumerate(given)]
        if function.body.blocks:
            for value, name in zip(function.args, names, strict=True):
                self.texts[value] = name, PRIMARY
        return names

    def _unique(self, hint: str) -> str:
        """A name that nothing around has, close to `hint`."""
        base = re.sub(r"\W", "_", hint, flags=re.ASCII)
        if c.name_problem(base) is not None:
            base = f"v_{base.strip('_')}"
        name, count = base, 0
        while name in self.used:
            count += 1
            name = f"{base}_{count}"
        self.used.add(name)
        return name

    def _temporary(self) -> str:
        """The name of a value that has none of its own."""
        self.unnamed += 1
        return f"t{self.unnamed - 1}"

    # Statements

    def _body(self, block: Block, indent: str) -> list[str]:
        """The lines of a block; names that it declares are free again after it."""
        outer = set(self.used)
        self.inlined |= Inlining(block, self.dead).inlined
        lines: list[str] = []
        for op in block.ops:
            if isinstance(op, c.CommentOp) and lines:
                lines.append("")
            lines += self._statement(op, indent)
        self.used = outer
        return lines

    def _statement(self, op: Operation, indent: str) -> list[str]:
        match op:
            case c.CommentOp():
                return comment(op.text.data, indent)
            case c.ReturnOp() if op.value is None:
                return []
            case c.ForOp():
                return self._for(op, indent)
            case c.IfOp():
                return self._if(op, indent)
            case _ if op in self.dead:
                return []
            case _ if op in self.inlined:
                self.texts[op.results[0]] = self._expression(op)
                return []
            case _:
                return wrapped(f"{self._simple(op)};", indent)

    def _simple(self, op: Operation) -> str:
        match op:
            case c.VariableOp():
                return self._variable(op)
            case c.AssignOp():
                return self._assign(op)
            case c.DiscardOp():
                return f"(void){self._text(op.value, UNARY)}"
            case c.ReturnOp():
                assert op.value is not None
                return f"return {self._text(op.value)}"
            case c.CallOp() if op.result is None or op.result.first_use is None:
                return self._expression(op)[0]
            case _ if len(op.results) == 1:
                text = self._expression(op)[0]
                result = op.results[0]
                name = self._unique(result.name_hint or self._temporary())
                self.texts[result] = name, PRIMARY
                return f"{declare(result.type, name, const=True)} = {text}"
            case _:
                refuse(op, "not a statement of C")

    def _variable(self, op: c.VariableOp) -> str:
        init = None if op.init is None else self._text(op.init)
        name = self._unique(op.result.name_hint or self._temporary())
        self.texts[op.result] = name, PRIMARY
        type = op.result.type.type if isinstance(op.result.type, c.LValueType) else op.result.type
        const = isinstance(type, c.ConstType)
        declared = declare(type.type if isinstance(type, c.ConstType) else type, name, const=const)
        return declared if init is None else f"{declared} = {init}"

    def _assign(self, op: c.AssignOp) -> str:
        target = self._text(op.target, UNARY)
        value = op.value.owner
        if isinstance(value, c.BinaryOp) and value in self.inlined:
            operator, load = value.operator.data, value.lhs.owner
            if (
                operator in _COMPOUND
                and isinstance(load, c.LoadOp)
                and load in self.inlined
                and self._text(value.lhs, UNARY) == target
            ):
                return f"{target} {operator}= {self._text(value.rhs)}"
        return f"{target} = {self._text(op.value)}"

    def _for(self, op: c.ForOp, indent: str) -> list[str]:
        outer = set(self.used)
        lower = self._text(op.lower)
        upper = self._text(op.upper, _PRECEDENCE["<"] + 1)
        step = self._text(op.step)
        free = next((letter for letter in "ijklmnpq" if letter not in self.used), "i")
        name = self._unique(op.counter.name_hint or free)
        self.texts[op.counter] = name, PRIMARY
        head = f"for ({declare(op.lower.type, name)} = {lower}; {name} < {upper}; "
        head += f"++{name}" if _is_one(op.step) else f"{name} += {step}"
        lines = wrapped(f"{head}) {{", indent)
        lines += [*self._body(op.body.block, indent + INDENT), f"{indent}}}"]
        self.used = outer
        return lines

    def _if(self, op: c.IfOp, indent: str) -> list[str]:
        lines = wrapped(f"if ({self._text(op.condition)}) {{", indent)
        lines += self._body(op.then_body.block, indent + INDENT)
        if op.else_body.blocks:
            lines += [f"{indent}}} else {{", *self._body(op.else_body.block, indent + INDENT)]
        return [*lines, f"{indent}}}"]

    # Expressions

    def _text(self, value: SSAValue, least: int = ANY) -> str:
        """`value` as an operand that must bind at least as tightly as `least`."""
        text, precedence = self.texts[value]
        return text if precedence >= least else f"({text})"

    def _expression(self, op: Operation) -> Text:
        match op:
            case c.LiteralOp():
                text = constant(op.value, op.result.type)
                return text, UNARY if text.startswith("-") else PRIMARY
            case c.GetGlobalOp():
                return self._get_global(op)
            case c.BinaryOp():
                return self._binary(op)
            case c.UnaryOp():
                operand = self._text(op.operand, UNARY)
                if operand.startswith("-") and op.operator.data == "-":
                    operand = f"({operand})"
                return op.operator.data + operand, UNARY
            case c.ConditionalOp():
                condition = self._text(op.condition, CONDITIONAL + 1)
                chosen = self._text(op.true_value, CONDITIONAL + 1)
                other = self._text(op.false_value, CONDITIONAL)
                return f"{condition} ? {chosen} : {other}", CONDITIONAL
            case c.CastOp():
                return f"({cast_name(op.result.type)}){self._text(op.operand, UNARY)}", UNARY
            case c.SubscriptOp():
                return f"{self._text(op.base, POSTFIX)}[{self._text(op.index)}]", POSTFIX
            case c.MemberOp():
                return self._member(op)
            case c.LoadOp():
                return self.texts[op.object]
            case c.AddressOfOp() if isinstance(op.object.type, c.LValueType):
                return f"&{self._text(op.object, UNARY)}", UNARY
            case c.AddressOfOp():
                return self.texts[op.object]
            case c.CallOp():
                arguments = ", ".join(self._text(value) for value in op.arguments)
                return f"{op.callee.string_value()}({arguments})", POSTFIX
            case _:
                refuse(op, "not an expression of C")

    def _get_global(self, op: c.GetGlobalOp) -> Text:
        symbol = op.symbol.string_value()
        if isinstance(op.result.type, EmitC_PointerType):
            symbol = address(op, symbol)
        return symbol, UNARY if symbol.startswith("&") else PRIMARY

    def _member(self, op: c.MemberOp) -> Text:
        base = self._text(op.base, UNARY)
        if base.startswith("&"):
            return f"{base[1:]}.{op.field.data}", POSTFIX
        arrow = "->" if isinstance(op.base.type, EmitC_PointerType) else "."
        return f"{self._text(op.base, POSTFIX)}{arrow}{op.field.data}", POSTFIX

    def _binary(self, op: c.BinaryOp) -> Text:
        operator = op.operator.data
        precedence = _PRECEDENCE[operator]
        left, right = self._operand(op, op.lhs), self._operand(op, op.rhs)
        return f"{left} {operator} {right}", precedence

    def _operand(self, op: c.BinaryOp, value: SSAValue) -> str:
        """With the parentheses that C needs, and those that compilers ask for to be clear."""
        operator = op.operator.data
        least = _PRECEDENCE[operator] + (value is op.rhs)
        inner = value.owner
        if isinstance(inner, c.BinaryOp) and inner in self.inlined:
            same = inner.operator.data == operator and value is op.lhs
            comparison = _PRECEDENCE[inner.operator.data] in (8, 9)
            if operator in _BITWISE or (operator in ("&&", "||") and not comparison):
                least = least if same else UNARY
            if operator in ("==", "!="):
                least = _PRECEDENCE["<<"]
        return self._text(value, least)


def _is_one(value: SSAValue) -> bool:
    op = value.owner
    literal = op.value if isinstance(op, c.LiteralOp) else None
    return isinstance(literal, IntegerAttr) and literal.value.data == 1


def _reserved(function: c.FuncOp) -> set[str]:
    """The names that locals must not hide: those of the visible files and all that is called."""
    names = {
        op.callee.string_value() for op in function.body.walk() if isinstance(op, c.CallOp)
    } | {
        constant(op.value)
        for op in function.body.walk()
        if isinstance(op, c.LiteralOp) and not isinstance(op.value, IntegerAttr)
    }
    file = function.parent_op()
    for visible in c.visible_files(file) if isinstance(file, c.FileOp) else ():
        for op in visible.body.block.ops:
            symbol = op.properties.get("sym_name")
            names.add(getattr(symbol, "data", ""))
            if isinstance(op, c.EnumOp):
                names |= op.entries.data.keys()
    return names
