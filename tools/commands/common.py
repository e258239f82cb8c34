"""Options that several subcommands share, and what they mean."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ...dialects.diagnostics import Remark
    from ..artifact import Artifact
    from ..progress import Progress
    from ..road import Options

REMARKS = ("passed", "missed", "analysis", "all")
METHODS = ("mse", "min-max", "moving-average", "percentile", "sqnr", "entropy", "cross-entropy")
SOLVERS = ("auto", "heuristic", "cp_sat")


def dimension(text: str) -> tuple[str, int]:
    """`N=4` as a name and a size."""
    name, separator, size = text.partition("=")
    if not name or not separator or not size.isdecimal() or int(size) < 1:
        raise argparse.ArgumentTypeError(f"expected NAME=SIZE such as batch=1, not '{text}'")
    return name, int(size)


def c_name(text: str) -> str:
    """A name that C takes."""
    if not text.isidentifier() or not text.isascii():
        raise argparse.ArgumentTypeError(f"'{text}' is no name in C")
    return text


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, not '{text}'")
    return int(text)


def factor(text: str) -> float:
    """A number of at least 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 1000, not '{text}'")
    return value


def model_options(parser: argparse.ArgumentParser) -> None:
    """The model and how it is read and compiled."""
    add = parser.add_argument
    add("model", type=Path, help=".onnx, or .mlir at any level")
    reading_options(parser)
    add(
        "--calibrate",
        type=Path,
        metavar="DATA",
        help="real inputs (.npz, .npy) that a float model is quantized to int8 with; some 100 do",
    )
    add(
        "--method",
        choices=METHODS,
        default="mse",
        help="how calibration chooses ranges (mse)",
    )
    add(
        "--headroom",
        type=factor,
        default=1.0,
        metavar="F",
        help="widen calibrated ranges by this factor, for inputs that the data do not show (1)",
    )
    add(
        "--io",
        choices=("integer", "float"),
        default="integer",
        help="what the program takes and gives: stored integers (default), or floats it converts",
    )
    add(
        "--io-layout",
        choices=("channels-last", "keep"),
        default="channels-last",
        help="order of the axes of images: N, H, W, C (default), or as in the model",
    )
    add("--kernels", type=Path, metavar="TOML", help="a table of your own kernels; they come first")
    runtime_config_option(parser)
    add(
        "--solver",
        choices=SOLVERS,
        default="auto",
        help="what chooses tiles for a cluster: a heuristic, or cp_sat (slower, needs ortools), "
        "which begins at its plan; auto: the heuristic, but buffers are placed in the smallest "
        "arena, not in one that fits",
    )
    data_layout(parser)
    telling_options(parser)


def reading_options(parser: argparse.ArgumentParser) -> None:
    """How a model is read."""
    parser.add_argument(
        "--dim",
        type=dimension,
        action="append",
        default=[],
        metavar="NAME=SIZE",
        help="pin a symbolic dimension of an ONNX model",
    )
    parser.add_argument(
        "--name", type=c_name, help="the prefix of all C names; default: after the file"
    )


def telling_options(parser: argparse.ArgumentParser) -> None:
    """What is told beside the result."""
    parser.add_argument(
        "--remarks",
        choices=REMARKS,
        help="print what the passes say: kernels passed over (missed), plans (analysis), ...",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def data_layout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-layout",
        choices=("model", "channels-last"),
        default="model",
        help="order of the axes of images in data files: the model's (default), or N, H, W, C",
    )


def platform_option(parser: argparse.ArgumentParser, *, default: str | None = "host") -> None:
    shown = "" if default is None else f"; default: {default}"
    parser.add_argument(
        "--platform",
        default=default,
        metavar="P",
        help=f"a name from `runnel platforms`, or your own .toml{shown}",
    )


def runtime_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runtime-config",
        type=Path,
        metavar="JSON",
        help="quantize as this runtime configuration of AIMET says, not as the platform does",
    )


def poison_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--poison",
        action="store_true",
        help="transfers as late as they may be, memory full of rubbish (emulator, threads)",
    )


def channels_last_data(args: argparse.Namespace) -> bool:
    return args.data_layout == "channels-last"


def progress_of(args: argparse.Namespace) -> Progress:
    from ..progress import Progress

    return Progress(quiet=args.quiet)


def read_model(args: argparse.Namespace) -> ModuleOp:
    """The module that the options name."""
    from .. import api

    with progress_of(args).step(f"read {args.model.name}"):
        return api.load(args.model, dims=dict(args.dim), name=args.name)


def options_of(args: argparse.Namespace, platform: str | None = None) -> Options:
    from ..road import Options

    where = platform or args.platform or "host"
    return Options(
        *(where, args.method, args.headroom, args.io, args.io_layout),
        args.kernels,
        args.runtime_config,
        args.solver,
    )


def compile_model(args: argparse.Namespace, platform: str) -> Artifact:
    """The artifact that the options ask for."""
    return compile_module(args, read_model(args), platform)


def compile_module(args: argparse.Namespace, module: ModuleOp, platform: str) -> Artifact:
    from .. import api

    return api.compile(
        module,
        platform,
        calibrate=args.calibrate,
        channels_last_data=channels_last_data(args),
        method=args.method,
        headroom=args.headroom,
        io=args.io,
        io_layout=args.io_layout,
        kernels=args.kernels,
        runtime_config=args.runtime_config,
        solver=args.solver,
        source=args.model,
        progress=progress_of(args),
    )


@contextmanager
def remarks_shown(args: argparse.Namespace) -> Iterator[None]:
    """Within this, remarks of the kind that was asked for go to stderr."""
    from ...dialects.diagnostics import add_remark_handler

    def show(remark: Remark) -> None:
        if args.remarks in ("all", remark.kind):
            print(remark, file=sys.stderr)

    remove: Any = add_remark_handler(show) if args.remarks else lambda: None
    try:
        yield
    finally:
        remove()
