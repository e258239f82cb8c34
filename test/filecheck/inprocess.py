"""RUN lines executed in this process: a test costs milliseconds, not the start of three Pythons.

`opt-tool`, `runnel`, `filecheck` and `not` are called as functions with their streams replaced;
other commands run as subprocesses in the same pipe, `python` as the one that runs the tests. A line
with shell syntax that lit's own parser does not know goes to bash as a whole.

Directives: `RUN: command` (continued with `\\`), `REQUIRES: program, ...` (skip unless all are on
the PATH), `XFAIL: reason`. Substitutions: %s the file, %S its folder, %t a scratch path, %% a
percent sign.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import lit.formats
import lit.ShCommands
import lit.ShUtil
import lit.Test

Status = Literal["pass", "fail", "xfail", "xpass", "skip"]


@dataclass
class Outcome:
    """What a test file did, and the log that explains a failure."""

    status: Status
    log: str


@dataclass
class Directives:
    """What the comments of a test file ask for."""

    runs: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    requires: list[str] = field(default_factory=list[str])
    xfail: bool = False


def read_directives(path: Path) -> Directives:
    found = Directives()
    pending = ""
    for number, line in enumerate(
        path.read_text(encoding="utf-8", errors="replace").split("\n"), 1
    ):
        if match := re.search(r"\bRUN:\s*(.*?)\s*$", line):
            pending += match[1]
            if pending.endswith("\\"):
                pending = pending[:-1]
            else:
                found.runs.append((number, pending))
                pending = ""
        elif match := re.search(r"\bREQUIRES:\s*(.*?)\s*$", line):
            found.requires += [name.strip() for name in match[1].split(",")]
        elif re.search(r"\bXFAIL:", line):
            found.xfail = True
    return found


def run_test(path: Path) -> Outcome:
    """Execute the RUN lines of a file until one fails."""
    directives = read_directives(path)
    if missing := [name for name in directives.requires if shutil.which(name) is None]:
        return Outcome("skip", f"not installed: {', '.join(missing)}")
    if not directives.runs:
        return Outcome("fail", f"{path}: no RUN line")
    logs: list[str] = []
    passed = True
    with tempfile.TemporaryDirectory() as scratch:
        for number, line in directives.runs:
            command = substitute(line, path, Path(scratch))
            code, output = execute(command)
            if code != 0:
                logs.append(f"{path}:{number}: exit code {code}\n$ {command}\n{output}")
                passed = False
                break
    if directives.xfail:
        return Outcome("xpass" if passed else "xfail", "".join(logs) or "passed, but XFAIL says no")
    return Outcome("pass" if passed else "fail", "".join(logs))


def substitute(line: str, path: Path, scratch: Path) -> str:
    known = {"s": path, "S": path.parent, "t": scratch / (path.name + ".tmp"), "%": "%"}
    return re.sub(r"%(%|[sSt](?!\w))", lambda match: str(known[match[1]]), line)


def execute(command: str) -> tuple[int, str]:
    """Exit code, and what was printed outside of pipes."""
    try:
        parsed = lit.ShUtil.ShParser(command, pipefail=True).parse()
        if not _is_simple(parsed):
            raise ValueError("syntax for a shell")
    except ValueError:
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True)
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")
    log: list[bytes] = []
    code = _run_sequence(parsed, log)
    return code, b"".join(log).decode("utf-8", "replace")


def _is_simple(node: Any) -> bool:
    """Only pipes, && || ; and redirections to files and between the two outputs."""
    if isinstance(node, lit.ShCommands.Seq):
        return node.op != "&" and _is_simple(node.lhs) and _is_simple(node.rhs)
    return all(
        all(isinstance(arg, str) and "$" not in arg for arg in command.args)
        for command in node.commands
    )


def _run_sequence(node: Any, log: list[bytes]) -> int:
    if isinstance(node, lit.ShCommands.Seq):
        code = _run_sequence(node.lhs, log)
        if (node.op == "&&" and code) or (node.op == "||" and not code):
            return code
        return _run_sequence(node.rhs, log)
    data, code = b"", 0
    for command in node.commands:
        this_code, data, errors = _run_command(command, data)
        log.append(errors)
        code = this_code or code
    log.append(data)
    return code


def _run_command(command: Any, stdin: bytes) -> tuple[int, bytes, bytes]:
    """One command of a pipe: exit code, standard output, errors that go to the log."""
    out_path = err_path = None
    modes: dict[str, str] = {}
    together = errors_to_pipe = False
    for (operator, *number), target in command.redirects:
        descriptor = number[0] if number else 1
        if operator == "<":
            stdin = Path(target).read_bytes()
        elif operator == ">&" and descriptor == 2 and target == "1":
            together, errors_to_pipe = True, out_path is None
        elif operator == "&>":
            out_path, together = target, True
        elif descriptor == 2:
            err_path, modes[target] = target, "ab" if operator == ">>" else "wb"
        else:
            out_path, modes[target] = target, "ab" if operator == ">>" else "wb"
    code, output, errors = call(command.args, stdin, together=together)
    if err_path is not None:
        _write(err_path, modes.get(err_path, "wb"), errors)
        errors = b""
    if out_path is not None:
        if together and errors_to_pipe:
            raise ValueError("2>&1 before > is for a shell")
        _write(out_path, modes.get(out_path, "wb"), output)
        output = b""
    return code, output, errors


def _write(path: str, mode: str, data: bytes) -> None:
    with open(path, mode) as file:
        file.write(data)


def _opt_tool(argv: list[str]) -> int:
    from runnel.tools.opt_tool import main

    return main(argv)


def _runnel(argv: list[str]) -> int:
    from runnel.tools.cli import main

    return main(argv)


def _filecheck(argv: list[str]) -> int:
    from filecheck.main import main

    main(["filecheck", *argv])
    return 0


TOOLS: dict[str, Callable[[list[str]], int]] = {
    "opt-tool": _opt_tool,
    "runnel": _runnel,
    "filecheck": _filecheck,
    "FileCheck": _filecheck,
}


def call(args: Sequence[str], stdin: bytes, *, together: bool) -> tuple[int, bytes, bytes]:
    """Run one command: exit code, output, errors (in the output when `together`)."""
    if args[0] == "not":
        code, output, errors = call(args[1:], stdin, together=together)
        return (0 if code else 1), output, errors
    if args[0] not in TOOLS:
        program = sys.executable if args[0] == "python" else args[0]
        done = subprocess.run(
            [program, *args[1:]],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
        )
        return done.returncode, done.stdout, done.stderr or b""
    with _streams(stdin, together) as (output, errors):
        try:
            code = TOOLS[args[0]](list(args[1:]))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return code, output.getvalue(), b"" if together else errors.getvalue()


@contextmanager
def _streams(stdin: bytes, together: bool) -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    """Replace the three standard streams."""
    before = sys.stdin, sys.stdout, sys.stderr
    output = io.BytesIO()
    errors = output if together else io.BytesIO()
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(output, encoding="utf-8", write_through=True)
    sys.stderr = (
        sys.stdout if together else io.TextIOWrapper(errors, encoding="utf-8", write_through=True)
    )
    replaced = sys.stdout, sys.stderr
    try:
        yield output, errors
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        for stream in set(replaced):
            stream.flush()
            stream.detach()


class InProcessTest(lit.formats.FileBasedTest):
    """The lit format: one test per file."""

    def execute(self, test: Any, litConfig: Any) -> tuple[Any, str]:
        outcome = run_test(Path(test.getSourcePath()))
        codes = {
            "pass": lit.Test.PASS,
            "fail": lit.Test.FAIL,
            "xfail": lit.Test.XFAIL,
            "xpass": lit.Test.XPASS,
            "skip": lit.Test.UNSUPPORTED,
        }
        return codes[outcome.status], outcome.log
