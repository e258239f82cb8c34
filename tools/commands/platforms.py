"""runnel platforms: what there is to compile for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...dialects.platform import PlatformAttr

DESCRIPTION = "Lists the platforms, or describes one: memories, units, tools and how it is run.\n"

EXAMPLES = """\
examples:
  runnel platforms
  runnel platforms cortex-m55
  runnel platforms mine.toml         checks your own description, all mistakes at once
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a platform, or a TOML file")


def run(args: argparse.Namespace) -> int:
    from ...runtime.platforms import list_platforms, load_platform

    if args.name is not None:
        print(description(load_platform(args.name)), end="")
    else:
        print(overview([load_platform(name) for name in list_platforms()]), end="")
    return 0


def overview(platforms: list[PlatformAttr]) -> str:
    from ..report.text_table import text_table

    rows = [
        (p.label, p.board.runner, p.code_memory.size, p.data_memory.size, p.data.description)
        for p in platforms
    ]
    return text_table(("platform", "runner", "code bytes", "data bytes", ""), rows)


def description(platform: PlatformAttr) -> str:
    from ..report.text_table import text_table

    board, toolchain = platform.board, platform.toolchain
    memories = text_table(
        ("memory", "kind", "address", "bytes", "used for"),
        [
            (m.name, m.kind, f"{m.address:#010x}", m.size, uses(platform, m.name))
            for m in platform.memories
        ],
    )
    units = text_table(
        ("unit", "kind", "isa", "extensions", "counts"),
        [(u.name, u.kind, u.isa, " ".join(u.extensions), u.counts) for u in platform.units],
    )
    kernels = text_table(
        ("integer kernel", "activations", "their grids", "weights", "scales"),
        kernel_rows(platform),
    )
    tools = [toolchain.prefix + toolchain.compiler, *toolchain.cpu, *toolchain.optimize]
    packages = dict.fromkeys((*toolchain.packages, *board.packages))
    return (
        f"{platform.label}: {platform.data.description}\n\n{memories}\n{units}\n{kernels}\n"
        f"compiler: {' '.join(tools)}\nrunner: {board.runner} {board.machine or ''}".rstrip()
        + f"\npackages: {' '.join(packages)}\n"
    )


def kernel_rows(platform: PlatformAttr) -> list[tuple[str, str, str, str, str]]:
    """What quantization may give each integer kernel, by the kernel tables and the description."""
    from ...passes.quant.rules import rules_of

    rules = rules_of(platform)
    rows: list[tuple[str, str, str, str, str]] = []
    for op in sorted({op for op, _ in rules.kernels} - set(MOVES)):
        rule = platform.quantization.rule(op)
        types = sorted(
            (types for name, types in rules.kernels if name == op),
            key=lambda types: (types.count("_"), types),
        )
        kept = [t for t in types if not rule.widths or set(widths_of(t)) <= set(rule.widths)]
        bound = rule.activations != "asymmetric" and not rule.unsigned
        if not rule.integer or not kept or (op in COUNTING and bound):
            continue
        weights = ""
        if op in PRODUCTS:
            bits = f"{rule.weight_bits(max(rule.widths, default=8))} bits"
            scales = "per channel" if rule.per_channel else "per tensor"
            weights = f"{bits}, {rule.weights}, {scales}"
        unsigned = " or unsigned" if rule.unsigned and rule.activations != "asymmetric" else ""
        scale = "powers of two" if rule.power_of_two else "any"
        rows.append((op, " ".join(kept), rule.activations + unsigned, weights, scale))
    return rows


PRODUCTS = ("quant.conv2d", "quant.depthwise_conv2d", "quant.fully_connected")
MOVES = ("quant.transpose", "quant.quantize", "quant.dequantize")
"""Kernels that move and convert: on what grids, the ops around them say."""
COUNTING = ("quant.softmax",)
"""Kernels whose results count from the least code: not for platforms without a zero point."""


def widths_of(types: str) -> list[int]:
    """`s8_s16` as bits."""
    return [int(part.removeprefix("s")) for part in types.split("_")]


def uses(platform: PlatformAttr, memory: str) -> str:
    board = platform.board
    roles = {"code": board.code, "data and stack": board.data, "vectors": board.vectors}
    return ", ".join(role for role, name in roles.items() if name == memory)
