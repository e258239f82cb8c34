"""The four MLPerf Tiny networks of the shared folder: models, data as they take it, and metrics.

Preprocessing, splits and metrics are those of `eval.py` in that folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ROOT = Path(__file__).resolve().parent.parent
FRAMES = 5
"""Frames that the anomaly detector sees at once."""


def models_folder() -> Path:
    """The folder of models: `RUNNEL_SHARED`, else `shared` beside the repository."""
    return Path(os.environ.get("RUNNEL_SHARED", ROOT.parent / "shared")) / "models"


@dataclass(frozen=True)
class DataSet:
    """Inputs and labels; `pre` is what eval.py calls the preprocessing."""

    x: str
    y: str | None
    pre: str = "raw"

    @property
    def name(self) -> str:
        return Path(self.x).stem.removesuffix("_x")


@dataclass(frozen=True)
class Network:
    """One network with its two models; `reference` is the accuracy that onnxruntime has (float,
    QDQ) on each test set, from the README beside the models.
    """

    name: str
    folder: str
    float_model: str
    qdq_model: str
    calibration: DataSet
    tests: tuple[DataSet, ...]
    metric: str
    reference: dict[str, tuple[float, float]]

    def path(self, form: str) -> Path:
        """The model in the form `float` or `qdq`."""
        file = self.float_model if form == "float" else self.qdq_model
        return models_folder() / self.folder / "models" / file

    def raw(self, file: str) -> Array:
        """An array of the data folder."""
        loaded: Any = np.load(models_folder() / self.folder / file)
        return loaded["x"] if file.endswith(".npz") else loaded

    def inputs(self, data: DataSet) -> Array:
        """All inputs of a set, float32 in the model's shape."""
        stored = self.raw(data.x)
        if self.metric == "auc":
            return windows(stored).reshape(-1, FRAMES * stored.shape[2])
        return images(stored, data.pre)

    def labels(self, data: DataSet) -> Array:
        assert data.y is not None
        return self.raw(data.y)

    def calibration_inputs(self) -> Array:
        """What a float model is calibrated with; of recordings every tenth window."""
        if self.metric != "auc":
            return self.inputs(self.calibration)
        stored = self.raw(self.calibration.x)
        return windows(stored)[:, ::10].reshape(-1, FRAMES * stored.shape[2])

    def score(
        self, data: DataSet, inputs: Array, outputs: Array, count: int | None = None
    ) -> float:
        """The metric of `outputs` (one row per input) on the first `count` labelled samples."""
        labels = self.labels(data)[:count]
        if self.metric == "top1":
            return float((outputs.reshape(len(labels), -1).argmax(1) == labels).mean())
        errors = ((outputs - inputs) ** 2).mean(1)
        return area_under_curve(errors.reshape(len(labels), -1).mean(1), labels)


def windows(recordings: Array) -> Array:
    """[n, frames, features] as [n, windows, FRAMES * features], window after window."""
    seen = np.lib.stride_tricks.sliding_window_view(recordings, FRAMES, axis=1)
    flat = seen.transpose(0, 1, 3, 2).reshape(len(recordings), seen.shape[1], -1)
    return flat.astype(np.float32)


def images(stored: Array, pre: str) -> Array:
    """Images [n, h, w, c] or feature maps [n, h, w] as [n, c, h, w] float32."""
    values = stored.astype(np.float32)
    match pre:
        case "raw":
            pass
        case "01":
            values = values / 255
        case "kws01":
            values = (values - 83) * np.float32(0.5847029089927673)
        case _:
            raise ValueError(f"unknown preprocessing {pre}")
    moved = values[:, None] if values.ndim == 3 else values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(moved)


def area_under_curve(scores: Array, labels: Array) -> float:
    """The area under the ROC curve by ranks; equal scores share their mean rank."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    positive = int(labels.sum())
    negative = len(labels) - positive
    above = ranks[labels == 1].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network(
            "resnet8",
            "mlperf_ic",
            "resnet8_bn.onnx",
            "resnet8_int8_qdq.onnx",
            DataSet("calib_x.npy", None),
            (
                DataSet("ic01_x.npy", "ic01_y.npy"),
                DataSet("cifar10_test_jpeg_x.npz", "cifar10_test_jpeg_y.npy"),
            ),
            "top1",
            {"ic01": (0.8900, 0.8800), "cifar10_test_jpeg": (0.7450, 0.7525)},
        ),
        Network(
            "dscnn",
            "mlperf_kws",
            "dscnn_bn.onnx",
            "dscnn_int8_qdq.onnx",
            DataSet("calib_mfcc_x.npy", None),
            (
                DataSet("gsc_mfcc_x.npy", "gsc_mfcc_y.npy"),
                DataSet("kws01_x.npy", "kws01_y.npy", "kws01"),
            ),
            "top1",
            {"gsc_mfcc": (0.9267, 0.9240), "kws01": (0.9151, 0.8981)},
        ),
        Network(
            "mobilenetv1_025",
            "mlperf_vww",
            "mobilenetv1_025_bn.onnx",
            "mobilenetv1_025_int8_qdq.onnx",
            DataSet("calib_x.npz", None, "01"),
            (DataSet("vww01_x.npz", "vww01_y.npy", "01"),),
            "top1",
            {"vww01": (0.8710, 0.8677)},
        ),
        Network(
            "autoencoder",
            "mlperf_ad",
            "autoencoder_bn.onnx",
            "autoencoder_int8_qdq.onnx",
            DataSet("calib_x.npz", None),
            (DataSet("ad01_x.npz", "ad01_y.npy"),),
            "auc",
            {"ad01": (0.8514, 0.8256)},
        ),
    )
}
