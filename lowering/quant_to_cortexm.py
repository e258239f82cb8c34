"""quant -> cortexm: tensors become buffers, each op a kernel call with its weights packed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from math import prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    IntegerAttr,
    ModuleOp,
    SymbolRefAttr,
    TensorType,
    f32,
    i8,
    i16,
    i32,
)
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ..dialects import cortexm, dma, graph, quant
from ..dialects.attributes import index_array
from ..dialects.diagnostics import emit_remark, refuse
from ..dialects.platform import platform_of
from .bufferizer import memref_of
from .graph_to_linalg import has_loops, lower_layer
from .kernel_bufferizer import PASS, KernelBufferizer, constant_name
from .kernel_problem import constant_operand, parameters, problem_of, streams
from .kernel_table import all_kernels
from .kernels import Kernel, Problem
from .movement_to_cortexm import MOVEMENT, concat, pad, pads_integers, slice_
from .user_kernels import own_kernels


@dataclass(frozen=True)
class ConvertQuantToCortexM(ModulePass):
    """Turn quantized tensors into buffers and quant ops into kernel calls.

    Drop-in kernels (`set-platform{kernels=...}`) come before the runtime's own.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        table = (*own_kernels(op, "cpu"), *all_kernels())
        platform = platform_of(op)
        unit = next((unit for unit in platform.units if unit.kind == "cpu"), None)
        if unit is None:
            raise PassFailedException(f"platform {platform.label} has no cpu to run kernels")
        for function in [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]:
            board = platform.board
            to = QuantBufferizer(op, board.data, code=board.code, kernels=table, isa=unit.features)
            to.convert(function)


def pool_properties(op: quant.AveragePool2DOp | quant.MaxPool2DOp) -> dict[str, Attribute]:
    return cortexm.window_properties(
        op.kernel_size(), op.strides.get_values(), (1, 1), op.pads.get_values()
    )


@dataclass
class QuantBufferizer(KernelBufferizer):
    """Emits the kernel of an op; what has none becomes loops."""

    def refuses(self, op: Operation) -> str | None:
        if has_kernels(op):
            return refusal(op, constants=isinstance(op, TAKES_CONSTANTS))
        if has_loops(op):
            return None
        return "no kernel takes this op on this unit, and it has no form as loops"

    def lower(self, op: Operation) -> None:
        if has_kernels(op):
            lower(op, self)
        else:
            emit_remark("missed", PASS, op, "no kernel: becomes loops")
            lower_layer(op, self)


TAKES_CONSTANTS = (quant.AddOp, quant.MulOp, quant.MatmulOp, graph.ConcatOp)
"""Ops that may read a constant tensor where others read a buffer."""


def refusal(op: Operation, *, constants: bool = False) -> str | None:
    """Why no kernel can take the types and operands of `op`: i8 or i16, one scale per tensor.

    With `constants` it takes constant tensors as operands too.
    """
    if any(graph.constant_array(value) is None for value in parameters(op)):
        return "weights, biases and tables must be constants here"
    read = streams(op)
    fixed = [value for value in read if isinstance(value.owner, graph.ConstantOp)]
    if fixed and not (constants and len(fixed) < len(read)):
        return "reads a constant where kernels read a buffer; fold it before"
    if isinstance(op, MOVEMENT) or pads_integers(op):
        return None
    for value in (*read, *op.results):
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
    if isinstance(op, graph.PadOp):
        return pads_integers(op)
    return lower.dispatch(type(op)) is not lower.dispatch(object)


@singledispatch
def lower(op: Operation, to: KernelBufferizer) -> None:
    """Emit the kernel call of `op`."""
    refuse(op, "no kernel takes this op on this unit")


@lower.register
def conv2d(op: quant.Conv2DOp, to: KernelBufferizer) -> None:
    weight = constant_operand(op, op.weight)
    out, taps = len(weight), prod(op.kernel_size())
    matrix = weight.reshape(out, taps).T if op.depthwise else weight.reshape(out, -1)
    problem = problem_of(op)

    def properties(kernel: Kernel) -> dict[str, Attribute]:
        return {
            **cortexm.window_properties(
                op.kernel_size(), op.strides.get_values(), op.dilation(), op.pads.get_values()
            ),
            **to.packed_constants(op, kernel, problem, matrix),
            **({} if op.depthwise else {"groups": op.groups}),
            **requant_properties(problem),
        }

    kind = cortexm.DepthwiseConv2DOp if op.depthwise else cortexm.Conv2DOp
    to.call(kind, problem, op, [op.input], properties)


@lower.register
def fully_connected(op: quant.FullyConnectedOp, to: KernelBufferizer) -> None:
    problem, weight = problem_of(op), constant_operand(op, op.weight)

    def properties(kernel: Kernel) -> dict[str, Attribute]:
        return {
            **to.packed_constants(op, kernel, problem, weight),
            **requant_properties(problem),
        }

    to.call(cortexm.FullyConnectedOp, problem, op, [op.input], properties)


def requant_properties(problem: Problem) -> dict[str, Attribute]:
    assert problem.requant is not None
    return {"requant": problem.requant, "acc_shift": IntegerAttr(problem.acc_shift, i32)}


@lower.register
def add(op: quant.AddOp, to: KernelBufferizer) -> None:
    to.call(cortexm.AddOp, problem_of(op), op, [op.lhs, op.rhs], lambda _: dict(op.properties))


@lower.register
def mul(op: quant.MulOp, to: KernelBufferizer) -> None:
    problem = problem_of(op)
    to.call(
        cortexm.MulOp,
        problem,
        op,
        [op.lhs, op.rhs],
        lambda _: {"runs": index_array(op.runs()), **requant_properties(problem)},
    )


@lower.register
def matmul(op: quant.MatmulOp, to: KernelBufferizer) -> None:
    problem = problem_of(op)
    operands = [op.lhs, op.rhs]
    to.call(cortexm.MatmulOp, problem, op, operands, lambda _: requant_properties(problem))


@lower.register
def avg_pool2d(op: quant.AveragePool2DOp, to: KernelBufferizer) -> None:
    problem = problem_of(op)
    to.call(
        cortexm.AveragePool2DOp,
        problem,
        op,
        [op.input],
        lambda _: {**pool_properties(op), **requant_properties(problem)},
    )


@lower.register
def max_pool2d(op: quant.MaxPool2DOp, to: KernelBufferizer) -> None:
    to.call(cortexm.MaxPool2DOp, problem_of(op), op, [op.input], lambda _: pool_properties(op))


@lower.register
def table(op: quant.TableOp, to: KernelBufferizer) -> None:
    table = SymbolRefAttr(constant_name(op.table))
    pointwise(op, to, cortexm.TableOp, {"table": table})


@lower.register
def softmax(op: quant.SoftmaxOp, to: KernelBufferizer) -> None:
    table = SymbolRefAttr(constant_name(op.table))
    pointwise(op, to, cortexm.SoftmaxOp, {"table": table})


@lower.register
def layer_norm(op: quant.LayerNormOp, to: KernelBufferizer) -> None:
    constants = {
        name: SymbolRefAttr(constant_name(getattr(op, name))) for name in ("weight", "bias")
    }
    pointwise(op, to, cortexm.LayerNormOp, {**constants, **op.properties})


@lower.register
def quantize(op: quant.QuantizeCastOp, to: KernelBufferizer) -> None:
    pointwise(op, to, cortexm.QuantizeOp, {})


@lower.register
def dequantize(op: quant.DequantizeCastOp, to: KernelBufferizer) -> None:
    pointwise(op, to, cortexm.DequantizeOp, {})


@lower.register
def transpose(op: graph.TransposeOp, to: KernelBufferizer) -> None:
    pointwise(op, to, cortexm.TransposeOp, {"permutation": op.perm})


lower.register(graph.ConcatOp, concat)
lower.register(graph.SliceOp, slice_)
lower.register(graph.PadOp, pad)


def pointwise(
    op: Operation,
    to: KernelBufferizer,
    kind: type[cortexm.KernelOp],
    properties: dict[str, Attribute],
) -> None:
    """A kernel without weights and scratch that reads the first operand."""
    to.call(kind, problem_of(op), op, [op.operands[0]], lambda _: properties)


@lower.register
def reshape(op: graph.ReshapeOp, to: KernelBufferizer) -> None:
    view = dma.ViewOp(to.values[op.input], memref_of(op.result.type, to.memory))
    to.emit(view, op)
    to.values[op.result] = view.result
