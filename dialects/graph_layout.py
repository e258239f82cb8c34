"""Graph ops that keep every element: another shape, another order of the axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import I64, DenseArrayBase, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, traits_def
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure

from .graph_base import GraphOp, ints, replace, require, shape_of, tensor_type, with_shape
from .reuse import SameBytes
from .tiling import Access, Tiling


class _ReshapePatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (IdentityReshape(), ReshapeOfReshape())


@irdl_op_definition
class ReshapeOp(GraphOp):
    """The same elements in row-major order under another shape (also flatten, squeeze, unsqueeze).

    ```mlir
    %1 = graph.reshape %0 : (tensor<1x8x4x4xf32>) -> tensor<1x128xf32>
    ```
    """

    name = "graph.reshape"
    input = operand_def(TensorType)

    traits = traits_def(Pure(), SameBytes(), _ReshapePatterns())

    def __init__(self, input: SSAValue, shape: Sequence[int]):
        result_type = with_shape(tensor_type(input), shape)
        super().__init__([input], result_type=result_type)
        self.checked_type()

    def infer(self) -> TensorType:
        source, target = shape_of(self.input), self.result.type.get_shape()
        require(
            prod(source) == prod(target),
            f"{list(source)} has {prod(source)} elements, {list(target)} has {prod(target)}",
        )
        return with_shape(tensor_type(self.input), target)


class _TransposePatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (IdentityTranspose(), TransposeOfTranspose(), TransposeIsReshape())


class _Permuted(Tiling):
    """A dimension of the operand is one of the result."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        assert isinstance(op, TransposeOp)
        perm = ints(op.perm)
        return {0: tuple(Access(perm.index(axis)) for axis in range(len(perm)))}


@irdl_op_definition
class TransposeOp(GraphOp):
    """Axis i of the result is axis perm[i] of the operand.

    ```mlir
    %1 = graph.transpose %0 {perm = array<i64: 0, 2, 3, 1>}
         : (tensor<1x3x32x32xf32>) -> tensor<1x32x32x3xf32>
    ```
    """

    name = "graph.transpose"
    input = operand_def(TensorType)
    perm = prop_def(DenseArrayBase[I64])

    traits = traits_def(Pure(), _TransposePatterns(), _Permuted())

    def __init__(self, input: SSAValue, perm: Sequence[int]):
        super().__init__([input], {"perm": perm})

    def infer(self) -> TensorType:
        shape, perm = shape_of(self.input), ints(self.perm)
        require(
            sorted(perm) == list(range(len(shape))),
            f"{list(perm)} is no permutation of the axes of {list(shape)}",
        )
        return with_shape(tensor_type(self.input), [shape[axis] for axis in perm])


class IdentityReshape(RewritePattern):
    """reshape(x) -> x when the shape stays."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /):
        if op.input.type == op.result.type:
            replace(rewriter, op, op.input)


class ReshapeOfReshape(RewritePattern):
    """reshape(reshape(x)) -> reshape(x)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /):
        if isinstance(source := op.input.owner, ReshapeOp):
            replace(rewriter, op, ReshapeOp(source.input, shape_of(op.result)))


class IdentityTranspose(RewritePattern):
    """transpose(x) -> x when every axis stays."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /):
        perm = ints(op.perm)
        if perm == tuple(range(len(perm))):
            replace(rewriter, op, op.input)


class TransposeOfTranspose(RewritePattern):
    """transpose(transpose(x)) -> one transpose."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /):
        if isinstance(source := op.input.owner, TransposeOp):
            inner = ints(source.perm)
            perm = [inner[axis] for axis in ints(op.perm)]
            replace(rewriter, op, TransposeOp(source.input, perm))


class TransposeIsReshape(RewritePattern):
    """transpose(x) -> reshape(x) when only axes of extent 1 move: no byte does."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /):
        shape, perm = shape_of(op.input), ints(op.perm)
        moved = [axis for axis in perm if shape[axis] != 1]
        if moved == sorted(moved) and perm != tuple(range(len(perm))):
            replace(rewriter, op, ReshapeOp(op.input, shape_of(op.result)))
