"""What batch normalisation knew of a layer's output: its mean and deviation per channel.

The two are attributes of the layer that the normalisation was folded into; methods that need no
data (equalization, bias absorption and correction) read them and keep them true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, f32
from xdsl.ir import Operation

MEAN, DEVIATION = "quant.output_mean", "quant.output_deviation"

Float = NDArray[np.float64]


@dataclass(frozen=True)
class OutputStatistics:
    """The output of a layer (before its activation) is about N(mean, deviation**2) per channel."""

    mean: Float
    deviation: Float
    """At least 0."""

    def attach(self, op: Operation) -> None:
        """Write them on `op`, in f32."""
        for name, values in ((MEAN, self.mean), (DEVIATION, self.deviation)):
            numbers = np.asarray(values, np.float32).astype(float).tolist()
            op.attributes[name] = DenseArrayBase.from_list(f32, numbers)


def output_statistics(op: Operation) -> OutputStatistics | None:
    """What is written on `op`."""
    arrays = [op.attributes.get(name) for name in (MEAN, DEVIATION)]
    found = [
        np.array([float(number) for number in array.iter_values()])
        for array in arrays
        if isinstance(array, DenseArrayBase)
    ]
    return OutputStatistics(found[0], found[1]) if len(found) == 2 else None
