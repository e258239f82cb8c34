"""runnel: the compiler as a command. Only argparse and the chosen subcommand are imported here."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from .opt_tool import Parser

DESCRIPTION = """\
Compiles neural networks to C for very small machines: ONNX in, bare-metal C out, with the same
bytes at every level between.
"""

EXAMPLES = """\
examples:
  runnel compile model.onnx --platform cortex-m4 --calibrate data.npz -o out
                                     a float model to int8 C, with Makefile, header and README
  runnel compile quantized.onnx --platform cortex-m55 -o out
                                     a model that is quantized already (QDQ, QOperator)
  runnel run model.onnx --input x.npy --at graph
                                     compute, with NumPy, at a level of the compiler
  runnel run quantized.onnx --input x.npy --platform cortex-m4
                                     compute on the emulated board
  runnel validate quantized.onnx --platform cortex-m4,host --data x.npy
                                     same bytes at every level? how far from onnxruntime?
  runnel analyze quantized.onnx --platform cortex-m4
                                     what each layer costs
  runnel platforms                   what there is to compile for

`runnel COMMAND --help` says more. Exit code: 0, or 1 after an error or a difference.
opt-tool runs single passes on the same files.
"""

COMMANDS: dict[str, str] = {
    "compile": "write C for a platform, ready to build",
    "compress": "make a float model cheaper: low-rank layers, pruned channels",
    "quantize": "search for an int8 form of a float model that keeps its accuracy",
    "run": "compute with a model, at a level of the compiler or on a platform",
    "validate": "compare all levels, the program and onnxruntime with each other",
    "analyze": "what each layer costs: MACs, bytes, instructions",
    "platforms": "list platforms, or describe one",
    "kernels": "list the kernels and what they need",
    "bench": "measure the MLPerf Tiny networks: accuracy, instructions, memory",
}
"""Subcommand to what it does; its code is in `commands/<name>.py`."""


def build_parser(chosen: str | None) -> tuple[Parser, Parser]:
    """The command line and that of the chosen subcommand, the only one that knows its options."""
    parser = Parser(
        prog="runnel",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="versions of what takes part")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    known = parser
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            known = command
            module = _module(name)
            command.description, command.epilog = module.DESCRIPTION, module.EXAMPLES
            module.configure(command)
            command.add_argument(
                "--debug", action="store_true", help="show the Python traceback of an error"
            )
    return parser, known


def _module(command: str) -> Any:
    return import_module(f".commands.{command}", __package__)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line tool; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    parser, command = build_parser(chosen)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        command.error(f"unrecognized arguments: {' '.join(unknown)}")
    if args.version:
        print(versions())
        return 0
    if args.command is None:
        parser.print_help()
        return 0
    try:
        return _module(args.command).run(args)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("runnel: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        report(error, debug=args.debug)
        return 1


def report(error: Exception, *, debug: bool) -> None:
    """One message per problem on stderr."""
    from .messages import Sources, messages_of

    if debug:
        import traceback

        traceback.print_exception(error)
    for message in messages_of(error, Sources()):
        print(message, file=sys.stderr)


def versions() -> str:
    from importlib.metadata import version

    python = ".".join(map(str, sys.version_info[:3]))
    packages = ", ".join(f"{name} {version(name)}" for name in ("xdsl", "numpy", "onnx"))
    return f"runnel {version('runnel')} ({packages}, Python {python})"


if __name__ == "__main__":
    sys.exit(main())
