"""Watching a pipeline: IR before and after passes, and where the time goes."""

from __future__ import annotations

import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TextIO

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from . import constants_file
from .pipeline import Instrument, NestStep, PassStep, Pipeline, Step
from .write_ir import PrintStyle, op_text


def _around(op: Operation) -> ModuleOp:
    while (parent := op.parent_op()) is not None:
        op = parent
    assert isinstance(op, ModuleOp)
    return op


@dataclass
class IRPrinter(Instrument):
    """Prints the IR around passes to `stream`; None as a set of names stands for all passes."""

    before: frozenset[str] | None = frozenset()
    after: frozenset[str] | None = frozenset()
    only_changed: bool = False
    after_failures: bool = False
    whole_module: bool = False
    style: PrintStyle = field(default_factory=PrintStyle)
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _fingerprints: dict[int, int] = field(default_factory=dict[int, int])

    def before_pass(self, step: PassStep, op: Operation) -> None:
        if self.before is None or step.name in self.before:
            self._print("Before", step, op)
        if self.only_changed and (self.after is None or step.name in self.after):
            self._fingerprints[id(op)] = self._fingerprint(op)

    def after_pass(self, step: PassStep, op: Operation) -> None:
        if self.after is not None and step.name not in self.after:
            return
        if self.only_changed and self._fingerprints.pop(id(op)) == self._fingerprint(op):
            return
        self._print("After", step, op)

    def after_failure(self, step: PassStep, op: Operation, error: BaseException) -> None:
        if self.after_failures:
            self._print("After", step, op, " Failed")

    def _fingerprint(self, op: Operation) -> int:
        text, sums = self._text(op)
        return zlib.crc32(text.encode(), sums)

    def _text(self, op: Operation) -> tuple[str, int]:
        """The text, and a checksum of the constants that it leaves out."""
        module = _around(op)
        with constants_file.elided(module, self.style.limit) as data:
            text = op_text(module if self.whole_module else op, self.style)
            sums = 0
            for array in data.values():
                sums = zlib.crc32(array.tobytes(), sums)
        return text, sums

    def _print(self, when: str, step: PassStep, op: Operation, outcome: str = "") -> None:
        title = f"{when} {type(step.apply).__name__}{outcome} ({step.name})"
        if not isinstance(op, ModuleOp):
            symbol = op.properties.get("sym_name", op.attributes.get("sym_name"))
            name = f": @{symbol.data}" if isinstance(symbol, StringAttr) else ""
            title += f" ('{op.name}' operation{name})"
        print(f"// -----// IR Dump {title} //----- //", file=self.stream)
        print(self._text(op)[0], file=self.stream)


class Timing(Instrument):
    """Wall time of every pass of `pipeline`, summed over all ops and pieces of the input."""

    def __init__(self, pipeline: Pipeline):
        self.pipeline = pipeline
        self.phases: defaultdict[str, float] = defaultdict(float)
        self.passes: defaultdict[int, float] = defaultdict(float)
        self.begin = self.mark = perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time something that is not a pass, as reading the input."""
        start = perf_counter()
        try:
            yield
        finally:
            self.phases[name] += perf_counter() - start

    def before_pass(self, step: PassStep, op: Operation) -> None:
        self.mark = perf_counter()

    def after_pass(self, step: PassStep, op: Operation) -> None:
        now = perf_counter()
        self.passes[id(step)] += now - self.mark
        self.mark = now

    def after_failure(self, step: PassStep, op: Operation, error: BaseException) -> None:
        self.passes[id(step)] += perf_counter() - self.mark

    def after_verify(self, step: PassStep, op: Operation) -> None:
        self.phases["Verifier"] += perf_counter() - self.mark

    def report(self) -> str:
        """The table, in the form of mlir-opt's."""
        total = perf_counter() - self.begin
        rows: list[tuple[str, float]] = []
        after = ("Verifier", "Run", "Output")
        rows += [(name, time) for name, time in self.phases.items() if name not in after]
        for step in self.pipeline.steps:
            self._add_rows(rows, step, 0)
        rows += [(name, self.phases[name]) for name in after if name in self.phases]
        known = sum(self.phases.values()) + sum(self.passes.values())
        rows += [("Rest", max(0.0, total - known)), ("Total", total)]
        line = f"===-{'-' * 73}-==="
        lines = [line, f"{'... Execution time report ...':^81}".rstrip(), line]
        lines += [f"  Total Execution Time: {total:.4f} seconds", ""]
        lines += ["  ----Wall Time----  ----Name----"]
        lines += [f"  {t:8.4f} ({100 * t / total:5.1f}%)  {name}" for name, t in rows]
        return "\n".join(lines)

    def _seconds(self, step: Step) -> float:
        if isinstance(step, NestStep):
            return sum(map(self._seconds, step.steps))
        return self.passes[id(step)]

    def _add_rows(self, rows: list[tuple[str, float]], step: Step, depth: int) -> None:
        name = f"'{step.anchor}' Pipeline" if isinstance(step, NestStep) else step.name
        rows.append((f"{'  ' * depth}{name}", self._seconds(step)))
        if isinstance(step, NestStep):
            for inner in step.steps:
                self._add_rows(rows, inner, depth + 1)
