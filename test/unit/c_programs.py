"""Compiles emitted C with the host's compiler, all warnings and sanitizers on, and runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off", "-O1")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def run_program(
    folder: Path, files: Mapping[str, str], stdin: bytes = b"", flags: Sequence[str] = ()
) -> bytes:
    """What the program made of `files` writes to stdout; warnings and findings are errors."""
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = [str(folder / name) for name in files if name.endswith(".c")]
    program = folder / "program"
    command = ["gcc", *FLAGS, *SANITIZERS, *flags, *sources, "-o", str(program), "-lm"]
    compiled = subprocess.run(command, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run([str(program)], input=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
