"""The printed C: it compiles without warnings and computes what the interpreter says."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from c_programs import run_program
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute, SSAValue

from runnel.dialects import c
from runnel.dialects.diagnostics import RunnelError
from runnel.lowering.c_builder import Builder, unsigned
from runnel.lowering.c_text import declare
from runnel.lowering.print_c import CTarget, print_c
from runnel.runtime.interpreter.c import call
from runnel.tools.registry import new_context

u8, u16, u32, u64 = (unsigned(type) for type in (i8, i16, i32, i64))


# Expressions


class Expressions:
    """Random expressions that C defines for all operands: they are computed unsigned."""

    def __init__(self, seed: int, to: Builder, values: list[SSAValue]):
        self.random, self.to, self.values = random.Random(seed), to, values

    def number(self, depth: int) -> SSAValue:
        if depth == 0:
            literal = self.random.choice([0, 1, 7, 2**31, 2**32 - 1])
            return self.random.choice([*self.values, self.to.literal(literal, u32)])
        kind = self.random.randrange(6)
        if kind == 0:
            return self.to.add(c.UnaryOp(self.random.choice("-~"), self.number(depth - 1)))
        if kind == 1:
            narrow = self.random.choice([i8, u8, i16, u16, i64])
            return self.to.cast(self.to.cast(self.number(depth - 1), narrow), u32)
        if kind == 2:
            yes, no = self.number(depth - 1), self.number(depth - 1)
            return self.to.choose(self.condition(depth - 1), yes, no)
        if kind == 3:
            amount = self.to.binary("&", self.number(depth - 1), self.to.literal(31, u32))
            return self.to.binary(self.random.choice(["<<", ">>"]), self.number(depth - 1), amount)
        if kind == 4:
            divisor = self.to.binary("|", self.number(depth - 1), self.to.literal(1, u32))
            return self.to.binary(self.random.choice("/%"), self.number(depth - 1), divisor)
        operator = self.random.choice("+-*&|^")
        return self.to.binary(operator, self.number(depth - 1), self.number(depth - 1))

    def condition(self, depth: int) -> SSAValue:
        kind = self.random.randrange(4) if depth else 3
        if kind == 0:
            return self.to.negate(self.condition(depth - 1))
        if kind == 1:
            operator = self.random.choice(c.LOGICAL)
            return self.to.binary(operator, self.condition(depth - 1), self.condition(depth - 1))
        operator = self.random.choice(c.COMPARISONS)
        return self.to.binary(operator, self.number(depth), self.number(depth))


def test_expressions_keep_their_value(tmp_path: Path) -> None:
    """Parentheses are right: 150 random expressions, compiled and interpreted."""
    file = c.FileOp("expressions.c")
    file.body.block.add_op(c.IncludeOp("stdint.h", system=True))
    count, arguments = 150, [(name, u32) for name in "abc"]
    for index in range(count):
        op = c.FuncOp(f"f{index}", arguments, u32)
        file.body.block.add_op(op)
        op.body.block.add_ops(c.DiscardOp(value) for value in op.args)
        build = Expressions(index, Builder(op.body.block), list(op.args))
        op.body.block.add_op(c.ReturnOp(build.number(4)))
    module = ModuleOp([file])
    module.verify()
    inputs = [(5, 3, 2**31 + 1), (0, 2**32 - 1, 77), (2**31, 2**31 - 1, 1)]
    calls = "".join(
        f'printf("%u\\n", (unsigned)f{index}({", ".join(f"{value}u" for value in values)}));\n'
        for index in range(count)
        for values in inputs
    )
    prototypes = "".join(
        f"uint32_t f{index}(uint32_t, uint32_t, uint32_t);\n" for index in range(count)
    )
    main = "#include <stdint.h>\n#include <stdio.h>\n" + prototypes
    main += f"int main(void) {{\n{calls}return 0;\n}}\n"
    flags = ["-Wno-tautological-compare", "-Wno-type-limits"]
    output = run_program(tmp_path, {**print_c(module), "main.c": main}, flags=flags)
    expected = [
        call(module, f"f{index}", list(values)) for index in range(count) for values in inputs
    ]
    assert [int(line) for line in output.split()] == expected


def text_of(build: object, *arguments: tuple[str, Attribute]) -> str:
    """The body of a function made by `build(builder, *arguments)`, which may return a value."""
    file = c.FileOp("a.c")
    op = c.FuncOp("f", arguments, i32)
    file.body.block.add_op(op)
    op.body.block.add_op(c.ReturnOp(build(Builder(op.body.block), *op.args)))  # type: ignore
    module = ModuleOp([file])
    module.verify()
    lines = print_c(module)["a.c"].splitlines()
    return "\n".join(line.strip() for line in lines[1:-1])


def load(to: Builder, place: SSAValue) -> SSAValue:
    return to.add(c.LoadOp(place))


def test_a_read_does_not_move_past_a_call() -> None:
    def build(to: Builder, p: SSAValue) -> SSAValue:
        place = to.add(c.SubscriptOp(p, to.literal(0)))
        before = load(to, place)
        to.block.add_op(c.CallOp("rn_change", [p]))
        return to.binary("-", load(to, place), before)

    expected = "const int32_t t0 = p[0];\nrn_change(p);\nreturn p[0] - t0;"
    assert text_of(build, ("p", c.pointer(i32))) == expected


def test_a_value_used_twice_is_computed_once() -> None:
    def build(to: Builder, a: SSAValue) -> SSAValue:
        square = to.binary("*", a, a)
        square.name_hint = "square"
        return to.binary("+", square, square)

    assert text_of(build, ("a", i32)) == "const int32_t square = a * a;\nreturn square + square;"


def test_a_value_of_an_outer_block_is_computed_before_the_loop() -> None:
    def build(to: Builder, p: SSAValue, n: SSAValue) -> SSAValue:
        double = to.binary("*", n, to.literal(2))
        loop = c.ForOp(to.literal(0), n, to.literal(1))
        to.block.add_op(loop)
        inner = Builder(loop.body.block)
        element = inner.add(c.SubscriptOp(p, loop.counter))
        inner.block.add_op(c.AssignOp(element, double))
        return n

    assert text_of(build, ("p", c.pointer(i32)), ("n", i32)) == (
        "const int32_t t0 = n * 2;\nfor (int32_t i = 0; i < n; ++i) {\np[i] = t0;\n}\nreturn n;"
    )


def test_names_stay_apart() -> None:
    """Locals get other names than parameters, globals, calls, keywords and each other."""

    def build(to: Builder, a: SSAValue) -> SSAValue:
        values: list[SSAValue] = []
        for hint in ("a", "f", "for", "rn_get", "x-y", "x-y"):
            value = to.add(c.CallOp("rn_get", [a], i32))
            value.name_hint = None
            value._name = hint  # pyright: ignore[reportPrivateUsage]
            values.append(value)
        total = values[0]
        for value in values[1:]:
            total = to.binary("+", total, value)
        return total

    text = text_of(build, ("a", i32))
    names = [line.split(" = ")[0].removeprefix("const int32_t ") for line in text.splitlines()]
    assert names[:-1] == ["a_1", "f_1", "v_for", "rn_get_1", "x_y", "x_y_1"]


# Constants


@pytest.mark.parametrize(
    ("value", "type", "text"),
    [
        (-(2**31), i32, "INT32_MIN"),
        (2**31 - 1, i32, "2147483647"),
        (-(2**63), i64, "INT64_MIN"),
        (-1, i64, "-INT64_C(1)"),
        (2**32 - 1, u32, "4294967295U"),
        (2**64 - 1, u64, "UINT64_C(18446744073709551615)"),
        (-128, i8, "-128"),
    ],
)
def test_integers(value: int, type: Attribute, text: str) -> None:
    body = text_of(
        lambda to: to.cast(to.literal(value, type), i32) if type != i32 else to.literal(value)
    )
    assert body == f"return {'' if type == i32 else '(int32_t)'}{text};"


def test_numbers_are_exact(tmp_path: Path) -> None:
    """Every number, in an array or alone, reaches the program with all its bits."""
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2**32, 300, dtype=np.uint32)
    floats = bits.view(np.float32)
    edges = np.array([0.0, -0.0, 1e-45, 3.4028235e38, 0.1, np.inf, -np.inf], np.float32)
    arrays: dict[str, tuple[Attribute, np.ndarray]] = {
        "f": (f32, np.concatenate([floats[np.isfinite(floats)], edges])),
        "d": (f64, rng.normal(size=50) * 10.0 ** rng.integers(-300, 300, 50)),
        "i8": (i8, np.arange(-128, 128, dtype=np.int8)),
        "u8": (u8, np.arange(256).astype(np.uint8)),
        "i32": (i32, np.array([-(2**31), 2**31 - 1, 0, -1], np.int32)),
        "u32": (u32, np.array([0, 2**32 - 1], np.uint32)),
        "i64": (i64, np.array([-(2**63), 2**63 - 1], np.int64)),
        "u64": (u64, np.array([0, 2**64 - 1], np.uint64)),
    }
    file = c.FileOp("numbers.c")
    block = file.body.block
    block.add_ops([c.IncludeOp("math.h", system=True), c.IncludeOp("stdint.h", system=True)])
    for name, (type, array) in arrays.items():
        block.add_op(c.GlobalOp(f"n_{name}", c.ArrayType(array.size, type), array, const=True))
    module = ModuleOp([file])
    module.verify()
    declared = "".join(
        f"extern const {declare(c.ArrayType(array.size, type), f'n_{name}')};\n"
        for name, (type, array) in arrays.items()
    )
    writes = "".join(f"fwrite(n_{name}, sizeof n_{name}, 1, stdout);\n" for name in arrays)
    main = f"#include <stdint.h>\n#include <stdio.h>\n{declared}"
    main += f"int main(void) {{\n{writes}return 0;\n}}\n"
    output = run_program(tmp_path, {**print_c(module), "main.c": main})
    assert output == b"".join(array.tobytes() for _, array in arrays.values())


def test_strings_keep_every_byte(tmp_path: Path) -> None:
    text = 'quote " backslash \\ trigraph ??= tab \t line\nümlaut 12'
    file = c.FileOp("text.c")
    file.body.block.add_op(c.GlobalOp("text", c.STRING, StringAttr(text), const=True))
    main = "#include <stdio.h>\nextern const char *const text;\n"
    main += "int main(void) { return fputs(text, stdout) < 0; }\n"
    assert run_program(tmp_path, {**print_c(ModuleOp([file])), "main.c": main}) == text.encode()


def test_300_kilobytes_of_weights_take_less_than_a_second() -> None:
    rng = np.random.default_rng(0)
    file = c.FileOp("weights.c")
    file.body.block.add_op(c.IncludeOp("stdint.h", system=True))
    weights = rng.integers(-128, 128, 300_000).astype(np.int8)
    biases = rng.normal(size=20_000).astype(np.float32)
    file.body.block.add_op(c.GlobalOp("w", c.ArrayType(weights.size, i8), weights, const=True))
    file.body.block.add_op(c.GlobalOp("b", c.ArrayType(biases.size, f32), biases, const=True))
    module = ModuleOp([file])
    start = time.perf_counter()
    text = print_c(module)["weights.c"]
    assert time.perf_counter() - start < 1
    assert max(map(len, text.splitlines())) <= 100
    assert print_c(module)["weights.c"] == text


# Files


def two_files() -> ModuleOp:
    header = c.FileOp("net.h", guard="NET_H", prefix="net_")
    header.body.block.add_ops(
        [
            c.IncludeOp("stdint.h", system=True),
            c.DefineOp("NET_SIZE", IntegerAttr(-4, 32)),
            c.DefineOp("NET_SCALE", FloatAttr(-0.5, f32)),
            c.EnumOp("net_status", {"NET_OK": 0, "NET_BAD": -1}),
            c.StructOp("net_tensor", {"name": c.STRING, "shape": c.ArrayType(2, i32)}),
            c.GlobalOp("net_input", c.named("net_tensor"), extern=True, const=True),
            c.FuncOp("net_run", [("class_", c.pointer(i8, const=True))], i32, declaration=True),
            c.FuncOp("net_init", [], declaration=True),
        ]
    )
    source = c.FileOp("net.c", prefix="net_")
    name = DictionaryAttr({"name": StringAttr("x")})
    run = c.FuncOp("net_run", [("class_", c.pointer(i8, const=True))], i32)
    to = Builder(run.body.block)
    element = to.add(c.LoadOp(to.add(c.SubscriptOp(run.args[0], to.literal(0)))))
    to.block.add_op(c.ReturnOp(to.cast(element, i32)))
    init = c.FuncOp("net_init", [])
    init.body.block.add_op(c.ReturnOp())
    pointers = c.ArrayType(1, c.pointer(c.named("net_tensor"), const=True))
    table = c.GlobalOp(
        "net_table", pointers, const=True, value=ArrayAttr([SymbolRefAttr("net_input")])
    )
    source.body.block.add_ops(
        [
            c.IncludeOp("net.h"),
            c.GlobalOp("net_input", c.named("net_tensor"), name, const=True),
            table,
            c.CommentOp("Where the activations are."),
            c.GlobalOp("net_arena", c.ArrayType(64, u8), alignment=16, section=".noinit"),
            init,
            run,
        ]
    )
    module = ModuleOp([header, source])
    module.verify()
    return module


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler, g++")
def test_a_header_serves_c_and_cpp(tmp_path: Path) -> None:
    files = print_c(two_files())
    assert files["net.h"].startswith("#ifndef NET_H\n#define NET_H\n")
    assert files["net.h"].endswith("#endif\n")
    main = '#include "net.h"\n#include "net.h"\n'
    main += "int main(void) { int8_t x = 3; net_init(); return net_run(&x) - 3; }\n"
    run_program(tmp_path, {**files, "main.c": main})
    use = '#include "net.h"\nint f(void) { return net_run(nullptr); }\n'
    (tmp_path / "use.cpp").write_text(use)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
    done = subprocess.run([*command, str(tmp_path / "use.cpp")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_files_are_printed() -> None:
    with pytest.raises(RunnelError, match=r"holds no c\.file"):
        print_c(ModuleOp([]))
    module = two_files()
    module.body.block.add_op(c.CommentOp("alone"))
    with pytest.raises(RunnelError, match=r"only c\.file ops can be printed"):
        print_c(module)


def test_the_target_names_the_files() -> None:
    output = StringIO()
    CTarget().emit(new_context(), two_files(), output)
    assert [line for line in output.getvalue().splitlines() if line.startswith("/* ----")] == [
        "/* ---- net.h ---- */",
        "/* ---- net.c ---- */",
    ]
