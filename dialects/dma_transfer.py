"""Copies between memories, before and after they are scheduled; part of the dma dialect.

Before scheduling a `dma.pipeline` says in which order windows are loaded, computed and stored, and
a `dma.copy` ends before the next op begins. Afterwards `dma.start` begins a copy that belongs to a
token, and only `dma.wait` says that all copies of the token have ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    I64,
    IndexType,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Block, ParametrizedAttribute, Region, SSAValue, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.traits import NoTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .dma_buffer import AsyncOp, AwaitOp, DestinationStyleOp
from .types import dtype_of, memref_type


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """A set of copies that were started together and are waited for together."""

    name = "dma.token"


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """The bytes of a constant of the module in the memory where it lives.

    ```mlir
    %0 = dma.constant @conv_constants : memref<2x640xi8, "l2">
    ```
    """

    name = "dma.constant"

    symbol = prop_def(SymbolRefAttr)
    result = result_def(MemRefType)

    traits = traits_def(Pure())
    assembly_format = "$symbol attr-dict `:` type($result)"

    def __init__(self, symbol: SymbolRefAttr, type: MemRefType):
        super().__init__(properties={"symbol": symbol}, result_types=[type])

    def verify_(self) -> None:
        if not isinstance(self.result.type.memory_space, StringAttr):
            raise VerifyException(f"{describe(self)}: {self.result.type} names no memory")


class TransferOp(IRDLOperation, DestinationStyleOp):
    """A copy of a window to a window of the same shape."""

    source = operand_def(MemRefType)
    target = operand_def(MemRefType)

    @property
    def inputs(self) -> Sequence[SSAValue]:
        return (self.source,)

    @property
    def outputs(self) -> Sequence[SSAValue]:
        return (self.target,)

    def verify_(self) -> None:
        source, target = memref_type(self.source), memref_type(self.target)
        if source.get_shape() != target.get_shape():
            raise VerifyException(
                f"{describe(self)}: copies {_shape(source)} to {_shape(target)}; both ends of a "
                "copy have one shape"
            )
        if dtype_of(source.element_type) != dtype_of(target.element_type):
            raise VerifyException(
                f"{describe(self)}: copies {source.element_type} to {target.element_type}"
            )
        if source.memory_space == target.memory_space:
            raise VerifyException(
                f"{describe(self)}: both ends are in {source.memory_space}; a copy joins two "
                "memories"
            )


def _shape(type: MemRefType) -> str:
    return "x".join("?" if n < 0 else str(n) for n in type.get_shape())


@irdl_op_definition
class CopyOp(TransferOp):
    """A copy that has ended when the next op begins.

    In a stage of a pipeline, `every` says after how many rounds its windows change: in the other
    rounds the target holds what it should already.

    ```mlir
    dma.copy %0 to %1 : memref<1x?x32x16xi8, strided<...>, "l2"> to memref<1x?x32x16xi8, "l1">
    ```
    """

    name = "dma.copy"

    every = opt_prop_def(IntegerAttr[I64])

    assembly_format = (
        "$source `to` $target (`every` $every^)? attr-dict `:` type($source) `to` type($target)"
    )

    def __init__(self, source: SSAValue, target: SSAValue, *, every: int = 1):
        super().__init__(
            operands=[source, target],
            properties={"every": None if every == 1 else IntegerAttr(every, i64)},
        )

    @property
    def period(self) -> int:
        """After how many rounds the copy is to be made again."""
        return 1 if self.every is None else self.every.value.data


@irdl_op_definition
class TokenOp(IRDLOperation):
    """A new token, to which no copy belongs yet.

    ```mlir
    %t = dma.token
    ```
    """

    name = "dma.token"

    result = result_def(TokenType)

    assembly_format = "attr-dict"

    def __init__(self) -> None:
        super().__init__(result_types=[TokenType()])


@irdl_op_definition
class StartOp(TransferOp, AsyncOp):
    """Starts a copy that belongs to `token`. Until the token is waited for nobody may write its
    source, nor read or write its target.

    ```mlir
    dma.start %0 to %1 on %t : memref<...> to memref<...>
    ```
    """

    name = "dma.start"

    source = operand_def(MemRefType)
    target = operand_def(MemRefType)
    token = operand_def(TokenType)

    assembly_format = (
        "$source `to` $target `on` $token attr-dict `:` type($source) `to` type($target)"
    )

    def __init__(self, source: SSAValue, target: SSAValue, token: SSAValue):
        super().__init__(operands=[source, target, token])

    @property
    def started(self) -> SSAValue:
        return self.token


@irdl_op_definition
class WaitOp(AwaitOp):
    """Returns when all copies of the token have ended; the token is used up.

    ```mlir
    dma.wait %t
    ```
    """

    name = "dma.wait"

    token = operand_def(TokenType)


@irdl_op_definition
class PipelineOp(IRDLOperation):
    """`iterations` rounds of four stages: fetch constants, fetch inputs, compute, store.

    Each stage takes the number of the round. Stages of one round follow one another, and so do
    rounds; a schedule may let stages of neighbouring rounds overlap through the slots that
    their buffers have, `buffers` of them.

    ```mlir
    dma.pipeline 4 buffers 2 constants {...} inputs {...} compute {...} store {...}
    ```
    """

    name = "dma.pipeline"

    iterations = prop_def(IntegerAttr[I64])
    buffers = prop_def(IntegerAttr[I64])
    constants = region_def("single_block")
    inputs = region_def("single_block")
    compute = region_def("single_block")
    store = region_def("single_block")

    traits = traits_def(NoTerminator())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$iterations `buffers` $buffers `constants` $constants `inputs` $inputs "
        "`compute` $compute `store` $store attr-dict"
    )

    def __init__(self, iterations: int, buffers: int):
        super().__init__(
            properties={
                "iterations": IntegerAttr(iterations, i64),
                "buffers": IntegerAttr(buffers, i64),
            },
            regions=[Region(Block(arg_types=[IndexType()])) for _ in range(4)],
        )

    def verify_(self) -> None:
        if self.iterations.value.data < 1 or self.buffers.value.data < 1:
            raise VerifyException(f"{describe(self)}: at least one round and one buffer are needed")
        for region in (self.constants, self.inputs, self.compute, self.store):
            if [arg.type for arg in region.block.args] != [IndexType()]:
                raise VerifyException(f"{describe(self)}: each stage takes the number of the round")


def transfer_dimensions(op: TransferOp) -> list[tuple[int, ...]]:
    """The dimensions of a copy, outermost first: those of the window that are one run at both ends
    count as one. The last one is the run of elements, () where each is a run of its own.
    """
    shape = memref_type(op.source).get_shape()
    strides = [memref_type(value).get_strides() for value in (op.source, op.target)]
    merged: list[list[int]] = []
    for dim, size in enumerate(shape):
        if size == 1:
            continue
        last = merged[-1][-1] if merged else None
        if last is not None and size > 0 and all(_runs_on(s, last, dim, size) for s in strides):
            merged[-1].append(dim)
        else:
            merged.append([dim])
    if merged and any(s is None or s[merged[-1][-1]] != 1 for s in strides):
        merged.append([])
    return [tuple(dims) for dims in merged]


def _runs_on(strides: Sequence[int | None] | None, outer: int, inner: int, size: int) -> bool:
    """Whether a step along `outer` is a whole turn along `inner`."""
    if strides is None:
        return False
    far, near = strides[outer], strides[inner]
    return far is not None and near is not None and far == near * size
