"""What each C kernel computes, from the arguments that the emitted code passes.

The interpreter of the c dialect calls these where the program calls a kernel: all facts come from
the structs and arrays of the C, none from the op that it was lowered from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dialects.cortexm import Window
from ..dialects.quant import SOFTMAX_ENTRIES, TABLE_ENTRIES
from ..lowering.kernel_arguments import ROUNDINGS
from ..lowering.kernels import Kernel, Problem
from ..runtime.interpreter import integer
from ..runtime.interpreter.c_memory import Pointer

Array = NDArray[Any]
Fields = Mapping[str, Any]
ROUNDING_NAMES = {number: name for name, number in ROUNDINGS.items()}


def meanings(kernels: tuple[Kernel, ...]) -> dict[str, Callable[..., Any]]:
    """C name to meaning for the kernels of a table, and for the profiler's hook."""
    found: dict[str, Callable[..., Any]] = {"RN_PROFILE_LAYER": lambda layer: None}
    for kernel in reversed(kernels):
        if kernel.op in BY_OP:
            found[kernel.symbol] = partial(BY_OP[kernel.op], kernel)
    return found


def window_of(shape: Fields) -> Window:
    """The window of a shape struct; pooling leaves out what it does not need."""
    given = {name: shape[name] for name in Window._fields if name in shape}
    channels = shape.get("channels")
    if channels is not None:
        given |= {"in_c": channels, "out_c": channels, "dil_h": 1, "dil_w": 1}
    return Window(**given)


def far_pads(w: Window) -> tuple[int, int, int, int]:
    """(top, left, bottom, right): the last window ends at the end of the padded input."""
    reach_h = (w.out_h - 1) * w.stride_h + w.dil_h * (w.k_h - 1) + 1
    reach_w = (w.out_w - 1) * w.stride_w + w.dil_w * (w.k_w - 1) + 1
    bottom, right = reach_h - w.in_h - w.pad_top, reach_w - w.in_w - w.pad_left
    return w.pad_top, w.pad_left, max(bottom, 0), max(right, 0)


def image(x: Pointer, w: Window) -> Array:
    return x.array(w.in_h * w.in_w * w.in_c).reshape(1, w.in_h, w.in_w, w.in_c)


def requantized(
    accumulator: Array, q: Fields, multipliers: Array, shifts: Array
) -> NDArray[np.int64]:
    """The int8 results of accumulators with the channels on the last axis."""
    return integer.requantize(
        accumulator.astype(np.int64) << q["acc_shift"],
        multipliers,
        shifts,
        ROUNDING_NAMES[q["rounding"]],
        q["out_zero"],
        (q["lo"], q["hi"]),
    )


def per_channel(accumulator: Array, q: Pointer, c: Fields) -> NDArray[np.int64]:
    count = accumulator.shape[-1]
    return requantized(accumulator, q.load(), c["multiplier"].array(count), c["shift"].array(count))


def convolution(
    kernel: Kernel, s: Pointer, q: Pointer, c: Pointer, x: Pointer, w: Pointer, y: Pointer, _: Any
) -> None:
    """Dense and depthwise convolution, weights in the order of the kernel."""
    shape = s.load()
    window, groups = window_of(shape), shape["groups"]
    problem = Problem(kernel.op, window, groups, outputs=window.out_c, types=kernel.types)
    size = (window.k_h, window.k_w)
    depthwise = kernel.op == "depthwise_conv2d"
    taps = window.k_h * window.k_w
    matrix_shape = (
        (taps, window.in_c) if depthwise else (window.out_c, taps * window.in_c // groups)
    )
    packing = kernel.packing(problem)
    packed = w.array(packing.packed_size(*matrix_shape)).astype(np.int8)
    matrix = packing.unpack(packed, matrix_shape, size)
    weight = (matrix.T if depthwise else matrix).reshape(window.out_c, *size, -1)
    channels = c.load()
    accumulator = integer.conv2d(
        image(x, window),
        weight,
        channels["bias"].array(window.out_c).astype(np.int64),
        pads=far_pads(window),
        strides=(window.stride_h, window.stride_w),
        dilations=(window.dil_h, window.dil_w),
        groups=groups,
        pad_value=window.in_zero,
    )[:, : window.out_h, : window.out_w]
    store(y, per_channel(accumulator, q, channels))


def fully_connected(
    kernel: Kernel, s: Pointer, q: Pointer, c: Pointer, x: Pointer, w: Pointer, y: Pointer, _: Any
) -> None:
    shape = s.load()
    rows, depth, outputs = shape["rows"], shape["in_c"], shape["out_c"]
    problem = Problem(kernel.op, rows=rows, depth=depth, outputs=outputs, types=kernel.types)
    packing = kernel.packing(problem)
    packed = w.array(packing.packed_size(outputs, depth)).astype(np.int8)
    matrix = packing.unpack(packed, (outputs, depth), (1, 1))
    channels = c.load()
    sums = integer.matmul(x.array(rows * depth).reshape(rows, depth), matrix.T)
    store(y, per_channel(sums + channels["bias"].array(outputs), q, channels))


def avg_pool2d(
    _: Kernel, s: Pointer, q: Pointer, bias: int, multiplier: int, shift: int, x: Pointer,
    y: Pointer, scratch: Any,
) -> None:  # fmt: skip
    window = window_of(s.load())
    sums = pooled(x, window, window.in_zero).sum((4, 5), dtype=np.int64) + bias
    store(y, requantized(sums, q.load(), np.array([multiplier]), np.array([shift])))


def max_pool2d(_: Kernel, s: Pointer, lo: int, hi: int, x: Pointer, y: Pointer) -> None:
    window = window_of(s.load())
    least = int(np.iinfo(x.array(1).dtype).min)
    store(y, np.clip(pooled(x, window, least).max((4, 5)), lo, hi))


def pooled(x: Pointer, w: Window, padding: int) -> Array:
    """All windows [1, out_h, out_w, C, k_h, k_w]."""
    padded = integer.pad_window(image(x, w), far_pads(w), padding)
    found = integer.windows(padded, (w.k_h, w.k_w), (w.stride_h, w.stride_w))
    return found[:, : w.out_h, : w.out_w]


def add(
    _: Kernel, n: int, m_a: int, m_b: int, bias: int, shift: int, lo: int, hi: int,
    a: Pointer, b: Pointer, y: Pointer,
) -> None:  # fmt: skip
    first, second = (p.array(n).astype(np.int64) for p in (a, b))
    store(y, np.clip((first * m_a + second * m_b + bias) >> shift, lo, hi))


def mul(
    _: Kernel, s: Pointer, q: Pointer, multiplier: int, shift: int, a: Pointer, b: Pointer,
    y: Pointer,
) -> None:  # fmt: skip
    shape = s.load()
    runs = [shape[name] for name in ("outer", "middle", "inner")]
    first = a.array(int(np.prod(runs))).reshape(runs)
    second = b.array(runs[1]).reshape(1, -1, 1)
    products = integer.product(first, second, shape["a_zero"], shape["b_zero"])
    store(y, requantized(products, q.load(), np.array([multiplier]), np.array([shift])))


def matmul(
    _: Kernel, s: Pointer, q: Pointer, multiplier: int, shift: int, a: Pointer, b: Pointer,
    y: Pointer,
) -> None:  # fmt: skip
    shape = s.load()
    batch, rows, depth, columns = (shape[n] for n in ("batch", "rows", "depth", "columns"))
    first = a.array(batch * rows * depth).reshape(batch, rows, depth)
    second = b.array(batch * depth * columns).reshape(batch, depth, columns)
    sums = integer.activation_product(first, second, shape["a_zero"], shape["b_zero"])
    store(y, requantized(sums, q.load(), np.array([multiplier]), np.array([shift])))


def table(_: Kernel, n: int, entries: Pointer, x: Pointer, y: Pointer) -> None:
    values = x.array(n)
    count = TABLE_ENTRIES[8 * values.itemsize]
    store(y, integer.lookup(values, entries.array(count), y.array(1).dtype))


def softmax(
    _: Kernel, rows: int, n: int, entries: Pointer, zero: int, x: Pointer, y: Pointer
) -> None:
    values, result = x.array(rows * n).reshape(rows, n), y.array(1).dtype
    bounds = np.iinfo(result)
    table = entries.array(SOFTMAX_ENTRIES[8 * values.itemsize])
    store(y, integer.softmax(values, table, result, zero, (int(bounds.min), int(bounds.max))))


def layer_norm(
    _: Kernel, s: Pointer, weight: Pointer, bias: Pointer, x: Pointer, y: Pointer
) -> None:
    shape = s.load()
    rows, n = shape["rows"], shape["n"]
    store(
        y,
        integer.layer_norm(
            x.array(rows * n).reshape(rows, n),
            weight.array(n),
            bias.array(n),
            shape["epsilon"],
            shape["shift"],
            (shape["lo"], shape["hi"]),
        ),
    )


def quantize(_: Kernel, n: int, scale: Any, zero: int, x: Pointer, y: Pointer) -> None:
    bounds = np.iinfo(y.array(n).dtype)
    limits = int(bounds.min), int(bounds.max)
    store(y, integer.quantize(x.array(n), np.array(scale, np.float32), np.array(zero), limits))


def dequantize(_: Kernel, n: int, scale: Any, zero: int, x: Pointer, y: Pointer) -> None:
    store(y, integer.dequantize(x.array(n), np.array(scale, np.float32), np.array(zero)))


def transpose(_: Kernel, s: Pointer, x: Pointer, y: Pointer) -> None:
    """Bytes of the input in the order that the strides give."""
    shape = s.load()
    rank, size = shape["rank"], shape["item_bytes"]
    dims, strides = (shape[name].store[:rank] for name in ("dims", "strides"))
    count = int(np.prod(dims))
    source = as_bytes(x, count * size).reshape(count, size)
    axes = [np.arange(d) * stride for d, stride in zip(dims, strides, strict=True)]
    index = sum(np.ix_(*axes), np.zeros((), np.int64))
    as_bytes(y, count * size)[:] = source[index.reshape(-1)].reshape(-1)


def copy(_: Kernel, b: Pointer, x: Pointer, y: Pointer) -> None:
    """The items of the box, one by one where both walks are at the same time."""
    box = b.load()
    rank, size = box["rank"], box["item_bytes"]
    dims = box["dims"].store[:rank]

    def places(name: str) -> Array:
        strides = box[f"{name}_strides"].store[:rank]
        axes = [np.arange(d) * stride for d, stride in zip(dims, strides, strict=True)]
        return sum(np.ix_(*axes), np.asarray(box[f"{name}_offset"])).reshape(-1)

    source, target = places("x"), places("y")
    whole = as_bytes(y, (int(target.max()) + 1) * size).reshape(-1, size)
    whole[target] = as_bytes(x, (int(source.max()) + 1) * size).reshape(-1, size)[source]


def pad(kernel: Kernel, b: Pointer, count: int, value: int, x: Pointer, y: Pointer) -> None:
    item = np.dtype(f"i{b.load()['item_bytes']}")
    as_bytes(y, count * item.itemsize).view(item)[:] = value
    copy(kernel, b, x, y)


def as_bytes(pointer: Pointer, count: int) -> Array:
    return Pointer(pointer.store, pointer.offset, np.dtype(np.uint8)).array(count)


def store(y: Pointer, values: Array) -> None:
    """Write all values where `y` points to."""
    y.array(values.size)[:] = values.reshape(-1)


BY_OP: dict[str, Callable[..., None]] = {
    "conv2d": convolution,
    "depthwise_conv2d": convolution,
    "fully_connected": fully_connected,
    "avg_pool2d": avg_pool2d,
    "max_pool2d": max_pool2d,
    "add": add,
    "mul": mul,
    "matmul": matmul,
    "table": table,
    "softmax": softmax,
    "layer_norm": layer_norm,
    "quantize": quantize,
    "dequantize": dequantize,
    "transpose": transpose,
    "copy": copy,
    "pad": pad,
}
"""The op that a kernel stands for to its meaning."""
