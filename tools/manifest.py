"""manifest.json: what an artifact was made of and by, and what it takes. No times, no paths."""

from __future__ import annotations

import platform as python_platform
import shutil
import subprocess
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dialects.platform_records import Toolchain
from ..runtime.runners import Program
from .layers import Layer
from .signature import TensorInfo

if TYPE_CHECKING:
    from .artifact import Artifact

PACKAGES = ("runnel", "xdsl", "numpy", "onnx")


def manifest(
    artifact: Artifact, directory: Path, files: list[str], program: Program | None
) -> dict[str, Any]:
    """The facts of the artifact whose `files` are in `directory`."""
    options = artifact.road.options
    return {
        "format": 1,
        "name": artifact.name,
        "platform": artifact.platform.label,
        "sources": {role: asdict(source) for role, source in sorted(artifact.sources.items())},
        "options": {
            "method": options.method,
            "headroom": options.headroom,
            "io": options.io,
            "io_layout": options.io_layout,
            "solver": options.solver,
        },
        "tools": tool_versions(artifact.platform.toolchain if program else None),
        "inputs": [tensor_facts(info) for info in artifact.signature.inputs],
        "outputs": [tensor_facts(info) for info in artifact.signature.outputs],
        "memory": memory_facts(artifact, program),
        "layers": [layer_facts(layer) for layer in artifact.layers],
        "files": {
            name: sha256((directory / name).read_bytes()).hexdigest() for name in sorted(files)
        },
    }


def tool_versions(toolchain: Toolchain | None) -> dict[str, str]:
    """What made the output; the C compiler if sizes were measured with it."""
    versions = {"python": python_platform.python_version()}
    versions |= {package: version(package) for package in PACKAGES}
    if toolchain is not None:
        versions["compiler"] = compiler_version(toolchain)
    return versions


def compiler_version(toolchain: Toolchain) -> str:
    """The first line of what the compiler says of itself."""
    tool = shutil.which(toolchain.prefix + toolchain.compiler)
    if tool is None:
        return "not installed"
    done = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def tensor_facts(info: TensorInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "shape": list(info.shape),
        "layout": info.layout or "as in the model",
        "element": str(info.dtype),
        "bytes": info.bytes,
        "scale": info.scale,
        "zero_point": info.zero_point,
    }


def layer_facts(layer: Layer) -> dict[str, Any]:
    return {
        "index": layer.index,
        "node": layer.node,
        "op": layer.op,
        "kernel": layer.kernel,
        "inputs": [list(shape) for shape in layer.inputs],
        "output": list(layer.output),
        "macs": layer.macs,
        "parameters": layer.parameters,
        "constant_bytes": layer.constant_bytes,
        "activation_bytes": layer.activation_bytes,
        "scratch_bytes": layer.scratch_bytes,
    }


def memory_facts(artifact: Artifact, program: Program | None) -> dict[str, Any]:
    """Bytes: the arena with its bound, constants, and what the linked program takes."""
    arenas = [
        {"memory": arena.memory, "bytes": arena.size, "liveness_bound_bytes": arena.bound}
        for arena in artifact.arenas
    ]
    facts: dict[str, Any] = {"arenas": arenas, "constant_bytes": artifact.constant_bytes}
    if program is not None and program.sizes is not None:
        sizes = program.sizes
        facts |= {
            "flash_bytes": sizes.flash,
            "ram_bytes": sizes.ram,
            "model_flash_bytes": sizes.model_flash,
            "model_ram_bytes": sizes.model_ram,
        }
    return facts
