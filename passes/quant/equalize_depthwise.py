"""Give the channels that a depthwise layer reads alike ranges, which costs its weights nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects import graph
from ...dialects.diagnostics import emit_remark
from ...dialects.graph_base import shape_of, tensor_type, with_shape
from ..graph.constants import new_constant
from ..graph.output_statistics import OutputStatistics, output_statistics
from .chains import activation_bounds
from .layers import Float, Layer, layer_of, layers_of
from .notes import FLOAT
from .observe_channels import Bounds, observe
from .plain_quantization import tell_if_worse

PASS = "equalize-depthwise"
METHODS = ("data", "off")
FLAT = -3.0
"""A hard swish is 0 from here on down."""
SHARE = 0.5
"""The codes for the side of a hard swish that is below 0, as a share of those above."""
MOST = 64.0
"""The greatest scale: what hardly shows in the data may be greater elsewhere."""
DEVIATIONS = 6.0
"""How far from its mean a value is expected, in deviations that a folded batch norm knew."""


@dataclass(frozen=True)
class EqualizeDepthwise(ModulePass):
    """Scale each channel before a depthwise layer up to the greatest one; its weights undo it.

    Both layers have a scale per channel of weights, so that only the tensor between gains: equalize
    evens out weights and may make tensors worse, this looks at tensors alone, as `data` show them
    (and folded batch norms: six deviations from the mean). Channels that are never above 0 stay.
    ReLU is homogeneous; a clip stays exact for channels that do not reach it, and no channel gets
    nearer to it than the greatest. A hard swish h is not homogeneous, but s h((s x) / s) is exact
    for any s > 0: two products by constants per channel compute in float with it, and what is
    rounded before and behind has channels of like ranges; s is such that 3 s stays below half the
    range. What a hard swish flattens (below -3) is seen by nothing: a clip there, which becomes the
    clamp of the layer, spares those codes, before any hard swish.

    Nothing is done for `method=off`. A remark tells where plain 8-bit quantization (weights per
    channel or not) keeps less than before.
    """

    name = PASS

    data: str
    method: str = "data"
    per_channel: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.method not in METHODS:
            raise PassFailedException(f"{PASS}: method is one of {', '.join(METHODS)}")
        if self.method == "off":
            return
        before = op.clone()
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        chains = list(chains_of(op))
        if function is None or not chains:
            return
        ops = frozenset[Operation](chain.first.op for chain in chains)
        seen = observe(op, function, ops, Path(self.data))
        for chain in chains:
            rewrite(chain, seen[chain.first.op])
        tell_if_worse(PASS, before, op, self.data, self.per_channel)


@dataclass(frozen=True)
class Chain:
    """A layer, the hard swish that alone reads it, and the depthwise layer that alone reads that.

    Without a hard swish there is a depthwise layer, with at most a ReLU or clip between.
    """

    first: Layer
    swish: graph.HardSwishOp | None
    second: Layer | None


def chains_of(module: ModuleOp) -> Iterator[Chain]:
    for first in layers_of(module):
        if first.float_weight() is None:
            continue
        value = first.op.result
        user = value.get_user_of_unique_use()
        swish = user if isinstance(user, graph.HardSwishOp) else None
        if user is not None and (swish is not None or activation_bounds(user) is not None):
            value = user.results[0]
            user = value.get_user_of_unique_use()
        second = None if user is None else layer_of(user)
        if second is not None and (
            second.input is not value
            or second.groups != second.inputs
            or second.float_weight() is None
        ):
            second = None
        if swish is not None or second is not None:
            yield Chain(first, swish, second)


def rewrite(chain: Chain, bounds: Bounds) -> None:
    swish = chain.swish
    high = reach(chain, bounds)
    scales = np.ones(len(high)) if chain.second is None else scales_for(high)
    text = ""
    if swish is not None:
        scales = np.minimum(scales, max(1.0, SHARE * high.max() / -FLAT))
        spare(chain.first, swish, FLAT * float(scales.max()))
        text = f", codes below {FLAT * scales.max():.4g} spared"
    if chain.second is not None and (scales != 1).any():
        scale(chain.first, chain.second, scales)
        if swish is not None:
            surround(swish, scales)
    elif swish is None:
        return
    text = f"channels times {scales.min():.4g} to {scales.max():.4g}{text}"
    emit_remark("passed", PASS, chain.first.op, text)


def reach(chain: Chain, bounds: Bounds) -> Float:
    """The greatest value of each channel behind the activation: of the data, or what a folded batch
    norm knew to be possible, which calibrate covers too.
    """
    low, high = bounds
    known = output_statistics(chain.first.op)
    if known is not None:
        low = np.minimum(low, known.mean - DEVIATIONS * known.deviation)
        high = np.maximum(high, known.mean + DEVIATIONS * known.deviation)
    user = chain.first.op.result.get_user_of_unique_use()
    limits = None if user is None else activation_bounds(user)
    if limits is not None:
        return np.clip(high, *limits)
    return high if chain.swish is not None else np.maximum(high, -low)


def scales_for(high: Float) -> Float:
    """What brings the greatest value of each channel up to that of all; 1 where there is none."""
    alive = np.where(high > 0, high, np.inf)
    return np.clip(high.max() / alive, 1.0, MOST)


def spare(first: Layer, swish: graph.HardSwishOp, low: float) -> None:
    """Clip the output of a layer, which nothing sees behind the hard swish."""
    block = swish.parent_block()
    assert block is not None
    clip = graph.ClipOp(first.op.result, low, None)
    clip.location = swish.location
    block.insert_op_before(clip, swish)
    swish.operands[0] = clip.result


def scale(first: Layer, second: Layer, scales: Float) -> None:
    """The outputs of `first` times the scales, which the depthwise `second` takes out."""
    weight, after = first.float_weight(), second.float_weight()
    assert weight is not None and after is not None
    first.set_weight(weight * scales.reshape(len(weight), -1, 1, 1))
    if len(first.op.operands) > 2:
        first.set_bias(first.bias() * scales)
    known = output_statistics(first.op)
    if known is not None:
        OutputStatistics(known.mean * scales, known.deviation * scales).attach(first.op)
    second.set_weight(after / scales.reshape(-1, 1, 1, 1))


def surround(swish: graph.HardSwishOp, scales: Float) -> None:
    """Divide what the hard swish reads by the scales, and multiply what it gives."""
    block = swish.parent_block()
    user = swish.result.get_user_of_unique_use()
    assert block is not None and user is not None
    for name, factors, at in (("narrow", 1 / scales, swish), ("widen", scales, user)):
        value = at.operands[0]
        shape = (1, len(factors), *[1] * (len(shape_of(value)) - 2))
        type = with_shape(tensor_type(value), shape)
        constant = new_constant(swish, name, factors.reshape(shape), type)
        product = graph.MulOp(value, constant.result)
        product.attributes[FLOAT] = StringAttr(
            "what it scales for a hard swish must not be rounded"
        )
        product.location = swish.location
        block.insert_ops_before([constant, product], at)
        at.operands[0] = product.result
