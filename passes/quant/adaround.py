"""AdaRound: learn for every weight whether to round down or up (arXiv:2004.10568, section 3.3).

Gradients are written by hand. With h = clip(1.2 sigmoid(v) - 0.1, 0, 1), w(v) = s (floor + h (ceil
- floor)), z = w(v) xhat + b, the loss over n positions is

    sum (f(z) - f(w x + b))^2 / sum f(w x + b)^2  +  lambda sum(1 - |2 h - 1|^beta)

dL/dz = 2 (f(z) - f(z*)) f'(z) / power; dL/dw = dL/dz xhat^T; dw/dv = s (ceil - floor) dh/dv.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from ...dialects import graph
from .layers import Float
from .prefix import Visit
from .weight_rounding import Samples

Array = NDArray[Any]

STRETCH = 1.1, -0.1
"""zeta and gamma: the sigmoid is stretched to these and cut at 0 and 1."""
WARM_UP = 0.2
"""The share of iterations without the term that pushes h to 0 or 1."""
BETA = 20.0, 2.0
WEIGHT = 1e-3
"""lambda, for a loss that is relative to the power of the output."""
RATE, DECAY, SMALL = 1e-2, (0.9, 0.999), 1e-8
BATCH, CHECK, PATIENCE = 256, 100, 5
"""Positions per iteration; iterations between two looks at the rounded loss; looks without gain."""

Activation = tuple[float, float]
"""The activation behind a layer as a clip: (low, high)."""


def following(op: Operation) -> Activation:
    """The ReLU or clip that alone reads `op`, as bounds; none: infinite ones."""
    user = op.results[0].get_user_of_unique_use()
    if isinstance(user, graph.ReluOp):
        return 0.0, np.inf
    return user.bounds() if isinstance(user, graph.ClipOp) else (-np.inf, np.inf)


def bias_of(visit: Visit) -> Float:
    """The bias as [groups, rows, 1]."""
    return visit.layer.bias().reshape(visit.layer.groups, -1, 1)


@dataclass
class State:
    """Finished layers by a key of all that their result depends on, in a file or nowhere."""

    path: Path | None
    done: dict[str, Array] = field(default_factory=dict[str, Array])

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            with np.load(self.path) as file:
                self.done = {key: file[key] for key in file.files}

    def get(self, key: str) -> Float | None:
        found = self.done.get(key)
        return None if found is None else found.astype(np.float64)

    def put(self, key: str, codes: Float) -> None:
        """Note a layer; the file is complete at any moment."""
        self.done[key] = codes.astype(np.int8)
        if self.path is not None:
            beside = self.path.with_suffix(".part.npz")
            np.savez(beside, allow_pickle=False, **self.done)
            beside.replace(self.path)


@dataclass
class AdaRound:
    """The problem of one layer; weights, codes and `h` are [groups, rows, K]."""

    weight: Float
    scales: Float
    low: Float
    high: Float
    bias: Float
    activation: Activation

    def key(self, iterations: int, seed: int, samples: Samples) -> str:
        """A hash of all that `solve` depends on."""
        digest = hashlib.sha256(repr((iterations, seed, self.activation)).encode())
        arrays = (self.weight, self.scales, self.bias, samples.real, samples.quantized)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def solve(self, samples: Samples, iterations: int, random: np.random.Generator) -> Float:
        """The best hard rounding that was met, the nearest one included."""
        rest = np.clip(self.weight / self.scales - self.low, 0, 1)
        v = soft_inverse(rest)
        count = samples.quantized.shape[2]
        wanted = self.act(self.weight @ samples.real + self.bias)
        power = max(float((wanted**2).sum()) / count, 1e-30)
        adam = Adam(v)
        best = np.where(rest >= 0.5, self.high, self.low)
        least, bad = self.loss(best, samples.quantized, wanted), 0
        for step in range(iterations):
            batch = random.choice(count, min(BATCH, count), replace=False)
            time = (step / iterations - WARM_UP) / (1 - WARM_UP)
            loss = power * len(batch)
            slope = self.gradient(v, samples.quantized[..., batch], wanted[..., batch], loss)
            if time >= 0:
                slope += WEIGHT * push(v, time)
            adam.step(slope)
            if time < 0 or (step + 1) % CHECK:
                continue
            hard = np.where(v >= 0, self.high, self.low)
            now = self.loss(hard, samples.quantized, wanted)
            bad = bad + 1 if now >= least else 0
            if now < least:
                best, least = hard, now
            if bad == PATIENCE and time > 0.5:
                break
        return best

    def act(self, z: Array) -> Array:
        return np.clip(z, *self.activation)

    def loss(self, codes: Float, xhat: Array, wanted: Array) -> float:
        """The squared error of hard codes."""
        return float(((self.act(self.scales * codes @ xhat + self.bias) - wanted) ** 2).sum())

    def gradient(self, v: Float, xhat: Array, wanted: Array, power: float) -> Float:
        """Of the relative squared error, with respect to v."""
        h, slope = soft(v)
        span = self.high - self.low
        z = self.scales * (self.low + h * span) @ xhat + self.bias
        inside = (z > self.activation[0]) & (z < self.activation[1])
        error = 2 * (self.act(z) - wanted) * inside / power
        return (error @ xhat.transpose(0, 2, 1)) * self.scales * span * slope


def soft(v: Float) -> tuple[Float, Float]:
    """h(v) and its derivative."""
    zeta, gamma = STRETCH
    sigmoid = 1 / (1 + np.exp(-v))
    wide = sigmoid * (zeta - gamma) + gamma
    inside = (wide > 0) & (wide < 1)
    return np.clip(wide, 0, 1), (zeta - gamma) * sigmoid * (1 - sigmoid) * inside


def soft_inverse(h: Float) -> Float:
    """v with h(v) = h."""
    zeta, gamma = STRETCH
    return -np.log((zeta - gamma) / (h - gamma) - 1)


def push(v: Float, time: float) -> Float:
    """The derivative of sum(1 - |2 h - 1|^beta), beta from 20 to 2 over time 0..1 by a cosine."""
    first, last = BETA
    beta = last + 0.5 * (first - last) * (1 + np.cos(np.pi * time))
    h, slope = soft(v)
    far = 2 * h - 1
    return -2 * beta * np.abs(far) ** (beta - 1) * np.sign(far) * slope


class Adam:
    """Kingma and Ba, arXiv:1412.6980, algorithm 1, on `v` in place."""

    def __init__(self, v: Float):
        self.v, self.count = v, 0
        self.mean, self.square = np.zeros_like(v), np.zeros_like(v)

    def step(self, slope: Float) -> None:
        first, second = DECAY
        self.count += 1
        self.mean += (1 - first) * (slope - self.mean)
        self.square += (1 - second) * (slope**2 - self.square)
        mean = self.mean / (1 - first**self.count)
        square = self.square / (1 - second**self.count)
        self.v -= RATE * mean / (np.sqrt(square) + SMALL)
