"""Prints the c dialect as C99: one text per `c.file`, the same bytes from run to run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.target import Target

from ..dialects import c
from ..dialects.diagnostics import RunnelError, refuse
from .c_text import INDENT, comment, constant, declare, initializer, wrapped
from .print_c_function import FunctionPrinter


@dataclass(frozen=True)
class CTarget(Target):
    """`opt-tool -t c`: all files one after another, each under a comment with its name."""

    name = "c"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        files = print_c(module)
        for filename, text in files.items():
            if len(files) > 1:
                output.write(f"/* ---- {filename} ---- */\n")
            output.write(text)


def print_c(module: ModuleOp) -> dict[str, str]:
    """The C text of each `c.file` in `module`, by file name, in order."""
    files = [op for op in module.body.block.ops if isinstance(op, c.FileOp)]
    rest = [op for op in module.body.block.ops if not isinstance(op, c.FileOp)]
    if not files:
        raise RunnelError("the module holds no c.file: lower it to the c dialect first")
    if rest:
        refuse(rest[0], "only c.file ops can be printed as C")
    return {file.filename.data: print_file(file) for file in files}


def print_file(file: c.FileOp) -> str:
    """The C text of one file."""
    ops = list(file.body.block.ops)
    if file.guard is None:
        return "\n".join(_spaced(ops)) + "\n"
    guard = file.guard.data
    top = 1 + max((i for i, op in enumerate(ops) if isinstance(op, c.IncludeOp)), default=-1)
    parts = [
        [f"#ifndef {guard}", f"#define {guard}"],
        list(_spaced(ops[:top])),
        ["#ifdef __cplusplus", 'extern "C" {', "#endif"],
        list(_spaced(ops[top:])),
        ["#ifdef __cplusplus", "}", "#endif"],
        ["#endif"],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _spaced(ops: list[Operation]) -> Iterator[str]:
    """The lines of the ops, with a blank line where the kind changes."""
    previous: Operation | None = None
    for op in ops:
        if previous is not None and not isinstance(previous, c.CommentOp) and _apart(previous, op):
            yield ""
        yield from _lines(op)
        previous = op


def _apart(previous: Operation, op: Operation) -> bool:
    one_line = (c.IncludeOp, c.DefineOp, c.GlobalOp)
    if type(previous) is type(op) and isinstance(op, one_line):
        return False
    return not (_is_declaration(previous) and _is_declaration(op))


def _is_declaration(op: Operation) -> bool:
    return isinstance(op, c.FuncOp) and not op.body.blocks


def _lines(op: Operation) -> list[str]:
    match op:
        case c.IncludeOp():
            header = op.header.data
            return [f"#include <{header}>" if op.system is not None else f'#include "{header}"']
        case c.DefineOp():
            return [_define(op)]
        case c.EnumOp():
            entries = [f"{INDENT}{n} = {constant(v)}," for n, v in op.entries.data.items()]
            return ["typedef enum {", *entries, f"}} {op.sym_name.data};"]
        case c.StructOp():
            fields = [f"{INDENT}{declare(t, n)};" for n, t in op.fields.data.items()]
            return ["typedef struct {", *fields, f"}} {op.sym_name.data};"]
        case c.GlobalOp():
            return _global(op)
        case c.CommentOp():
            return comment(op.text.data, "")
        case c.FuncOp():
            return FunctionPrinter(op).lines()
        case _:
            refuse(op, "not an op of a C file")


def _define(op: c.DefineOp) -> str:
    text = constant(op.value)
    if text.startswith("-"):
        text = f"({text})"
    return f"#define {op.sym_name.data} {text}"


def _global(op: c.GlobalOp) -> list[str]:
    words = [word for word in ("extern", "static") if word in op.properties]
    declared = declare(op.type, op.sym_name.data, const=op.const is not None)
    head = " ".join([*words, declared, *_attributes(op)])
    if op.value is None:
        return wrapped(f"{head};", "")
    text = initializer(op, op.value, op.type, "", len(head) + 3)
    return [f"{head} = {text};"]


def _attributes(op: c.GlobalOp) -> list[str]:
    """What C99 has no words for, as GCC, Clang and Arm's compilers spell it."""
    items: list[str] = []
    if op.alignment is not None:
        items.append(f"aligned({op.alignment.value.data})")
    if op.section is not None:
        items.append(f'section("{op.section.data}")')
    return [f"__attribute__(({', '.join(items)}))"] if items else []
