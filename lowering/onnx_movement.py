"""ONNX nodes that move data: their many spellings become few graph ops with static numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import graph
from ..dialects.graph_base import shape_of
from .onnx_node import Node
from .onnx_tensor import Array, ImportProblem, element_of


def normal_axis(axis: int, rank: int) -> int:
    """`axis` counted from the front."""
    if not -rank <= axis < rank:
        raise ImportProblem(f"axis {axis} is outside of a value of {rank} dimensions")
    return axis % rank


def normal_axes(axes: Sequence[int], rank: int) -> list[int]:
    """`axes` counted from the front, sorted; each at most once."""
    result = sorted(normal_axis(axis, rank) for axis in axes)
    if len(set(result)) != len(result):
        raise ImportProblem(f"an axis occurs twice in {list(axes)}")
    return result


def axes_of(node: Node, since: int, index: int = 1) -> list[int] | None:
    """Axes that are an attribute, and an operand from opset `since` on."""
    if node.opset < since:
        return node.ints("axes")
    return node.integers(index, "axes") if node.present(index) else None


def reshape(node: Node) -> SSAValue:
    """Reshape: 0 keeps an extent, -1 takes what is left."""
    data = node.input(0)
    shape, wanted = shape_of(data), node.integers(1, "shape")
    if not node.int("allowzero", 0):
        for index, extent in enumerate(wanted):
            if extent == 0 and index >= len(shape):
                raise ImportProblem(f"shape {wanted} keeps an extent that {list(shape)} has not")
        wanted = [shape[i] if extent == 0 else extent for i, extent in enumerate(wanted)]
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise ImportProblem(f"{wanted} is no shape")
    if -1 in wanted:
        rest = int(np.prod([extent for extent in wanted if extent != -1], dtype=np.int64))
        total = int(np.prod(shape, dtype=np.int64))
        if rest == 0 or total % rest:
            raise ImportProblem(f"{list(shape)} cannot become {wanted}")
        wanted[wanted.index(-1)] = total // rest
    return node.emit(graph.ReshapeOp(data, wanted))


def flatten(node: Node) -> SSAValue:
    """Flatten to two dimensions, split before `axis`."""
    data = node.input(0)
    shape = shape_of(data)
    axis = node.int("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise ImportProblem(f"axis {axis} is outside of {list(shape)}")
    axis = axis + len(shape) if axis < 0 else axis
    rows = int(np.prod(shape[:axis], dtype=np.int64))
    columns = int(np.prod(shape[axis:], dtype=np.int64))
    return node.emit(graph.ReshapeOp(data, [rows, columns]))


def squeeze(node: Node) -> SSAValue:
    """Squeeze: drop axes of extent 1."""
    data = node.input(0)
    shape = shape_of(data)
    axes = axes_of(node, 13)
    if axes is None:
        axes = [index for index, extent in enumerate(shape) if extent == 1]
    axes = normal_axes(axes, len(shape))
    if wide := [axis for axis in axes if shape[axis] != 1]:
        raise ImportProblem(f"axis {wide[0]} of {list(shape)} does not have extent 1")
    kept = [extent for index, extent in enumerate(shape) if index not in axes]
    return node.emit(graph.ReshapeOp(data, kept))


def unsqueeze(node: Node) -> SSAValue:
    """Unsqueeze: insert axes of extent 1."""
    data = node.input(0)
    shape = shape_of(data)
    axes = axes_of(node, 13)
    if axes is None:
        raise ImportProblem("its axes are missing")
    axes = normal_axes(axes, len(shape) + len(axes))
    rest = iter(shape)
    result = [1 if index in axes else next(rest) for index in range(len(shape) + len(axes))]
    return node.emit(graph.ReshapeOp(data, result))


def transpose(node: Node) -> SSAValue:
    """Transpose; all axes are reversed by default."""
    data = node.input(0)
    perm = node.ints("perm") or list(reversed(range(len(shape_of(data)))))
    return node.emit(graph.TransposeOp(data, perm))


def concat(node: Node) -> SSAValue:
    """Concat; empty operands add nothing."""
    axis = node.int("axis", 1)
    operands = [
        node.input(index)
        for index in range(len(node.proto.input))
        if 0 not in node.shape(index) or len(node.proto.input) == 1
    ]
    if not operands:
        raise ImportProblem("all its operands are empty")
    axis = normal_axis(axis, len(shape_of(operands[0])))
    return node.emit(graph.ConcatOp(operands, axis))


def split(node: Node) -> list[SSAValue]:
    """Split: one slice for each part."""
    data = node.input(0)
    shape = shape_of(data)
    axis = normal_axis(node.int("axis", 0), len(shape))
    count = node.int("num_outputs", len(node.proto.output))
    if node.opset < 13:
        sizes = node.ints("split")
    else:
        sizes = node.integers(1, "split") if node.present(1) else None
    if sizes is None:
        chunk = -(-shape[axis] // count)
        sizes = [min(chunk, shape[axis] - start) for start in range(0, shape[axis], chunk)]
    if sum(sizes) != shape[axis] or len(sizes) != len(node.proto.output):
        raise ImportProblem(f"parts of {sizes} do not make up axis {axis} of {list(shape)}")
    offset, results = 0, list[SSAValue]()
    for size in sizes:
        results.append(node.emit(slice_of(data, axis, offset, size)))
        offset += size
    return results


def slice_of(data: SSAValue, axis: int, offset: int, size: int) -> graph.SliceOp:
    """`size` slices of `data` from `offset` on along `axis`."""
    shape = shape_of(data)
    return graph.SliceOp(
        data,
        offsets=[offset if index == axis else 0 for index in range(len(shape))],
        sizes=[size if index == axis else extent for index, extent in enumerate(shape)],
        strides=[1] * len(shape),
    )


def slice_(node: Node) -> SSAValue:
    """Slice, with NumPy's clamping of starts and ends."""
    data = node.input(0)
    shape = shape_of(data)
    axes: list[int] | None
    if node.opset < 10:
        starts, ends = node.ints("starts"), node.ints("ends")
        axes, steps = node.ints("axes"), None
    else:
        starts, ends = node.integers(1, "starts"), node.integers(2, "ends")
        axes = node.integers(3, "axes") if node.present(3) else None
        steps = node.integers(4, "steps") if node.present(4) else None
    if starts is None or ends is None:
        raise ImportProblem("its starts or ends are missing")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise ImportProblem(f"starts {starts}, ends {ends}, axes {axes}, steps {steps} do not fit")
    ranges = [range(extent) for extent in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        at = normal_axis(axis, len(shape))
        ranges[at] = range(shape[at])[start:end:step]
    if any(len(entries) == 0 for entries in ranges):
        raise ImportProblem(f"nothing is left of {list(shape)}")
    return node.emit(
        graph.SliceOp(
            data,
            offsets=[entries.start for entries in ranges],
            sizes=[len(entries) for entries in ranges],
            strides=[entries.step for entries in ranges],
        )
    )


def gather(node: Node) -> SSAValue:
    """Gather; a single known index is a slice, without the axis if the index is a scalar."""
    data = node.input(0)
    shape = shape_of(data)
    axis = normal_axis(node.int("axis", 0), len(shape))
    if not node.known(1):
        return node.emit(graph.GatherOp(data, node.input(1), axis))
    indices = np.asarray(node.integers(1, "indices"), np.int64)
    if indices.size and not -shape[axis] <= indices.min() <= indices.max() < shape[axis]:
        raise ImportProblem(f"index {indices.min()} or {indices.max()} is outside of {shape[axis]}")
    indices = indices % shape[axis]
    target = (*shape[:axis], *node.shape(1), *shape[axis + 1 :])
    if run := _as_range(indices):
        offset, size, stride = run
        part = slice_of(data, axis, offset, 1)
        sizes = [size if index == axis else extent for index, extent in enumerate(shape)]
        strides = [stride if index == axis else 1 for index in range(len(shape))]
        part = graph.SliceOp(
            data,
            offsets=[offset if index == axis else 0 for index in range(len(shape))],
            sizes=sizes,
            strides=strides,
        )
        result = node.emit(part)
        return result if tuple(sizes) == target else node.emit(graph.ReshapeOp(result, target))
    return node.emit(graph.GatherOp(data, node.input(1), axis))


def _as_range(indices: Array) -> tuple[int, int, int] | None:
    """(offset, size, stride) when the indices are evenly spaced."""
    if indices.size == 0:
        return None
    if indices.size == 1:
        return int(indices[0]), 1, 1
    steps = np.diff(indices)
    if steps[0] == 0 or (steps != steps[0]).any():
        return None
    return int(indices[0]), int(indices.size), int(steps[0])


def pad(node: Node) -> SSAValue:
    """Pad; a negative amount removes slices."""
    data = node.input(0)
    rank = len(shape_of(data))
    if node.opset < 11:
        pads, value = node.ints("pads"), node.float("value", 0.0)
        axes = None
    else:
        pads = node.integers(1, "pads")
        value = node.scalar(2, "pad value") if node.present(2) else 0.0
        axes = node.integers(3, "axes") if node.present(3) else None
    axes = list(range(rank)) if axes is None else [normal_axis(axis, rank) for axis in axes]
    if pads is None or len(pads) != 2 * len(axes):
        raise ImportProblem(f"pads {pads} do not fit {len(axes)} axes")
    begins, ends = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        begins[axis], ends[axis] = pads[index], pads[index + len(axes)]
    if min(begins + ends) < 0:
        data = _crop(node, data, begins, ends)
    amounts = [max(0, amount) for amount in begins + ends]
    return node.emit(graph.PadOp(data, amounts, node.string("mode", "constant"), value))


def _crop(node: Node, data: SSAValue, begins: Sequence[int], ends: Sequence[int]) -> SSAValue:
    offsets = [max(0, -begin) for begin in begins]
    sizes = [
        extent - offset - max(0, -end)
        for extent, offset, end in zip(shape_of(data), offsets, ends, strict=True)
    ]
    return node.emit(graph.SliceOp(data, offsets=offsets, sizes=sizes, strides=[1] * len(offsets)))


def cast(node: Node) -> SSAValue:
    """Cast to the element type of attribute `to`."""
    node.ignore("saturate", "round_mode")  # they are about 8-bit floats only
    return node.emit(graph.CastOp(node.input(0), element_of(node.int("to", 0))))


def depth_to_space(node: Node) -> SSAValue:
    """DepthToSpace: blocks of channels become blocks of pixels."""
    data, block = node.input(0), node.int("blocksize", 0)
    n, c, h, w = _image(data)
    if block < 1 or c % (block * block):
        raise ImportProblem(f"{c} channels cannot be split in blocks of {block}x{block}")
    depth = c // (block * block)
    mode = node.string("mode", "DCR")
    if mode == "DCR":
        shape, perm = [n, block, block, depth, h, w], [0, 3, 4, 1, 5, 2]
    elif mode == "CRD":
        shape, perm = [n, depth, block, block, h, w], [0, 1, 4, 2, 5, 3]
    else:
        raise ImportProblem(f"mode '{mode}' is not known")
    moved = node.emit(graph.TransposeOp(node.emit(graph.ReshapeOp(data, shape)), perm))
    return node.emit(graph.ReshapeOp(moved, [n, depth, h * block, w * block]))


def space_to_depth(node: Node) -> SSAValue:
    """SpaceToDepth: blocks of pixels become blocks of channels."""
    data, block = node.input(0), node.int("blocksize", 0)
    n, c, h, w = _image(data)
    if block < 1 or h % block or w % block:
        raise ImportProblem(f"{h}x{w} cannot be split in blocks of {block}x{block}")
    split_ = node.emit(graph.ReshapeOp(data, [n, c, h // block, block, w // block, block]))
    moved = node.emit(graph.TransposeOp(split_, [0, 3, 5, 1, 2, 4]))
    return node.emit(graph.ReshapeOp(moved, [n, c * block * block, h // block, w // block]))


def _image(data: SSAValue) -> tuple[int, int, int, int]:
    shape = shape_of(data)
    if len(shape) != 4:
        raise ImportProblem(f"its operand must have 4 dimensions, but has shape {list(shape)}")
    return shape[0], shape[1], shape[2], shape[3]


def resize(node: Node) -> SSAValue:
    """Resize and Upsample, by known scales or sizes."""
    data = node.input(0)
    shape = shape_of(data)
    node.ignore("cubic_coeff_a", "extrapolation_value")  # for modes that are refused
    scales, sizes = _resize_target(node)
    axes = node.ints("axes") if node.opset >= 18 else None
    axes = list(range(len(shape))) if axes is None else normal_axes(axes, len(shape))
    for given in (scales, sizes):
        if given is not None and len(given) != len(axes):
            raise ImportProblem(f"{given} does not fit {len(axes)} axes")
    if node.string("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise ImportProblem("keep_aspect_ratio_policy is supported as 'stretch' only")
    if node.int("antialias", 0) or node.int("exclude_outside", 0):
        raise ImportProblem("antialias and exclude_outside are not supported")
    factors, target = [1.0] * len(shape), list(shape)
    for index, axis in enumerate(axes):
        if sizes is not None:
            target[axis], factors[axis] = sizes[index], sizes[index] / shape[axis]
        elif scales is not None:
            target[axis] = int(np.floor(shape[axis] * scales[index]))
            factors[axis] = scales[index]
    old = node.opset < 11 or node.op_type == "Upsample"
    mode = node.string("mode", "nearest")
    rule = "asymmetric" if old else node.string("coordinate_transformation_mode", "half_pixel")
    if rule == "half_pixel_symmetric":
        raise ImportProblem("coordinate_transformation_mode half_pixel_symmetric is not supported")
    return node.emit(
        graph.ResizeOp(
            data,
            target,
            factors,
            mode=mode,
            coordinates=rule,
            nearest="floor" if old else node.string("nearest_mode", "round_prefer_floor"),
        )
    )


def _resize_target(node: Node) -> tuple[list[float] | None, list[int] | None]:
    """(scales, sizes), one of them."""
    if node.op_type == "Upsample" and node.opset < 9:
        return node.floats("scales"), None
    index = 1 if node.op_type == "Upsample" or node.opset < 11 else 2
    if node.present(3):
        return None, node.integers(3, "sizes")
    if not node.present(index) or node.array(index, "scales").size == 0:
        raise ImportProblem("it has neither scales nor sizes")
    return [float(entry) for entry in node.array(index, "scales").reshape(-1)], None
