"""How far up logits must reach: the greatest one of a row decides, and must stay the only one."""

from __future__ import annotations

import numpy as np

from .cross_entropy import RowSample
from .search import Range

DEVIATIONS = 4.0
"""How far above their mean the greatest values of rows are expected, in their deviations."""


def keep_choice(bounds: Range, sample: RowSample) -> Range:
    """`bounds` with room for the greatest value of every row, also of rows that are not `sample`.

    Calibrators weigh all values alike: they cut off the few at the top, which then have one code
    and are no choice any more. A few calibration samples do not show the greatest one there is:
    the mean of the greatest values of rows plus `DEVIATIONS` deviations of them is expected.
    """
    tops = np.array([row.max() for row in sample.rows], np.float64)
    reach = max(float(tops.max()), float(tops.mean() + DEVIATIONS * tops.std()))
    return bounds[0], max(bounds[1], reach)
