"""The arena of every placement algorithm against the liveness bound, and the time it takes.

python bench/memory.py [--platform P] [MODEL.onnx ...]

Always: synthetic lifetimes (chains, skips, random sets). With quantized (QDQ) models: the buffers
that they have on platform P (cortex-m4) after schedule-for-memory and reuse-in-place.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from runnel.passes.memory.liveness import (
    Interval,
    buffer_liveness,
    functions_with_buffers,
    liveness_bound,
)
from runnel.passes.memory.placement import ALGORITHMS, DEFAULT_ALIGNMENT, has_cp_sat, place
from runnel.tools import opt_tool
from runnel.tools.read_ir import read_mlir
from runnel.tools.registry import new_context

ROAD = (
    "set-platform{{platform={platform}}},canonicalize,convert-qdq,convert-graph-to-quant,integer-io,"
    "channels-last,canonicalize,cse,dce,schedule-for-memory,convert-quant-to-cortexm,reuse-in-place"
)


def chain(choose: random.Random, count: int) -> list[Interval]:
    """Layer after layer: each buffer is read by the next step only."""
    return [
        Interval(f"b{i}", 16 * choose.randrange(1, 2000), max(i - 1, 0), min(i, count - 2))
        for i in range(count)
    ]


def residual(choose: random.Random, count: int) -> list[Interval]:
    """A chain in which every third buffer is read once more, three steps later."""
    return [
        Interval(i.name, i.size, i.start, min(i.end + 3 * (n % 3 == 0), count - 2))
        for n, i in enumerate(chain(choose, count))
    ]


def scattered(choose: random.Random, count: int) -> list[Interval]:
    """Random sizes and lifetimes: the hard case."""
    starts = [choose.randrange(count) for _ in range(count)]
    return [
        Interval(f"b{i}", choose.randrange(1, 5000), start, start + choose.randrange(12))
        for i, start in enumerate(starts)
    ]


def synthetic() -> Iterator[tuple[str, list[Interval]]]:
    """Named sets of lifetimes, the same on every run."""
    for make in (chain, residual, scattered):
        for count in (20, 60):
            yield f"{make.__name__}_{count}", make(random.Random(count), count)


def network(path: Path, platform: str) -> Iterator[tuple[str, list[Interval]]]:
    """The lifetimes of the buffers of a model, per memory."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "buffers.mlir"
        passes = ROAD.format(platform=platform)
        if opt_tool.main([str(path), "-p", passes, "-o", str(text)]):
            return
        module = read_mlir(new_context(), text.read_text(), path.name).module
    for func in functions_with_buffers(module.body.block.ops):
        liveness = buffer_liveness(func)
        for memory in liveness.memories():
            buffers = liveness.buffers(memory)
            yield path.stem, [liveness.intervals[buffer] for buffer in buffers]


def report(name: str, intervals: Sequence[Interval]) -> None:
    """One line per algorithm."""
    bound = liveness_bound(intervals, DEFAULT_ALIGNMENT)
    rounding = bound.aligned - bound.bytes
    print(f"\n{name}: {len(intervals)} buffers, bound {bound.bytes} B, alignment adds {rounding} B")
    for algorithm in ALGORITHMS:
        if algorithm == "cp_sat" and not has_cp_sat():
            continue
        start = perf_counter()
        found = place(intervals, algorithm)
        took = 1000 * (perf_counter() - start)
        ratio = found.arena / max(bound.bytes, 1)
        winner = f"  ({found.algorithm})" if found.algorithm != algorithm else ""
        print(f"  {algorithm:18}{found.arena:10} B{ratio:8.3f}x{took:10.1f} ms{winner}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--platform", default="cortex-m4")
    args = parser.parse_args()
    for name, intervals in synthetic():
        report(name, intervals)
    for path in args.models:
        for name, intervals in network(path, args.platform):
            report(name, intervals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
