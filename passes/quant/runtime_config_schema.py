"""The schema of AIMET's runtime configuration: JSON that says where a runtime quantizes, and how.

Six sections, from the general to the specific: what is said later goes before. Truth values are the
texts "True" and "False" (JSON's own are read too). A setting that is left out is `None` here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import onnx.defs

from ...dialects.diagnostics import RunnelError
from ...dialects.quantization import Real
from ...dialects.records import Record, Schema, did_you_mean, show

OWN_OPS = (
    *("BatchPermutation", "BatchToSpace", "ChannelShuffle", "CropAndResize", "LayerNorm"),
    "SpaceToBatch",
)
"""Op types of AIMET's configurations that ONNX does not have."""


class Switch(Schema):
    """ "True" or "False"."""

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if raw not in ("True", "False") and not isinstance(raw, bool):
            yield f'{path}: expected "True" or "False", got {show(raw)}'

    def decode(self, raw: object) -> bool:
        return raw in ("True", True)


class OpName(Schema):
    """The type of an op of ONNX, or one of AIMET's own."""

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if not isinstance(raw, str):
            yield f"{path}: expected the type of an op, got {show(raw)}"
        elif raw not in OWN_OPS and not onnx.defs.has(raw):
            known = {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}
            close = did_you_mean(raw, known)
            hint = close if "did you mean" in close else "; leave it out"
            yield f'{path}: ONNX has no op "{raw}"{hint}'


@dataclass(frozen=True)
class Entries(Schema):
    """Settings by name: `entry` for each; `ops` are names of op types."""

    entry: Schema
    ops: bool = False

    def problems(self, raw: object, path: str) -> Iterator[str]:
        if not isinstance(raw, dict):
            yield f"{path}: expected an object, got {show(raw)}"
            return
        for name, value in cast(dict[str, object], raw).items():
            if self.ops:
                yield from OpName().problems(name, f"{path}.{name}")
            yield from self.entry.problems(value, f"{path}.{name}")

    def decode(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.entry.decode(value) for name, value in raw.items()}


Flag = Annotated[bool, Switch()]
OpType = Annotated[str, OpName()]


@dataclass(frozen=True)
class ParamSettings:
    is_quantized: Flag | None = None
    is_symmetric: Flag | None = None


@dataclass(frozen=True)
class Type:
    bitwidth: int
    dtype: Literal["int", "float"]


@dataclass(frozen=True)
class SupportedKernel:
    """A pair of types that some kernel takes."""

    activation: Type
    param: Type


@dataclass(frozen=True)
class Constraints:
    """The range of what an op makes."""

    min: Real
    max: Real


Params = Annotated[Mapping[str, ParamSettings], Entries(Record(ParamSettings))]


@dataclass(frozen=True)
class OpSettings:
    is_input_quantized: Flag | None = None
    is_output_quantized: Flag | None = None
    is_symmetric: Flag | None = None
    per_channel_quantization: Flag | None = None
    params: Params = field(default_factory=dict[str, ParamSettings])
    supported_kernels: tuple[SupportedKernel, ...] = ()
    encoding_constraints: Constraints | None = None


@dataclass(frozen=True)
class DefaultOps:
    is_output_quantized: Flag | None = None
    is_symmetric: Flag | None = None


@dataclass(frozen=True)
class Defaults:
    ops: DefaultOps
    params: ParamSettings
    strict_symmetric: Flag | None = None
    unsigned_symmetric: Flag | None = None
    per_channel_quantization: Flag | None = None
    supported_kernels: tuple[SupportedKernel, ...] = ()
    hw_version: str | None = None


@dataclass(frozen=True)
class Supergroup:
    """Op types that follow each other in one kernel."""

    op_list: tuple[OpType, ...]


@dataclass(frozen=True)
class ModelInput:
    is_input_quantized: Flag | None = None


@dataclass(frozen=True)
class ModelOutput:
    is_output_quantized: Flag | None = None


@dataclass(frozen=True)
class RuntimeConfig:
    """The whole file. `supergroup_pass_list` names patterns that AIMET matches by programs."""

    defaults: Defaults
    params: Params
    op_type: Annotated[Mapping[str, OpSettings], Entries(Record(OpSettings), ops=True)]
    supergroups: tuple[Supergroup, ...]
    model_input: ModelInput
    model_output: ModelOutput
    supergroup_pass_list: tuple[str, ...] = ()


def load(path: Path) -> RuntimeConfig:
    """The configuration in a file; raises `RunnelError` with all that is wrong, by its place."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunnelError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(raw, dict):
        raise RunnelError(f"{path}: expected an object with the sections of a runtime config")
    schema = Record(RuntimeConfig)
    problems = list(schema.problems(cast(object, raw), ""))
    if problems:
        raise RunnelError(*(f"{path}: {problem}" for problem in problems))
    return cast(RuntimeConfig, schema.decode(cast(dict[str, Any], raw)))
