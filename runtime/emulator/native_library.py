"""Compiles the C of `native/` with the host's compiler on first use and loads it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ...dialects.diagnostics import RunnelError

SOURCES = Path(__file__).parent / "native"
FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-fwrapv", "-fno-strict-aliasing")


def cache_folder() -> Path:
    """`RUNNEL_CACHE`, else the user's cache folder."""
    if folder := os.environ.get("RUNNEL_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "runnel"


def compiler() -> str:
    """The host's C compiler: `CC`, else the first of cc, gcc, clang; an error says what to do."""
    wanted = os.environ.get("CC")
    for name in (wanted,) if wanted else ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return path
    raise RunnelError(
        f"the emulator compiles its core with the host's C compiler, and {wanted or 'cc'} is not "
        "installed; on Debian or Ubuntu: apt-get install gcc libc6-dev"
    )


@cache
def library() -> ctypes.CDLL:
    """The compiled core; built again when a source or the compiler has changed."""
    cc = compiler()
    sources = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(repr((cc, FLAGS)).encode())
    for path in sources:
        digest.update(path.read_bytes())
    target = cache_folder() / f"emulator-{digest.hexdigest()[:16]}.so"
    if not target.is_file():
        _build(cc, [path for path in sources if path.suffix == ".c"], target)
    return ctypes.CDLL(str(target))


def _build(cc: str, sources: list[Path], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        done = subprocess.run(
            [cc, *FLAGS, *map(str, sources), "-o", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RunnelError(f"{cc} cannot compile the emulator:\n{done.stderr.strip()}")
        made.replace(target)  # two processes may build at the same time; one of them wins
