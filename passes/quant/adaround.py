"""AdaRound: learn for every weight whether to round down or up (arXiv:2004.10568, section 3.3).

Gradients are written by hand. With h = clip(1.2 sigmoid(v) - 0.1, 0, 1), w(v) = s (floor + h (ceil
- floor)), z = w(v) xhat + b, the loss over n positions is

    sum (f(z) - f(w x + b))^2 / sum f(w x + b)^2  +  lambda sum(1 - |2 h - 1|^beta)

dL/dz = 2 (f(z) - f(z*)) f'(z) / power; dL/dw = dL/dz xhat^T; dw/dv = s (ceil - floor) dh/dv.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
RATE, DECAY, SMALL = 4e-2, (0.9, 0.999), 1e-8
LEAN = 0.25
"""How far the soft rounding starts from the float weight towards the codes it is given."""
BATCH, CHECK, PATIENCE = 256, 50, 5
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
    """Finished layers in a file, by a key of all that their result depends on."""

    path: Path
    done: dict[str, Array] = field(default_factory=dict[str, Array])

    def __post_init__(self) -> None:
        if self.path.exists():
            with np.load(self.path) as file:
                self.done = {key: file[key] for key in file.files}

    def of(self, key: str, solve: Callable[[], Float]) -> Float:
        """The codes of a layer: those in the file, else solved for and noted there."""
        if key not in self.done:
            self.put(key, solve())
        return self.done[key].astype(np.float64)

    def put(self, key: str, codes: Float) -> None:
        """Note a layer; the file is complete at any moment."""
        self.done[key] = codes.astype(np.int8)
        beside = self.path.with_suffix(".part.npz")
        np.savez(beside, allow_pickle=False, **self.done)
        beside.replace(self.path)


@dataclass
class AdaRound:
    """The problem of one layer; weights, codes and `h` are [groups, rows, K]."""

    weight: Array
    scales: Array
    low: Array
    high: Array
    bias: Array
    activation: Activation

    def key(self, iterations: int, seed: int, samples: Samples, first: Float) -> str:
        """A hash of all that `solve` depends on."""
        digest = hashlib.sha256(repr((iterations, seed, self.activation)).encode())
        arrays = (self.weight, self.scales, self.bias, first, samples.real, samples.quantized)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def single(self) -> AdaRound:
        """The same in single precision, which halves the time of everything."""
        weight, scales, low, high, bias = (
            array.astype(np.float32)
            for array in (self.weight, self.scales, self.low, self.high, self.bias)
        )
        return AdaRound(weight, scales, low, high, bias, self.activation)

    def solve(
        self, samples: Samples, first: Float, iterations: int, random: np.random.Generator
    ) -> Float:
        """The best hard rounding that was met, the codes `first` to start from included."""
        found = self.single().descend(samples, first.astype(np.float32), iterations, random)
        return found.astype(np.float64)

    def descend(
        self, samples: Samples, first: Array, iterations: int, random: np.random.Generator
    ) -> Array:
        # positions are shuffled once, and each batch lies together: nothing is gathered in the loop
        count = samples.quantized.shape[2]
        order = random.permutation(count)
        xhat = np.ascontiguousarray(samples.quantized[..., order], np.float32)
        wanted = self.weight @ np.ascontiguousarray(samples.real[..., order], np.float32)
        wanted = self.act(wanted + self.bias)
        power = max(float((wanted**2).sum(dtype=np.float64)) / count, 1e-30)
        batches = [
            tuple(np.ascontiguousarray(array[..., low : low + BATCH]) for array in (xhat, wanted))
            for low in range(0, count, BATCH)
        ]
        rest = np.clip(self.weight / self.scales - self.low, 0, 1)
        v = soft_inverse((1 - LEAN) * rest + LEAN * (first > self.low))
        adam = Adam(v)
        best = first
        least, bad = self.loss(best, xhat, wanted), 0
        for step in range(iterations):
            part, aim = batches[step % len(batches)]
            time = (step / iterations - WARM_UP) / (1 - WARM_UP)
            h, turn = soft(v)
            slope = self.gradient(h, turn, part, aim, power * part.shape[2])
            if time >= 0:
                slope += push(h, turn, time)
            adam.step(slope)
            if time < 0.5 or (step + 1) % CHECK:
                continue
            hard = np.where(v >= 0, self.high, self.low)
            now = self.loss(hard, xhat, wanted)
            bad = bad + 1 if now >= least else 0
            if now < least:
                best, least = hard, now
            if bad == PATIENCE or not turn.any():
                break
        return best

    def act(self, z: Array) -> Array:
        if np.isinf(self.activation).all():
            return z
        return np.clip(z, *self.activation)

    def loss(self, codes: Array, xhat: Array, wanted: Array) -> float:
        """The squared error of hard codes."""
        error = self.act(self.scales * codes @ xhat + self.bias) - wanted
        return float(np.vdot(error, error))

    def gradient(self, h: Array, turn: Array, xhat: Array, wanted: Array, power: float) -> Array:
        """Of the relative squared error, with respect to v; h(v) and its derivative are known."""
        span = self.scales * (self.high - self.low)
        z = (self.scales * self.low + h * span) @ xhat
        z += self.bias
        error = self.act(z) - wanted
        low, high = self.activation
        if np.isfinite(low):
            error *= z > low
        if np.isfinite(high):
            error *= z < high
        slope = error @ xhat.transpose(0, 2, 1)
        slope *= span
        slope *= turn
        slope *= 2 / power
        return slope


def soft(v: Array) -> tuple[Array, Array]:
    """h(v) and its derivative."""
    zeta, gamma = STRETCH
    sigmoid = np.exp(-v)
    sigmoid += 1
    np.reciprocal(sigmoid, out=sigmoid)
    wide = sigmoid * (zeta - gamma) + gamma
    turn = sigmoid * (1 - sigmoid)
    turn *= zeta - gamma
    turn *= (wide > 0) & (wide < 1)
    return np.clip(wide, 0, 1, out=wide), turn


def soft_inverse(h: Array) -> Array:
    """v with h(v) = h."""
    zeta, gamma = STRETCH
    return -np.log((zeta - gamma) / (h - gamma) - 1)


def push(h: Array, turn: Array, time: float) -> Array:
    """`WEIGHT` times the derivative of sum(1 - |2 h - 1|^beta), beta from 20 to 2 over time 0..1 by
    a cosine; h(v) and its derivative are known.
    """
    first, last = BETA
    beta = last + 0.5 * (first - last) * (1 + np.cos(np.pi * time))
    far = 2 * h - 1
    # far^(beta - 1) by logarithms: a power of arrays takes ten times as long
    slope = np.abs(far)
    np.maximum(slope, 1e-30, out=slope)
    np.log(slope, out=slope)
    slope *= beta - 1
    np.exp(slope, out=slope)
    np.copysign(slope, far, out=slope)
    slope *= turn
    slope *= -2 * beta * WEIGHT
    return slope


class Adam:
    """Kingma and Ba, arXiv:1412.6980, algorithm 1, on `v` in place."""

    def __init__(self, v: Array, rate: float = RATE):
        self.v, self.rate, self.count = v, rate, 0
        self.mean, self.square = np.zeros_like(v), np.zeros_like(v)

    def step(self, slope: Array, share: float = 1.0) -> None:
        """By `share` of the rate. Takes `slope` over."""
        first, second = DECAY
        self.count += 1
        self.mean *= first
        self.mean += (1 - first) * slope
        slope *= slope
        slope *= 1 - second
        self.square *= second
        self.square += slope
        root = np.sqrt(self.square, out=slope)
        root *= 1 / np.sqrt(1 - second**self.count)
        root += SMALL
        np.divide(self.mean, root, out=root)
        root *= share * self.rate / (1 - first**self.count)
        self.v -= root
