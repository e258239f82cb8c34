"""A package of somebody else brings a dialect, passes and remarks; opt-tool uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = '''
"""Somebody's compiler extension."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Dialect
from xdsl.irdl import IRDLOperation, irdl_op_definition
from xdsl.passes import ModulePass
from xdsl.universe import Universe
from xdsl.utils.exceptions import VerifyException

from runnel.dialects.diagnostics import emit_remark


@irdl_op_definition
class HelloOp(IRDLOperation):
    """Greets."""

    name = "visitor.hello"
    assembly_format = "attr-dict"

    def verify_(self) -> None:
        if "rude" in self.attributes:
            raise VerifyException("nobody is rude here")


@dataclass(frozen=True)
class Greet(ModulePass):
    """Mark every hello with a name."""

    name = "visitor-greet"

    who: str = "world"
    rude: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for hello in op.walk():
            if isinstance(hello, HelloOp):
                hello.attributes["to"] = StringAttr(self.who)
                if self.rude:
                    hello.attributes["rude"] = StringAttr("yes")
                emit_remark("passed", self.name, hello, f"greeted {self.who}")
            elif hello.name == "func.return":
                emit_remark("missed", self.name, hello, "a return says goodbye")


UNIVERSE = Universe(
    all_dialects={"visitor": lambda: Dialect("visitor", [HelloOp], [])},
    all_passes={"visitor-greet": lambda: Greet},
)
'''

TEXT = """\
func.func @f() {
  visitor.hello
  func.return
}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as pip leaves it: a module, and a dist-info that announces it."""
    return install(tmp_path / "site", "visitor", MODULE)


def install(folder: Path, name: str, module: str) -> Path:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(module)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[xdsl.universe]\n{name} = {name}:UNIVERSE\n")
    return folder


def opt_tool(site: Path, *args: str, text: str = TEXT) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "runnel.tools.opt_tool", *args],
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_the_pass_of_another_package_runs(site: Path) -> None:
    done = opt_tool(site, "--pass-pipeline=builtin.module(func.func(visitor-greet{who=moon}))")
    assert done.returncode == 0, done.stderr
    assert 'visitor.hello {to = "moon"}' in done.stdout


def test_it_is_listed_and_described(site: Path) -> None:
    listed = opt_tool(site, "--list-passes").stdout
    assert "visitor:\n  visitor-greet" in listed
    assert "Mark every hello with a name." in listed
    assert "who: a text = world" in opt_tool(site, "--describe", "visitor-greet").stdout


def test_without_the_package_the_pass_is_unknown(tmp_path: Path) -> None:
    done = opt_tool(tmp_path, "-p", "visitor-greet")
    assert done.returncode == 1
    assert "unknown pass 'visitor-greet'" in done.stderr


def test_ir_that_a_pass_breaks_is_told_at_its_place(site: Path) -> None:
    done = opt_tool(site, "-p", "visitor-greet{rude}")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "<stdin>:2:3: error: the IR is wrong after pass 'visitor-greet': "
        "'visitor.hello': nobody is rude here\n    visitor.hello\n    ^\n"
    )
    assert opt_tool(site, "-p", "visitor-greet{rude}", "--no-verify").returncode == 0


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), []),
        (("--remarks=passed",), ["2:3: remark: passed: visitor-greet: greeted world"]),
        (("--remarks=missed",), ["3:3: remark: missed: visitor-greet: a return says goodbye"]),
        (
            ("--remarks=all", "--remarks-filter=goodbye|nothing"),
            ["3:3: remark: missed: visitor-greet: a return says goodbye"],
        ),
        (("--remarks=analysis",), []),
    ],
)
def test_remarks_are_printed_when_asked_for(
    site: Path, args: tuple[str, ...], expected: list[str]
) -> None:
    done = opt_tool(site, "-p", "visitor-greet", *args)
    assert done.returncode == 0
    remarks = [line for line in done.stderr.split("\n") if "remark:" in line]
    assert remarks == [f"<stdin>:{line}" for line in expected]


def test_remarks_can_be_expected(site: Path) -> None:
    text = TEXT.replace("hello\n", "hello // expected-remark {{greeted world}}\n")
    args = ("-p", "visitor-greet", "--verify-diagnostics")
    assert opt_tool(site, *args, text=text).returncode == 0
    strict = opt_tool(site, *args, "--remarks=all", text=text)
    assert strict.returncode == 1
    assert 'unexpected remark: "missed: visitor-greet' in strict.stderr
    assert opt_tool(site, *args, text=text.replace("world", "moon")).returncode == 1


def test_a_broken_package_is_named(tmp_path: Path) -> None:
    site = install(tmp_path / "site", "broken", "import not_there\n")
    done = opt_tool(site, "-p", "cse")
    assert done.returncode == 1
    assert "entry point 'broken' of broken cannot be loaded" in done.stderr
    assert "not_there" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_packages_with_the_same_name_are_told_apart(site: Path) -> None:
    install(site, "double", MODULE)
    done = opt_tool(site, "-p", "cse")
    assert done.returncode == 1
    assert "Duplicate definition of visitor in ['double', 'visitor']" in done.stderr
