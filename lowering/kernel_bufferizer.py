"""Tensors become buffers and ops kernel calls: the choice of a kernel, its constants and its op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    StringAttr,
    SymbolRefAttr,
    i32,
)
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import cortexm, dma, graph
from ..dialects.diagnostics import emit_remark, layer_name
from .bufferizer import Bufferizer, memref_of
from .kernel_problem import constant_operand
from .kernels import Kernel, Problem, choose_kernel

PASS = "convert-quant-to-cortexm"


def constant_name(value: SSAValue) -> str:
    """The symbol of a constant operand."""
    assert isinstance(value.owner, graph.ConstantOp)
    return value.owner.global_name.string_value()


@dataclass
class KernelBufferizer(Bufferizer):
    """Emits the kernel that the table chooses for a problem; its heirs say which op is which."""

    kernels: Sequence[Kernel] = ()
    isa: frozenset[str] = frozenset()
    code: str = ""
    """The memory of constants."""

    def call(
        self,
        kind: type[cortexm.KernelOp],
        problem: Problem,
        op: Operation,
        ins: Sequence[SSAValue],
        properties: Callable[[Kernel], dict[str, Attribute]],
    ) -> None:
        """Emit the kernel that the table chooses for `problem`."""
        kernel = self.kernel_for(problem, op)
        buffers = [self.operand(value) for value in ins]
        out = self.result(op.results[0])
        scratch = self.scratch(kernel.scratch(problem))
        self.emit(self.kernel_op(kind, kernel, buffers, out, scratch, properties(kernel)), op)

    def kernel_op(
        self,
        kind: type[cortexm.KernelOp],
        kernel: Kernel,
        ins: Sequence[SSAValue],
        out: SSAValue,
        scratch: SSAValue | None,
        properties: dict[str, Attribute],
    ) -> cortexm.KernelOp:
        """The call of `kernel`."""
        if kernel.include != f"{kernel.symbol}.h":
            properties["header"] = StringAttr(kernel.include)
        return kind(kernel.symbol, ins, out, scratch, properties)

    def operand(self, value: SSAValue) -> SSAValue:
        """The buffer of `value`; a constant is where the code is."""
        if value not in self.values:
            symbol = SymbolRefAttr(constant_name(value))
            constant = dma.ConstantOp(symbol, memref_of(value.type, self.code))
            self.block.add_op(constant)
            self.values[value] = constant.result
        return self.values[value]

    def kernel_for(self, problem: Problem, op: Operation) -> Kernel:
        kernel, missed = choose_kernel(problem, self.isa, self.kernels)
        for reason in missed:
            emit_remark("missed", PASS, op, reason)
        if problem.weight_bits < kernel.weight_bits:
            text = f"{problem.weight_bits}-bit weights take a byte each: {kernel.symbol} reads i8"
            emit_remark("missed", PASS, op, text)
        return kernel

    def packed_constants(
        self, op: Any, kernel: Kernel, problem: Problem, matrix: NDArray[Any]
    ) -> dict[str, Attribute]:
        """Weights in the kernel's order and the bias, as properties of the kernel op."""
        packing = kernel.packing(problem)
        window = problem.window
        kernel_size = (1, 1) if window is None else (window.k_h, window.k_w)
        name = layer_name(op)
        bias = constant_operand(op, op.bias)
        return {
            "packing": packing,
            "weight": self.constant(
                f"{name}_weight", packing.pack(matrix.astype(np.int8), kernel_size)
            ),
            "bias": self.constant(f"{name}_bias", bias, i32),
        }
