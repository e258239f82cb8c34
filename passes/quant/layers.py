"""Convolutions and matrix products under one view: output rows, input columns, taps.

The *canonical* form of a weight is [groups, outputs / groups, inputs / groups, taps]; a matrix has
one group and one tap, a depthwise convolution one input per group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.graph_base import ints, shape_of, tensor_type, with_shape
from ..graph.constants import float_array, new_constant, real_constant, symbol_of

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """A `graph.conv`, `graph.gemm` or matrix `graph.matmul` with parameters that are constants.

    The weight is floats, or integers behind a cast.
    """

    op: graph.ConvOp | graph.GemmOp | graph.MatmulOp

    @property
    def input(self) -> SSAValue:
        return self.op.operands[0]

    @property
    def weight(self) -> SSAValue:
        return self.op.operands[1]

    @property
    def groups(self) -> int:
        return self.op.group.value.data if isinstance(self.op, graph.ConvOp) else 1

    @property
    def outputs(self) -> int:
        return shape_of(self.op.result)[1]

    @property
    def inputs(self) -> int:
        return shape_of(self.input)[1]

    @property
    def padded(self) -> bool:
        return isinstance(self.op, graph.ConvOp) and any(ints(self.op.pads))

    @property
    def transposed(self) -> bool:
        """Whether the weight is stored as [inputs, outputs]."""
        if isinstance(self.op, graph.GemmOp):
            return not self.op.trans_b.value.data
        return isinstance(self.op, graph.MatmulOp)

    @property
    def axis(self) -> int:
        """The axis of the stored weight that outputs lie on."""
        return 1 if self.transposed else 0

    @property
    def takes_bias(self) -> bool:
        return not isinstance(self.op, graph.MatmulOp)

    def canonical(self, stored: NDArray[Any]) -> NDArray[Any]:
        """An array in the shape of the weight, in canonical form."""
        rows = stored.T if self.transposed else stored
        groups = self.groups
        depth = rows.shape[1]
        return rows.reshape(groups, rows.shape[0] // groups, depth, -1)

    def stored(self, canonical: NDArray[Any]) -> NDArray[Any]:
        """The reverse of `canonical`."""
        shape = shape_of(self.weight)
        if self.transposed:
            return canonical.reshape(shape[::-1]).T
        return canonical.reshape(shape)

    def float_weight(self) -> Float | None:
        """The weight in canonical form, if it is a constant of floats."""
        array = float_array(self.weight)
        return None if array is None else self.canonical(array)

    def bias(self) -> Float:
        """One value per output, of floats or of a cast of integers; a missing bias is zero."""
        array = real_constant(self.op.operands[2]) if len(self.op.operands) > 2 else None
        if array is None:
            return np.zeros(self.outputs)
        return np.broadcast_to(array.reshape(-1), (self.outputs,)).astype(np.float64)

    def set_weight(self, canonical: Float) -> None:
        """Let the layer read a new constant; other readers of the old one are not touched."""
        name = symbol_of(self.weight, "weight")
        self._set(1, name, self.stored(canonical), tensor_type(self.weight))

    def set_bias(self, bias: Float) -> None:
        """Let the layer read a new bias, also where it had none. In the type of the result."""
        assert self.takes_bias
        old = self.op.operands[2] if len(self.op.operands) > 2 else None
        weight = symbol_of(self.weight, "layer")
        if isinstance(cast := self.weight.owner, quant.DequantizeCastOp):
            weight = symbol_of(cast.input, "layer")
        name = f"{weight}_bias" if old is None else symbol_of(old, f"{weight}_bias")
        self._set(2, name, bias, with_shape(tensor_type(self.op.result), bias.shape))

    def _set(self, index: int, name: str, array: Float, type: TensorType) -> None:
        block = self.op.parent_block()
        assert block is not None
        operands = list(self.op.operands)
        replaced = operands[index] if index < len(operands) else None
        constant = new_constant(self.op, name, array, type, replaced)
        block.insert_op_before(constant, self.op)
        operands[index : index + 1] = [constant.result]
        self.op.operands = operands


def layer_of(op: Operation) -> Layer | None:
    """The layer that `op` is: constant parameters, one bias per channel, no factors."""
    if isinstance(op, graph.GemmOp):
        plain = op.alpha.value.data == op.beta.value.data == 1.0
        if not plain or op.trans_a.value.data:
            return None
    elif isinstance(op, graph.MatmulOp):
        if len(shape_of(op.lhs)) != 2 or len(shape_of(op.rhs)) != 2:
            return None
    elif not isinstance(op, graph.ConvOp):
        return None
    if not _is_constant(op.operands[1]):
        return None
    outputs = shape_of(op.result)[1]
    if len(op.operands) > 2:
        bias = real_constant(op.operands[2])
        row = bias is not None and (bias.ndim < 2 or bias.shape[-1] == bias.size)
        if bias is None or not row or bias.size not in (1, outputs):
            return None
    return Layer(op)


def _is_constant(weight: SSAValue) -> bool:
    owner = weight.owner
    if isinstance(owner, quant.DequantizeCastOp):
        owner = owner.input.owner
    return isinstance(owner, graph.ConstantOp)


def layers_of(module: ModuleOp) -> Iterator[Layer]:
    """All layers of `module`, in order."""
    for op in list(module.walk()):
        if (layer := layer_of(op)) is not None:
            yield layer
