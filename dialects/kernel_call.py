"""What the calls of C kernels share, whichever unit makes them."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import StringAttr
from xdsl.irdl import IRDLOperation, opt_prop_def, prop_def

from .dma_buffer import DestinationStyleOp


class KernelCall(IRDLOperation, DestinationStyleOp, ABC):
    """A call of one C kernel on buffers; `kernel` is its symbol."""

    kernel = prop_def(StringAttr)
    header = opt_prop_def(StringAttr)
    """Where the kernel is declared, if not in a header of its own name."""

    INPUT_COUNT: ClassVar[int] = 1

    @property
    def include(self) -> str:
        """The header that declares the kernel."""
        return f"{self.kernel.data}.h" if self.header is None else self.header.data

    def check(self) -> None:
        """What must hold beyond the operand counts."""
