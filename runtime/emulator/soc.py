"""Runs programs on the native core."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import astuple, fields
from enum import IntEnum
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from ...dialects.diagnostics import RunnelError
from .elf import Elf
from .machine import Machine
from .native_library import library
from .report import LOG, HartReport, Report, StackReport, Summary

CONFIG = tuple(field.name for field in fields(Machine) if field.name not in ("memories", "free"))
Console = Callable[[bytes], None]
U64 = ctypes.c_uint64
CONSOLE = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_char), U64)


class Status(IntEnum):
    """`soc_status` of soc.h."""

    EXIT = 0
    FAULT = 1
    DEADLOCK = 2
    LIMIT = 3


FAULTS = (
    *("", "wild load of {size} bytes at {address:#010x}"),
    "wild store of {size} bytes at {address:#010x}",
    "jump to {address:#010x}, where no code is",
    "illegal instruction at {address:#010x}",
    "no such device register: {address:#010x}",
    "DMA: {text} ({size} bytes, external address {address:#010x})",
    "NPU: {text} ({address:#010x})",
    "stack overflow: its pointer would go down by {size} bytes to {address:#010x}",
)
"""By `fault_kind` of soc.h."""


def _native() -> ctypes.CDLL:
    native = library()
    pointer, word = ctypes.c_void_p, ctypes.c_uint32
    native.soc_new.restype = pointer
    native.soc_new.argtypes = [pointer, CONSOLE]
    native.soc_add_memory.argtypes = [pointer, pointer]
    native.soc_add_stack.argtypes = [pointer, ctypes.c_int, word, word]
    native.soc_stack_used.argtypes = [pointer, ctypes.c_int]
    native.soc_stack_used.restype = word
    native.soc_add_free_range.argtypes = [pointer, ctypes.c_int, word, word]
    native.soc_write.argtypes = [pointer, word, ctypes.c_char_p, word]
    native.soc_read.argtypes = [pointer, word, ctypes.c_char_p, word]
    native.soc_start.argtypes = [pointer, word]
    native.soc_run.argtypes = [pointer, U64]
    native.soc_hart_stats.argtypes = [pointer, ctypes.c_int, pointer]
    native.soc_hart_state.argtypes = [pointer, ctypes.c_int, pointer]
    native.soc_summary.argtypes = [pointer, pointer]
    native.soc_log.argtypes = [pointer, ctypes.POINTER(pointer)]
    native.soc_log.restype = U64
    native.soc_fault_text.argtypes = [pointer]
    native.soc_fault_text.restype = ctypes.c_char_p
    native.soc_free.argtypes = [pointer]
    return native


def _write_stdout(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.flush()


class Emulator:
    """One machine; every `run` starts it anew. Files of the program are those of this process's
    folder, and the same program gives the same report each time.
    """

    def __init__(self, machine: Machine, console: Console = _write_stdout):
        self.machine = machine
        self.console = console

    def run(self, program: Path | Elf, *, limit: int = 1 << 62) -> Report:
        """Run until the program exits; a fault, a deadlock or too many cycles: `RunnelError`."""
        elf = program if isinstance(program, Elf) else Elf.read(program)
        native = _native()
        config = (U64 * len(CONFIG))(*(getattr(self.machine, name) for name in CONFIG))
        console = CONSOLE(lambda text, count: self.console(text[:count]))
        soc = native.soc_new(config, console)
        try:
            self._load(native, soc, elf)
            started = perf_counter()
            status = Status(native.soc_run(soc, limit))
            seconds = perf_counter() - started
            report = _report(native, soc, elf, self.machine.cores, seconds)
            if status != Status.EXIT:
                raise RunnelError(_explain(native, soc, status, report, elf, limit))
            return report
        finally:
            native.soc_free(soc)

    def _load(self, native: ctypes.CDLL, soc: int, elf: Elf) -> None:
        for r in self.machine.memories:
            if not native.soc_add_memory(soc, (ctypes.c_uint32 * 8)(*astuple(r)[1:])):
                raise RunnelError(f"memory {r.name}: the emulator has no room for more memories")
        for free in self.machine.free:
            if not native.soc_add_free_range(soc, free.layer, free.address, free.size):
                raise RunnelError(
                    f"free after layer {free.layer}: {free.size} bytes at {free.address:#010x} "
                    "are in no memory"
                )
        for stack in _stacks(elf, self.machine.cores):
            native.soc_add_stack(soc, stack.hart, stack.low, stack.high)
        for address, data in elf.segments:
            if not native.soc_write(soc, address, data, len(data)):
                raise RunnelError(
                    f"{elf.path}: a segment of {len(data)} bytes at {address:#010x} is in no memory"
                )
        native.soc_start(soc, elf.entry)


class Stack(NamedTuple):
    """The stack of a hart, from `low` to `high`; that of main() is of whoever runs it."""

    name: str
    hart: int
    low: int
    high: int


def _stacks(elf: Elf, cores: int) -> list[Stack]:
    """What the board's linker script says of stacks; a program without is not checked."""
    found: list[Stack] = []
    low, high = elf.symbols.get("rn_core_stack_limit"), elf.symbols.get("rn_core_stack_top")
    if low is not None and high is not None:
        size = high - low
        found += [
            Stack(f"core {core}", core, low + core * size, high + core * size)
            for core in range(cores)
        ]
    low, high = elf.symbols.get("rn_stack_limit"), elf.symbols.get("rn_stack_top")
    if low is not None and high is not None:
        found.append(Stack("main", -1, low, high))
    return found


def _report(native: ctypes.CDLL, soc: int, elf: Elf, cores: int, seconds: float) -> Report:
    summary = (U64 * len(fields(Summary)))()
    native.soc_summary(soc, summary)
    harts: list[HartReport] = []
    for index in range(cores + 1):
        numbers = (U64 * len(fields(HartReport)))()
        native.soc_hart_stats(soc, index, numbers)
        harts.append(HartReport(*numbers))
    entries = ctypes.c_void_p()
    count = native.soc_log(soc, ctypes.byref(entries))
    log = ctypes.string_at(entries, count * LOG.itemsize) if count else b""
    stacks = tuple(
        StackReport(stack.name, stack.high - stack.low, native.soc_stack_used(soc, index))
        for index, stack in enumerate(_stacks(elf, cores))
    )
    return Report(tuple(harts), Summary(*summary), log, seconds, stacks)


def hart_name(index: int, cores: int) -> str:
    """`core 3`, or `controller` for the one behind the cores."""
    return f"core {index}" if index < cores else "controller"


def _explain(
    native: ctypes.CDLL, soc: int, status: Status, report: Report, elf: Elf, limit: int
) -> str:
    cores = len(report.harts) - 1
    summary = report.summary
    if status == Status.FAULT:
        text = native.soc_fault_text(soc).decode()
        what = FAULTS[summary.fault].format(
            size=summary.fault_size, address=summary.fault_address, text=text
        )
        if summary.fault_hart > cores:
            return f"{elf.path.name}: {what}"
        state = _state(native, soc, summary.fault_hart)
        layer = f", behind the mark of layer {state[3]}" if state[3] >= 0 else ""
        return (
            f"{elf.path.name}: {hart_name(summary.fault_hart, cores)}: {what}, in "
            f"{elf.place(summary.fault_pc)} (pc {summary.fault_pc:#010x}, called from "
            f"{elf.place(state[2])}){layer}"
        )
    states = [(hart_name(i, cores), _state(native, soc, i)) for i in range(cores + 1)]
    where = "; ".join(f"{name} in {elf.place(pc)}" for name, (kind, pc, _, _) in states if kind)
    if status == Status.LIMIT:
        return f"{elf.path.name}: still running after {limit} cycles: {where}"
    return f"{elf.path.name}: all harts wait for an event that nothing will raise: {where}"


def _state(native: ctypes.CDLL, soc: int, index: int) -> tuple[int, int, int, int]:
    """State, program counter, return address and last layer mark of a hart."""
    words = (ctypes.c_uint32 * 4)()
    native.soc_hart_state(soc, index, words)
    kind, pc, ra, layer = words
    return kind, pc, ra, layer - (1 << 32) if layer >> 31 else layer
