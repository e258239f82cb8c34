"""Quantization-aware training of the digits network in PyTorch, between two runs of runnel.

python docs/tutorial/train_quantized.py [--bits 2] [--epochs 20] [-o trained.onnx]

runnel writes the simulated network as ONNX: QuantizeLinear and DequantizeLinear around float
weights. Here a module computes its nodes as ONNX defines them, with one difference: rounding has
the gradient 1 (the straight-through estimator, Bengio et al., arXiv:1308.3432). What was trained
goes back into the same file, and runnel makes integers of it as of any QDQ model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import NodeProto, numpy_helper
from torch import Tensor, nn
from torch.nn import functional
from xdsl.dialects.builtin import ModuleOp

from runnel.lowering.export_onnx import export_onnx
from runnel.tools import api
from runnel.tools.fidelity import outputs_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

DEMO = Path(__file__).parents[2] / "demo"
RATE, BATCH = 0.002, 64


def through(rounded: Tensor, exact: Tensor) -> Tensor:
    """The value of `rounded` with the gradient of `exact`."""
    return exact + (rounded - exact).detach()


class Simulated(nn.Module):
    """A model of QuantizeLinear, DequantizeLinear and float nodes; parameters: weights, biases."""

    def __init__(self, model: onnx.ModelProto):
        super().__init__()
        self.model = model
        self.constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        grids = ("QuantizeLinear", "DequantizeLinear")
        scales = {n.input[1] for n in model.graph.node if n.op_type in grids}
        self.trained = nn.ParameterDict(
            {
                name: nn.Parameter(torch.tensor(array))
                for name, array in self.constants.items()
                if array.dtype == np.float32 and name not in scales
            }
        )
        (softmax,) = (n for n in model.graph.node if n.op_type == "Softmax")
        self.logits = softmax.input[0]

    def forward(self, images: Tensor) -> Tensor:
        """[n, 10]: the logits, before softmax, of images [n, 1, 8, 8]."""
        values: dict[str, Tensor] = {self.model.graph.input[0].name: images}
        values |= {name: torch.tensor(array) for name, array in self.constants.items()}
        values |= dict(self.trained.items())
        for node in self.model.graph.node:
            inputs = [values[name] for name in node.input]
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            values[node.output[0]] = NODES[node.op_type](node, attributes, *inputs)
            if self.logits in values:
                break
        return values[self.logits]

    def save(self, path: Path) -> None:
        """The model with what was trained."""
        for stored in self.model.graph.initializer:
            if stored.name in self.trained:
                array = self.trained[stored.name].detach().numpy()
                stored.CopyFrom(numpy_helper.from_array(array, stored.name))
        onnx.save(self.model, path)


def on_axis(parameter: Tensor, x: Tensor, attributes: dict[str, Any]) -> Tensor:
    """A scale or zero point, shaped to broadcast over `x`."""
    shape = [1] * x.dim()
    if parameter.dim():
        shape[attributes.get("axis", 1)] = -1
    return parameter.reshape(shape).float()


def quantize(_: NodeProto, a: dict[str, Any], x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    exact = x / on_axis(scale, x, a)
    limits = torch.iinfo(zero.dtype)
    return (through(exact.round(), exact) + on_axis(zero, x, a)).clamp(limits.min, limits.max)


def dequantize(_: NodeProto, a: dict[str, Any], x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    return (x - on_axis(zero, x, a)) * on_axis(scale, x, a)


def convolve(_: NodeProto, a: dict[str, Any], x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    top, left, bottom, right = a["pads"]
    padded = functional.pad(x, (left, right, top, bottom))
    return functional.conv2d(padded, weight, bias, a["strides"], groups=a.get("group", 1))


NODES: dict[str, Callable[..., Tensor]] = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "Conv": convolve,
    "Clip": lambda _, a, x, low, high: x.clamp(float(low), float(high)),
    "Relu": lambda _, a, x: x.relu(),
    "Add": lambda _, a, x, y: x + y,
    "AveragePool": lambda _, a, x: functional.avg_pool2d(x, a["kernel_shape"], a["strides"]),
    "Reshape": lambda _, a, x, shape: x.reshape(len(x), *map(int, shape[1:])),
    "Gemm": lambda _, a, x, w, b: x @ (w.T if a.get("transB") else w) + b,
}


def train(network: Simulated, images: Tensor, labels: Tensor, epochs: int) -> None:
    """Adam with a cosine learning rate."""
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        chosen = torch.randint(len(images), (BATCH,))
        loss = functional.cross_entropy(network(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % (steps // 4) == 0:
            print(f"step {step}/{steps}: loss {loss.item():.4f}")


def passes(module: ModuleOp, text: str) -> ModuleOp:
    """`module`, rewritten."""
    resolve_pipeline(text).run(new_context(), module)
    return module


def accuracy(module: ModuleOp, data: dict[str, np.ndarray[Any, Any]]) -> float:
    """The share of test images that are classified right."""
    outputs = outputs_of(module, {"image": data["test_images"]}).result
    return float((outputs.argmax(1) == data["test_labels"]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description="Quantization-aware training of the digits.")
    parser.add_argument("--bits", type=int, default=2, help="of weights (2)")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, default=Path("trained.onnx"))
    args = parser.parse_args()
    torch.manual_seed(0)

    data = dict(np.load(DEMO / "digits.npz"))
    model = api.load(DEMO / "digits.onnx")
    print(f"float: {accuracy(model, data):.2%}")

    calibration = args.output.with_suffix(".npy").absolute()
    np.save(calibration, data["train_images"][:128])
    calibrate = f'simplify,calibrate{{data="{calibration}"}}'
    simulated = passes(model, f"{calibrate},insert-quant-casts{{weight-bits={args.bits}}}")
    integer = passes(simulated.clone(), "convert-graph-to-quant,cleanup")
    print(f"weights of {args.bits} bits, not trained: {accuracy(integer, data):.2%}")

    passes(simulated, "fake-quantize-weights,dce,remove-unused-globals")
    network = Simulated(export_onnx(simulated))
    images, labels = torch.tensor(data["train_images"]), torch.tensor(data["train_labels"])
    train(network, images, labels, args.epochs)
    network.save(args.output)

    trained = passes(api.load(args.output), "import-quantized")
    print(f"weights of {args.bits} bits, trained: {accuracy(trained, data):.2%}")


if __name__ == "__main__":
    main()
