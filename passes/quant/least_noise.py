"""The scales of channels under which rounding makes the least noise at a network's output.

A quantizer with one scale gives all channels the same step: the greatest |value| over the codes.
Under scales s (channel c of a tensor is divided by s_c) noise of variance step^2 / 12 is, in the
units of the network as it was, s_c^2 times that; of a weight (s_o / s_i)^2 times. With the squared
gradients of the output h (`output_gradients`) all noise is, to first order and times 12,

    sum over layers   max |w_oi s_i / s_o|^2 / 127^2  sum_oi h_oi (s_o / s_i)^2
  + sum over tensors  (max high_c / s_c - min low_c / s_c)^2 / 255^2  sum_c h_c s_c^2

These are sums of products of powers, and maxima of such: the logarithm is convex in log s (a
geometric program), and Adam finds the least from anywhere. Maxima are p-norms, for a slope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .adam import Adam
from .layers import Float
from .scale_classes import LayerClasses

POWER = 32
"""p of the norms that stand for maxima."""
ITERATIONS, RATE = 400, 0.05
CODES, WEIGHT_CODES = 255, 127
FLOOR = 1e-6
"""Of the mean gradient of a weight or tensor: the least one, as samples tell no less."""

Labels = NDArray[np.int64]


@dataclass
class Weight:
    """The noise of one layer's weight; p-norms per output (`per_channel`) or of all."""

    inputs: Labels
    """[groups, inputs / group]"""
    outputs: Labels
    """[groups, rows]"""
    powers: Float
    """(|w| / greatest)^POWER, [groups, rows, inputs / group]"""
    gradients: Float
    greatest: float
    per_channel: bool

    @staticmethod
    def of(entry: LayerClasses, gradients: Float, per_channel: bool) -> Weight:
        weight = entry.layer.float_weight()
        assert weight is not None
        peaks = np.abs(weight).max(3)
        greatest = float(peaks.max()) or 1.0
        groups = len(peaks)
        return Weight(
            entry.inputs.reshape(groups, -1),
            entry.outputs.reshape(groups, -1),
            (peaks / greatest) ** POWER,
            np.maximum(gradients, FLOOR * gradients.mean()),
            greatest,
            per_channel,
        )

    def add_to(self, log: Float, slopes: Float) -> float:
        """The noise under the scales exp(log); its slopes are added."""
        rows, columns = log[self.outputs], log[self.inputs][:, :, None]
        up, down = np.exp(POWER * columns), np.exp(-POWER * rows)
        own = down * (self.powers @ up)[..., 0]
        total = np.maximum(own if self.per_channel else own.sum(), np.finfo(float).tiny)
        size = (self.greatest / WEIGHT_CODES) ** 2 * total ** (2 / POWER)
        wide, narrow = np.exp(2 * rows), np.exp(-2 * columns)
        heard = wide * (self.gradients @ narrow)[..., 0]
        every = heard if self.per_channel else heard.sum()
        share = size * every / total * down  # how the maximum moves
        np.add.at(slopes, self.outputs, 2 * size * heard - 2 * share * own / down)
        moved = 2 * share[:, None, :] @ self.powers * up.transpose(0, 2, 1)
        quiet = -2 * (size * wide)[:, None, :] @ self.gradients * narrow.transpose(0, 2, 1)
        np.add.at(slopes, self.inputs, (moved + quiet)[:, 0])
        return float((size * heard).sum())


@dataclass
class Tensor:
    """The noise of one activation, whose channels reach from `low` <= 0 to `high` >= 0."""

    labels: Labels
    low: Float
    high: Float
    gradients: Float

    def add_to(self, log: Float, slopes: Float) -> float:
        own = log[self.labels]
        heard = np.maximum(self.gradients, FLOOR * self.gradients.mean()) * np.exp(2 * own)
        ends = [norm(end, own) for end in (self.high, -self.low)]
        reach = sum(size for size, _ in ends)
        total = heard.sum() / CODES**2
        moved = sum(size * share for size, share in ends)
        np.add.at(slopes, self.labels, 2 * reach * (reach * heard / CODES**2 - total * moved))
        return float(reach**2 * total)


def norm(end: Float, log: Float) -> tuple[float, Float]:
    """The p-norm of end / exp(log), and what share of it each has."""
    if not end.any():
        return 0.0, np.zeros_like(end)
    with np.errstate(divide="ignore"):
        logs = np.log(end) - log
    most = logs.max()
    powers = np.exp(POWER * (logs - most))
    return float(np.exp(most) * powers.sum() ** (1 / POWER)), powers / powers.sum()


def least_noise(parts: Sequence[Weight | Tensor], least: Float, most: Float) -> tuple[Float, float]:
    """Scales within bounds, and the noise under them as a share of that under none."""
    log = np.zeros(len(least))
    low, high = np.log(least), np.log(most)
    first = sum(part.add_to(log, np.zeros_like(log)) for part in parts)
    if first <= 0:
        return np.ones(len(least)), 1.0
    adam, noise = Adam(log, RATE), first
    best, found = first, log.copy()
    for step in range(ITERATIONS):
        slopes = np.zeros_like(log)
        noise = sum(part.add_to(log, slopes) for part in parts)
        if noise < best:
            best, found = noise, log.copy()
        adam.step(slopes / noise, (1 + np.cos(np.pi * step / ITERATIONS)) / 2)
        np.clip(log, low, high, out=log)
    return np.exp(found), best / first
