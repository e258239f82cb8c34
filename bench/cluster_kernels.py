"""Cycles of the cluster's kernels on the emulator, on all cores and on one.

python bench/cluster_kernels.py [--only TEXT] [--flavour _rv32]

Typical layers of the MLPerf Tiny networks, data in L1, sizes of the tile unknown to the compiler.
The first run of a layer fills the instruction cache (`cold`); `warm` is the second.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from runnel.runtime.emulator import Emulator, machine_of
from runnel.runtime.platforms import BOARDS, load_platform
from runnel.runtime.runners.build_files import KERNELS, defines, memory_script
from runnel.tools.report.text_table import text_table

HEAD = """
#include "rn_cluster.h"
#include "rn_board.h"
#include "rn_semihost.h"
#include "rn_cluster_part.h"
#define L1 ((int8_t *)0x10006000)
static const rn_requant requant = {0, 3, -128, 127, 0};
static volatile int32_t opaque;
static uint32_t spent[LAYERS][4];
static int32_t *random_words(int32_t *at, int32_t bytes) {
    static uint32_t state = 1;
    for (; bytes > 0; bytes -= 4, at++) *at = (int32_t)(state = state * 1664525u + 1013904223u);
    return at;
}
static void put(uint32_t v) {
    char text[12], *p = text + 11;
    *p = 0;
    do *--p = (char)('0' + v % 10); while ((v /= 10) != 0);
    rn_board_print(p);
    rn_board_print(" ");
}
"""

LAYER = """
#include "{symbol}.h"
static rn_channels channels_{i};
static int8_t *x_{i}, *w_{i}, *y_{i}, *scratch_{i};
static inline __attribute__((always_inline)) void kernel_{i}(int32_t core, int32_t cores) {{
    const int32_t o = opaque;
    const int8_t *const x = x_{i}, *const w = w_{i};
    const rn_channels *const channels = &channels_{i};
    int8_t *const y = y_{i}, *const scratch = scratch_{i};
    (void)o, (void)w, (void)channels, (void)scratch;
    {call}
}}
static __attribute__((noinline)) void all_{i}(int32_t core) {{
    kernel_{i}(core, RN_CORES);
}}
static __attribute__((noinline)) void one_{i}(void) {{ kernel_{i}(0, 1); }}
static __attribute__((noinline)) void work_{i}(int32_t core) {{
    for (int run = 0; run < 4; run++) {{
        rn_cluster_barrier();
        const uint32_t start = rn_pulp_cycles();
        if (run < 2) all_{i}(core);
        else if (core == 0) one_{i}();
        rn_cluster_barrier();
        if (core == 0) spent[{i}][run] = rn_pulp_cycles() - start;
    }}
}}
static void layer_{i}(void) {{
    int32_t *at = (int32_t *)L1;
    x_{i} = (int8_t *)at, at = random_words(at, {x});
    w_{i} = (int8_t *)at, at = random_words(at, {w});
    channels_{i}.bias = at, at = random_words(at, 4 * {channels});
    channels_{i}.multiplier = at, at = random_words(at, 4 * {channels});
    channels_{i}.shift = (int8_t *)at;
    for (int i = 0; i < {channels}; i++) ((int8_t *)at)[i] = 40;
    at += ({channels} + 3) / 4;
    y_{i} = (int8_t *)at, at += {y} / 4 + 4;
    scratch_{i} = (int8_t *)at;
    rn_cluster_run(work_{i});
}}
"""


DENSE = ("conv2d", "fully_connected", "matmul")


@dataclass(frozen=True)
class Layer:
    name: str
    op: str
    height: int
    width: int
    in_c: int
    out_c: int
    k: int = 1
    stride: int = 1
    pad: int = 0
    count: int = 1
    """How often ResNet8 has it."""

    @property
    def out(self) -> tuple[int, int]:
        """(height, width) of the output."""

        def size(n: int) -> int:
            return (n + 2 * self.pad - self.k) // self.stride + 1

        return size(self.height), size(self.width)

    @property
    def work(self) -> int:
        """Products, or outputs times window where there are none."""
        out = self.out[0] * self.out[1] * self.out_c
        return out * self.k * self.k * (self.in_c if self.op in DENSE else 1)

    def call(self, symbol: str) -> str:
        """The call of one core; `o` is a zero that the compiler does not know."""
        h, w = self.out
        sizes = [f"{self.height} + o", f"{self.width} + o", str(self.in_c)]
        steps = [self.k, self.k, self.stride, self.stride]
        pitches = ", ".join(
            f"(rn_pitch){{{width * channels} + o, {channels}}}"
            for width, channels in ((self.width, self.in_c), (w, self.out_c))
        )
        share = "core, cores"
        match self.op:
            case "conv2d" | "depthwise_conv2d":
                groups = 1 if self.op == "conv2d" else self.in_c
                pads = [f"{self.pad} + o"] * 2
                out = [f"{h} + o", f"{w} + o", f"{self.out_c} + o"]
                fields = (*sizes, *out, *steps, 1, 1, *pads, groups, -128)
                numbers = f"{pitches}, &requant, channels, x, w, y, scratch"
                return self.struct("conv2d", fields, f"{symbol}(&s, {numbers}, {share});")
            case "fully_connected":
                call = f"{symbol}(&s, &requant, channels, x, w, y, scratch, {share});"
                return self.struct(self.op, (1, self.in_c, f"{self.out_c} + o"), call)
            case "add":
                numbers = "1 << 20, 1 << 19, 77, 21, -128, 127, x, x, y"
                pitch = pitches[: len(pitches) // 2 - 1]
                box = f"{h} + o, {w}, {self.out_c}"
                return f"{symbol}({box}, {pitch}, {pitch}, {pitch}, {numbers}, {share});"
            case "matmul":
                inputs = [(self.height, self.in_c), (self.in_c, self.out_c), (h, self.out_c)]
                pitch = ", ".join(f"(rn_pitch){{{m * n} + o, {n}}}" for m, n in inputs)
                fields = (1, f"{self.height} + o", self.in_c, f"{self.out_c} + o", 5, 3)
                numbers = f"{pitch}, &requant, 1 << 30, 40, x, w, y, scratch"
                return self.struct("matmul", fields, f"{symbol}(&s, {numbers}, {share});")
            case "softmax":
                words = "(const int32_t *)(const void *)w, -128, x, y"
                return f"{symbol}(1, {h} + o, {self.out_c}, {pitches}, {words}, {share});"
            case "layer_norm":
                words = "(const int32_t *)(const void *)w, x, y"
                call = f"{symbol}(1, {h} + o, {pitches}, &s, {words}, {share});"
                return self.struct("layer_norm", (1, self.out_c, 44, -128, 127, 7), call)
            case "transpose":
                turned = f"(rn_pitch){{{h * self.in_c} + o, {h}}}"
                pitch = f"(rn_pitch){{{h * self.in_c} + o, 1}}, {self.in_c}"
                return f"{symbol}(1, {self.in_c}, {h} + o, {pitch}, {turned}, x, y, {share});"
            case "table":
                return f"{symbol}({h} + o, {w}, {self.out_c}, {pitches}, w, x, y, {share});"
            case "copy":
                return f"{symbol}({h} + o, {w}, {self.out_c}, {pitches}, x, y, {share});"
            case _:
                fields = (*sizes, h, w, *steps, self.pad, self.pad, -128)
                average = self.op == "avg_pool2d"
                numbers = "&requant, 0, 1 << 30, 36, x, y, 0" if average else "-128, 127, x, y"
                call = f"{symbol}(&s, {pitches}, {numbers}, {share});"
                return self.struct("pool2d", fields, call)

    def struct(self, kind: str, fields: Sequence[int | str], call: str) -> str:
        return f"const rn_{kind}_shape s = {{{', '.join(map(str, fields))}}}; {call}"

    def text(self, index: int, flavour: str) -> str:
        name = f"rn_cluster_{self.op}_s8"
        if self.op == "depthwise_conv2d" and self.k != 3 and flavour == "_xpulp":
            flavour = "_rv32"
        symbol = name + flavour if (KERNELS / f"{name}{flavour}.h").is_file() else name
        h, w = self.out
        weights = self.k * self.k * self.out_c * (self.in_c if self.op in DENSE else 1)
        return LAYER.format(
            symbol=symbol, i=index, call=self.call(symbol), x=self.height * self.width * self.in_c,
            w=max(weights, 1024), y=h * w * self.out_c, channels=self.out_c,
        )  # fmt: skip


LAYERS = (
    Layer("ResNet8 3x3 32x32x3-16", "conv2d", 32, 32, 3, 16, 3, 1, 1, 1),
    Layer("ResNet8 3x3 32x32x16-16", "conv2d", 32, 32, 16, 16, 3, 1, 1, 2),
    Layer("ResNet8 3x3 s2 32x32x16-32", "conv2d", 32, 32, 16, 32, 3, 2, 1, 1),
    Layer("ResNet8 1x1 s2 32x32x16-32", "conv2d", 32, 32, 16, 32, 1, 2, 0, 1),
    Layer("ResNet8 3x3 16x16x32-32", "conv2d", 16, 16, 32, 32, 3, 1, 1, 1),
    Layer("ResNet8 3x3 s2 16x16x32-64", "conv2d", 16, 16, 32, 64, 3, 2, 1, 1),
    Layer("ResNet8 1x1 s2 16x16x32-64", "conv2d", 16, 16, 32, 64, 1, 2, 0, 1),
    Layer("ResNet8 3x3 8x8x64-64", "conv2d", 8, 8, 64, 64, 3, 1, 1, 1),
    Layer("ResNet8 add 32x32x16", "add", 32, 32, 16, 16),
    Layer("ResNet8 add 16x16x32", "add", 16, 16, 32, 32),
    Layer("ResNet8 add 8x8x64", "add", 8, 8, 64, 64),
    Layer("ResNet8 avg 8x8x64", "avg_pool2d", 8, 8, 64, 64, 8),
    Layer("ResNet8 fc 64-10", "fully_connected", 1, 1, 64, 10),
    Layer("DS-CNN 1x1 25x5x64-64", "conv2d", 25, 5, 64, 64, count=0),
    Layer("DS-CNN dw 25x5x64", "depthwise_conv2d", 25, 5, 64, 64, 3, 1, 1, 0),
    Layer("VWW 3x3 s2 32x96x3-8", "conv2d", 32, 96, 3, 8, 3, 2, 1, 0),
    Layer("VWW dw 48x48x8", "depthwise_conv2d", 48, 48, 8, 8, 3, 1, 1, 0),
    Layer("VWW 1x1 48x48x8-16", "conv2d", 48, 48, 8, 16, count=0),
    Layer("VWW dw s2 48x48x16", "depthwise_conv2d", 48, 48, 16, 16, 3, 2, 1, 0),
    Layer("VWW 1x1 12x12x64-64", "conv2d", 12, 12, 64, 64, count=0),
    Layer("VWW dw 6x6x128", "depthwise_conv2d", 6, 6, 128, 128, 3, 1, 1, 0),
    Layer("VWW 1x1 6x6x128-128", "conv2d", 6, 6, 128, 128, count=0),
    Layer("VWW dw 3x3x256", "depthwise_conv2d", 3, 3, 256, 256, 3, 1, 1, 0),
    Layer("VWW 1x1 3x3x256-256", "conv2d", 3, 3, 256, 256, count=0),
    Layer("1x1 1x1x256-256", "conv2d", 1, 1, 256, 256, count=0),
    Layer("1x1 4x4x64-64", "conv2d", 4, 4, 64, 64, count=0),
    Layer("dw 5x5 12x12x32", "depthwise_conv2d", 12, 12, 32, 32, 5, 1, 2, 0),
    Layer("AD fc 640-128", "fully_connected", 1, 1, 640, 128, count=0),
    Layer("KWT matmul 99x64 64x99", "matmul", 99, 1, 64, 99, count=0),
    Layer("KWT matmul 99x99 99x64", "matmul", 99, 1, 99, 64, count=0),
    Layer("matmul 16x16 16x16", "matmul", 16, 1, 16, 16, count=0),
    Layer("matmul 32x256 256x32", "matmul", 32, 1, 256, 32, count=0),
    Layer("KWT softmax 99x99", "softmax", 99, 1, 99, 99, count=0),
    Layer("softmax 16x16", "softmax", 16, 1, 16, 16, count=0),
    Layer("KWT layer norm 99x64", "layer_norm", 99, 1, 64, 64, count=0),
    Layer("layer norm 16x256", "layer_norm", 16, 1, 256, 256, count=0),
    Layer("KWT transpose 99x64", "transpose", 99, 1, 64, 64, count=0),
    Layer("max 2x2 s2 32x32x16", "max_pool2d", 32, 32, 16, 16, 2, 2, 0, 0),
    Layer("table 16x16x32", "table", 16, 16, 32, 32, count=0),
    Layer("copy 4x16x32", "copy", 4, 16, 32, 32, count=0),
    Layer("copy 16x16x32", "copy", 16, 16, 32, 32, count=0),
    Layer("copy 8x8x16", "copy", 8, 8, 16, 16, count=0),
)


def measure(layers: list[Layer], flavour: str, folder: Path) -> list[tuple[int, ...]]:
    """Per layer: cycles of all cores cold and warm, and of one core cold and warm."""
    platform = load_platform("siracusa")
    boards = [BOARDS / name for name in ("common", *platform.board.folders)]
    (folder / "memory.ld").write_text(memory_script(platform))
    parts = [f"#define LAYERS {len(layers)}", HEAD]
    parts += [layer.text(i, flavour) for i, layer in enumerate(layers)]
    calls = " ".join(
        f"layer_{i}(); for (int j = 0; j < 4; j++) put(spent[{i}][j]);" for i in range(len(layers))
    )
    parts.append(f"int main(void) {{ {calls} return 0; }}")
    (folder / "bench.c").write_text("\n".join(parts))
    toolchain = platform.toolchain
    sources = [path for board in boards[1:] for path in sorted(board.glob("*.c"))]
    plain = [] if flavour == "_xpulp" else ["-URN_XPULP"]
    command = [
        toolchain.prefix + toolchain.compiler, *toolchain.cpu, *toolchain.optimize, *plain,
        *defines(platform), *(f"-I{path}" for path in (*boards, KERNELS)), "bench.c",
        *map(str, sources), "-o", "bench.elf", "-L.", f"-T{BOARDS}/pulp/sections.ld",
        *toolchain.link,
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=folder)
    text: list[bytes] = []
    Emulator(machine_of(platform), text.append).run(folder / "bench.elf")
    numbers = [int(number) for number in re.findall(rb"\d+", b"".join(text))]
    return [tuple(numbers[i : i + 4]) for i in range(0, len(numbers), 4)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--flavour", default="_xpulp")
    options = parser.parse_args()
    layers = [layer for layer in LAYERS if options.only in layer.name]
    with TemporaryDirectory() as folder:
        results = measure(layers, options.flavour, Path(folder))
    rows: list[list[str | int | float | None]] = []
    for layer, (cold, warm, _, one) in zip(layers, results, strict=True):
        rows.append([layer.name, layer.work, cold, warm, layer.work / warm, one, one / warm])
    if not options.only:
        total, single = (
            sum(layer.count * result[i] for layer, result in zip(layers, results, strict=True))
            for i in (0, 3)
        )
        rows.append(["ResNet8, cold", None, total, None, None, single, single / total])
    headers = ["layer", "work", "cold", "warm", "work/cycle", "one core", "speed-up"]
    print(text_table(headers, rows))


if __name__ == "__main__":
    main()
