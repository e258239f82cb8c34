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
    tools = [toolchain.prefix + toolchain.compiler, *toolchain.cpu, *toolchain.optimize]
    packages = dict.fromkeys((*toolchain.packages, *board.packages))
    return (
        f"{platform.label}: {platform.data.description}\n\n{memories}\n{units}\n"
        f"compiler: {' '.join(tools)}\nrunner: {board.runner} {board.machine or ''}".rstrip()
        + f"\npackages: {' '.join(packages)}\n"
    )


def uses(platform: PlatformAttr, memory: str) -> str:
    board = platform.board
    roles = {"code": board.code, "data and stack": board.data, "vectors": board.vectors}
    return ", ".join(role for role, name in roles.items() if name == memory)
