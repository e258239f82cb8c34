"""quant -> cortexm: tensors become buffers, each op a kernel call with its weights packed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    f32,
    i8,
    i16,
    i32,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ..dialects import cortexm, dma, graph, quant
from ..dialects.diagnostics import emit_remark, refuse, source_name
from ..dialects.platform import platform_of
from .bufferizer import Bufferizer, memref_of
from .fixed_point import MAX_SHIFT
from .graph_to_linalg import has_loops, lower_layer
from .kernels import Kernel, Problem, all_kernels, choose_kernel, own_kernels

HIGH_WORD = 33
"""The least shift with which the fast kernels round in the high word of the product."""


@dataclass(frozen=True)
class ConvertQuantToCortexM(ModulePass):
    """Turn quantized tensors into buffers and quant ops into kernel calls.

    Drop-in kernels (`set-platform{kernels=...}`) come before the runtime's own.
    """

    name = "convert-quant-to-cortexm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        table = (*own_kernels(op, "cpu"), *all_kernels())
        platform = platform_of(op)
        unit = next((unit for unit in platform.units if unit.kind == "cpu"), None)
        if unit is None:
            raise PassFailedException(f"platform {platform.label} has no cpu to run kernels")
        for function in [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]:
            memory = platform.board.data
            to = KernelBufferizer(op, memory, kernels=table, isa=unit.features)
            to.convert(function)


def constant_name(value: SSAValue) -> str:
    """The symbol of a constant operand."""
    assert isinstance(value.owner, graph.ConstantOp)
    return value.owner.global_name.string_value()


def constant_operand(op: Operation, value: SSAValue) -> NDArray[Any]:
    array = graph.constant_array(value)
    if array is None:
        refuse(op, "weights and bias must be constants to be packed")
    return array


def high_word_form(
    requant: quant.RequantAttr, channels: int, bound: int
) -> tuple[quant.RequantAttr, int]:
    """The same requantization per channel, with all shifts at HIGH_WORD or above.

    Multipliers that leave room are doubled, and the shift grows with them. What still lacks is
    made up by `acc_shift`, which is 0 where the accumulator, at most |`bound`|, could overflow.
    """
    multipliers = np.broadcast_to(requant.multiplier_array(), channels)
    shifts = np.broadcast_to(requant.shift_array(), channels)
    rounding = requant.rounding.data
    if rounding == "double":  # its first rounding is at bit 31 of the product
        return quant.RequantAttr.get(multipliers, shifts, rounding, requant.clamp), 0
    multipliers, shifts = _grown(multipliers, shifts)
    live = shifts[multipliers > 0]
    lack = max(0, HIGH_WORD - int(live.min(initial=HIGH_WORD)))
    if bound << lack >= 2**31 or int(live.max(initial=0)) + lack > MAX_SHIFT:
        lack = 0
    shifts = np.where(multipliers > 0, shifts + lack, HIGH_WORD)
    return quant.RequantAttr.get(multipliers, shifts, rounding, requant.clamp), lack


def _grown(
    multipliers: NDArray[np.int32], shifts: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Multipliers and shifts of the same ratios whose shifts are as near to HIGH_WORD as 31 bits
    allow.
    """
    bits = np.frexp(np.maximum(multipliers, 1).astype(np.float64))[1]
    by = np.clip(HIGH_WORD - shifts, 0, 31 - bits)
    return multipliers << by, shifts + by


def accumulator_bound(weights: NDArray[Any], bias: NDArray[Any], input: SSAValue) -> int:
    """The greatest |accumulator| of a matrix product with rows of `weights`."""
    low, high = quant.quantized(input).bounds
    least, most = quant.accumulator_bounds(weights.reshape(len(weights), -1), bias, low, high)
    return int(max(-least.min(), most.max()))


def pool_window(op: quant.AveragePool2DOp | quant.MaxPool2DOp) -> cortexm.Window:
    if op.layout.data != "nhwc":
        refuse(op, "kernels are channels-last; run channels-last first")
    _, in_h, in_w, channels = quant.shape_of(op.input)
    _, out_h, out_w, _ = quant.shape_of(op.result)
    pads, strides = op.pads.get_values(), op.strides.get_values()
    k_h, k_w = op.kernel_size()
    return cortexm.Window(
        in_h, in_w, channels, out_h, out_w, channels, k_h, k_w,
        strides[0], strides[1], 1, 1, pads[0], pads[1], quant.quantized(op.input).zero_point,
    )  # fmt: skip


def pool_properties(op: quant.AveragePool2DOp | quant.MaxPool2DOp) -> dict[str, Attribute]:
    return cortexm.window_properties(
        op.kernel_size(), op.strides.get_values(), (1, 1), op.pads.get_values()
    )


@dataclass
class KernelBufferizer(Bufferizer):
    """Emits the kernel that the table chooses for an op; what has none becomes loops."""

    kernels: Sequence[Kernel] = ()
    isa: frozenset[str] = frozenset()

    def refuses(self, op: Operation) -> str | None:
        if has_kernels(op):
            return refusal(op)
        if has_loops(op):
            return None
        return "no kernel takes this op on this unit, and it has no form as loops"

    def lower(self, op: Operation) -> None:
        if has_kernels(op):
            lower(op, self)
        else:
            emit_remark("missed", ConvertQuantToCortexM.name, op, "no kernel: becomes loops")
            lower_layer(op, self)

    def call(
        self,
        kind: type[cortexm.KernelOp],
        problem: Problem,
        op: Operation,
        ins: Sequence[SSAValue],
        properties: Callable[[Kernel], dict[str, Attribute]],
    ) -> None:
        """Emit the kernel that the table chooses for `problem` in the types of `op`."""
        problem = replace(problem, types=types_of(op))
        kernel = self.kernel_for(problem, op)
        buffers = [self.values[value] for value in ins]
        out = self.result(op.results[0])
        entries = properties(kernel)
        if kernel.include != f"{kernel.symbol}.h":
            entries["header"] = StringAttr(kernel.include)
        scratch = self.scratch(kernel.scratch(problem))
        self.emit(kind(kernel.symbol, buffers, out, scratch, entries), op)

    def kernel_for(self, problem: Problem, op: Operation) -> Kernel:
        kernel, missed = choose_kernel(problem, self.isa, self.kernels)
        for reason in missed:
            emit_remark("missed", "convert-quant-to-cortexm", op, reason)
        return kernel

    def packed_constants(
        self, op: Any, kernel: Kernel, problem: Problem, matrix: NDArray[Any]
    ) -> dict[str, Attribute]:
        """Weights in the kernel's order and the bias, as properties of the kernel op."""
        packing = kernel.packing(problem)
        window = problem.window
        kernel_size = (1, 1) if window is None else (window.k_h, window.k_w)
        name = source_name(op) or op.name.split(".")[1]
        bias = constant_operand(op, op.bias)
        return {
            "packing": packing,
            "weight": self.constant(
                f"{name}_weight", packing.pack(matrix.astype(np.int8), kernel_size)
            ),
            "bias": self.constant(f"{name}_bias", bias, i32),
        }


def types_of(op: Operation) -> str:
    """The types of the quantized tensors of `op` as kernels are named: `s8`, `s8_s16`, ..."""
    widths = [
        value.type.element_type.storage.width.data
        for value in (*op.operands, *op.results)
        if not isinstance(value.owner, graph.ConstantOp)
        and isinstance(value.type, TensorType)
        and isinstance(value.type.element_type, quant.UniformQuantizedType)
    ]
    return "s8" if set(widths) <= {8} else "_".join(f"s{width}" for width in widths)


def refusal(op: Operation) -> str | None:
    """Why no kernel can take the types and operands of `op`: i8 or i16, one scale per tensor."""
    named = (getattr(op, name, None) for name in ("weight", "bias", "table"))
    fixed = [value for value in named if isinstance(value, SSAValue)]
    if any(graph.constant_array(value) is None for value in fixed):
        return "weights, biases and tables must be constants here"
    streams = [value for value in op.operands if value not in fixed]
    if any(isinstance(value.owner, graph.ConstantOp) for value in streams):
        return "reads a constant where kernels read a buffer; fold it before"
    if isinstance(op, graph.TransposeOp | graph.ReshapeOp):
        return None
    for value in (*streams, *op.results):
        element = value.type.element_type if isinstance(value.type, TensorType) else None
        if element == f32 and isinstance(op, quant.QuantizeCastOp | quant.DequantizeCastOp):
            continue
        if not isinstance(element, quant.UniformQuantizedType) or element.storage not in (i8, i16):
            return f"kernels take 8-bit or 16-bit signed integers, not {value.type}"
        if element.per_axis:
            return f"kernels take one scale per tensor, not {value.type}"
    return None


def has_kernels(op: Operation) -> bool:
    """Whether some kernel is for ops of this kind."""
    return lower.dispatch(type(op)) is not lower.dispatch(object)


@singledispatch
def lower(op: Operation, to: KernelBufferizer) -> None:
    """Emit the kernel call of `op`."""
    refuse(op, "no kernel takes this op on this unit")


@lower.register
def conv2d(op: quant.Conv2DOp, to: KernelBufferizer) -> None:
    if op.layout.data != "nhwc":
        refuse(op, "kernels are channels-last; run channels-last first")
    weight, bias = constant_operand(op, op.weight), constant_operand(op, op.bias)
    out, kh, kw = weight.shape[:3]
    requant, acc_shift = high_word_form(op.requant, out, accumulator_bound(weight, bias, op.input))
    pads, strides, dilations = (x.get_values() for x in (op.pads, op.strides, op.dilations))
    _, in_h, in_w, in_c = quant.shape_of(op.input)
    _, out_h, out_w, _ = quant.shape_of(op.result)
    zero = quant.quantized(op.input).zero_point
    window = cortexm.Window(
        in_h, in_w, in_c, out_h, out_w, out, kh, kw,
        strides[0], strides[1], dilations[0], dilations[1], pads[0], pads[1], zero,
    )  # fmt: skip
    name = "depthwise_conv2d" if op.depthwise else "conv2d"
    problem = Problem(name, window, op.groups.value.data, requant=requant)
    matrix = weight.reshape(out, kh * kw).T if op.depthwise else weight.reshape(out, -1)

    def properties(kernel: Kernel) -> dict[str, Attribute]:
        return {
            **cortexm.window_properties((kh, kw), strides, dilations, pads),
            **to.packed_constants(op, kernel, problem, matrix),
            **({} if op.depthwise else {"groups": op.groups}),
            "requant": requant,
            "acc_shift": IntegerAttr(acc_shift, i32),
        }

    kind = cortexm.DepthwiseConv2DOp if op.depthwise else cortexm.Conv2DOp
    to.call(kind, problem, op, [op.input], properties)


@lower.register
def fully_connected(op: quant.FullyConnectedOp, to: KernelBufferizer) -> None:
    weight, bias = constant_operand(op, op.weight), constant_operand(op, op.bias)
    bound = accumulator_bound(weight, bias, op.input)
    requant, acc_shift = high_word_form(op.requant, len(weight), bound)
    rows, depth = quant.shape_of(op.input)
    problem = Problem(
        "fully_connected", rows=rows, depth=depth, outputs=len(weight), requant=requant
    )

    def properties(kernel: Kernel) -> dict[str, Attribute]:
        return {
            **to.packed_constants(op, kernel, problem, weight),
            "requant": requant,
            "acc_shift": IntegerAttr(acc_shift, i32),
        }

    to.call(cortexm.FullyConnectedOp, problem, op, [op.input], properties)


@lower.register
def add(op: quant.AddOp, to: KernelBufferizer) -> None:
    problem = Problem("add", outputs=int(np.prod(quant.shape_of(op.result))))
    to.call(cortexm.AddOp, problem, op, [op.lhs, op.rhs], lambda _: dict(op.properties))


@lower.register
def avg_pool2d(op: quant.AveragePool2DOp, to: KernelBufferizer) -> None:
    window = pool_window(op)
    low, high = quant.quantized(op.input).bounds
    bound = window.k_h * window.k_w * (high - low)
    requant, acc_shift = high_word_form(op.requant, 1, bound)
    to.call(
        cortexm.AveragePool2DOp,
        Problem("avg_pool2d", window, requant=requant),
        op,
        [op.input],
        lambda _: {
            **pool_properties(op),
            "requant": requant,
            "acc_shift": IntegerAttr(acc_shift, i32),
        },
    )


@lower.register
def max_pool2d(op: quant.MaxPool2DOp, to: KernelBufferizer) -> None:
    problem = Problem("max_pool2d", pool_window(op))
    to.call(cortexm.MaxPool2DOp, problem, op, [op.input], lambda _: pool_properties(op))


@lower.register
def table(op: quant.TableOp, to: KernelBufferizer) -> None:
    table = SymbolRefAttr(constant_name(op.table))
    pointwise(op, to, cortexm.TableOp, "table", {"table": table})


@lower.register
def softmax(op: quant.SoftmaxOp, to: KernelBufferizer) -> None:
    table = SymbolRefAttr(constant_name(op.table))
    pointwise(op, to, cortexm.SoftmaxOp, "softmax", {"table": table})


@lower.register
def quantize(op: quant.QuantizeCastOp, to: KernelBufferizer) -> None:
    pointwise(op, to, cortexm.QuantizeOp, "quantize", {})


@lower.register
def dequantize(op: quant.DequantizeCastOp, to: KernelBufferizer) -> None:
    pointwise(op, to, cortexm.DequantizeOp, "dequantize", {})


@lower.register
def transpose(op: graph.TransposeOp, to: KernelBufferizer) -> None:
    pointwise(op, to, cortexm.TransposeOp, "transpose", {"permutation": op.perm})


def pointwise(
    op: Operation,
    to: KernelBufferizer,
    kind: type[cortexm.KernelOp],
    name: str,
    properties: dict[str, Attribute],
) -> None:
    """A kernel without weights and scratch that reads the first operand."""
    problem = Problem(name, outputs=int(np.prod(quant.shape_of(op.results[0]))))
    to.call(kind, problem, op, [op.operands[0]], lambda _: properties)


@lower.register
def reshape(op: graph.ReshapeOp, to: KernelBufferizer) -> None:
    view = dma.ViewOp(to.values[op.input], memref_of(op.result.type, to.memory))
    to.emit(view, op)
    to.values[op.result] = view.result
