"""What stands beside the generated sources, so that the directory builds by `make` alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...dialects.diagnostics import RunnelError
from ...dialects.platform import PlatformAttr
from ...dialects.platform_records import Memory
from ..platforms import BOARDS, board_folder
from . import runner_of

KERNELS = BOARDS.parent / "kernels"

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def write_build_files(
    directory: Path,
    model_name: str,
    platform: PlatformAttr,
    sources: Sequence[str],
    *,
    kernel_directories: Sequence[Path] = (),
) -> list[str]:
    """Write Makefile, board code, linker script and the kernels that `sources` include.

    `sources` are file names in `directory` (all `.c` of them are compiled), `model_name` the C
    prefix of the model that the harness runs. A kernel in one of `kernel_directories` is taken
    before ours. Returns the files written, relative to `directory`, sorted; the same input gives
    the same bytes.
    """
    _check_sources(directory, sources)
    folders = [BOARDS / "common", *(board_folder(folder) for folder in platform.board.folders)]
    board_files = _copy_board(folders, directory / "board")
    kernels = _copy_kernels(directory, sources, [*kernel_directories, KERNELS])
    if _linker_script(board_files):
        (directory / "board/memory.ld").write_text(memory_script(platform), newline="\n")
        board_files = sorted([*board_files, "board/memory.ld"])
    for name, text in runner_of(platform).files(platform).items():
        (directory / "board" / name).write_text(text, newline="\n")
        board_files = sorted([*board_files, f"board/{name}"])
    makefile = _makefile(model_name, platform, sources, board_files)
    (directory / "Makefile").write_text(makefile, newline="\n")
    return sorted(["Makefile", *board_files, *kernels])


def _check_sources(directory: Path, sources: Iterable[str]) -> None:
    missing = [directory / name for name in sources if not (directory / name).is_file()]
    if missing:
        raise RunnelError(*(f"{path}: there is no such source file" for path in missing))


def _copy_board(folders: Iterable[Path], to: Path) -> list[str]:
    to.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".c", ".h", ".ld", ".mk"):
                shutil.copyfile(path, to / path.name)
                names.add(f"board/{path.name}")
    return sorted(names)


def _copy_kernels(
    directory: Path, sources: Sequence[str], kernel_directories: Sequence[Path]
) -> list[str]:
    """Copy the headers that the sources include, and what these include, from where they are."""
    wanted = [name for source in sources for name in _includes(directory / source)]
    copied: set[str] = set()
    while wanted:
        name = wanted.pop()
        found = next((d / name for d in kernel_directories if (d / name).is_file()), None)
        if name in copied or found is None:
            continue
        target = directory / "kernels" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, target)
        copied.add(name)
        wanted += _includes(found)
    return sorted(f"kernels/{name}" for name in copied)


def _includes(path: Path) -> list[str]:
    return _INCLUDE.findall(path.read_text(encoding="utf-8"))


def _linker_script(board_files: Iterable[str]) -> str | None:
    return next((name for name in board_files if name.endswith("sections.ld")), None)


def memory_script(platform: PlatformAttr) -> str:
    """The part of the linker script that says what the platform does: memories and their roles."""
    board = platform.board
    access = {"flash": "rx", "ram": "rwx"}
    lines = [f"/* Memories of {platform.label}. */", "MEMORY", "{"]
    lines += [
        f"    {memory.name} ({access[memory.kind]}) : "
        f"ORIGIN = {memory.address:#010x}, LENGTH = {memory.size:#x}"
        for memory in platform.memories
    ]
    lines += [
        "}",
        f'REGION_ALIAS("CODE", {board.code})',
        f'REGION_ALIAS("DATA", {board.data})',
        f'REGION_ALIAS("VECTORS", {board.vectors or board.code})',
        f"RN_STACK_BYTES = {board.stack:#x};",
        *_cluster_lines(platform),
    ]
    others = [m for m in platform.memories if m.name not in (board.code, board.data)]
    loaded = [memory.name for memory in others if _is_loaded(platform, memory)]
    lines += ["PHDRS", "{"]
    lines += ["    vectors PT_LOAD FLAGS(4);", "    code PT_LOAD FLAGS(5);"]
    lines += ["    data PT_LOAD FLAGS(6);"]
    lines += [f"    {name}_segment PT_LOAD FLAGS(4);" for name in loaded]
    lines += ["}"]
    if others:
        sections = [line for memory in others for line in _sections(platform, memory)]
        lines += ["SECTIONS", "{", *sections, "}"]
    return "\n".join(lines) + "\n"


def _cluster_lines(platform: PlatformAttr) -> list[str]:
    """Where the stacks of a cluster's cores are."""
    if platform.cluster is None or platform.cluster_memory is None:
        return []
    return [
        f'REGION_ALIAS("L1", {platform.cluster_memory.name})',
        f"RN_CORES = {platform.cluster.cores};",
        f"RN_CORE_STACK_BYTES = {platform.core_stack:#x};",
    ]


def defines(platform: PlatformAttr) -> list[str]:
    """The macros by which emitted code and board know the platform."""
    return [] if platform.cluster is None else [f"-DRN_CORES={platform.cluster.cores}"]


def _is_loaded(platform: PlatformAttr, memory: Memory) -> bool:
    """Whether constants can be there before the program starts. Who loads a program that runs from
    RAM fills all RAM but that of a cluster, which has no power yet.
    """
    from_ram = platform.code_memory.kind == "ram" and memory is not platform.cluster_memory
    return memory.kind == "flash" or from_ram


def _sections(platform: PlatformAttr, memory: Memory) -> list[str]:
    """What the emitted code asks for by name goes to a memory that is not the usual one."""
    name, lines = memory.name, list[str]()
    if _is_loaded(platform, memory):
        lines.append(f"    .rodata.{name} : {{ *(.rodata.{name}.*) }} > {name} :{name}_segment")
    if memory.kind == "ram":
        lines.append(f"    .bss.{name} (NOLOAD) : {{ *(.bss.{name}.*) }} > {name} :NONE")
    return lines


def _makefile(
    model_name: str, platform: PlatformAttr, sources: Sequence[str], board_files: Sequence[str]
) -> str:
    board, toolchain = platform.board, platform.toolchain
    runner = runner_of(platform)
    timer = {
        "RN_TIMER_ADDRESS": None if board.timer_address is None else f"{board.timer_address:#x}u",
        "RN_TIMER_HZ": None if board.timer_hz is None else f"{board.timer_hz}u",
        "RN_ICOUNT_SHIFT": board.icount_shift,
    }
    script = _linker_script(board_files)
    linker_files = [name for name in board_files if name.endswith(".ld")]
    variables: dict[str, list[str]] = {
        "MODEL": [model_name],
        "MODEL_MACROS": [model_name.upper()],
        "SOURCES": [name for name in sources if name.endswith(".c")],
        "BOARD_SOURCES": [name for name in board_files if name.endswith(".c")],
        "CC": [toolchain.prefix + toolchain.compiler],
        "CPU": list(toolchain.cpu),
        "OPTIMIZE": list(toolchain.optimize),
        "DEFINES": defines(platform),
        "BOARD_DEFINES": [f"-D{key}={value}" for key, value in timer.items() if value is not None],
        "LINKER_FILES": linker_files,
        "LINK": [
            *(["-T", script, "-Lboard", "-Wl,--gc-sections"] if script else []),
            *toolchain.link,
        ],
        "RUN": runner.command(platform, Path(), profile=False),
    }
    if runner.counts_instructions:
        variables["RUN_PROFILE"] = runner.command(platform, Path(), profile=True)
    packages = " ".join((*toolchain.packages, *board.packages))
    lines = [
        f"# {model_name} for {platform.label}: {platform.data.description}.",
        f"# Debian packages: {packages}",
        *(f"{key} := {' '.join(values)}".rstrip() for key, values in variables.items()),
        "include board/rules.mk",
    ]
    return "\n".join(lines) + "\n"
