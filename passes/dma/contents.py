"""Which buffer's data every byte holds, window by window."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Operation

from ...dialects.diagnostics import refer_to, refuse
from .byte_windows import ByteWindow

NOTHING = 0


@dataclass
class Contents:
    """The number of the buffer whose data a byte holds; 0: nothing of use."""

    names: list[str] = field(default_factory=lambda: ["nothing"])
    writers: list[Operation | None] = field(default_factory=lambda: [None])
    """The last op that wrote each buffer; None: the caller, or nobody."""
    places: dict[Hashable, NDArray[np.uint16]] = field(
        default_factory=dict[Hashable, NDArray[np.uint16]]
    )

    def add_buffer(self, window: ByteWindow, *, written: bool = False) -> int:
        """A new buffer; its number."""
        self.names.append(window.name)
        self.writers.append(None)
        held = self.places.get(window.place, np.zeros(0, np.uint16))
        missing = max(window.stop - len(held), 0)
        self.places[window.place] = np.concatenate((held, np.zeros(missing, np.uint16)))
        number = len(self.names) - 1
        if written:
            self._bytes(window)[...] = number
        return number

    def write(self, op: Operation, window: ByteWindow, *, keep: bool = True) -> None:
        """`op` writes the window; without `keep` it leaves nothing of use there."""
        if isinstance(window.place, SymbolRefAttr):
            refuse(op, f"writes {window.name}; constants are only read")
        if window.place in self.places:
            self._bytes(window)[...] = window.number if keep else NOTHING
            self.writers[window.number] = op

    def read(self, op: Operation, window: ByteWindow, who: str = "") -> None:
        """Refuse a read of bytes that do not all hold data of the window's buffer."""
        if window.place not in self.places:
            return
        held = self._bytes(window)
        if (held == window.number).all():
            return
        place = np.argwhere(held != window.number)[0]
        found = int(held[tuple(place)])
        byte = window.start + int(np.dot(place, (*window.strides, 1)))
        start, stop = window.start, window.stop
        what = (
            f"{who}reads bytes {start}..{stop} of {window.memory} ({window.name}), but byte {byte}"
        )
        if found == NOTHING:
            refuse(op, f"{what} was never written; is a tile or a slot of it not loaded?")
        writer = self.writers[found]
        by = "the caller" if writer is None else refer_to(writer)
        refuse(
            op,
            f"{what} holds {self.names[found]}, written by {by}; the two buffers must not share "
            "bytes, or the read must come earlier",
        )

    def _bytes(self, window: ByteWindow) -> NDArray[Any]:
        """The numbers of a window's bytes: its shape and one more dimension for an element."""
        held = self.places[window.place]
        strides = (*(2 * stride for stride in window.strides), 2)
        if not window.bytes:
            return held[:0]
        return np.ndarray(
            (*window.sizes, window.item), np.uint16, held.data, 2 * window.start, strides
        )
