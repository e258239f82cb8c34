"""opt-tool: runs passes on MLIR text and ONNX models.

Only argparse is imported here, so that `--help` is fast; the rest is in `driver`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

DESCRIPTION = """\
Reads MLIR text or an ONNX model, runs passes on it, and prints the result: as MLIR text, as the
output of a target (-t c), or as the values that the program computes (--run).
"""

EXAMPLES = """\
examples:
  opt-tool model.onnx                                     print a model as IR
  opt-tool a.mlir -p canonicalize,cse                     run two passes
  opt-tool a.mlir --pass-pipeline='builtin.module(func.func(canonicalize,cse))'
  opt-tool a.mlir -p 'some-pass{size=4 names=a,b}'        a pass with options
  opt-tool a.mlir -p cse --print-ir-after-change --timing watch what passes do
  opt-tool a.mlir --run --input x.npz                     compute, with NumPy
  opt-tool model.onnx -o model.mlir                       text, and the weights in model.npz
  opt-tool --list-passes                                  what there is to run
  opt-tool --describe cse                                 one pass and its options

All of mlir-opt's usual spellings are known (-pass-pipeline, --mlir-print-ir-after-all, ...).
Exit code: 0, or 1 after an error.
"""


class Parser(argparse.ArgumentParser):
    """An argparse whose mistakes are one line with a suggestion, and exit code 1."""

    def error(self, message: str) -> NoReturn:
        if match := re.match(r"unrecognized arguments: (-\S+)", message):
            from difflib import get_close_matches

            name = match[1].partition("=")[0]
            close = get_close_matches(name, list(self._option_string_actions), n=1)
            hint = f", did you mean {close[0]}?" if close else ""
            message = f"unknown option {name}{hint}"
        elif match := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)$", message):
            from difflib import get_close_matches

            close = get_close_matches(match[1], re.findall(r"[^', ]+", match[2]), n=1)
            message += f", did you mean {close[0]}?" if close else ""
        self.exit(1, f"{self.prog}: error: {message} (see --help)\n")


def names(text: str) -> list[str]:
    """`a,b` as a list."""
    return [name for name in text.split(",") if name]


def remark_kinds(text: str) -> list[str]:
    """Kinds of remarks; `all` stands for all."""
    known = ["passed", "missed", "analysis"]
    kinds = known if text == "all" else names(text)
    if wrong := [kind for kind in kinds if kind not in known]:
        raise argparse.ArgumentTypeError(f"'{wrong[0]}' is not one of {', '.join(known)}, all")
    return kinds


def regex(text: str) -> str:
    """A valid regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a regular expression: {error}") from None
    return text


def switch(text: str) -> bool:
    """`true` or `false`."""
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false, not '{text}'")
    return text == "true"


def dimension(text: str) -> tuple[str, int]:
    """`name=N` with N at least 1."""
    name, _, size = text.rpartition("=")
    if not name or not re.fullmatch(r"[1-9]\d*", size):
        raise argparse.ArgumentTypeError(f"expected NAME=N with N from 1 on, not '{text}'")
    return name, int(size)


def input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`name=N,N,...`."""
    name, _, shape = text.rpartition("=")
    if not name or not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", shape):
        raise argparse.ArgumentTypeError(f"expected NAME=N,N,... with N from 1 on, not '{text}'")
    return name, tuple(map(int, shape.split(",")))


def build_parser() -> Parser:
    """The command line, in groups."""
    parser = Parser(
        prog="opt-tool",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _input_options(parser.add_argument_group("input"))
    _pass_options(parser.add_argument_group("passes"))
    _output_options(parser.add_argument_group("output"))
    _run_options(parser.add_argument_group("run"))
    _watch_options(parser.add_argument_group("watching passes"))
    _diagnostic_options(parser.add_argument_group("errors and remarks"))
    _list_options(parser.add_argument_group("lists"))
    return parser


def _input_options(group: Any) -> None:
    add = group.add_argument
    add("input", nargs="?", default="-", metavar="FILE", help=".mlir or .onnx; - (default): stdin")
    add("-f", "--frontend", choices=("mlir", "onnx"), help="kind of input; default: by the name")
    add(
        "--split-input-file",
        action="store_true",
        help="treat the pieces between lines '// -----' as separate inputs",
    )
    add(
        "--constants",
        metavar="NPZ",
        help="data of the constants that the text elides; default: FILE with .npz",
    )
    add(
        "--dim",
        type=dimension,
        action="append",
        default=[],
        metavar="NAME=N",
        help="size of a symbolic dimension of an ONNX model",
    )
    add(
        "--input-shape",
        type=input_shape,
        action="append",
        default=[],
        metavar="NAME=N,N",
        help="shape of an input of an ONNX model",
    )
    add("--allow-unregistered-dialect", action="store_true", help="accept ops that nobody defines")
    add("--no-implicit-module", action="store_true", help="the text must hold a builtin.module")


def _pass_options(group: Any) -> None:
    add = group.add_argument
    add(
        "-p",
        "--passes",
        "--pass-pipeline",
        dest="pass_pipeline",
        default="",
        metavar="PIPELINE",
        help="passes and named pipelines with their options, in the spelling of MLIR "
        "('builtin.module(func.func(cse),x{a=1 b=c,d})') or of xDSL ('cse,x{a=1}'); passes nested "
        "on an op run on each op of that name",
    )
    add(
        "--no-verify",
        "--disable-verify",
        action="store_true",
        help="do not verify the input and what passes leave",
    )
    add(
        "--crash-reproducer",
        "--mlir-pass-pipeline-crash-reproducer",
        metavar="FILE",
        help="when a pass fails, write the IR before it and the pipeline from there",
    )
    add("--run-reproducer", action="store_true", help="run the pipeline that FILE carries")


def _output_options(group: Any) -> None:
    add = group.add_argument
    add("-o", "--output-file", metavar="FILE", help="default: stdout; constants go to FILE's .npz")
    add(
        "-t",
        "--target",
        default="mlir",
        metavar="TARGET",
        help="what to print: mlir (default), c, ...; see --list-targets",
    )
    add(
        "--print-generic",
        "--print-op-generic",
        "--mlir-print-op-generic",
        action="store_true",
        help="print ops in the generic form",
    )
    add(
        "--print-debuginfo",
        "--mlir-print-debuginfo",
        action="store_true",
        help="print the locations of ops",
    )
    add(
        "--elide-larger-than",
        "--mlir-elide-elementsattrs-if-larger",
        type=int,
        default=16,
        metavar="N",
        help="constants of more elements are printed as dense_resource<name> (16)",
    )
    add("--print-large-constants", action="store_true", help="print all constants in the text")
    add("--elide", type=switch, default=True, metavar="true|false", help="false: the same")


def _run_options(group: Any) -> None:
    add = group.add_argument
    add("--run", action="store_true", help="compute with the IR as it stands after the passes")
    add(
        "--input",
        dest="run_input",
        action="append",
        default=[],
        metavar="[NAME=]ARRAYS",
        help="a .npz with arrays by argument name, or a .npy for one argument (by name or order)",
    )
    add("--output", dest="run_output", metavar="ARRAYS", help="results as .npz or .npy")


def _watch_options(group: Any) -> None:
    add = group.add_argument
    for when in ("before", "after"):
        add(
            f"--print-ir-{when}",
            f"--mlir-print-ir-{when}",
            type=names,
            default=[],
            metavar="PASSES",
            help=f"print the IR {when} these passes (a,b) to stderr",
        )
        add(
            f"--print-ir-{when}-all",
            f"--mlir-print-ir-{when}-all",
            action="store_true",
            help=f"print the IR {when} every pass",
        )
    add(
        "--print-ir-after-change",
        "--mlir-print-ir-after-change",
        action="store_true",
        help="print the IR after those passes that change it",
    )
    add(
        "--print-ir-after-failure",
        "--mlir-print-ir-after-failure",
        action="store_true",
        help="print the IR that a failing pass leaves",
    )
    add(
        "--print-ir-module-scope",
        "--mlir-print-ir-module-scope",
        action="store_true",
        help="print the whole module also for nested passes",
    )
    add(
        "--timing",
        "--mlir-timing",
        "--time-passes",
        action="store_true",
        help="print a table of where the time went to stderr",
    )


def _diagnostic_options(group: Any) -> None:
    add = group.add_argument
    add(
        "--verify-diagnostics",
        action="store_true",
        help="compare errors with comments such as // expected-error@+1 {{text}}",
    )
    add(
        "--remarks",
        type=remark_kinds,
        default=[],
        metavar="KINDS",
        help="print what passes say: passed, missed, analysis (a,b) or all",
    )
    add(
        "--remarks-filter",
        type=regex,
        metavar="REGEX",
        help="only remarks whose text (kind, pass, place, message) matches",
    )
    add("--debug", action="store_true", help="show the Python traceback of an error")


def _list_options(group: Any) -> None:
    add = group.add_argument
    add("--list-passes", action="store_true", help="all installed passes")
    add("--list-pipelines", action="store_true", help="named pipelines and their passes")
    add("--list-targets", action="store_true", help="all installed targets")
    add("--describe", metavar="NAME", help="one pass, pipeline or target, with its options")
    add("--version", action="store_true", help="versions of runnel, xDSL and Python")


def long_options(argv: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """MLIR's tools take `-name` for `--name`."""
    known = parser._option_string_actions  # pyright: ignore[reportPrivateUsage]
    return [
        f"-{arg}" if re.match(r"-[a-z][a-z-]+", arg) and f"-{arg.split('=')[0]}" in known else arg
        for arg in argv
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line tool; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(long_options(sys.argv[1:] if argv is None else argv, parser))
    if args.print_large_constants or not args.elide:
        args.elide_larger_than = None
    if args.version:
        from importlib.metadata import version

        python = ".".join(map(str, sys.version_info[:3]))
        print(f"opt-tool (runnel {version('runnel')}, xDSL {version('xdsl')}, Python {python})")
        return 0
    if args.list_passes or args.list_pipelines or args.list_targets or args.describe:
        from .driver import show_lists

        return show_lists(args)
    from .driver import run

    return run(args)


if __name__ == "__main__":
    sys.exit(main())
