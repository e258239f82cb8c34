"""Named pipelines: the steps of the road as text, usable wherever a pass is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NamedPipeline:
    """A pipeline spec under a name.

    `passes` is pipeline text; `$option` in it stands for the value of that option, whose default
    is in `options` (None: it must be given). Values are put in as the user wrote them.
    """

    summary: str
    passes: str
    options: Mapping[str, str | None] = field(default_factory=dict[str, str | None])


PIPELINES: dict[str, NamedPipeline] = {
    "cleanup": NamedPipeline(
        "Canonicalize, merge equal ops, remove what is not used.",
        "canonicalize,cse,dce",
    ),
    "simplify": NamedPipeline(
        "Graph level: fold batch norm, fuse layer norm, decompose, fold constants, clean up.",
        "canonicalize,fold-batch-norm,fuse-layer-norm,decompose,fold-constants,fold-bias,cleanup,"
        "remove-unused-globals",
    ),
    "quantize": NamedPipeline(
        "Float graph to integers: calibrate on data, place quantizers, fuse into integer ops.",
        "simplify,equalize{clips=$equalize data=$data per-channel=$channels "
        "strengths=1,0.75,0.5,0.25,0},"
        "equalize-noise{method=$noise data=$data per-channel=$channels},"
        "equalize-depthwise{method=$depthwise data=$data per-channel=$channels},"
        "absorb-high-bias{method=$absorb data=$data per-channel=$channels},"
        "calibrate{data=$data method=$method percentile=$percentile headroom=$headroom},"
        "tune-ranges{data=$data samples=$tune},mixed-precision{data=$data sqnr=$mixed},"
        "insert-quant-casts{per-channel=$channels weight-bits=$weight-bits "
        "block-size=$block-size},"
        "round-weights{method=$rounding data=$data distill=$distill},"
        "learn-weights{iterations=$learn data=$data distill=$distill},"
        "correct-bias{method=$bias-correction data=$data},round-biases,round-results,"
        "convert-graph-to-quant{rounding=platform},cleanup,remove-unused-globals",
        {
            "data": None,
            "method": "mse",
            "percentile": "99.99",
            "headroom": "1.0",
            "channels": "true",
            "weight-bits": "8",
            "tune": "0",
            "block-size": "0",
            "mixed": "0",
            "equalize": "off",
            "noise": "off",
            "depthwise": "off",
            "absorb": "off",
            "rounding": "nearest",
            "distill": "0",
            "learn": "0",
            "bias-correction": "narrow",
        },
    ),
    "quantize-without-data": NamedPipeline(
        "Float graph to integers: ranges and samples from what batch norms knew.",
        "simplify,distill-inputs{file=$file count=$count input-low=$low input-high=$high},"
        "equalize-noise{data=$file per-channel=$channels},"
        'calibrate{data="" method=batch-norm input-low=$low input-high=$high},'
        "insert-quant-casts{per-channel=$channels weight-bits=$weight-bits},"
        "round-weights{data=$file},"
        "convert-graph-to-quant{rounding=platform},cleanup,remove-unused-globals",
        {
            "file": None,
            "count": "24",
            "low": "-1.0",
            "high": "1.0",
            "channels": "true",
            "weight-bits": "8",
        },
    ),
    "import-quantized": NamedPipeline(
        "QDQ graph to integers, with the meaning it has.",
        "convert-qdq,simplify,convert-graph-to-quant{rounding=$rounding},"
        "cleanup,remove-unused-globals",
        {"rounding": "half_even"},
    ),
    "lower-to-cortexm": NamedPipeline(
        "Integer ops to kernel calls on planned buffers, channels-last.",
        "integer-io,choose-layout{layout=$layout},set-platform{platform=$platform},"
        "verify-quantization,schedule-for-memory,convert-quant-to-cortexm,place-buffers{algorithm=$algorithm}",
        {"platform": None, "layout": "channels-last", "algorithm": "auto"},
    ),
    "choose-layout": NamedPipeline(
        "Integer ops to the layout of the kernels.",
        "channels-last{io=$layout},rows-as-pixels,fold-constants,cleanup,remove-unused-globals",
        {"layout": "channels-last"},
    ),
    "place-buffers": NamedPipeline(
        "A place in memory for every buffer, verified.",
        "reuse-in-place,plan-memory{algorithm=$algorithm},verify-memory,remove-unused-globals",
        {"algorithm": "auto"},
    ),
    "tile-for-cluster": NamedPipeline(
        "Integer ops to tiles on the units of a cluster, each tensor with a home.",
        "set-platform{platform=$platform},verify-quantization,fold-columns,unfold-windows,schedule-for-memory,place-units,"
        "spill-units,tile-network{solver=$solver},spill-homes",
        {"platform": None, "solver": "auto"},
    ),
    "lower-to-dma": NamedPipeline(
        "Tiles to asynchronous copies and kernels on planned buffers, verified.",
        "convert-tile-to-dma,spill-constants,software-pipeline,split-transfers,overlap-units,"
        "defer-waits,dce,cse,remove-unused-globals,"
        "plan-memory{algorithm=$algorithm stop-at-fit=$stop-at-fit},verify-memory",
        {"algorithm": "auto", "stop-at-fit": "false"},
    ),
    "lower-to-cluster": NamedPipeline(
        "Integer ops to a schedule of all cores, DMA and NPU on planned buffers, verified.",
        "integer-io,choose-layout{layout=$layout},tile-for-cluster{platform=$platform "
        "solver=$solver},lower-to-dma,fork-cores,verify-hazards",
        {"platform": None, "layout": "channels-last", "solver": "auto"},
    ),
    "lower-to-loops": NamedPipeline(
        "Float graph to loops on planned buffers, a function for each op.",
        "simplify,set-platform{platform=$platform},schedule-for-memory,convert-graph-to-linalg,"
        "plan-memory{algorithm=$algorithm},verify-memory",
        {"platform": None, "algorithm": "auto"},
    ),
    "lower-to-c": NamedPipeline(
        "Kernel calls and loops on planned buffers to C.",
        "convert-linalg-to-loops,convert-npu-to-accfg,cse,licm,loop-hoist-memref,dedup-setups,"
        "convert-accfg-to-npu,convert-cortexm-to-c",
    ),
}
"""Name to pipeline. A pipeline may name others, but not itself."""
