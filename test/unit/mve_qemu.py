"""Compile C kernels for Cortex-M55 and run them on QEMU's mps3-an547.

A case is one call of a kernel on given arrays. Each case runs three times: with `x` ending where
memory ends, with `x` beginning where memory begins, and with `w` ending where memory ends, so
that an access outside either of them is a bus fault; `y` and `scratch` are exact and stand
between canaries.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "runtime" / "c" / "kernels"
GCC = "arm-none-eabi-gcc"
QEMU = "qemu-system-arm"
# -icount shift=6: 64 ns per instruction; the system counter runs at 32 MHz.
TICKS_PER_INSTRUCTION = 64e-9 * 32e6
FENCE = 64
COMPILE = [
    "-mcpu=cortex-m55",
    "-mthumb",
    "-mfloat-abi=hard",
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Werror",
]
LINK = ["-nostartfiles", "--specs=nano.specs", "-Wl,--no-warn-rwx-segments", "-T"]
EMULATE = (
    f"{QEMU} -M mps3-an547 -nographic -monitor none -serial none "
    "-semihosting-config enable=on,target=native -icount shift=6"
).split()

LINKER_SCRIPT = """
ENTRY(vectors)
MEMORY {
  BOOT (rx) : ORIGIN = 0x10000000, LENGTH = 512K
  DDR (rwx) : ORIGIN = 0x70000000, LENGTH = 16M
}
SECTIONS {
  .vectors : { KEEP(*(.vectors)) } > BOOT
  .text : { *(.text*) } > DDR
  .rodata : { *(.rodata*) *(.data*) } > DDR
  .bss : { *(.bss*) *(COMMON) . = ALIGN(16); . += 0x10000; stack_top = .; } > DDR
  /DISCARD/ : { *(.ARM.exidx*) *(.comment) }
}
"""

PRELUDE = """
#include <stdint.h>
#include <string.h>
int semihost(int op, const void *arg);
static int file;
static uint32_t ticks(void) { return *(volatile uint32_t *)0x58000000; }
static void emit(const void *p, uint32_t n) {
    const uint32_t a[3] = {(uint32_t)file, (uint32_t)p, n};
    semihost(0x05, a);
}
#define MEMORY_BEGIN ((int8_t *)0x30000000)
#define MEMORY_END ((int8_t *)0x30080000)
"""


@dataclass
class Case:
    """`call` is C; in it x, w, y, scratch are the buffers. `prelude` is C at file scope."""

    prelude: str
    call: str
    x: np.ndarray
    w: np.ndarray
    y_bytes: int
    scratch_bytes: int


@dataclass
class Result:
    y: np.ndarray
    instructions: int
    code_bytes: int


def missing() -> str | None:
    """Why the tests cannot run here, or None."""
    absent = [tool for tool in (GCC, QEMU) if shutil.which(tool) is None]
    return f"needs {', '.join(absent)}" if absent else None


def array(name: str, values: np.ndarray) -> str:
    """A C definition of a constant array."""
    kind = {"int8": "int8_t", "int32": "int32_t"}[values.dtype.name]
    text = ",".join(map(str, values.ravel().tolist()))
    return f"static const {kind} {name}[] = {{{text}}};\n"


def program(cases: Sequence[Case], headers: Sequence[str]) -> str:
    """The C source that runs all cases and writes their outputs to the file `out`."""
    out = [PRELUDE, *(f'#include "{h}"\n' for h in headers)]
    body: list[str] = []
    for i, case in enumerate(cases):
        x, w = case.x.astype(np.int8), case.w.astype(np.int8)
        y_all, s_all = case.y_bytes + 2 * FENCE, case.scratch_bytes + 2 * FENCE
        out += [
            case.prelude,
            array(f"x{i}", x) if x.size else f"static const int8_t x{i}[1];\n",
            array(f"w{i}", w) if w.size else f"static const int8_t w{i}[1];\n",
            f"static int8_t y{i}[{y_all}];\n",
            f"static int8_t s{i}[{s_all}] __attribute__((aligned(16)));\n",
            f"__attribute__((noinline)) static void case{i}(const int8_t *x, const int8_t *w, "
            f"int8_t *y, void *scratch) {{\n(void)w; (void)scratch;\n{case.call}\n}}\n",
        ]
        places = [
            (f"memcpy(MEMORY_END - {x.size}, x{i}, {x.size});", f"MEMORY_END - {x.size}", f"w{i}"),
            (f"memcpy(MEMORY_BEGIN, x{i}, {x.size});", "MEMORY_BEGIN", f"w{i}"),
            (f"memcpy(MEMORY_END - {w.size}, w{i}, {w.size});", f"x{i}", f"MEMORY_END - {w.size}"),
        ]
        for setup, x_at, w_at in places:
            body += [
                f"memset(y{i}, 0x5a, {y_all}); memset(s{i}, 0x5a, {s_all}); {setup}",
                f"t = ticks(); case{i}({x_at}, {w_at}, y{i} + {FENCE}, s{i} + {FENCE});",
                "t = ticks() - t; emit(&t, 4);",
                f"emit(y{i}, {y_all}); emit(s{i}, {FENCE});",
                f"emit(s{i} + {FENCE + case.scratch_bytes}, {FENCE});",
            ]
    out.append("int main(void) {\nuint32_t t;\n")
    out.append('const uint32_t a[3] = {(uint32_t)"out", 5, 3};\nfile = semihost(0x01, a);\n')
    out += [line + "\n" for line in body]
    out.append("return 42;\n}\n")
    return "".join(out)


def code_sizes(elf: Path, count: int) -> list[int]:
    text = subprocess.run(
        ["arm-none-eabi-nm", "-S", elf], check=True, capture_output=True, text=True
    ).stdout
    fields = [line.split() for line in text.splitlines()]
    # gcc may append .constprop.0 and the like
    sizes = {f[3].partition(".")[0]: int(f[1], 16) for f in fields if len(f) == 4}
    return [sizes.get(f"case{i}", 0) for i in range(count)]


def run(
    cases: Sequence[Case], headers: Sequence[str], folder: Path, flags: Sequence[str] = ("-O2",)
) -> list[Result]:
    """Outputs, instructions and code size of each case.

    Raises AssertionError if a case faults or writes outside y or scratch."""
    (folder / "main.c").write_text(program(cases, headers))
    (folder / "link.ld").write_text(LINKER_SCRIPT)
    elf = folder / "main.elf"
    sources = [folder / "main.c", HERE / "mve_start.c"]
    subprocess.run(
        [GCC, *COMPILE, *flags, f"-I{KERNELS}", *sources, *LINK, folder / "link.ld", "-o", elf],
        check=True,
    )
    done = subprocess.run(
        [*EMULATE, "-kernel", elf],
        cwd=folder,
        timeout=300,
        capture_output=True,
    )
    raw = (folder / "out").read_bytes()
    results: list[Result] = []
    at = 0
    for i, (case, code) in enumerate(zip(cases, code_sizes(elf, len(cases)), strict=True)):
        outputs: list[np.ndarray] = []
        ticks = 0
        for place in ("x before the end of memory", "x at the start", "w before the end of memory"):
            n = case.y_bytes + 2 * FENCE
            chunk = raw[at : at + 4 + n + 2 * FENCE]
            at += len(chunk)
            assert len(chunk) == 4 + n + 2 * FENCE, f"case {i} faults with {place}"
            ticks = ticks or int.from_bytes(chunk[:4], "little")
            y = np.frombuffer(chunk[4 : 4 + n], np.int8)
            fences = np.concatenate([y[:FENCE], y[-FENCE:], np.frombuffer(chunk[4 + n :], np.int8)])
            assert (fences == 0x5A).all(), f"case {i} writes outside y or scratch"
            outputs.append(y[FENCE:-FENCE])
        assert all((y == outputs[0]).all() for y in outputs)
        results.append(Result(outputs[0], round(ticks / TICKS_PER_INSTRUCTION), code))
    assert done.returncode == 42, f"QEMU ended with {done.returncode}"
    return results
