"""Train the demo's network on the digits images that scikit-learn carries, in NumPy.

Three convolutions (one depthwise, one with stride 2), a residual add, average pooling and a fully
connected layer: 8x8 images, 10 classes. Writes `digits.onnx` and `digits.npz` (images and labels of
the split) beside this file; both are in the repository, so that nobody has to run this.

    python demo/train_digits.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
CHANNELS = 16
WIDE = 32
EPOCHS = 60
BATCH = 64

Array = NDArray[Any]
Parameters = dict[str, Array]


def split() -> dict[str, Array]:
    """Images [N, 1, 8, 8] in [0, 1] and labels; a fixed quarter of them for testing."""
    pixels, target = load_digits(return_X_y=True)
    images = (np.asarray(pixels) / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    labels = np.asarray(target)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[: len(order) // 4], order[len(order) // 4 :]
    return {
        "train_images": images[train],
        "train_labels": labels[train],
        "test_images": images[test],
        "test_labels": labels[test],
    }


def initial(rng: np.random.Generator) -> Parameters:
    """He initialisation (arXiv:1502.01852)."""

    def weight(*shape: int) -> Array:
        fan_in = int(np.prod(shape[1:]))
        return rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)

    shapes = {
        "conv1": (CHANNELS, 1, 3, 3),
        "depthwise": (CHANNELS, 1, 3, 3),
        "conv2": (WIDE, CHANNELS, 3, 3),
        "dense": (10, WIDE),
    }
    parameters = {f"{name}_w": weight(*shape) for name, shape in shapes.items()}
    return parameters | {f"{n}_b": np.zeros(s[0], np.float32) for n, s in shapes.items()}


def windows(x: Array, stride: int) -> Array:
    """[N, C, OH, OW, 3, 3] of an image padded by 1 on all sides."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sliding_window_view(padded, (3, 3), (2, 3))[:, :, ::stride, ::stride]


def scatter(patches: Array, shape: tuple[int, ...], stride: int) -> Array:
    """The transpose of `windows`: sums patches [N, C, OH, OW, 3, 3] back into an image."""
    n, c, h, w = shape
    padded = np.zeros((n, c, h + 2, w + 2), np.float32)
    rows, columns = patches.shape[2] * stride, patches.shape[3] * stride
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + rows : stride, j : j + columns : stride] += patches[..., i, j]
    return padded[:, :, 1:-1, 1:-1]


def step(p: Parameters, x: Array, labels: NDArray[np.int64]) -> tuple[float, Parameters]:
    """The cross entropy of a batch and its gradient."""
    v1 = windows(x, 1)
    a1 = np.einsum("nchwij,ocij->nohw", v1, p["conv1_w"], optimize=True)
    h1 = np.maximum(a1 + p["conv1_b"][:, None, None], 0)
    vd = windows(h1, 1)
    ad = np.einsum("nchwij,cij->nchw", vd, p["depthwise_w"][:, 0], optimize=True)
    hd = np.maximum(h1 + ad + p["depthwise_b"][:, None, None], 0)
    v2 = windows(hd, 2)
    a2 = np.einsum("nchwij,ocij->nohw", v2, p["conv2_w"], optimize=True)
    h2 = np.maximum(a2 + p["conv2_b"][:, None, None], 0)
    pooled = h2.mean((2, 3))
    logits = pooled @ p["dense_w"].T + p["dense_b"]
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    softmax = shifted / shifted.sum(1, keepdims=True)
    loss = float(-np.log(softmax[np.arange(len(x)), labels] + 1e-9).mean())

    g: Parameters = {}
    d = softmax
    d[np.arange(len(x)), labels] -= 1
    d /= len(x)
    g["dense_w"], g["dense_b"] = d.T @ pooled, d.sum(0)
    d2 = np.broadcast_to((d @ p["dense_w"])[:, :, None, None] / 16, h2.shape) * (h2 > 0)
    g["conv2_w"] = np.einsum("nohw,nchwij->ocij", d2, v2, optimize=True)
    g["conv2_b"] = d2.sum((0, 2, 3))
    back = np.einsum("nohw,ocij->nchwij", d2, p["conv2_w"], optimize=True)
    dd = scatter(back, hd.shape, 2) * (hd > 0)
    g["depthwise_w"] = np.einsum("nchw,nchwij->cij", dd, vd, optimize=True)[:, None]
    g["depthwise_b"] = dd.sum((0, 2, 3))
    back = np.einsum("nchw,cij->nchwij", dd, p["depthwise_w"][:, 0], optimize=True)
    d1 = (dd + scatter(back, h1.shape, 1)) * (h1 > 0)
    g["conv1_w"] = np.einsum("nohw,nchwij->ocij", d1, v1, optimize=True)
    g["conv1_b"] = d1.sum((0, 2, 3))
    return loss, g


def train(data: dict[str, Array]) -> Parameters:
    """Adam (arXiv:1412.6980) with a cosine learning rate."""
    rng = np.random.default_rng(1)
    p = initial(rng)
    mean = {name: np.zeros_like(value) for name, value in p.items()}
    square = {name: np.zeros_like(value) for name, value in p.items()}
    images, labels = data["train_images"], data["train_labels"].astype(np.int64)
    steps = EPOCHS * (len(images) // BATCH)
    for t in range(1, steps + 1):
        chosen = rng.integers(0, len(images), BATCH)
        loss, gradient = step(p, images[chosen], labels[chosen])
        rate = 0.003 * 0.5 * (1 + np.cos(np.pi * t / steps))
        for name, g in gradient.items():
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.999 * square[name] + 0.001 * g * g
            corrected = mean[name] / (1 - 0.9**t)
            scale = np.sqrt(square[name] / (1 - 0.999**t)) + 1e-8
            p[name] = (p[name] - rate * corrected / scale).astype(np.float32)
        if t % (steps // 6) == 0:
            print(f"step {t}/{steps}: loss {loss:.4f}")
    return p


def to_onnx(p: Parameters) -> onnx.ModelProto:
    """The network as float ONNX."""

    def conv(name: str, source: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(
            "Conv",
            [source, f"{name}_w", f"{name}_b"],
            [name],
            name=name,
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            **attributes,
        )

    def node(kind: str, sources: list[str], name: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(kind, sources, [name], name=name, **attributes)

    graph = helper.make_graph(
        [
            conv("conv1", "image"),
            node("Relu", ["conv1"], "relu1"),
            conv("depthwise", "relu1", group=CHANNELS),
            node("Add", ["relu1", "depthwise"], "add"),
            node("Relu", ["add"], "relu2"),
            conv("conv2", "relu2", strides=[2, 2]),
            node("Relu", ["conv2"], "relu3"),
            node("GlobalAveragePool", ["relu3"], "pool"),
            node("Flatten", ["pool"], "flatten"),
            node("Gemm", ["flatten", "dense_w", "dense_b"], "dense", transB=1),
            node("Softmax", ["dense"], "probabilities", axis=-1),
        ],
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(value, name) for name, value in p.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def main() -> None:
    data = split()
    model = to_onnx(train(data))
    onnx.checker.check_model(model)
    onnx.save(model, HERE / "digits.onnx")
    np.savez_compressed(HERE / "digits.npz", allow_pickle=False, **data)
    print(f"wrote {HERE / 'digits.onnx'} and digits.npz")


if __name__ == "__main__":
    main()
