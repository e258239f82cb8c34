"""The c dialect: text round trips, and what its functions compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    Signedness,
    StringAttr,
    SymbolRefAttr,
    f32,
    i8,
    i32,
    i64,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

from runnel.dialects import c
from runnel.dialects.c_names import KEYWORDS, LIBRARY, name_problem
from runnel.dialects.diagnostics import RunnelError
from runnel.lowering.c_builder import Builder
from runnel.lowering.print_c import print_c
from runnel.runtime.interpreter.c import call
from runnel.runtime.interpreter.c_memory import Pointer
from runnel.tools.registry import new_context

u32 = IntegerType(32, Signedness.UNSIGNED)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True).filter(
    lambda name: name_problem(name) is None and name not in LIBRARY
)
STATEMENTS = ["assign", "variable", "if", "for", "comment", "call"]
TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12)


@st.composite
def initialisers(draw: st.DrawFn) -> tuple[Attribute, Attribute]:
    """A type of a global and a value for it."""
    kind = draw(st.sampled_from(["integer", "real", "bytes", "floats", "struct", "strings"]))
    match kind:
        case "integer":
            type = draw(st.sampled_from([i8, i32, i64, u32]))
            low, high = type.value_range()
            return type, IntegerAttr(draw(st.integers(low, high - 1)), type)
        case "real":
            return f32, FloatAttr(draw(st.floats(width=32, allow_nan=False)), f32)
        case "bytes":
            data = draw(st.binary(min_size=1, max_size=300))
            type = c.ArrayType(len(data), i8)
            return type, c.GlobalOp("x", type, np.frombuffer(data, np.int8)).value  # type: ignore
        case "floats":
            values = draw(st.lists(st.floats(width=32), min_size=1, max_size=9))
            type = c.ArrayType(len(values), f32)
            return type, c.GlobalOp("x", type, np.array(values, np.float32)).value  # type: ignore
        case "strings":
            texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
            return c.ArrayType(len(texts), c.STRING), ArrayAttr(map(StringAttr, texts))
        case _:
            fields = draw(st.dictionaries(NAMES, st.integers(-9, 9), min_size=1, max_size=4))
            entries: dict[str, Attribute] = {k: IntegerAttr(v, i32) for k, v in fields.items()}
            entries["list"] = ArrayAttr([FloatAttr(0.5, f32), EmitC_OpaqueAttr(StringAttr("NULL"))])
            return c.named("shape"), DictionaryAttr(entries)


class Random:
    """Builds random expressions and statements over i32 values."""

    def __init__(self, draw: st.DrawFn, to: Builder, values: list[SSAValue]):
        self.draw, self.to, self.values = draw, to, values

    def value(self, depth: int = 2) -> SSAValue:
        kind = self.draw(st.sampled_from(["old", "literal", "binary", "unary", "choose", "cast"]))
        if depth == 0 or kind == "old":
            return self.draw(st.sampled_from(self.values))
        match kind:
            case "literal":
                return self.to.literal(self.draw(st.integers(-(2**31), 2**31 - 1)))
            case "binary":
                operator = self.draw(st.sampled_from(["+", "-", "*", "/", "%", "&", "|", "^"]))
                return self.to.binary(operator, self.value(depth - 1), self.value(depth - 1))
            case "unary":
                operator = self.draw(st.sampled_from(["-", "~"]))
                return self.to.add(c.UnaryOp(operator, self.value(depth - 1)))
            case "cast":
                return self.to.cast(self.to.cast(self.value(depth - 1), i8), i32)
            case _:
                yes, no = self.value(depth - 1), self.value(depth - 1)
                return self.to.choose(self.condition(depth - 1), yes, no)

    def condition(self, depth: int) -> SSAValue:
        operator = self.draw(st.sampled_from(c.COMPARISONS))
        first = self.to.binary(operator, self.value(depth), self.value(depth))
        if depth and self.draw(st.booleans()):
            second = self.condition(depth - 1)
            return self.to.binary(self.draw(st.sampled_from(c.LOGICAL)), first, second)
        return first

    def statements(self, pointer: SSAValue, depth: int) -> None:
        for _ in range(self.draw(st.integers(0, 3))):
            self.statement(self.draw(st.sampled_from(STATEMENTS)), pointer, depth)

    def statement(self, kind: str, pointer: SSAValue, depth: int) -> None:
        block = self.to.block
        if kind == "assign":
            element = self.to.add(c.SubscriptOp(pointer, self.value()))
            block.add_op(c.AssignOp(element, self.value()))
        elif kind == "variable":
            variable = self.to.add(c.VariableOp(i32, self.value()))
            self.values = [*self.values, self.to.add(c.LoadOp(variable))]
        elif kind == "comment":
            block.add_op(c.CommentOp(self.draw(TEXTS)))
        elif kind == "call":
            block.add_op(c.CallOp("rn_elsewhere", [pointer, self.value()]))
        elif depth and kind == "if":
            op = c.IfOp(self.condition(1))
            block.add_op(op)
            self.inside(op.then_body.block, pointer, depth)
            if self.draw(st.booleans()):
                op.else_body.add_block(Block())
                self.inside(op.else_body.block, pointer, depth)
        elif depth and kind == "for":
            op = c.ForOp(self.value(), self.value(), self.to.literal(2))
            block.add_op(op)
            self.values = [*self.values, op.counter]
            self.inside(op.body.block, pointer, depth)
            self.values = self.values[:-1]

    def inside(self, block: Block, pointer: SSAValue, depth: int) -> None:
        outer, values = self.to, self.values
        self.to = Builder(block)
        self.statements(pointer, depth - 1)
        self.to, self.values = outer, values


@st.composite
def modules(draw: st.DrawFn) -> str:
    """The text of a header and a file with globals and functions."""
    names = draw(st.lists(NAMES, min_size=3, max_size=6, unique=True))
    header = c.FileOp("a.h", guard="A_H")
    header.body.block.add_op(c.IncludeOp("stdint.h", system=True))
    file = c.FileOp("a.c")
    block = file.body.block
    block.add_ops([c.IncludeOp("a.h"), c.IncludeOp("stdbool.h", system=True)])
    *globals, function = names
    for name in globals:
        type, value = draw(initialisers())
        const = draw(st.booleans())
        static = draw(st.booleans())
        alignment = draw(st.sampled_from([None, 4, 16]))
        block.add_op(
            c.GlobalOp(name, type, value, const=const, static=static, alignment=alignment)  # type: ignore
        )
    arguments = [("p", c.pointer(i32)), ("a", i32), ("b", i32)]
    header.body.block.add_op(c.FuncOp(function, arguments, i32, declaration=True))
    defined = c.FuncOp(function, arguments, i32)
    block.add_op(defined)
    pointer, *values = defined.args
    build = Random(draw, Builder(defined.body.block), list(values))
    build.statements(pointer, 2)
    defined.body.block.add_op(c.ReturnOp(build.value()))
    module = ModuleOp([header, file])
    module.verify()
    return str(module)


def parse(text: str) -> ModuleOp:
    return Parser(new_context(), text).parse_module()


@given(modules())
@settings(max_examples=40)
def test_text_reads_back_as_the_same_module(text: str) -> None:
    module = parse(text)
    module.verify()
    assert str(module) == text
    assert print_c(parse(text)) == print_c(module)


@given(modules())
@settings(max_examples=20)
def test_lines_keep_to_the_width_where_there_is_a_blank(text: str) -> None:
    for printed in print_c(parse(text)).values():
        for line in printed.splitlines():
            assert len(line) <= 100 or " " not in line.strip().strip("/* ") or '"' in line


@pytest.mark.parametrize("name", ["for", "class", "1a", "a-b", "", "_A", "__b"])
def test_names_that_c_does_not_take(name: str) -> None:
    with pytest.raises(VerifyException, match=r"not a C identifier|a keyword|reserved"):
        c.GlobalOp(name, i32).verify()


def test_keywords_and_library_are_apart() -> None:
    assert "while" in KEYWORDS and "expf" in LIBRARY and not KEYWORDS & LIBRARY


# What functions compute


def function(
    build: Any, arguments: list[tuple[str, Attribute]], result: Attribute | None = None
) -> ModuleOp:
    """A module with the function @f, whose body `build(builder, *arguments)` makes."""
    file = c.FileOp("a.c")
    op = c.FuncOp("f", arguments, result)
    file.body.block.add_op(op)
    value = build(Builder(op.body.block), *op.args)
    op.body.block.add_op(c.ReturnOp(value))
    module = ModuleOp([file])
    module.verify()
    return module


def two(operator: str, type: Attribute = i32) -> ModuleOp:
    return function(lambda to, a, b: to.binary(operator, a, b), [("a", type), ("b", type)], type)


@pytest.mark.parametrize(
    ("operator", "a", "b", "expected"),
    [
        ("/", -7, 2, -3),
        ("%", -7, 2, -1),
        ("/", 7, -2, -3),
        ("%", 7, -2, 1),
        (">>", -5, 1, -3),
        ("^", -1, 5, -6),
        ("-", 2, 5, -3),
    ],
)
def test_integer_arithmetic_is_that_of_c(operator: str, a: int, b: int, expected: int) -> None:
    assert call(two(operator), "f", [a, b]) == expected


def test_unsigned_arithmetic_wraps() -> None:
    assert call(two("-", u32), "f", [1, 2]) == 2**32 - 1


@pytest.mark.parametrize(
    ("operator", "a", "b", "message"),
    [
        ("+", 2**31 - 1, 1, "overflows i32"),
        ("*", -(2**31), -1, "overflows i32"),
        ("/", 1, 0, "1 / 0"),
        ("<<", -1, 2, "is not defined for i32"),
        (">>", 1, 32, "is not defined for i32"),
    ],
)
def test_what_c_leaves_undefined_is_an_error(operator: str, a: int, b: int, message: str) -> None:
    with pytest.raises(Exception, match=message):
        call(two(operator), "f", [a, b])


def test_access_outside_of_an_object_is_an_error() -> None:
    def last(to: Builder, p: SSAValue, i: SSAValue) -> SSAValue:
        return to.add(c.LoadOp(to.add(c.SubscriptOp(p, i))))

    module = function(last, [("p", c.pointer(i32, const=True)), ("i", i32)], i32)
    values = np.arange(4, dtype=np.int32)
    assert call(module, "f", [values, 3]) == 3
    with pytest.raises(Exception, match="outside of an object of 16 bytes"):
        call(module, "f", [values, 4])
    with pytest.raises(Exception, match="outside of an object of 16 bytes"):
        call(module, "f", [values, -1])


def test_kernels_get_views_of_the_memory() -> None:
    def build(to: Builder, x: SSAValue, y: SSAValue) -> None:
        shape = to.add(c.GetGlobalOp("shape", c.pointer(c.named("pair"), const=True)))
        moved = to.binary("+", y, to.literal(2))
        to.block.add_op(c.CallOp("rn_scale", [shape, x, to.cast(moved, c.VOID_POINTER)]))

    module = ModuleOp([])
    file = c.FileOp("a.c")
    factors = c.GlobalOp("factors", c.ArrayType(2, i32), np.array([3, 5]), static=True, const=True)
    entries = {"factor": SymbolRefAttr("factors"), "n": IntegerAttr(2, i32)}
    shape = c.GlobalOp("shape", c.named("pair"), DictionaryAttr(entries), static=True, const=True)
    op = c.FuncOp("f", [("x", c.pointer(i8, const=True)), ("y", c.pointer(i8))])
    file.body.block.add_ops([factors, shape, op])
    build(Builder(op.body.block), *op.args)
    op.body.block.add_op(c.ReturnOp())
    module.body.block.add_op(file)
    module.verify()

    def scale(shape: Pointer, x: Pointer, y: Pointer) -> None:
        fields = shape.load()
        y.cast(i8).array(fields["n"])[:] = x.array(2) * fields["factor"].array(2)

    x, y = np.array([4, -6], np.int8), np.zeros(4, np.int8)
    call(module, "f", [x, y], {"rn_scale": scale})
    assert y.tolist() == [0, 0, 12, -30]
    with pytest.raises(RunnelError, match="nothing says what @rn_scale does"):
        call(module, "f", [x, y])


def test_globals_live_from_call_to_call_within_one_program() -> None:
    header = c.FileOp("a.h", guard="A_H")
    header.body.block.add_op(c.GlobalOp("count", i32, extern=True))
    header.body.block.add_op(c.FuncOp("next", [], i32, declaration=True))
    first, second = c.FileOp("a.c"), c.FileOp("b.c")
    step = c.FuncOp("next", [], i32)
    to = Builder(step.body.block)
    place = to.add(c.GetGlobalOp("count", c.LValueType(i32)))
    raised = to.binary("+", to.add(c.LoadOp(place)), to.literal(1))
    step.body.block.add_ops([c.AssignOp(place, raised), c.ReturnOp(raised)])
    first.body.block.add_ops([c.IncludeOp("a.h"), c.GlobalOp("count", i32), step])
    twice = c.FuncOp("twice", [], i32)
    to = Builder(twice.body.block)
    to.add(c.CallOp("next", [], i32))
    twice.body.block.add_op(c.ReturnOp(to.add(c.CallOp("next", [], i32))))
    second.body.block.add_ops([c.IncludeOp("a.h"), twice])
    module = ModuleOp([header, first, second])
    module.verify()
    assert call(module, "twice", []) == 2
