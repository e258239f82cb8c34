"""The way of one module down the road: which pipelines lead from level to level, with a copy of
the module at each stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects.diagnostics import RunnelError
from ..runtime.platforms import load_platform
from .pipeline import resolve_pipeline
from .progress import SILENT, Progress
from .registry import new_context
from .signature import Signature, network_function, signature_of

LEVELS = ("graph", "quant", "channels-last", "cortexm", "c")
"""The stops, from the model to C. `channels-last` is quant in the layout of the kernels."""

CLUSTER_LEVELS = ("graph", "quant", "channels-last", "fit", "tile", "dma", "cluster", "c")
"""The stops where the platform has a cluster of cores; `dma` is on planned buffers. `fit` is there
with an NPU: requantization as it can do it exactly, which moves some outputs by one step.
"""

FLOAT_LEVELS = ("graph", "loops", "c")
"""The stops of a network that stays in float; `loops` is on planned buffers, as cortexm is."""

PLANNED_LEVELS = ("cortexm", "dma", "loops")

PORTABLE_LEVELS = ("graph", "quant", "channels-last")
"""The levels that know no platform."""


@dataclass(frozen=True)
class Options:
    """What the user chose; everything else follows from the model and the platform."""

    platform: str = "host"
    """A name that `runnel platforms` lists, or the path of a TOML file."""
    method: str = "mse"
    headroom: float = 1.0
    """Calibrated ranges are widened by this factor."""
    io: str = "integer"
    """`integer`: the program takes and gives stored integers; `float`: it converts itself."""
    io_layout: str = "channels-last"
    """`channels-last`, or `keep` for the model's own order of axes."""
    kernels: Path | None = None
    """A TOML file with drop-in kernels."""
    runtime_config: Path | None = None
    """A JSON file of AIMET that says what is quantized, in place of what the platform says."""
    solver: str = "auto"
    """What chooses tiles where the platform has a cluster: `tile-network`'s solver. With
    `heuristic` buffers are placed until they fit, not in the smallest arena."""


@dataclass(frozen=True)
class Stop:
    """The module at a level, and what its function takes and gives."""

    level: str
    module: ModuleOp
    signature: Signature


@dataclass
class Road:
    """The stops of one compilation, in order. `name` is that of the function: the C prefix."""

    name: str
    options: Options
    stops: dict[str, Stop] = field(default_factory=dict[str, Stop])

    def __getitem__(self, level: str) -> Stop:
        if level not in self.stops:
            known = ", ".join(self.stops)
            raise RunnelError(f"the module has no level '{level}' here; there is {known}")
        return self.stops[level]

    @property
    def signature(self) -> Signature:
        """What the compiled program takes and gives."""
        return list(self.stops.values())[-1].signature

    @property
    def planned(self) -> Stop:
        """The level on planned buffers: its layers are those of the C."""
        found = [stop for level, stop in self.stops.items() if level in PLANNED_LEVELS]
        if not found:
            raise RunnelError("the module is not lowered to planned buffers here")
        return found[0]

    @property
    def in_float(self) -> bool:
        """Whether the network computes with floats down to C."""
        return "loops" in self.stops

    @property
    def has_loops(self) -> bool:
        """Whether some layer computes in float: all, or what has no integer form in a mixed one."""
        planned = self.stops.get("cortexm")
        calls = () if planned is None else (op for op in planned.module.walk() if is_call(op))
        return self.in_float or any(calls)

    @property
    def start(self) -> Stop:
        """Where the module came from."""
        return next(iter(self.stops.values()))


def is_call(op: Operation) -> bool:
    return op.name == "func.call"


def level_of(module: ModuleOp) -> str:
    """The level that a module stands at, by the dialects of its ops."""
    dialects = {op.name.partition(".")[0] for op in module.walk()}
    if "c" in dialects:
        return "c"
    if "cluster" in dialects and any(op.name == "cluster.fork" for op in module.walk()):
        return "cluster"
    if "tile" in dialects:
        return "tile"
    if "cluster" in dialects or "npu" in dialects:
        return "dma"
    if dialects & {"cortexm", "dma"}:
        return "cortexm" if "cortexm" in dialects else "loops"
    names = {op.name for op in module.walk() if op.name.startswith("quant.")}
    return "quant" if names - {"quant.qcast", "quant.dcast"} else "graph"


def is_quantized(module: ModuleOp) -> bool:
    """Whether a module at the graph level carries its quantization with it (QDQ, QOperator)."""
    return any(
        op.name in ("graph.quantize_linear", "graph.dequantize_linear", "quant.dcast")
        for op in module.walk()
    )


def drive(
    module: ModuleOp,
    options: Options,
    *,
    calibrate: Path | None = None,
    until: str = "c",
    progress: Progress = SILENT,
) -> Road:
    """Lower `module`, in place, from where it stands to the level `until`.

    `calibrate` is a data file in the model's own shapes; a float model stays in float without.
    Raises `RunnelError`.
    """
    level = level_of(module)
    if level == LEVELS[-1]:
        raise RunnelError("the module is C already: opt-tool -t c prints it")
    road = Road(network_function(module).sym_name.data, options)
    _stop(road, level, module)
    return _go_on(road, module, calibrate, until, progress)


def retarget(road: Road, options: Options, *, progress: Progress = SILENT) -> Road:
    """The same module for another platform: what stands above the kernels is shared."""
    shared = {level: stop for level, stop in road.stops.items() if level in PORTABLE_LEVELS}
    if not shared:
        raise RunnelError("the module is lowered to buffers already, for one platform")
    module = list(shared.values())[-1].module.clone()
    return _go_on(Road(road.name, options, shared), module, None, LEVELS[-1], progress)


def has_unit(options: Options, kind: str) -> bool:
    """Whether the platform has a unit of this kind."""
    return any(unit.kind == kind for unit in load_platform(options.platform).units)


def _cluster_levels(options: Options) -> tuple[str, ...]:
    fits = has_unit(options, "npu")
    return tuple(level for level in CLUSTER_LEVELS if fits or level != "fit")


def _levels(
    here: str, module: ModuleOp, options: Options, calibrate: Path | None, until: str
) -> tuple[str, ...]:
    """The levels behind `here` up to `until`: those of integers, or those of floats."""
    floats = here == "graph" and calibrate is None and not is_quantized(module)
    way = _cluster_levels(options) if has_unit(options, "cluster") else LEVELS
    if here == "loops" or (floats and until in FLOAT_LEVELS):
        way = FLOAT_LEVELS
    if until not in way:
        raise RunnelError(f"from {here} the road leads to {', '.join(way)}, not to {until}")
    return way[way.index(here) + 1 : way.index(until) + 1]


def _go_on(
    road: Road, module: ModuleOp, calibrate: Path | None, until: str, progress: Progress
) -> Road:
    """Rewrite `module`, which stands where `road` ends, to the level `until`."""
    context = new_context()
    for level in _levels(list(road.stops)[-1], module, road.options, calibrate, until):
        title, text = _step(level, module, road.options, calibrate)
        with progress.step(title):
            resolve_pipeline(text).run(context, module)
        _stop(road, level, module)
    return road


def _stop(road: Road, level: str, module: ModuleOp) -> None:
    """Note the module at `level`. Buffers are as the tensors that they came from, whose layout only
    the function on tensors knows.
    """
    before = list(road.stops.values())[-1].signature if road.stops else None
    shared = before if level not in PORTABLE_LEVELS else None
    signature = shared or signature_of(module)
    road.stops[level] = Stop(level, module.clone(), signature)


def _step(
    level: str, module: ModuleOp, options: Options, calibrate: Path | None
) -> tuple[str, str]:
    """What to tell the user, and the pipeline that leads to `level` from the one before."""
    if level == "quant":
        return _quantization(module, options, calibrate)
    if level == "channels-last":
        return "choose layouts", f"choose-layout{{layout={options.io_layout}}}"
    if level == "loops":
        lower = f"lower-to-loops{{platform={_quoted(options.platform)}}}"
        return "lower to loops and plan memory", lower
    if level in _CLUSTER_STEPS:
        return _CLUSTER_STEPS[level][0], _CLUSTER_STEPS[level][1](options)
    if level == "cortexm":
        lower = (
            f"{_platform(options)},verify-quantization,schedule-for-memory,"
            "convert-quant-to-cortexm,place-buffers"
        )
        return "lower to kernels and plan memory", lower
    return "write C", "lower-to-c"


def _quantization(module: ModuleOp, options: Options, calibrate: Path | None) -> tuple[str, str]:
    io = ",integer-io" if options.io == "integer" else ""
    if is_quantized(module):
        return "import the quantization", f"import-quantized{io}"
    if calibrate is None:
        raise RunnelError(
            "the model is in float: give --calibrate DATA (.npz or .npy with some 100 real inputs) "
            "to quantize it"
        )
    data = f"data={_quoted(calibrate)} method={options.method} headroom={options.headroom}"
    platform = platform_text(options.platform, options.runtime_config)
    return "calibrate and quantize", f"{platform},quantize{{{data}}}{io}"


def _platform(options: Options) -> str:
    """The pass that says which machine and whose kernels."""
    own = "" if options.kernels is None else f" kernels={_quoted(options.kernels)}"
    return f"set-platform{{platform={_quoted(options.platform)}{own}}}"


_CLUSTER_STEPS: dict[str, tuple[str, Callable[[Options], str]]] = {
    "fit": (
        "fit the requantization to the NPU",
        lambda options: f"{_platform(options)},unfold-windows,fit-requant",
    ),
    "tile": (
        "choose units, tiles and homes",
        lambda options: (
            f"{_platform(options)},tile-for-cluster{{platform={_quoted(options.platform)} "
            f"solver={options.solver}}}"
        ),
    ),
    "dma": (
        "schedule transfers and plan memory",
        lambda options: f"lower-to-dma{{stop-at-fit={str(options.solver == 'heuristic').lower()}}}",
    ),
    "cluster": ("share the work among the cores", lambda _: "fork-cores,verify-hazards"),
}
"""Level to what to tell the user and the pipeline that leads to it from the one before."""


def platform_text(platform: str, runtime_config: Path | None) -> str:
    """The pass that says for which platform the passes behind it quantize."""
    config = "" if runtime_config is None else f" runtime-config={_quoted(runtime_config)}"
    return f"set-platform{{platform={_quoted(platform)}{config}}}"


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
