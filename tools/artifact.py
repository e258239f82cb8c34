"""What compiling gives: the C of a model for a platform, and the directory that it goes to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..dialects import graph
from ..dialects.diagnostics import RunnelError
from ..dialects.platform import PlatformAttr
from ..runtime.platforms import load_platform
from ..runtime.runners import PLAIN, Emulation, Program, RunResult, Tensor, build, run
from ..runtime.runners.build_files import write_build_files
from .layers import Arena, Layer, arenas, layers_of
from .road import Road
from .signature import Signature

if TYPE_CHECKING:
    from .cluster_layers import LayerPlan

MANIFEST = "manifest.json"
Array = NDArray[Any]


@dataclass(frozen=True)
class Source:
    """A file that went into the artifact: its name without the folder, and its hash."""

    file: str
    sha256: str

    @staticmethod
    def of(path: Path) -> Source:
        return Source(path.name, sha256(path.read_bytes()).hexdigest())


@dataclass
class Artifact:
    """A compiled model."""

    road: Road
    sources: Mapping[str, Source] = field(default_factory=dict[str, Source])

    @property
    def name(self) -> str:
        """The prefix of all its C names."""
        return self.road.name

    @cached_property
    def platform(self) -> PlatformAttr:
        return load_platform(self.road.options.platform)

    @cached_property
    def c_files(self) -> dict[str, str]:
        """The emitted C by file name."""
        from ..lowering.print_c import print_c

        return print_c(self.road["c"].module)

    @cached_property
    def layers(self) -> list[Layer]:
        from .cluster_layers import cluster_layers

        stops = self.road.stops
        if "cluster" not in stops:
            return layers_of(self.road.planned.module)
        tensors = stops.get("channels-last") or self.road.start
        return cluster_layers(stops["cluster"].module, tensors.module)

    @cached_property
    def plans(self) -> list[LayerPlan]:
        """How each layer is tiled; none where there is no cluster."""
        from .cluster_layers import layer_plans

        stops = self.road.stops
        if "cluster" not in stops or "tile" not in stops:
            return []
        return layer_plans(stops["cluster"].module, stops["tile"].module)

    @cached_property
    def arenas(self) -> list[Arena]:
        return arenas(self.road.planned.module)

    @property
    def signature(self) -> Signature:
        return self.road.signature

    @property
    def constant_bytes(self) -> int:
        """Weights, biases and tables, as packed."""
        stop = self.road.stops.get("cluster")
        if stop is not None:
            found = (op for op in stop.module.walk() if isinstance(op, graph.GlobalOp))
            return sum(op.array().nbytes for op in found)
        return sum(layer.constant_bytes for layer in self.layers)

    def write_sources(self, directory: Path) -> list[str]:
        """Write all that `make` needs; returns the files, relative to `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in self.c_files.items():
            (directory / name).write_text(text, encoding="utf-8", newline="\n")
        built = write_build_files(
            directory,
            self.name,
            self.platform,
            list(self.c_files),
            kernel_directories=self._kernel_directories(),
        )
        return sorted([*self.c_files, *built])

    def _kernel_directories(self) -> list[Path]:
        """The folders of the headers that the user's kernel table names."""
        from ..lowering.user_kernels import read_kernels

        table = self.road.options.kernels
        kernels = () if table is None else read_kernels(table)
        return sorted({kernel.header.parent for kernel in kernels if kernel.header is not None})

    def write(self, directory: Path, *, program: Program | None = None) -> list[str]:
        """Write sources, manifest and README to `directory`, in place of what an earlier run left.

        `program` (see `build`) adds the measured sizes to both. Returns the files written.
        """
        from .manifest import manifest
        from .readme import readme

        clear(directory)
        files = self.write_sources(directory)
        facts = manifest(self, directory, files, program)
        (directory / "README.md").write_text(readme(self, program), encoding="utf-8", newline="\n")
        text = json.dumps(facts, indent=2) + "\n"
        (directory / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
        return sorted([*files, MANIFEST, "README.md"])

    def build(
        self, directory: Path, *, profile: bool = False, flags: Sequence[str] = ()
    ) -> Program:
        """Write the sources to `directory` and make the program there."""
        self.write_sources(directory)
        return build(directory, self.name, self.platform, profile=profile, extra_flags=flags)

    def run(
        self,
        program: Program,
        inputs: Mapping[str, Array],
        emulation: Emulation = PLAIN,
    ) -> tuple[RunResult, list[Array]]:
        """Run all samples of `inputs` (as the program takes them) in one process.

        Returns what was measured, and the outputs with the samples on the first axis. The layers of
        a trace have the names of their nodes.
        """
        infos = self.signature.inputs
        rows = [[inputs[i.name][k : k + i.shape[0]] for i in infos] for k in _starts(inputs, infos)]
        tensors = [Tensor(info.dtype, info.shape) for info in self.signature.outputs]
        if emulation.poison and "cluster" in self.road.stops:
            emulation = replace(emulation, free=self._write_free(program))
        result = run(program, rows, tensors, emulation=emulation)
        if emulation.trace is not None:
            from .report.timeline import name_layers

            name_layers(emulation.trace, [layer.node for layer in self.layers])
        columns = zip(*result.outputs, strict=True)
        return result, [np.concatenate(column) for column in columns]

    def _write_free(self, program: Program) -> Path:
        """What of the near memory nobody needs behind each layer, beside the program."""
        from .free_memory import free_ranges

        path = program.directory / "free.json"
        path.write_text(json.dumps(free_ranges(self.road["cluster"].module)) + "\n")
        return path


def _starts(inputs: Mapping[str, Array], infos: Sequence[Any]) -> range:
    return range(0, len(inputs[infos[0].name]), infos[0].shape[0])


def clear(directory: Path) -> None:
    """Remove the files that an earlier run wrote; refuses a folder with other things in it."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise RunnelError(f"{directory}: is a file, -o needs a folder")
    listed = directory / MANIFEST
    if not listed.is_file():
        if any(directory.iterdir()):
            raise RunnelError(
                f"{directory}: is not empty and holds no {MANIFEST} of an earlier run; "
                "give an empty or new folder"
            )
        return
    try:
        old = cast(dict[str, Any], json.loads(listed.read_text(encoding="utf-8")))
        names = [str(name) for name in old["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RunnelError(f"{listed}: is no manifest of an earlier run; remove it") from error
    for name in names:
        path = (directory / name).resolve()
        if path.is_relative_to(directory.resolve()):
            path.unlink(missing_ok=True)
