"""Platform descriptions: TOML files, those in `platforms/` by name and a user's own by path."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..dialects.cortexm import CortexM
from ..dialects.diagnostics import RunnelError
from ..dialects.platform import PlatformAttr
from ..dialects.platform_checks import platform_problems
from ..dialects.records import did_you_mean
from .platform_variants import Variant, merge

DIRECTORY = Path(__file__).parent / "platforms"
CLAMPS = ("graph.relu", "graph.clip")
"""The activations that a kernel may compute behind its op."""

BOARDS = Path(__file__).parent / "c" / "boards"


def list_platforms() -> list[str]:
    """The names that `load_platform` knows, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.toml"))


def load_platform(name_or_path: str | Path) -> PlatformAttr:
    """The platform of that name or TOML file; raises `RunnelError` with all its problems."""
    return PlatformAttr.from_raw(_sound(_find(str(name_or_path)), ()))


def _sound(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """The description in a file, merged with its base if it names one, and checked; `above` are the
    files whose base it is.
    """
    raw = _read(path)
    variant = _variant(path, raw, above) if "base" in raw else None
    if variant is not None:
        raw = variant.raw
        problems = [*variant.problems, *map(variant.located, platform_problems(raw))]
    else:
        problems = platform_problems(raw)
    if not problems:
        problems = list(_unknown_ops(raw))
    if not problems:
        _resolve_folders(raw["board"], path)
        problems = list(_missing_folders(raw["board"]))
    if problems:
        raise RunnelError(*(f"{path}: {problem}" for problem in problems))
    return raw


def _variant(path: Path, raw: dict[str, Any], above: tuple[Path, ...]) -> Variant:
    base = raw.pop("base")
    if not isinstance(base, str) or not base:
        raise RunnelError(f"{path}: base: expected the name of a platform or the path of a .toml")
    file = path.parent / base if base.endswith(".toml") else _base_of_name(path, base)
    chain = (*above, path.resolve())
    if file.resolve() in chain:
        raise RunnelError(f'{path}: base: "{base}" is built on this platform itself')
    return merge(_sound(file, chain), raw, base)


def _base_of_name(path: Path, base: str) -> Path:
    try:
        return _find(base)
    except RunnelError as error:
        raise RunnelError(f"{path}: base: {error}") from None


def _find(name: str) -> Path:
    if name.endswith(".toml") or "/" in name:
        return Path(name)
    if name not in (known := list_platforms()):
        hint = did_you_mean(name, known)
        raise RunnelError(f'no platform "{name}"{hint}; your own is given by the path of its .toml')
    return DIRECTORY / f"{name}.toml"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunnelError(f"{path}: cannot read the platform: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RunnelError(f"{path}: not a text file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise RunnelError(f"{path}: not TOML: {error}") from None


def _resolve_folders(board: dict[str, Any], path: Path) -> None:
    """Folders that are not ours, and a machine's file, are meant from the platform's folder."""
    board["folders"] = [
        folder if (BOARDS / folder).is_dir() else str(path.parent / folder)
        for folder in board["folders"]
    ]
    if (machine := str(board.get("machine", ""))).endswith(".toml"):
        board["machine"] = str((path.parent / machine).resolve())


def _unknown_ops(raw: dict[str, Any]) -> Iterator[str]:
    """Ops that the quantization section names and no kernel is for: its calls are cortexm ops."""
    section = raw.get("quantization", {})
    if not section:
        return
    known = [f"quant.{op.name.partition('.')[2]}" for op in CortexM.operations]
    named = [(f"ops[{i}].op", row["op"]) for i, row in enumerate(section.get("ops", []))]
    named += [(f"fused[{i}][0]", op) for i, (op, _) in enumerate(section.get("fused", []))]
    for place, op in named:
        if not any(fnmatchcase(name, op) for name in known):
            yield f'quantization.{place}: no kernel is for "{op}"{did_you_mean(op, known)}'
    for i, (_, activation) in enumerate(section.get("fused", [])):
        if activation not in CLAMPS:
            hint = did_you_mean(activation, CLAMPS)
            yield f'quantization.fused[{i}][1]: no kernel ends in "{activation}"{hint}'


def _missing_folders(board: dict[str, Any]) -> Iterable[str]:
    ours = sorted(path.name for path in BOARDS.iterdir() if path.is_dir())
    for i, folder in enumerate(board["folders"]):
        if not (BOARDS / folder).is_dir():
            hint = did_you_mean(Path(folder).name, ours)
            yield f'board.folders[{i}]: there is no folder "{folder}"{hint}'


def board_folder(folder: str) -> Path:
    """Where a folder of `board.folders` is."""
    return BOARDS / folder
