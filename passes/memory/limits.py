"""What the module's platform leaves for buffers in its memories."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from ...dialects.platform import KEY, platform_of

CODE_BYTES = 0x3_0000
"""What passes leave for code, and constants read where they are, before the size is known."""


@dataclass(frozen=True)
class Space:
    """The bytes of a memory that buffers may take; as text `512 B less 256 B of stack`."""

    size: int
    stack: int
    writable: bool
    holds_code: bool
    """Whether code and constants lie there, too, whose size is known only in the end."""

    @property
    def bytes(self) -> int:
        """What is left beside the stacks."""
        return self.size - self.stack

    @property
    def certain(self) -> int:
        """What of that is left whatever code and constants take."""
        return 0 if self.holds_code else self.bytes

    def __str__(self) -> str:
        return f"{self.size} B" + (f" less {self.stack} B of stack" if self.stack else "")


def space_for_buffers(module: ModuleOp, memory: str) -> Space | None:
    """The space in the memory of this name.

    None for a module without a platform; VerifyException if its platform has no such memory.
    """
    if KEY not in module.attributes:
        return None
    platform = platform_of(module)
    found = platform.memory(memory)
    holds_code = memory == platform.board.code
    return Space(found.size, platform.stack_bytes(memory), found.kind != "flash", holds_code)
