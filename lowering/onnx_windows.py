"""ONNX convolution and pooling nodes: `auto_pad` and `ceil_mode` are resolved here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from ..dialects import graph
from ..dialects.graph_base import shape_of
from .onnx_node import Node
from .onnx_tensor import ImportProblem


@dataclass
class Window:
    """The window attributes of a node, explicit."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begins: list[int]
    ends: list[int]

    @property
    def pads(self) -> list[int]:
        return self.begins + self.ends


def read_window(node: Node, spatial: Sequence[int], kernel: Sequence[int] | None) -> Window:
    """The window over an input of extents `spatial`; `kernel` None: it is an attribute."""
    rank = len(spatial)
    stated = node.ints("kernel_shape")
    if kernel is None and stated is None:
        raise ImportProblem("attribute 'kernel_shape' is missing")
    if kernel is not None and stated is not None and stated != list(kernel):
        raise ImportProblem(f"kernel_shape {stated} is not that of the weight, {list(kernel)}")
    extents = list(kernel if kernel is not None else stated or ())
    strides = node.ints("strides") or [1] * rank
    dilations = node.ints("dilations") or [1] * rank
    pads = node.ints("pads") or [0] * (2 * rank)
    lists = {"kernel_shape": extents, "strides": strides, "dilations": dilations}
    for name, entries in lists.items():
        if len(entries) != rank or min(entries, default=1) < 1:
            raise ImportProblem(f"{name} {entries} must be {rank} positive numbers")
    if len(pads) != 2 * rank or min(pads, default=0) < 0:
        raise ImportProblem(f"pads {pads} must be {2 * rank} numbers of at least 0")
    window = Window(extents, strides, dilations, pads[:rank], pads[rank:])
    _resolve_auto_pad(window, node.string("auto_pad", "NOTSET"), spatial)
    return window


def _resolve_auto_pad(window: Window, mode: str, spatial: Sequence[int]) -> None:
    if mode in ("NOTSET", ""):
        return
    if mode not in ("VALID", "SAME_UPPER", "SAME_LOWER"):
        raise ImportProblem(f"auto_pad '{mode}' is not known")
    for axis, size in enumerate(spatial):
        total = 0
        if mode != "VALID":
            stride = window.strides[axis]
            reach = window.dilations[axis] * (window.kernel[axis] - 1) + 1
            total = max(0, (-(-size // stride) - 1) * stride + reach - size)
        smaller, larger = total // 2, total - total // 2
        upper = mode == "SAME_UPPER"
        window.begins[axis] = smaller if upper else larger
        window.ends[axis] = larger if upper else smaller


def ceil_extension(window: Window, spatial: Sequence[int]) -> list[int]:
    """How far the last window reaches beyond the padded input when extents are rounded up.

    A window that would start in the padding at the end does not count (as in PyTorch, and in
    onnxruntime).
    """
    extra: list[int] = []
    for axis, size in enumerate(spatial):
        begin, end = window.begins[axis], window.ends[axis]
        stride, dilation = window.strides[axis], window.dilations[axis]
        reach = dilation * (window.kernel[axis] - 1) + 1
        count = -(-(size + begin + end - reach) // stride) + 1
        if (count - 1) * stride >= size + begin:
            count -= 1
        extra.append(max(0, (count - 1) * stride + reach - (size + begin + end)))
    return extra


def conv(node: Node) -> SSAValue:
    """Conv."""
    data, weight = node.input(0), node.input(1)
    window = read_window(node, shape_of(data)[2:], shape_of(weight)[2:])
    return node.emit(
        graph.ConvOp(
            data,
            weight,
            node.optional(2),
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
            group=node.int("group", 1),
        )
    )


def max_pool(node: Node) -> SSAValue:
    """MaxPool; rounding up is padding, which never wins."""
    node.ignore("storage_order")  # only says how the second result, the indices, is laid out
    data = node.input(0)
    spatial = shape_of(data)[2:]
    window = read_window(node, spatial, None)
    if node.int("ceil_mode", 0):
        extra = ceil_extension(window, spatial)
        window.ends = [end + more for end, more in zip(window.ends, extra, strict=True)]
    return node.emit(
        graph.MaxPoolOp(
            data,
            kernel_shape=window.kernel,
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
        )
    )


def average_pool(node: Node) -> SSAValue:
    """AveragePool."""
    return pool_average(node, node.input(0))


def pool_average(node: Node, data: SSAValue) -> SSAValue:
    """The average pooling of `data` with the attributes of `node`."""
    spatial = shape_of(data)[2:]
    window = read_window(node, spatial, None)
    counted = bool(node.int("count_include_pad", 0))
    if node.int("ceil_mode", 0):
        extra = ceil_extension(window, spatial)
        if counted and any(extra) and any(window.pads):
            # Real padding counts, what rounding up adds does not: make the former explicit.
            data = node.emit(graph.PadOp(data, [0, 0, *window.begins, 0, 0, *window.ends]))
            window.begins, window.ends = [0] * len(extra), [0] * len(extra)
        if any(extra):
            counted = False
        window.ends = [end + more for end, more in zip(window.ends, extra, strict=True)]
    return node.emit(
        graph.AveragePoolOp(
            data,
            kernel_shape=window.kernel,
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
            count_include_pad=counted,
        )
    )


def global_average_pool(node: Node) -> SSAValue:
    """GlobalAveragePool."""
    return node.emit(graph.GlobalAveragePoolOp(node.input(0)))


def global_max_pool(node: Node) -> SSAValue:
    """GlobalMaxPool: the maximum over the spatial axes."""
    data = node.input(0)
    return node.emit(graph.ReduceMaxOp(data, range(2, len(shape_of(data)))))
