"""The compiler as functions: what the command line does, for Python programs.

module = load("model.onnx")
artifact = compile(module, "cortex-m4", calibrate="data.npz")
artifact.write(Path("out"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from xdsl.dialects.builtin import ModuleOp, StringAttr

from ..dialects.diagnostics import RunnelError
from . import constants_file
from . import road as roads
from .artifact import Artifact, Source
from .progress import SILENT, Progress
from .read_ir import decode, frontend_of, read_mlir
from .registry import new_context
from .road import Options, Road, drive, is_quantized, level_of
from .samples import read_samples
from .signature import network_function, signature_of
from .verifier import verify_all
from .write_ir import data_path

METHODS = ("mse", "min-max", "moving-average", "percentile", "sqnr", "entropy", "cross-entropy")


def load(path: str | Path, *, dims: Mapping[str, int] | None = None, name: str | None = None):
    """The module of an ONNX model, or of MLIR text at any level with its constants beside it.

    `dims` pins symbolic dimensions of ONNX, `name` is the name of the function and the prefix of
    all C names. Raises `RunnelError` or xDSL's `ParseError`.
    """
    file = Path(path)
    if frontend_of(str(file), None) == "onnx":
        from ..lowering.import_onnx import import_onnx

        return import_onnx(file, dims=dims or {}, name=name)
    if dims:
        raise RunnelError(f"{file}: only ONNX models have dimensions to pin")
    module = read_mlir(new_context(), decode(file.read_bytes(), str(file)), str(file)).module
    constants_file.restore(module, data_path(file))
    verify_all(module)
    if name is not None:
        network_function(module).sym_name = StringAttr(name)
    return module


def lower(
    module: ModuleOp,
    options: Options,
    *,
    calibrate: str | Path | None = None,
    channels_last_data: bool = False,
    until: str = "c",
    progress: Progress = SILENT,
) -> Road:
    """The stops of `module` on its way down to the level `until`; `module` itself stays.

    `calibrate` is a data file with samples for a float model (see `read_samples`).
    """
    lowered = module.clone()
    wanted = level_of(module) == "graph" and not is_quantized(module)
    if calibrate is None or not wanted:
        return drive(lowered, options, until=until, progress=progress)
    inputs = signature_of(module).inputs
    samples = read_samples(Path(calibrate), inputs, channels_last=channels_last_data)
    with TemporaryDirectory(prefix="runnel-") as folder:
        data = Path(folder) / "calibration.npz"
        constants_file.save(data, samples)
        return drive(lowered, options, calibrate=data, until=until, progress=progress)


def compile(
    module: ModuleOp,
    platform: str = "host",
    *,
    calibrate: str | Path | None = None,
    channels_last_data: bool = False,
    method: str = "mse",
    headroom: float = 1.0,
    io: str = "integer",
    io_layout: str = "channels-last",
    kernels: str | Path | None = None,
    runtime_config: str | Path | None = None,
    solver: str = "auto",
    source: str | Path | None = None,
    progress: Progress = SILENT,
) -> Artifact:
    """Compile to C for `platform`; `source` is the file that the manifest names and hashes.

    `runtime_config` is a JSON file of AIMET: where a float model is quantized, and how. `solver`
    chooses tiles where the platform has a cluster: heuristic, cp_sat, or auto.
    """
    table = None if kernels is None else Path(kernels)
    config = None if runtime_config is None else Path(runtime_config)
    options = Options(platform, method, headroom, io, io_layout, table, config, solver)
    road = lower(
        module,
        options,
        calibrate=calibrate,
        channels_last_data=channels_last_data,
        progress=progress,
    )
    files = {
        "model": source,
        "calibration": calibrate,
        "kernels": kernels,
        "runtime config": runtime_config,
    }
    sources = {role: Source.of(Path(path)) for role, path in files.items() if path is not None}
    return Artifact(road, sources)


def retarget(artifact: Artifact, platform: str, *, progress: Progress = SILENT) -> Artifact:
    """The same model for another platform, without quantizing it again."""
    options = replace(artifact.road.options, platform=platform)
    road = roads.retarget(artifact.road, options, progress=progress)
    return Artifact(road, artifact.sources)
