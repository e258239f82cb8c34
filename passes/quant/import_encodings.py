"""Give quantizers the grids that a file of AIMET encodings has for their tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass

from ...dialects import graph, quant
from ...dialects.diagnostics import RunnelError, emit_remark, tensor_names
from ...dialects.graph_base import is_float
from ...runtime.interpreter import input_names
from .blocks import BLOCKS, Blocks
from .calibrate import argument_attributes
from .encodings import BIAS_BITS, BlockSteps, Encoding, read_encodings
from .grids import weight_axis
from .integer_forms import PRODUCTS
from .notes import TYPE

PASS = "import-encodings"


@dataclass(frozen=True)
class ImportEncodings(ModulePass):
    """Note for each tensor that FILE names the grid that it has there, as `quant.type`.

    `file` holds AIMET encodings of version 0.6.1, 1.0.0 or 2.0.0, of the ONNX model that the module
    came from: activations per tensor, weights per tensor or per channel. insert-quant-casts puts
    these grids where it puts quantizers; tensors that are not in the file need a calibrated range.
    Biases are integers at the scale of the accumulator, whatever the file says.

    Names that the module does not have are an error, all of them at once; with `strict=false` they
    are told by remarks (simplification drops tensors).
    """

    name = PASS

    file: str
    strict: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None:
            raise RunnelError(f"{PASS}: the module has no function")
        left = {encoding.name: encoding for encoding in read_encodings(Path(self.file))}
        problems: list[str] = []
        self.arguments(function, left, problems)
        for name, inner in makers(function).items():
            encoding = left.pop(name, None)
            if encoding is not None:
                problems += note(inner, encoding)
        for name in left:
            if self.strict:
                problems.append(f"tensor '{name}': is not in the model")
            else:
                emit_remark("missed", PASS, function, f"there is no tensor '{name}' (any more)")
        if problems:
            raise RunnelError(*(f"{self.file}: {problem}" for problem in problems))

    def arguments(
        self, function: func.FuncOp, left: dict[str, Encoding], problems: list[str]
    ) -> None:
        """Note the grids of inputs, and take them from what is `left`."""
        entries: list[Mapping[str, Attribute]] = []
        for name, old in zip(input_names(function), argument_attributes(function), strict=True):
            encoding = left.pop(name, None)
            problem = None if encoding is None else activation_problem(encoding)
            if problem is not None:
                problems.append(problem)
            elif encoding is not None:
                old = {**old, TYPE: type_of(encoding)}
            entries.append(old)
        function.arg_attrs = ArrayAttr(DictionaryAttr(entry) for entry in entries)


def makers(function: func.FuncOp) -> dict[str, Operation]:
    """The op that makes each tensor; of several that stand for one node, the last.

    A tensor that no op makes any more goes to the op that took it in.
    """
    found: dict[str, Operation] = {}
    for own in (False, True):
        for op in function.body.block.ops:
            names = tensor_names(op)
            found |= {name: op for name in (names[:1] if own else names[1:])}
    return found


def note(op: Operation, encoding: Encoding) -> Iterator[str]:
    """Note a grid at the op that makes the tensor; gives what is wrong with it."""
    if not isinstance(op, graph.ConstantOp):
        problem = activation_problem(encoding)
        if problem is not None:
            yield problem
        elif is_float(op.results[0].type):
            op.attributes[TYPE] = type_of(encoding)
        return
    axes = {
        weight_axis(use.operation)
        for use in op.result.uses
        if isinstance(use.operation, PRODUCTS) and use.index == 1
    }
    if len(axes) != 1:
        what = "is no weight of one layer or layers alike: its grid follows from others'"
        emit_remark("analysis", PASS, op, f"'{encoding.name}' {what}")
        return
    axis = axes.pop()
    problem = weight_problem(op, encoding, axis)
    if problem is not None:
        yield f"tensor '{encoding.name}': {problem}"
        return
    if encoding.blocks is None:
        op.attributes[TYPE] = weight_type(op, encoding, axis)
        return
    blocks = blocks_of(op, encoding, encoding.blocks, axis)
    op.attributes[BLOCKS] = blocks.attribute()
    op.attributes[TYPE] = type_of(encoding, axis, blocks.stored_bounds)


def activation_problem(encoding: Encoding) -> str | None:
    """Why no quantizer of an activation can have this grid."""
    what = None
    if encoding.per_channel:
        what = "is an activation and has a scale per channel; expected one scale"
    elif encoding.bits == BIAS_BITS:
        what = f"is an activation of {BIAS_BITS} bits; expected at most 16"
    return None if what is None else f"tensor '{encoding.name}': {what}"


def weight_problem(op: graph.ConstantOp, encoding: Encoding, axis: int) -> str | None:
    """Why the weight `op`, whose outputs lie on `axis`, cannot have this grid."""
    shape = op.result.type.get_shape()
    if encoding.bits == BIAS_BITS:
        return f"is a weight of {BIAS_BITS} bits; expected at most 16"
    if not encoding.per_channel:
        return None
    given = encoding.axis
    if given is not None and given % len(shape) != axis:
        return f"has scales along axis {given}; the outputs of its layer lie on axis {axis}"
    if len(encoding.scales) != shape[axis]:
        return f"has {len(encoding.scales)} channels, the layer has {shape[axis]}"
    blocks, inputs = encoding.blocks, 1 - axis
    if blocks is None:
        return None
    if blocks.axis not in (None, inputs):
        return f"has blocks along axis {blocks.axis}; the inputs of its layer lie on axis {inputs}"
    if blocks.size * blocks.steps.shape[1] != shape[inputs]:
        return (
            f"has {blocks.steps.shape[1]} blocks of {blocks.size} inputs, the layer has "
            f"{shape[inputs]}"
        )
    return None


def weight_type(op: graph.ConstantOp, encoding: Encoding, axis: int) -> quant.UniformQuantizedType:
    """The type of a weight; without the most negative code if no weight has that."""
    array = graph.constant_array(op.result)
    assert array is not None
    least, most = encoding.bounds
    shape = [1] * array.ndim
    shape[axis] = -1
    scales = encoding.scales.reshape(shape if encoding.per_channel else [1] * array.ndim)
    if encoding.symmetric and encoding.bits == 8 and np.rint(array / scales).min() > least:
        least = max(least, -most)
    return type_of(encoding, axis if encoding.per_channel else -1, (least, most))


def blocks_of(op: graph.ConstantOp, encoding: Encoding, given: BlockSteps, axis: int) -> Blocks:
    """The blocks of a weight whose outputs lie on `axis`: inputs come first in a row, and each
    has the weights of all taps. Full only if a weight has the most negative code.
    """
    array = graph.constant_array(op.result)
    assert array is not None
    size = given.size * math.prod(array.shape[2:])
    blocks = Blocks(size, encoding.bits, given.steps, full=True)
    stored = blocks.stored(array, axis, encoding.scales)
    strict = replace(blocks, full=False)
    return strict if (strict.stored(array, axis, encoding.scales) == stored).all() else blocks


def type_of(
    encoding: Encoding, axis: int = -1, bounds: tuple[int, int] | None = None
) -> quant.UniformQuantizedType:
    """The quantized type with the grid of `encoding`, in 8 or 16 bits of storage."""
    return quant.UniformQuantizedType.get(
        encoding.scales,
        encoding.zero_points,
        bits=8 if encoding.bits <= 8 else 16,
        axis=axis,
        bounds=encoding.bounds if bounds is None else bounds,
    )
