"""Tiled programs for tests: one op of the cluster in loops over windows, as MLIR text.

All index arithmetic is written out by hand here, so that it is independent of the compiler's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, TensorType, i8
from xdsl.parser import Parser

from runnel.dialects.cluster_chunk import ChunkAttr
from runnel.dialects.graph import add_global
from runnel.tools.registry import new_context

Array = NDArray[Any]


def strides_of(shape: Sequence[int]) -> list[int]:
    """The strides of a dense array, in elements."""
    return [int(np.prod(shape[axis + 1 :], dtype=int)) for axis in range(len(shape))]


@dataclass
class Text:
    """The lines of a function, with names for the values."""

    lines: list[str] = field(default_factory=list[str])
    count: int = 0

    def value(self, op: str) -> str:
        self.count += 1
        self.lines.append(f"%v{self.count} = {op}")
        return f"%v{self.count}"

    def line(self, text: str) -> None:
        self.lines.append(text)

    def number(self, value: int) -> str:
        return self.value(f"arith.constant {value} : index")

    def index(self, op: str, a: str | int, b: str | int) -> str:
        """An arith op on two indices."""
        names = [self.number(n) if isinstance(n, int) else n for n in (a, b)]
        return self.value(f"arith.{op} {names[0]}, {names[1]} : index")

    def buffer(self, shape: Sequence[int], element: str, memory: str, role: str = "") -> str:
        return self.value(f"dma.buffer {role} : {memref(shape, element, memory)}")

    def window(
        self,
        source: str,
        shape: Sequence[int],
        element: str,
        memory: str,
        offsets: Sequence[str | int],
        sizes: Sequence[str | int],
    ) -> tuple[str, str]:
        """A subview of a dense buffer: its name and type."""
        whole = memref(shape, element, memory)
        type = window_type(shape, sizes, element, memory)
        parts = [", ".join(map(str, part)) for part in (offsets, sizes, [1] * len(shape))]
        brackets = "".join(f"[{part}]" for part in parts)
        return self.value(f"memref.subview {source}{brackets} : {whole} to {type}"), type

    def loop(self, count: int) -> str:
        """Opens a loop; its counter."""
        bounds = [self.number(n) for n in (0, count, 1)]
        self.count += 1
        name = f"%i{self.count}"
        self.lines.append(f"scf.for {name} = {bounds[0]} to {bounds[1]} step {bounds[2]} {{")
        return name

    def module(self, globals: dict[str, Array] | None = None) -> ModuleOp:
        """The module of the function, verified."""
        text = "func.func @net() {\n" + "\n".join(self.lines) + "\nfunc.return\n}\n"
        module = Parser(new_context(), text).parse_module()
        for name, array in (globals or {}).items():
            add_global(module, name, array, TensorType(i8, array.shape))
        module.verify()
        return module


def memref(shape: Sequence[int], element: str, memory: str) -> str:
    return f'memref<{"x".join(map(str, shape))}x{element}, "{memory}">'


def window_type(shape: Sequence[int], sizes: Sequence[str | int], element: str, memory: str) -> str:
    """The type of a window of a dense buffer at an offset that is not known."""
    extents = "x".join("?" if isinstance(size, str) else str(size) for size in sizes)
    layout = f"strided<{strides_of(shape)}, offset: ?>"
    return f'memref<{extents}x{element}, {layout}, "{memory}">'


@dataclass(frozen=True)
class Sliding:
    """What a kernel's window does along one dimension."""

    kernel: int
    stride: int
    dilation: int
    before: int
    size: int
    out: int

    @property
    def extent(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    def reach(self, tile: int) -> int:
        """The most elements that a tile needs."""
        return min((tile - 1) * self.stride + self.extent, self.size)


def tile_of(text: Text, counter: str, tile: int, extent: int) -> tuple[str, str]:
    """Start and size of a tile."""
    start = text.index("muli", counter, tile)
    stop = text.index("minsi", text.index("addi", start, tile), extent)
    return start, text.index("subi", stop, start)


def input_of(text: Text, start: str, size: str, s: Sliding) -> tuple[str, str, str]:
    """Start and size of the input that a tile needs, and the padding before it."""
    first = text.index("subi", text.index("muli", start, s.stride), s.before)
    begin = text.index("maxsi", first, 0)
    last = text.index("muli", text.index("subi", size, 1), s.stride)
    stop = text.index(
        "minsi", text.index("addi", text.index("addi", first, last), s.extent), s.size
    )
    return begin, text.index("subi", stop, begin), text.index("subi", begin, first)


def sliding_program(
    op: str,
    properties: str,
    channels: int,
    rows: Sliding,
    columns: Sliding,
    out: int,
    tile: Sequence[int],
    elements: tuple[str, str],
    chunks: Sequence[Array] | None = None,
    *,
    channelwise: bool,
) -> ModuleOp:
    """Tiles (rows, columns, channels) of the output, one after another: copy in, compute, copy out.

    `chunks` are the constants of the channel tiles; `channelwise`: an output channel reads its own
    input channel alone.
    """
    text = Text()
    shape = {"x": (1, rows.size, columns.size, channels), "y": (1, rows.out, columns.out, out)}
    depth = tile[2] if channelwise else channels
    near = {"x": (1, rows.reach(tile[0]), columns.reach(tile[1]), depth), "y": (1, *tile)}
    x = text.buffer(shape["x"], elements[0], "l2", '"input" 0')
    y = text.buffer(shape["y"], elements[1], "l2", '"output" 0')
    xb, yb = (text.buffer(near[n], e, "l1") for n, e in zip("xy", elements, strict=True))
    far = size = None
    constants = ""
    if chunks is not None:
        size = (len(chunks), len(chunks[0]))
        far = text.value(f"dma.constant @c : {memref(size, 'i8', 'l2')}")
        constants = text.buffer((1, size[1]), "i8", "l1")
    ends = (rows.out, columns.out, out)
    counters = [text.loop(-(-end // t)) for end, t in zip(ends, tile, strict=True)]
    (r, rn), (c, cn), (o, on) = (
        tile_of(text, *part) for part in zip(counters, tile, ends, strict=True)
    )
    given = ""
    if far is not None and size is not None:
        source, type = text.window(far, size, "i8", "l2", (counters[2], 0), (1, size[1]))
        target = memref((1, size[1]), "i8", "l1")
        text.line(f"dma.copy {source} to {constants} : {type} to {target}")
        given = f"constants({constants} : {target})"
    in_r, in_rn, top = input_of(text, r, rn, rows)
    in_c, in_cn, left = input_of(text, c, cn, columns)
    in_o, in_on = (o, on) if channelwise else (0, channels)
    xs = text.window(
        x, shape["x"], elements[0], "l2", (0, in_r, in_c, in_o), (1, in_rn, in_cn, in_on)
    )
    ys = text.window(y, shape["y"], elements[1], "l2", (0, r, c, o), (1, rn, cn, on))
    xt = text.window(xb, near["x"], elements[0], "l1", (0, 0, 0, 0), (1, in_rn, in_cn, in_on))
    yt = text.window(yb, near["y"], elements[1], "l1", (0, 0, 0, 0), (1, rn, cn, on))
    text.line(f"dma.copy {xs[0]} to {xt[0]} : {xs[1]} to {xt[1]}")
    text.line(
        f"{op} ins({xt[0]} : {xt[1]}) {given} outs({yt[0]} : {yt[1]}) pads({top}, {left}) "
        f"{{{properties}}}"
    )
    text.line(f"dma.copy {yt[0]} to {ys[0]} : {yt[1]} to {ys[1]}")
    text.line("}" * 3)
    return text.module({} if chunks is None else {"c": np.stack(chunks)})


def pack_chunk(
    attr: ChunkAttr,
    weight: Array,
    bias: Array,
    multipliers: Array,
    shifts: Array,
    kernel: tuple[int, int],
    *,
    depthwise: bool = False,
) -> Array:
    """The bytes of a chunk for weight [o, kh, kw, i]; depthwise: the matrix is transposed.

    What is missing to the chunk's channels is filled with bytes that must not matter.
    """
    channels, depth = attr.channels.data, attr.depth.data
    matrix = np.zeros((channels, depth), np.int8)
    matrix[: len(weight)] = weight.reshape(len(weight), depth)
    packed = attr.packing.pack(matrix.T if depthwise else matrix, kernel).tobytes()

    def filled(values: Array, dtype: str) -> bytes:
        full = np.full(channels, 77, dtype)
        full[: len(values)] = values
        return full.tobytes()

    parts = (packed, filled(bias, "<i4"), filled(multipliers, "<i4"), filled(shifts, "i1"))
    return np.frombuffer(b"".join(part + b"\x55" * (-len(part) % 4) for part in parts), np.int8)
