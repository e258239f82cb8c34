"""Task accuracy of the four MLPerf Tiny networks on all their test inputs, float and int8.

python bench/accuracy.py [--networks resnet8,dscnn] [--method mse] [--count N] [--json FILE]

`float` is the graph level on the float model; `int8` that model quantized here; `QDQ` the model
that came quantized, at the quant level: the bytes that every program gives (`runnel validate`).
Beside them is what onnxruntime reaches with the float and the QDQ model.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from runnel.bench.networks import NETWORKS, Array, DataSet, Network
from runnel.bench.options import add_names
from runnel.runtime.interpreter import run
from runnel.tools import api
from runnel.tools.progress import Progress
from runnel.tools.report.text_table import text_table
from runnel.tools.road import Options
from runnel.tools.signature import Signature, signature_of

BATCH = 256
LOSS = 0.01
"""What int8 may lose against the float model: one point."""


@dataclass(frozen=True)
class Accuracy:
    """The metric of one network on one test set; `ort_*` is onnxruntime's, from the README beside
    the models. `agreement` is the share of inputs for which float and int8 choose the same class.
    """

    network: str
    data: str
    metric: str
    inputs: int
    float32: float
    ort_float: float
    int8: float
    qdq: float
    ort_qdq: float
    agreement: float | None

    @property
    def loss(self) -> float:
        return self.float32 - self.int8


def outputs_of(module: ModuleOp, signature: Signature, inputs: Array) -> Array:
    """The real first output for all inputs, batch after batch."""
    rows: list[Array] = []
    for start in range(0, len(inputs), BATCH):
        stored = signature.inputs[0].store(inputs[start : start + BATCH])
        (output, *_) = run(module, [stored]).values()
        rows.append(signature.outputs[0].real(output))
    return np.concatenate(rows)


@dataclass(frozen=True)
class Variants:
    """The three modules of a network that are measured."""

    float32: ModuleOp
    int8: ModuleOp
    qdq: ModuleOp


def variants(network: Network, method: str, progress: Progress) -> Variants:
    model = api.load(network.path("float"))
    with TemporaryDirectory() as folder:
        data = Path(folder) / "calibration.npy"
        np.save(data, network.calibration_inputs())
        options = Options(method=method)
        int8 = api.lower(model, options, calibrate=data, until="channels-last", progress=progress)
    qdq = api.lower(api.load(network.path("qdq")), Options(), until="channels-last")
    return Variants(model, int8["channels-last"].module, qdq["channels-last"].module)


def measure(
    network: Network, data: DataSet, modules: Variants, count: int | None, progress: Progress
) -> Accuracy:
    """All inputs of one test set through the three modules."""
    inputs = network.inputs(data)
    labels = len(network.labels(data)) if count is None else count
    per_label = len(inputs) // len(network.labels(data))
    inputs = inputs[: labels * per_label]
    found: dict[str, Array] = {}
    for name in ("float32", "int8", "qdq"):
        module: ModuleOp = getattr(modules, name)
        with progress.step(f"{network.name} {data.name} {name}"):
            found[name] = outputs_of(module, signature_of(module), inputs)
    scores = {name: network.score(data, inputs, y, labels) for name, y in found.items()}
    ort_float, ort_qdq = network.reference[data.name]
    classes = {name: y.reshape(len(y), -1).argmax(1) for name, y in found.items()}
    same = float((classes["float32"] == classes["int8"]).mean())
    return Accuracy(
        network=network.name,
        data=data.name,
        metric=network.metric,
        inputs=len(inputs),
        float32=scores["float32"],
        ort_float=ort_float,
        int8=scores["int8"],
        qdq=scores["qdq"],
        ort_qdq=ort_qdq,
        agreement=same if network.metric == "top1" else None,
    )


def measure_all(
    names: Sequence[str], method: str, count: int | None, *, quiet: bool = False
) -> list[Accuracy]:
    progress = Progress(quiet=quiet)
    found: list[Accuracy] = []
    for name in names:
        network = NETWORKS[name]
        modules = variants(network, method, progress)
        for data in network.tests:
            found.append(measure(network, data, modules, count, progress))
    return found


def table(found: Sequence[Accuracy]) -> str:
    headers = (
        *("network", "test set", "metric", "inputs", "float", "(ort)"),
        *("int8", "loss", "agreement", "QDQ", "(ort)"),
    )
    rows = [
        (
            *(a.network, a.data, a.metric, a.inputs, four(a.float32), four(a.ort_float)),
            *(four(a.int8), f"{100 * a.loss:+.2f}", four(a.agreement)),
            *(four(a.qdq), four(a.ort_qdq)),
        )
        for a in found
    ]
    return text_table(headers, rows)


def four(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Task accuracy of float and int8.")
    add = parser.add_argument
    add_names(parser, "--networks", NETWORKS)
    add("--method", choices=api.METHODS, default="mse", help="calibration (mse)")
    add("--count", type=int, help="only the first labelled samples of each set")
    add("--json", type=Path, metavar="FILE", help="write the numbers to FILE too")
    args = parser.parse_args(argv)
    found = measure_all(args.networks, args.method, args.count)
    print(table(found), end="")
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(a) for a in found], indent=2) + "\n")
    lost = [a for a in found if a.loss >= LOSS]
    for a in lost:
        print(f"{a.network} on {a.data}: int8 loses {100 * a.loss:.2f} points")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
