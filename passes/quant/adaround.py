"""AdaRound: learn for every weight whether to round down or up (arXiv:2004.10568, section 3.3).

Gradients are written by hand. With h = clip(1.2 sigmoid(v) - 0.1, 0, 1), w(v) = s (floor + h (ceil
- floor)), z = w(v) xhat + b, the loss over n positions is

    sum (f(z) - f(w x + b))^2 / sum f(w x + b)^2  +  lambda sum(1 - |2 h - 1|^beta)

dL/dz = 2 (f(z) - f(z*)) f'(z) / power; dL/dw = dL/dz xhat^T; dw/dv = s (ceil - floor) dh/dv.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from ...dialects import graph
from .adam import Adam
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
RATE = 4e-2
"""Of Adam."""
LEAN = 0.25
"""How far the soft rounding starts from the float weight towards the codes it is given."""
BATCH, CHECK, PATIENCE = 128, 50, 5
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


Batch = tuple[Array, Array]
"""Some positions: the input [groups, K, n], and the output that is wanted, [groups, rows, n]."""


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
        arrays = (self.weight, self.scales, self.low, self.high, self.bias)
        weight, scales, low, high, bias = (array.astype(np.float32) for array in arrays)
        return AdaRound(weight, scales, low, high, bias, self.activation)

    def solve(
        self, samples: Samples, first: Float, iterations: int, random: np.random.Generator
    ) -> Float:
        """For each output the best hard rounding that was met, its start `first` included."""
        problem, count = self.single(), samples.quantized.shape[2]
        order = random.permutation(count)
        # positions are shuffled once, and each batch lies together: nothing is gathered in the loop
        real, xhat = (
            np.take(array.astype(np.float32, copy=False), order, 2)
            for array in (samples.real, samples.quantized)
        )
        wanted = problem.act(problem.weight @ real + problem.bias)
        power = max(float((wanted**2).sum(dtype=np.float64)) / count, 1e-30)
        batches = [
            (np.ascontiguousarray(xhat[..., part]), np.ascontiguousarray(wanted[..., part]))
            for part in (slice(low, low + BATCH) for low in range(0, count, BATCH))
        ]
        return problem.descend(batches, first, power, iterations).astype(np.float64)

    def descend(
        self, batches: Sequence[Batch], first: Float, power: float, iterations: int
    ) -> Array:
        """Outputs do not depend on each other: each keeps its best codes."""
        rest = np.clip(self.weight / self.scales - self.low, 0, 1)
        soft = Soft(self, soft_inverse((1 - LEAN) * rest + LEAN * (first > self.low)))
        best = first.astype(np.float32)
        least, bad = self.loss(best, batches), 0
        for step in range(iterations):
            time = (step / iterations - WARM_UP) / (1 - WARM_UP)
            xhat, wanted = batches[step % len(batches)]
            soft.step(xhat, wanted, power * xhat.shape[2], time)
            if time < 0.5 or (step + 1) % CHECK:
                continue
            hard = np.where(soft.v >= 0, self.high, self.low)
            now = self.loss(hard, batches)
            better = now < least
            best, least = np.where(better, hard, best), np.where(better, now, least)
            bad = 0 if better.any() else bad + 1
            if bad == PATIENCE or soft.settled:
                break
        return best

    def act(self, z: Array) -> Array:
        if np.isinf(self.activation).all():
            return z
        return np.clip(z, *self.activation)

    def loss(self, codes: Array, batches: Sequence[Batch]) -> Array:
        """The squared error of hard codes for each output: [groups, rows, 1]."""
        weight, total = self.scales * codes, np.zeros_like(self.bias)
        for xhat, wanted in batches:
            error = self.act(weight @ xhat + self.bias) - wanted
            total += np.einsum("grn,grn->gr", error, error)[..., None]
        return total


class Soft:
    """A soft rounding of one layer on its way: v, h(v), dh/dv, and arrays to work in."""

    def __init__(self, problem: AdaRound, v: Array):
        self.problem, self.v = problem, v
        self.adam = Adam(v, RATE)
        self.base, self.span = problem.scales * problem.low, problem.scales * problem.high
        self.span -= self.base
        self.one_row = v.shape[1] == 1
        """Of each group, as in a depthwise layer: einsum is faster than such matrix products."""
        self.h, self.turn, self.work, self.slope = (np.empty_like(v) for _ in range(4))
        self.update()

    def update(self) -> None:
        """h(v) and its derivative, for a new v; the sigmoid of v is (1 + tanh(v / 2)) / 2."""
        zeta, gamma = STRETCH
        tanh = np.multiply(self.v, 0.5, out=self.work)
        np.tanh(tanh, out=tanh)
        np.multiply(tanh, (zeta - gamma) / 2, out=self.h)
        self.h += (zeta + gamma) / 2
        np.multiply(tanh, tanh, out=self.turn)
        self.turn -= 1
        self.turn *= (gamma - zeta) / 4
        self.turn *= (self.h > 0) & (self.h < 1)
        np.clip(self.h, 0, 1, out=self.h)

    @property
    def settled(self) -> bool:
        """Whether no weight is between its codes any more."""
        return not self.turn.any()

    def step(self, xhat: Array, wanted: Array, power: float, time: float) -> None:
        """Go down on some positions; the push begins at time 0."""
        slope = self.gradient(xhat, wanted, power)
        if time >= 0:
            slope += self.push(time)
        self.adam.step(slope)
        self.update()

    def gradient(self, xhat: Array, wanted: Array, power: float) -> Array:
        """Of the squared error over `power`, with respect to v."""
        weight = np.multiply(self.h, self.span, out=self.work)
        weight += self.base
        z = np.einsum("grk,gkn->grn", weight, xhat) if self.one_row else weight @ xhat
        z += self.problem.bias
        low, high = self.problem.activation
        passed = [z > low] if np.isfinite(low) else []
        passed += [z < high] if np.isfinite(high) else []
        error = np.clip(z, low, high, out=z) if passed else z
        error -= wanted
        for inside in passed:
            error *= inside
        if self.one_row:
            slope = np.einsum("grn,gkn->grk", error, xhat, out=self.slope)
        else:
            slope = np.matmul(error, xhat.transpose(0, 2, 1), out=self.slope)
        slope *= self.span
        slope *= self.turn
        slope *= 2 / power
        return slope

    def push(self, time: float) -> Array:
        """`WEIGHT` times the derivative of sum(1 - |2 h - 1|^beta), beta from 20 to 2 over a time
        from 0 to 1 by a cosine.
        """
        first, last = BETA
        beta = last + 0.5 * (first - last) * (1 + np.cos(np.pi * time))
        far = 2 * self.h
        far -= 1
        # far^(beta - 1) by logarithms: a power of arrays takes ten times as long
        slope = np.abs(far, out=self.work)
        np.maximum(slope, 1e-30, out=slope)
        np.log(slope, out=slope)
        slope *= beta - 1
        np.exp(slope, out=slope)
        np.copysign(slope, far, out=slope)
        slope *= self.turn
        slope *= -2 * beta * WEIGHT
        return slope


def soft_inverse(h: Array) -> Array:
    """v with h(v) = h."""
    zeta, gamma = STRETCH
    return -np.log((zeta - gamma) / (h - gamma) - 1)
