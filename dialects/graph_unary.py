"""Graph ops of one operand that compute: functions of each element, and softmax."""

from __future__ import annotations

from xdsl.dialects.builtin import I64, AnyFloat, FloatAttr, IntegerAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, traits_def
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure

from .graph_base import (
    GraphOp,
    axis_of,
    replace,
    require_float,
    require_number,
    shape_of,
    tensor_type,
)


class UnaryOp(GraphOp):
    """A float function of each element; the result has the operand's type."""

    input = operand_def(TensorType)

    def __init__(self, input: SSAValue):
        super().__init__([input])

    def infer(self) -> TensorType:
        require_float(self.input)
        return tensor_type(self.input)


class _ReluPatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (ReluOfNonNegative(),)


@irdl_op_definition
class ReluOp(UnaryOp):
    """max(x, 0).

    ```mlir
    %1 = graph.relu %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.relu"
    traits = traits_def(Pure(), _ReluPatterns())


@irdl_op_definition
class SigmoidOp(UnaryOp):
    """1 / (1 + exp(-x)).

    ```mlir
    %1 = graph.sigmoid %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.sigmoid"


@irdl_op_definition
class TanhOp(UnaryOp):
    """The hyperbolic tangent.

    ```mlir
    %1 = graph.tanh %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.tanh"


@irdl_op_definition
class ExpOp(UnaryOp):
    """e**x.

    ```mlir
    %1 = graph.exp %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.exp"


@irdl_op_definition
class LogOp(UnaryOp):
    """The natural logarithm.

    ```mlir
    %1 = graph.log %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.log"


@irdl_op_definition
class SqrtOp(UnaryOp):
    """The square root.

    ```mlir
    %1 = graph.sqrt %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.sqrt"


@irdl_op_definition
class ReciprocalOp(UnaryOp):
    """1 / x.

    ```mlir
    %1 = graph.reciprocal %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.reciprocal"


@irdl_op_definition
class ErfOp(UnaryOp):
    """The Gauss error function.

    ```mlir
    %1 = graph.erf %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.erf"


@irdl_op_definition
class AbsOp(UnaryOp):
    """|x|.

    ```mlir
    %1 = graph.abs %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.abs"


@irdl_op_definition
class NegOp(UnaryOp):
    """-x.

    ```mlir
    %1 = graph.neg %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.neg"


@irdl_op_definition
class HardSwishOp(UnaryOp):
    """x * max(0, min(1, x / 6 + 0.5)).

    ```mlir
    %1 = graph.hard_swish %0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.hard_swish"


@irdl_op_definition
class LeakyReluOp(UnaryOp):
    """x where x >= 0, else alpha * x.

    ```mlir
    %1 = graph.leaky_relu %0 {alpha = 0.01 : f32} : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.leaky_relu"
    alpha = prop_def(FloatAttr)

    def __init__(self, input: SSAValue, alpha: float):
        GraphOp.__init__(self, [input], {"alpha": alpha})


@irdl_op_definition
class EluOp(UnaryOp):
    """x where x >= 0, else alpha * (exp(x) - 1).

    ```mlir
    %1 = graph.elu %0 {alpha = 1.0 : f32} : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.elu"
    alpha = prop_def(FloatAttr)

    def __init__(self, input: SSAValue, alpha: float):
        GraphOp.__init__(self, [input], {"alpha": alpha})


@irdl_op_definition
class HardSigmoidOp(UnaryOp):
    """max(0, min(1, alpha * x + beta)).

    ```mlir
    %1 = graph.hard_sigmoid %0 {alpha = 0.2 : f32, beta = 0.5 : f32}
         : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.hard_sigmoid"
    alpha = prop_def(FloatAttr)
    beta = prop_def(FloatAttr)

    def __init__(self, input: SSAValue, alpha: float, beta: float):
        GraphOp.__init__(self, [input], {"alpha": alpha, "beta": beta})


class _ClipPatterns(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (ClipWithoutBounds(), ClipIsRelu(), ClipOfClip())


@irdl_op_definition
class ClipOp(UnaryOp):
    """min(max(x, min), max); a bound that is not there does not limit. Of integers too, as behind
    quantize_linear.

    ```mlir
    %1 = graph.clip %0 {min = 0.0 : f32, max = 6.0 : f32} : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
    """

    name = "graph.clip"
    min = opt_prop_def(FloatAttr)
    max = opt_prop_def(FloatAttr)

    traits = traits_def(Pure(), _ClipPatterns())

    def __init__(self, input: SSAValue, min: float | None, max: float | None):
        GraphOp.__init__(self, [input], {"min": min, "max": max})

    def infer(self) -> TensorType:
        require_number(self.input)
        return tensor_type(self.input)

    def bounds(self) -> tuple[float, float]:
        """(min, max), infinite where there is no limit."""
        low = -float("inf") if self.min is None else self.min.value.data
        high = float("inf") if self.max is None else self.max.value.data
        return low, high


@irdl_op_definition
class SoftmaxOp(UnaryOp):
    """exp(x) / sum of exp(x) along `axis`.

    ```mlir
    %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<1x10xf32>) -> tensor<1x10xf32>
    ```
    """

    name = "graph.softmax"
    axis = prop_def(IntegerAttr[I64])

    def __init__(self, input: SSAValue, axis: int):
        GraphOp.__init__(self, [input], {"axis": axis})

    def infer(self) -> TensorType:
        axis_of(self.axis.value.data, len(shape_of(self.input)))
        return super().infer()


class ReluOfNonNegative(RewritePattern):
    """relu(x) -> x when x cannot be negative."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReluOp, rewriter: PatternRewriter, /):
        source = op.input.owner
        clipped = isinstance(source, ClipOp) and source.bounds()[0] >= 0
        if clipped or isinstance(source, ReluOp | SigmoidOp | SoftmaxOp):
            replace(rewriter, op, op.input)


class ClipWithoutBounds(RewritePattern):
    """clip(x, -inf, inf) -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClipOp, rewriter: PatternRewriter, /):
        if op.bounds() == (-float("inf"), float("inf")):
            replace(rewriter, op, op.input)


class ClipIsRelu(RewritePattern):
    """clip(x, 0, inf) -> relu(x), of floats."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClipOp, rewriter: PatternRewriter, /):
        is_float = isinstance(op.result.type.element_type, AnyFloat)
        if is_float and op.bounds() == (0.0, float("inf")):
            replace(rewriter, op, ReluOp(op.input))


class ClipOfClip(RewritePattern):
    """clip(clip(x)) and clip(relu(x)) -> one clip with the bounds that remain."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClipOp, rewriter: PatternRewriter, /):
        source = op.input.owner
        if isinstance(source, ClipOp):
            inner = source.bounds()
        elif isinstance(source, ReluOp):
            inner = (0.0, float("inf"))
        else:
            return
        low, high = op.bounds()
        # min(max(., low), high) is monotonic: it maps the inner bounds to the outer ones.
        bounds = [min(max(bound, low), high) for bound in (min(inner), inner[1])]
        replace(rewriter, op, ClipOp(source.input, bounds[0], bounds[1]))
