"""One run of opt-tool: read, transform, print; every failure becomes messages and exit code 1."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute

from ..dialects.diagnostics import Remark, RunnelError, add_remark_handler
from . import constants_file, verify_diagnostics
from .instrument import IRPrinter, Timing
from .messages import (
    Message,
    PassFailure,
    Positions,
    Sources,
    messages_of,
    remark_message,
    suggestion,
)
from .pipeline import Instrument, Pipeline, resolve_pipeline
from .read_ir import (
    SEPARATOR,
    Program,
    decode,
    frontend_of,
    read_bytes,
    read_mlir,
    read_onnx,
    split_chunks,
)
from .registry import multiverse, new_context
from .reproducer import Reproducer, pipeline_of
from .verifier import verify_all
from .write_ir import PrintStyle, data_path, emit_target, module_text, resolve_target

REMARK_KINDS = ("passed", "missed", "analysis")


def run(args: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit code."""
    driver = Driver(args)
    try:
        with ExitStack() as stack:
            if args.no_verify:
                stack.enter_context(_unverified_attributes())
            stack.callback(add_remark_handler(driver.remark))
            stack.enter_context(warnings.catch_warnings())
            warnings.showwarning = driver.python_warning
            driver.run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("opt-tool: interrupted", file=sys.stderr)
        return 130
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        driver.report(error, {})
    return 1 if driver.failed else 0


@contextmanager
def _unverified_attributes() -> Iterator[None]:
    """Attributes are verified when they are made: let wrong ones pass."""
    original = Attribute.__post_init__
    Attribute.__post_init__ = lambda self: None
    try:
        yield
    finally:
        Attribute.__post_init__ = original


class Driver:
    """The state of one run: options, texts read so far, messages."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.sources = Sources()
        self.failed = False
        self.style = PrintStyle(args.print_generic, args.print_debuginfo, args.elide_larger_than)
        self.collected: list[Message] | None = None
        """Messages of the piece at hand under --verify-diagnostics; None: print them."""
        self.outputs: list[tuple[str, dict[str, object]]] = []

    # Messages ---------------------------------------------------------------------------------

    def report(self, error: BaseException, positions: Positions) -> None:
        """Tell of a failure: to the user, or to the comparison with what a test expects."""
        if self.args.debug:
            traceback.print_exception(error)
        messages = messages_of(error, self.sources, positions)
        if self.collected is not None:
            self.collected += messages
        else:
            self.failed = True
            for message in messages:
                shown = error.placed(message) if isinstance(error, PassFailure) else message
                print(shown, file=sys.stderr)

    def remark(self, remark: Remark) -> None:
        """Hear a remark of a pass: print it if its kind and text are asked for."""
        selected = remark.kind in self.args.remarks
        if pattern := self.args.remarks_filter:
            selected = selected and re.search(pattern, str(remark)) is not None
        message = remark_message(remark, self.sources)
        if self.collected is not None and (selected or not self.args.remarks):
            self.collected.append(message)
        elif self.collected is None and selected:
            print(message, file=sys.stderr)

    def python_warning(self, message: Warning | str, *place: object) -> None:
        """What a library warns of, without its source line."""
        print(Message("warning", str(message)), file=sys.stderr)

    # The run ----------------------------------------------------------------------------------

    def run(self) -> None:
        args = self.args
        name = "<stdin>" if args.input == "-" else args.input
        kind = frontend_of(args.input, args.frontend)
        pipeline = resolve_pipeline(args.pass_pipeline) if args.pass_pipeline else Pipeline(())
        self.target = None if args.target == "mlir" else resolve_target(args.target)
        printer = self._ir_printer()
        data = read_bytes(args.input)
        if kind == "onnx":
            pieces = [""]
        else:
            text = decode(data, name)
            self.sources.add(name, text)
            pieces = split_chunks(text) if args.split_input_file else [text]
        if args.run_reproducer:
            pipeline = self._reproduced_pipeline(pieces[0], name)
        self.timing = Timing(pipeline)
        self.instruments: list[Instrument] = [printer, self.timing]
        if args.crash_reproducer:
            self.reproducer = Reproducer(
                Path(args.crash_reproducer),
                verify=not args.no_verify,
                allow_unregistered=args.allow_unregistered_dialect,
            )
            self.instruments.insert(0, self.reproducer)
        for piece in pieces:
            self._run_piece(kind, piece, name, data, pipeline)
        self._write()
        if args.timing:
            print(self.timing.report(), file=sys.stderr)

    def _reproduced_pipeline(self, text: str, name: str) -> Pipeline:
        context = new_context(allow_unregistered=self.args.allow_unregistered_dialect)
        pipeline, verify = pipeline_of(read_mlir(context, text, name), name)
        self.args.no_verify = self.args.no_verify or not verify
        return resolve_pipeline(pipeline)

    def _ir_printer(self) -> IRPrinter:
        args = self.args
        for name in [*args.print_ir_before, *args.print_ir_after]:
            if name not in multiverse().all_passes:
                hint = suggestion(name, multiverse().all_passes) or "; see --list-passes"
                raise RunnelError(f"--print-ir-before/after: unknown pass '{name}'{hint}")
        after_all = args.print_ir_after_all or (
            args.print_ir_after_change and not args.print_ir_after
        )
        return IRPrinter(
            before=None if args.print_ir_before_all else frozenset(args.print_ir_before),
            after=None if after_all else frozenset(args.print_ir_after),
            only_changed=args.print_ir_after_change,
            after_failures=args.print_ir_after_failure,
            whole_module=args.print_ir_module_scope,
            style=self.style,
        )

    def _run_piece(self, kind: str, text: str, name: str, data: bytes, pipeline: Pipeline) -> None:
        """One piece of the input, from reading to its output text."""
        context = new_context(allow_unregistered=self.args.allow_unregistered_dialect)
        self.collected = [] if self.args.verify_diagnostics else None
        positions: Positions = {}
        output: tuple[str, dict[str, object]] = ("", {})
        try:
            with self.timing.phase("Parser"):
                program = self._read(context, kind, text, name, data)
            positions = program.positions
            if not self.args.no_verify:
                with self.timing.phase("Verifier"):
                    verify_all(program.module)
            pipeline.run(context, program.module, self.instruments, verify=not self.args.no_verify)
            output = self._output(context, program.module)
        except Exception as error:
            self.report(error, positions)
            self._tell_of_reproducer()
        if self.collected is None:
            self.outputs.append(output)
        else:
            self._compare(text, name, self.collected)

    def _read(self, context: Context, kind: str, text: str, name: str, data: bytes) -> Program:
        args = self.args
        if kind == "onnx":
            shapes = dict(args.input_shape)
            return read_onnx(args.input, data, dims=dict(args.dim), input_shapes=shapes)
        program = read_mlir(context, text, name, implicit_module=not args.no_implicit_module)
        if args.constants is not None:
            if not Path(args.constants).is_file():
                raise RunnelError(f"{args.constants}: no such file (--constants)")
            constants_file.restore(program.module, Path(args.constants))
        elif args.input != "-":
            constants_file.restore(program.module, data_path(Path(args.input)))
        return program

    def _tell_of_reproducer(self) -> None:
        if self.args.crash_reproducer and self.reproducer.written and self.collected is None:
            place = self.args.crash_reproducer
            print(Message("note", f"reproducer written to {place}"), file=sys.stderr)

    def _compare(self, text: str, name: str, messages: Sequence[Message]) -> None:
        differences = verify_diagnostics.compare(
            verify_diagnostics.expectations(text, name),
            messages,
            remarks_too=bool(self.args.remarks),
        )
        for difference in differences:
            print(difference, file=sys.stderr)
        self.failed = self.failed or bool(differences)

    # Output -----------------------------------------------------------------------------------

    def _output(self, context: Context, module: ModuleOp) -> tuple[str, dict[str, object]]:
        args = self.args
        if args.run:
            with self.timing.phase("Run"):
                results = self._run_function(module)
            if args.output_file is None:
                return results, {}
            sys.stdout.write(results)
        with self.timing.phase("Output"):
            if self.target is not None:
                return emit_target(self.target, context, module), {}
            style = self.style
            if args.split_input_file and args.output_file:
                style = PrintStyle(style.generic, style.locations, None)
            return module_text(module, style, context)

    def _run_function(self, module: ModuleOp) -> str:
        from . import run_function

        results = run_function.run_module(module, run_function.load_inputs(self.args.run_input))
        if self.args.run_output:
            run_function.save_results(Path(self.args.run_output), results)
            return ""
        return run_function.results_text(results)

    def _write(self) -> None:
        if not self.outputs:
            return
        text = f"{SEPARATOR}\n".join(text for text, _ in self.outputs)
        if self.args.output_file in (None, "-"):
            sys.stdout.write(text)
            sys.stdout.flush()
        elif not self.failed:
            path = Path(self.args.output_file)
            path.write_text(text, encoding="utf-8")
            data = self.outputs[0][1]
            if data:
                constants_file.save(data_path(path), data)


def show_lists(args: argparse.Namespace) -> int:
    """What --list-passes and its like print."""
    from . import listings

    try:
        if args.list_passes:
            print(listings.list_passes(), end="")
        if args.list_pipelines:
            print(listings.list_pipelines(), end="")
        if args.list_targets:
            print(listings.list_targets(), end="")
        if args.describe:
            print(listings.describe_name(args.describe), end="")
    except Exception as error:
        if args.debug:
            traceback.print_exception(error)
        for message in messages_of(error, Sources()):
            print(message, file=sys.stderr)
        return 1
    return 0
