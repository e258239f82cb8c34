"""What kernels and jobs will need of a memory, and so what transfers may fill before their turn."""

from __future__ import annotations

import numpy as np

from ...dialects import dma
from .work import MOVES, Order


class Forecast:
    """The bytes of a memory that are alive at each place of an order if kernels and jobs keep their
    turns and transfers come right before what needs them, but for those that came earlier.

    `opened` buffers are alive at the begin, `kept` ones at the end.
    """

    def __init__(
        self,
        order: Order,
        memory: str,
        opened: frozenset[dma.BufferOp],
        kept: frozenset[dma.BufferOp],
    ):
        self.first: dict[dma.BufferOp, int] = {}
        """The place of the first kernel or job that uses a buffer."""
        sizes, last = dict[dma.BufferOp, int](), dict[dma.BufferOp, int]()
        for i, piece in enumerate(order.pieces):
            for buffer, size in piece.sizes.get(memory, ()):
                sizes[buffer], last[buffer] = size, i
                if piece.role not in MOVES:
                    self.first.setdefault(buffer, i)
        self.bytes = np.zeros(len(order.pieces), np.int64)
        for buffer, size in sizes.items():
            start = 0 if buffer in opened else self.first.get(buffer, last[buffer])
            self.bytes[start : None if buffer in kept else last[buffer] + 1] += size
        self.waiting = [piece.role not in MOVES for piece in order.pieces]
        self.reached = 0
        """The place of the first kernel or job that has not begun."""

    def most(self, buffer: dma.BufferOp) -> int:
        """The bytes that are alive at most until the first use of a buffer."""
        coming = self.bytes[self.reached : self.first.get(buffer)]
        return int(coming.max(initial=0))

    def fetch(self, buffer: dma.BufferOp, size: int) -> None:
        """A transfer fills a buffer from now on."""
        self.bytes[self.reached : self.first.get(buffer)] += size

    def begin(self, i: int) -> None:
        """The kernel or job at place `i` begins."""
        self.waiting[i] = False
        while self.reached < len(self.waiting) and not self.waiting[self.reached]:
            self.reached += 1
