"""The layers of a compiled network: which kernel runs what, and what it costs in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from math import prod

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp, SymbolRefAttr
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue
from xdsl.traits import SymbolTable

from ..dialects import cortexm, graph
from ..dialects.diagnostics import source_name
from ..dialects.dma import arenas_of
from ..dialects.types import byte_size
from .signature import network_function


@dataclass(frozen=True)
class Layer:
    """One kernel call. Bytes of activations are those of its inputs, its output and its scratch."""

    index: int
    node: str
    """The source node in the model."""
    op: str
    kernel: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    macs: int
    parameters: int
    """Weights and biases of the model, without the padding of packed weights."""
    constant_bytes: int
    activation_bytes: int
    scratch_bytes: int

    @property
    def shape(self) -> str:
        """`32x32x3 -> 32x32x16`, without the batch."""
        texts = ["x".join(map(str, shape[1:] or shape)) for shape in (*self.inputs, self.output)]
        return f"{', '.join(texts[:-1])} -> {texts[-1]}"


@dataclass(frozen=True)
class Arena:
    """The planned memory for activations in one memory, in bytes."""

    memory: str
    size: int
    bound: int
    """The liveness bound: no placement can be smaller."""

    @property
    def ratio(self) -> float:
        return self.size / max(self.bound, 1)


def layers_of(module: ModuleOp) -> list[Layer]:
    """The layers of a module on planned buffers, in the order in which they run."""
    ops = [
        op
        for op in network_function(module).body.block.ops
        if isinstance(op, cortexm.KernelOp | func.CallOp)
    ]
    return [
        layer_of(i, op) if isinstance(op, cortexm.KernelOp) else loop_layer(i, op)
        for i, op in enumerate(ops)
    ]


def arenas(module: ModuleOp) -> list[Arena]:
    """What planning recorded on the function."""
    found = arenas_of(network_function(module)).values()
    return [Arena(a.memory.data, a.size.data, a.bound.data) for a in found]


def layer_of(index: int, op: cortexm.KernelOp) -> Layer:
    constants = [value for value in op.properties.values() if isinstance(value, SymbolRefAttr)]
    scratch = bytes_of(op.scratches)
    return Layer(
        index=index,
        node=source_name(op) or op.name,
        op=op.name.partition(".")[2],
        kernel=op.kernel.data,
        inputs=tuple(cortexm.memref_shape(value) for value in op.ins),
        output=cortexm.memref_shape(op.outs[0]),
        macs=macs(op),
        parameters=parameters(op),
        constant_bytes=sum(cortexm.constant(op, symbol).nbytes for symbol in constants),
        activation_bytes=bytes_of((*op.ins, *op.outs)) + scratch,
        scratch_bytes=scratch,
    )


def loop_layer(index: int, op: func.CallOp) -> Layer:
    """A call of a function of loops: the last of its buffers is the output."""
    function = SymbolTable.lookup_symbol(op, op.callee)
    assert isinstance(function, func.FuncOp)
    constants = [
        SymbolTable.lookup_symbol(op, inner.name_)
        for inner in function.walk()
        if isinstance(inner, memref.GetGlobalOp)
    ]
    arrays = [constant.array() for constant in constants if isinstance(constant, graph.GlobalOp)]
    return Layer(
        index=index,
        node=source_name(op) or op.callee.string_value(),
        op=op.callee.string_value().rpartition("_")[0],
        kernel="loops",
        inputs=tuple(cortexm.memref_shape(value) for value in op.operands[:-1]),
        output=cortexm.memref_shape(op.operands[-1]),
        macs=sum(loop_macs(inner) for inner in function.walk()),
        parameters=sum(array.size for array in arrays),
        constant_bytes=sum(array.nbytes for array in arrays),
        activation_bytes=bytes_of(op.operands),
        scratch_bytes=0,
    )


def loop_macs(op: Operation) -> int:
    """The iterations of a loop nest that adds products up, else 0."""
    if not isinstance(op, GenericOp):
        return 0
    names = {inner.name for inner in op.body.block.ops}
    kinds = {kind.data for kind in op.iterator_types}
    reduces = IteratorType.REDUCTION in kinds and {"arith.mulf", "arith.addf"} <= names
    return prod(op.get_static_loop_ranges()) if reduces else 0


def bytes_of(buffers: Sequence[SSAValue]) -> int:
    """The bytes of these buffers together."""
    return sum(byte_size(value.type) for value in buffers if isinstance(value.type, MemRefType))


@singledispatch
def macs(op: Operation) -> int:
    """Multiplications of two data: those of a convolution or matrix product, else none."""
    return 0


@macs.register
def _(op: cortexm.Conv2DOp) -> int:
    g = op.geometry()
    return g.out_h * g.out_w * prod(op.matrix_shape())


@macs.register
def _(op: cortexm.DepthwiseConv2DOp) -> int:
    g = op.geometry()
    return g.out_h * g.out_w * prod(op.matrix_shape())


@macs.register
def _(op: cortexm.FullyConnectedOp) -> int:
    return cortexm.memref_shape(op.outs[0])[0] * prod(op.matrix_shape())


def parameters(op: cortexm.KernelOp) -> int:
    """Weights and biases."""
    if not isinstance(op, cortexm.Conv2DOp | cortexm.DepthwiseConv2DOp | cortexm.FullyConnectedOp):
        return 0
    rows, columns = op.matrix_shape()
    outputs = columns if isinstance(op, cortexm.DepthwiseConv2DOp) else rows
    return rows * columns + outputs
