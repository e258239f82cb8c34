"""The dma dialect: buffers in named memories, and what moves between them (WHEN and WHERE)."""

from __future__ import annotations

from xdsl.ir import Dialect

from .dma_buffer import (
    ARENAS,
    BUFFER_ALIGNMENT,
    ArenaAttr,
    AsyncOp,
    AwaitOp,
    BufferEffects,
    BufferOp,
    DestinationStyleOp,
    ViewOp,
    arenas_of,
    buffer_of,
    offset_of,
)
from .dma_transfer import (
    ConstantOp,
    CopyOp,
    PipelineOp,
    StartOp,
    TokenOp,
    TokenType,
    TransferOp,
    WaitOp,
    transfer_dimensions,
)

__all__ = [
    "ARENAS",
    "BUFFER_ALIGNMENT",
    "ArenaAttr",
    "AsyncOp",
    "AwaitOp",
    "BufferEffects",
    "BufferOp",
    "ConstantOp",
    "CopyOp",
    "DestinationStyleOp",
    "Dma",
    "PipelineOp",
    "StartOp",
    "TokenOp",
    "TokenType",
    "TransferOp",
    "ViewOp",
    "WaitOp",
    "arenas_of",
    "buffer_of",
    "offset_of",
    "transfer_dimensions",
]

Dma = Dialect(
    "dma",
    [BufferOp, ViewOp, ConstantOp, CopyOp, TokenOp, StartOp, WaitOp, PipelineOp],
    [ArenaAttr, TokenType],
)
