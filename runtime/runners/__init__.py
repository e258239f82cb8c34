"""Runners: build a directory of generated sources and run it on inputs, on the host or an emulator.

`build` makes a `Program` from a directory that `write_build_files` completed; `run` feeds it inputs
and gives a `RunResult`. Which runner does it is `board.runner` of the platform.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ...dialects.diagnostics import RunnelError
from ...dialects.platform import PlatformAttr
from ...dialects.records import did_you_mean
from ..emulator.cycles import CycleReport
from .sizes import Sizes, measure_sizes

RUNNERS: dict[str, str] = {
    "host": "host:HostRunner",
    "qemu": "qemu:QemuRunner",
    "qemu-riscv32": "qemu:QemuRiscvRunner",
    "emulator": "emulator:EmulatorRunner",
}
"""Runner name (`board.runner`) to `module:Class` below this package."""

Array = NDArray[Any]


class Runner(Protocol):
    """How programs of a platform are executed."""

    counts_instructions: bool
    """Whether a profile run gives exact instruction counts."""
    bare_metal: bool
    """Whether the sections of the program say what it takes of flash and RAM."""

    def files(self, platform: PlatformAttr) -> dict[str, str]:
        """What the runner needs beside the board's code, by name."""
        ...

    def command(self, platform: PlatformAttr, sources: Path, *, profile: bool) -> list[str]:
        """The command to which the path of the program is appended; it was built in `sources`."""
        ...

    def options(self, emulation: Emulation, folder: Path) -> list[str]:
        """What the command has more, for a run in `folder`."""
        ...

    def cycles(self, folder: Path) -> CycleReport | None:
        """What a run in `folder` has measured."""
        ...

    def explain(self, program: Path, platform: PlatformAttr, log: str, status: int) -> str:
        """What went wrong, from a failed run's output and exit status."""
        ...


@dataclass(frozen=True)
class Emulation:
    """What an emulator does beside running the program: a Chrome trace into a file; `poison` fills
    memory with rubbish and makes transfers late, so that a missing wait gives wrong bytes.
    """

    trace: Path | None = None
    poison: bool = False
    free: Path | None = None
    """What nobody needs behind each layer, for `poison`: JSON, a list of [layer, place, bytes]."""


PLAIN = Emulation()
"""Just run it."""


class Tensor(NamedTuple):
    """What a network output is: NumPy dtype and shape of one inference."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


@dataclass(frozen=True)
class Program:
    """A model that was built with the test harness; `profile` is the one that counts."""

    model: str
    platform: PlatformAttr
    elf: Path
    profile: Path | None
    sizes: Sizes | None

    @property
    def directory(self) -> Path:
        """Where its sources are."""
        return self.elf.parent.parent


@dataclass(frozen=True)
class RunResult:
    """What a run gave and what was measured; None where the platform cannot measure it.

    `outputs[inference][output]`. `cycles` are those of an emulator that has timing; the
    report says which. Instructions are those of one inference, `stack_bytes` the most
    that the model's run function took below its caller. Sizes are of the whole program;
    `Program.sizes` splits them.
    """

    outputs: list[list[Array]]
    instructions_per_layer: list[int] | None
    total_instructions: int | None
    stack_bytes: int | None
    flash_bytes: int | None
    ram_bytes: int | None
    cycles: CycleReport | None
    log: str = field(repr=False)


def runner_of(platform: PlatformAttr) -> Runner:
    """The runner that the platform names."""
    name = platform.board.runner
    if name not in RUNNERS:
        raise RunnelError(
            f'platform {platform.label}: no runner "{name}"{did_you_mean(name, RUNNERS)}'
        )
    module, _, attribute = RUNNERS[name].partition(":")
    return cast(Runner, getattr(import_module(f".{module}", __package__), attribute)())


class MissingTool(RunnelError):
    """A compiler or emulator that the platform takes is not installed."""


def require_tool(tool: str, packages: Sequence[str]) -> str:
    """The path of a program that must be there; the error names the Debian packages."""
    path = shutil.which(tool)
    if path is None:
        raise MissingTool(
            f"{tool} is not installed; on Debian or Ubuntu: apt-get install "
            f"--no-install-recommends {' '.join(packages)}"
        )
    return path


def build(
    directory: Path,
    model: str,
    platform: PlatformAttr,
    *,
    profile: bool = False,
    extra_flags: Sequence[str] = (),
    timeout: float = 600.0,
) -> Program:
    """Run make in `directory`; `profile` also builds the program that counts instructions.

    `extra_flags` go to the compiler and the linker. Raises `RunnelError` with the tools' first
    errors if a tool is missing or fails.
    """
    runner = runner_of(platform)
    toolchain = platform.toolchain
    require_tool("make", toolchain.packages)
    require_tool(toolchain.prefix + toolchain.compiler, toolchain.packages)
    if profile and not runner.counts_instructions:
        raise RunnelError(
            f"platform {platform.label} does not count instructions; use one that runs on qemu"
        )
    targets = ["all", "profile-build"] if profile else ["all"]
    flags = f"EXTRA_CFLAGS={' '.join(extra_flags)}"
    done = execute(["make", "-s", flags, *targets], directory, timeout)
    if done.returncode != 0:
        raise RunnelError(f"{directory}: make failed:\n{_first_errors(done.stdout)}")
    elf = directory / "build" / f"{model}.elf"
    counting = directory / "build" / f"{model}-profile.elf"
    sizes = measure_sizes(elf) if runner.bare_metal else None
    return Program(model, platform, elf, counting if profile else None, sizes)


def _first_errors(output: str, count: int = 12) -> str:
    lines = output.strip().splitlines()
    telling = [line for line in lines if re.search(r"error:|undefined reference|overflowed", line)]
    return "\n".join((telling or lines[-count:])[:count])


def execute(
    command: Sequence[str], directory: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command with its output and errors as one text; a time-out is a `RunnelError`."""
    try:
        return subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise RunnelError(
            f"{command[0]} did not finish in {timeout:g} s; it was stopped. A larger timeout, or "
            "fewer inputs, may help"
        ) from None


def run(
    program: Program,
    inputs: Sequence[Sequence[Array]],
    outputs: Sequence[Tensor],
    *,
    emulation: Emulation = PLAIN,
    timeout: float = 600.0,
) -> RunResult:
    """Run all inferences in one process; `inputs[inference][input]` in the model's own types.

    `outputs` says how the bytes that come back are read. If the program was built with `profile`,
    instructions of the first inference are counted too, and its outputs must be the same.
    Raises `RunnelError` if the program fails, with the function where it stopped if that is known.
    """
    results, log, cycles = _execute_program(
        program, program.elf, False, inputs, outputs, emulation, timeout
    )
    layers = total = None
    if cycles is not None:
        layers = [layer.instructions for layer in cycles.layers.values()]
        total = cycles.total.instructions
    if program.profile is not None:
        first, counts, _ = _execute_program(
            program, program.profile, True, inputs[:1], outputs, PLAIN, timeout
        )
        for plain, counted in zip(results[0], first[0], strict=True):
            if plain.tobytes() != counted.tobytes():
                raise RunnelError(f"{program.model}: the profile build gives other outputs")
        layers = [int(count) for count in re.findall(r"^PROFILE \d+ (\d+)", counts, re.MULTILINE)]
        total = _fact(counts, "TOTAL")
        log += counts
    sizes = program.sizes
    return RunResult(
        outputs=results,
        instructions_per_layer=layers,
        total_instructions=total,
        stack_bytes=_fact(log, "STACK"),
        flash_bytes=None if sizes is None else sizes.flash,
        ram_bytes=None if sizes is None else sizes.ram,
        cycles=cycles,
        log=log,
    )


def _fact(log: str, name: str) -> int | None:
    found = re.search(rf"^{name} (\d+)$", log, re.MULTILINE)
    return None if found is None else int(found[1])


def _execute_program(
    program: Program,
    elf: Path,
    profile: bool,
    inputs: Sequence[Sequence[Array]],
    outputs: Sequence[Tensor],
    emulation: Emulation,
    timeout: float,
) -> tuple[list[list[Array]], str, CycleReport | None]:
    platform = program.platform
    runner = runner_of(platform)
    command = runner.command(platform, program.directory.resolve(), profile=profile)
    if command:
        require_tool(command[0], platform.board.packages)
    with TemporaryDirectory(prefix="runnel-") as name:
        directory = Path(name)
        data = b"".join(array.tobytes() for inference in inputs for array in inference)
        (directory / "input.bin").write_bytes(data)
        command += runner.options(emulation, directory)
        done = execute([*command, str(elf.resolve())], directory, timeout)
        if done.returncode != 0:
            why = runner.explain(elf, platform, done.stdout, done.returncode)
            raise RunnelError(f"{program.model} on {platform.label}: {why}")
        data = (directory / "output.bin").read_bytes()
        results = _split(data, len(inputs), outputs, program.model)
        return results, done.stdout, runner.cycles(directory)


def _split(data: bytes, count: int, outputs: Sequence[Tensor], model: str) -> list[list[Array]]:
    """The outputs of each inference from the bytes of output.bin."""
    block = sum(tensor.size for tensor in outputs)
    if len(data) != count * block:
        raise RunnelError(
            f"{model}: {count} inferences of {block} bytes expected, {len(data)} bytes came back"
        )
    results: list[list[Array]] = []
    start = 0
    for _ in range(count):
        results.append([])
        for tensor in outputs:
            raw = data[start : start + tensor.size]
            results[-1].append(np.frombuffer(raw, tensor.dtype).reshape(tensor.shape))
            start += tensor.size
    return results
