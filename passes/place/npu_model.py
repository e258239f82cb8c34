"""What the N-EUREKA NPU can run exactly, and how long it takes: its unit model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from ...dialects import quant
from ...dialects.graph import constant_array
from ...dialects.npu_chunk import Constants
from ...dialects.npu_job import MAX_PAD, Geometry, Kind, Mode, Pitch, cycles, job_cycles
from ...dialects.platform_records import Unit
from ...dialects.quant_types import storage_bounds

Layer = quant.Conv2DOp | quant.FullyConnectedOp
Wide = NDArray[np.int64]


def kind_of(op: Operation) -> Kind | str:
    """The kind of job that `op` is, or why there is none."""
    if isinstance(op, quant.FullyConnectedOp):
        return Kind.POINTWISE
    if not isinstance(op, quant.Conv2DOp):
        return "it runs convolutions and matrix products only"
    kernel, groups = tuple(op.kernel_size()), op.groups.value.data
    if groups != 1 and not op.depthwise:
        return f"it has no {groups} groups, only dense and depthwise convolutions"
    if kernel == (3, 3):
        return Kind.DEPTHWISE if op.depthwise else Kind.DENSE
    if kernel == (1, 1) and groups == 1:
        return Kind.POINTWISE
    what = "depthwise kernels are 3x3" if op.depthwise else "kernels are 1x1 or 3x3"
    return f"its {what}, not {kernel[0]}x{kernel[1]}"


def window_refusal(op: Layer, kind: Kind) -> str | None:
    """Why strides, dilations or pads are not possible."""
    if isinstance(op, quant.FullyConnectedOp):
        return None
    strides, pads = op.strides.get_values(), op.pads.get_values()
    if any(dilation != 1 for dilation in op.dilation()):
        return f"it has no dilation, here {list(op.dilation())}"
    if kind is not Kind.POINTWISE and max(strides) > 2:
        return f"a 3x3 kernel has strides of 1 or 2, here {list(strides)}"
    most = 0 if kind is Kind.POINTWISE else MAX_PAD
    if max(pads) > most:
        return f"a {kind.kernel}x{kind.kernel} kernel takes at most {most} of padding, here {pads}"
    return None


def type_refusal(op: Layer, unit: Unit) -> str | None:
    """Why the element types or the clamp are not possible."""
    for value, what in ((op.input, "input"), (op.result, "output")):
        if quant.quantized(value).storage.width.data != 8:
            return f"its activations have 8 bits, the {what} is {element_of(value)}"
    bits = weight_bits(op)
    if bits is None:
        return "weights and bias must be constants"
    most = int(unit.fact("weight_bits"))
    if bits > most:
        return f"its weights have {most} bits, here {bits}"
    full = storage_bounds(quant.quantized(op.result).storage)
    if op.requant.clamp != full:
        return f"it clamps to {list(full)} only, here to {list(op.requant.clamp)}"
    return None


def element_of(value: SSAValue) -> str:
    assert isinstance(value.type, TensorType)
    return str(value.type.element_type)


def weights_of(op: Layer) -> NDArray[Any] | None:
    """The stored weights as [O, kh, kw, I], if they are constants."""
    weights = constant_array(op.weight)
    if weights is None:
        return None
    if isinstance(op, quant.FullyConnectedOp):
        return weights[:, None, None, :]
    return weights if op.layout.data == "nhwc" else weights.transpose(0, 2, 3, 1)


def weight_bits(op: Layer) -> int | None:
    """The least number of bits (at least 2) that holds every weight of `op`."""
    weights = weights_of(op)
    if weights is None or constant_array(op.bias) is None:
        return None
    reach = int(max(weights.max(initial=0), -1 - weights.min(initial=-1)))
    return max(2, reach.bit_length() + 1)


def products(op: Layer) -> tuple[Wide, Wide]:
    """The least and greatest sum of products of each output channel, the bias left out."""
    weights = weights_of(op)
    assert weights is not None
    rows = weights.reshape(len(weights), -1)
    low, high = quant.quantized(op.input).bounds
    return quant.accumulator_bounds(rows, np.zeros(len(rows)), low, high)


def biases(op: Layer) -> Wide:
    """The bias of each output channel."""
    bias = constant_array(op.bias)
    assert bias is not None
    return bias.astype(np.int64)


@dataclass(frozen=True)
class Scaling:
    """How accumulators become outputs: per channel, `round((sum + bias) * multiplier >> shift)`."""

    biases: Wide
    multipliers: Wide
    shifts: Wide
    rounding: str

    def added(self, zero_point: int) -> Wide:
        """What the NPU adds behind its scale: the bias, half a unit to round, the zero point."""
        rounds = (self.shifts > 0) & (self.rounding == "single")
        half = np.where(rounds, (1 << self.shifts) >> 1, 0)
        return self.biases * self.multipliers + half + (zero_point << self.shifts)


def scaling_of(op: Layer) -> Scaling:
    """The scaling of `op` for each of its output channels."""
    channels = quant.shape_of(op.weight)[0]
    m = np.broadcast_to(op.requant.multiplier_array(), channels).astype(np.int64)
    s = np.broadcast_to(op.requant.shift_array(), channels).astype(np.int64)
    return Scaling(biases(op), m, s, op.requant.rounding.data)


def fits(
    sums: tuple[Wide, Wide], scaling: Scaling, zero_point: int, unit: Unit
) -> NDArray[np.bool_]:
    """For which channels no sum or product can leave the accumulator; `sums` are the least and
    greatest `products`, the zero point is that of the output.
    """
    limit = 1 << (int(unit.fact("accumulator_bits")) - 1)
    added = scaling.added(zero_point)
    reached = [added, scaling.biases]
    for bound in sums:
        product = bound * scaling.multipliers
        reached += [bound + scaling.biases, product, product + added]
    low, high = np.minimum.reduce(reached), np.maximum.reduce(reached)
    return (-limit <= low) & (high < limit) & (scaling.shifts <= int(unit.fact("shift")))


def requant_refusal(op: Layer, unit: Unit) -> str | None:
    """Why the multipliers, shifts or the rounding are not possible."""
    rounding = op.requant.rounding.data
    if rounding not in ("single", "floor"):
        return f"it rounds half up or down, not '{rounding}'; run fit-requant"
    scaling = scaling_of(op)
    m, s = scaling.multipliers, scaling.shifts
    if m.max() >= 1 << int(unit.fact("scale_bits")):
        return f"its scales have {unit.fact('scale_bits')} bits, here up to {m.max()}"
    if s.max() > int(unit.fact("shift")):
        return f"it shifts by at most {unit.fact('shift')}, here by {s.max()}; run fit-requant"
    least, most = products(op)
    zero_point = quant.quantized(op.result).zero_point
    bad = np.flatnonzero(~fits((least, most), scaling, zero_point, unit))
    if len(bad):
        c = int(bad[0])
        return (
            f"channel {c}: sums of up to {max(-least[c], most[c])} times {m[c]} and the bias leave "
            f"{unit.fact('accumulator_bits')} bits; run fit-requant"
        )
    return None


def shape_refusal(op: Operation, unit: Unit) -> str | None:
    """Why the NPU cannot run `op` whatever its multipliers are."""
    kind = kind_of(op)
    if isinstance(kind, str):
        return kind
    assert isinstance(op, Layer)
    return window_refusal(op, kind) or type_refusal(op, unit)


_MODES: WeakKeyDictionary[Operation, tuple[tuple[object, ...], Mode]] = WeakKeyDictionary()
"""The mode of each op with what it follows from: a search asks thousands of times."""


def mode_of(op: Layer) -> Mode:
    """The mode of the jobs of an op that the NPU can run."""
    facts = (op.requant, *op.operands, op.result.type)
    known = _MODES.get(op)
    if known is None or known[0] != facts:
        _MODES[op] = known = (facts, _find_mode(op))
    return known[1]


def _find_mode(op: Layer) -> Mode:
    kind = kind_of(op)
    assert isinstance(kind, Kind)
    scaling = scaling_of(op)
    m, s = scaling.multipliers, scaling.shifts
    bits = weight_bits(op)
    assert bits is not None
    strides = (1, 1)
    if isinstance(op, quant.Conv2DOp):
        down, right = op.strides.get_values()
        strides = (down, right)
    common = int(s[0]) if (s == s[0]).all() else None
    x, y = quant.quantized(op.input), quant.quantized(op.result)
    return Mode(
        kind,
        strides=strides,
        weight_bits=bits,
        scale_bits=8 if m.max() < 256 else 32,
        shift=common,
        input_signed=storage_bounds(x.storage)[0] < 0,
        output_signed=storage_bounds(y.storage)[0] < 0,
        padding=x.zero_point,
    )


def constants_of(op: Layer) -> Constants:
    """The constants of all output channels of an op that the NPU can run."""
    weights = weights_of(op)
    assert weights is not None
    scaling = scaling_of(op)
    added = scaling.added(quant.quantized(op.result).zero_point)
    return Constants(weights, added, scaling.multipliers, scaling.shifts)


def geometry_of(op: Layer) -> Geometry:
    """The whole layer as one job on dense buffers; a matrix product is a row of pixels."""
    if isinstance(op, quant.FullyConnectedOp):
        (rows, depth), (_, out) = quant.shape_of(op.input), quant.shape_of(op.result)
        x, y = Pitch(rows * depth, depth), Pitch(rows * out, out)
        return Geometry(1, rows, depth, 1, rows, out, 0, 0, x, y)
    layout = op.layout.data
    _, in_c, in_h, in_w = quant.dimensions(quant.shape_of(op.input), layout)
    _, out_c, out_h, out_w = quant.dimensions(quant.shape_of(op.result), layout)
    top, left, _, _ = op.pads.get_values()
    x, y = Pitch(in_w * in_c, in_c), Pitch(out_w * out_c, out_c)
    return Geometry(in_h, in_w, in_c, out_h, out_w, out_c, top, left, x, y)


class NEureka:
    """The unit model `n-eureka`; facts: weight_bits, scale_bits, accumulator_bits, shift (the
    greatest), job_cycles (to write the registers of a job and start it).
    """

    def refuses(self, op: Operation, unit: Unit) -> str | None:
        """Why the NPU cannot run `op` exactly, or None."""
        if (reason := shape_refusal(op, unit)) is not None:
            return reason
        assert isinstance(op, Layer)
        return requant_refusal(op, unit)

    def cost(self, op: Operation, unit: Unit) -> float:
        """Cycles of the whole layer as one job, with its configuration."""
        assert isinstance(op, Layer)
        return cycles(mode_of(op), geometry_of(op)) + float(unit.fact("job_cycles"))

    def tile_cost(self, op: Operation, unit: Unit, extents: Sequence[Wide]) -> NDArray[np.float64]:
        """Cycles of jobs that make tiles of these extents: rows and columns, or vectors of a matrix
        product, and channels last.
        """
        assert isinstance(op, Layer)
        mode, *sizes, channels = mode_of(op), *extents
        height, width = (1, sizes[0]) if isinstance(op, quant.FullyConnectedOp) else sizes[-2:]
        in_c = channels if mode.kind is Kind.DEPTHWISE else geometry_of(op).in_c
        found = job_cycles(mode, in_c, height, width, channels) + float(unit.fact("job_cycles"))
        return np.asarray(found, np.float64)


MODEL = NEureka()
