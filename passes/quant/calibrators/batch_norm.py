"""What batch normalisation was trained to: a range that calibration data need not show.

An input unlike all calibration data (an anomaly, a loud clip) reaches further than they do; the
statistics of training say how far values of a channel may reach.
"""

from __future__ import annotations

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation

from ....dialects import graph
from ...graph.output_statistics import output_statistics
from .search import Range


def trained_range(op: Operation, deviations: float) -> Range | None:
    """The least mean - `deviations` * deviation and the greatest sum over the channels of `op`, cut
    by the activations behind the layer; None where no batch normalisation was folded.

    (Nagel et al., arXiv:1906.04721, section 5, has 6 deviations.)
    """
    if isinstance(op, graph.ReluOp | graph.ClipOp):
        source = op.input.owner
        inner = trained_range(source, deviations) if isinstance(source, Operation) else None
        if inner is None:
            return None
        low, high = (0.0, inner[1]) if isinstance(op, graph.ReluOp) else op.bounds()
        return max(inner[0], low), min(inner[1], high)
    found = output_statistics(op)
    if found is None or not isinstance(op.results[0].type, TensorType):
        return None
    reach = deviations * found.deviation
    return float((found.mean - reach).min()), float((found.mean + reach).max())


def widen(bounds: Range, trained: Range | None) -> Range:
    """The least range that holds both."""
    if trained is None:
        return bounds
    return min(bounds[0], trained[0]), max(bounds[1], trained[1])
