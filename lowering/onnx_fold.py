"""What an importer computes itself: nodes on known values, and the bodies of operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import FunctionProto, NodeProto, TypeProto, helper

from .onnx_node import Node
from .onnx_tensor import Array, ImportProblem, data_type_of

MAX_FOLDED_ELEMENTS = 1 << 26
"""A folded result is at most this large, so that a small file cannot fill the memory."""

FOLDABLE = frozenset(
    """
    Abs Add And Cast CastLike Ceil Concat ConstantOfShape CumSum Div Equal Exp Expand Flatten
    Floor Gather GatherElements GatherND Greater GreaterOrEqual Less LessOrEqual Log Max Min Mod
    Mul Neg NonZero Not Or Pad Pow QuantizeLinear Range Reciprocal ReduceMax ReduceMean
    ReduceMin ReduceProd ReduceSum Reshape Round ScatterElements ScatterND Sign Slice Split Sqrt
    Squeeze Sub Tile Transpose Unsqueeze Where Xor
    """.split()  # noqa: SIM905 (a list of 60 lines would hide what follows)
)
"""Operators of the default domain that are evaluated when all they read is known.

DequantizeLinear is not among them: its operand is what a quantized network must keep.
"""


def can_fold(node: Node) -> bool:
    """Is `node` one whose results are known now?"""
    if node.domain or node.op_type not in FOLDABLE:
        return False
    return all(not name or name in node.values.arrays for name in node.proto.input)


def fold(node: Node) -> list[Array]:
    """The results of a node on known operands, by the reference implementation of onnx."""
    from onnx.reference import ReferenceEvaluator

    operands = {name: node.values.arrays[name] for name in node.proto.input if name}
    _check_growth(node, operands)
    inputs = [
        helper.make_tensor_value_info(name, data_type_of(array.dtype), array.shape)
        for name, array in operands.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.proto.output if name]
    model = helper.make_model(
        helper.make_graph([node.proto], "fold", inputs, outputs),
        opset_imports=[helper.make_opsetid("", node.opset)],
    )
    try:
        results = ReferenceEvaluator(model).run(None, dict(operands))
    except Exception as error:
        raise ImportProblem(f"it cannot be evaluated on its constant operands: {error}") from None
    arrays = [np.asarray(result) for result in results]
    for array in arrays:
        data_type_of(array.dtype)
    return arrays


def _check_growth(node: Node, operands: Mapping[str, Array]) -> None:
    """Refuse results that are much larger than what the node reads."""
    arrays = [operands[name] for name in node.proto.input if name]
    rules: dict[str, Callable[[], float]] = {
        "ConstantOfShape": lambda: math.prod(int(extent) for extent in arrays[0].reshape(-1)),
        "Expand": lambda: math.prod(max(1, int(e)) for e in arrays[1].reshape(-1)) * arrays[0].size,
        "Tile": lambda: arrays[0].size * math.prod(int(e) for e in arrays[1].reshape(-1)),
        "Range": lambda: abs(float(arrays[1]) - float(arrays[0])) / abs(float(arrays[2]) or 1e-300),
        "Pad": lambda: _padded(arrays),
    }
    rule = rules.get(node.op_type)
    try:
        count = rule() if rule is not None else 0
    except (IndexError, TypeError, ValueError, OverflowError) as error:
        raise ImportProblem(f"its constant operands do not fit: {error}") from None
    if count > MAX_FOLDED_ELEMENTS:
        raise ImportProblem(f"its result would have {count:.0f} elements, which is refused")


def _padded(arrays: Sequence[Array]) -> float:
    if len(arrays) < 2 or arrays[0].ndim == 0:
        return 0
    largest = int(np.max(np.abs(arrays[1]), initial=0))
    return math.prod(extent + 2.0 * largest for extent in arrays[0].shape)


def body_of(node: Node, operand_types: Sequence[TypeProto]) -> list[NodeProto] | None:
    """The nodes that the operator set defines `node` by, with names of their own; None without."""
    function = _function(node, operand_types)
    if function is None:
        return None
    prefix = f"{node.label}/"
    names = {"": ""}
    for formal, actual in zip(function.input, node.proto.input, strict=False):
        names[formal] = actual
    for formal in function.input[len(node.proto.input) :]:
        names[formal] = ""
    for formal, actual in zip(function.output, node.proto.output, strict=False):
        names[formal] = actual or f"{prefix}{formal}"
    given = {attribute.name: attribute for attribute in node.proto.attribute}
    given = {a.name: a for a in function.attribute_proto} | given
    result: list[NodeProto] = []
    for index, inner in enumerate(function.node):
        copy = NodeProto()
        copy.CopyFrom(inner)
        copy.name = f"{prefix}{inner.name or f'{inner.op_type}_{index}'}"
        copy.ClearField("input")
        copy.ClearField("output")
        copy.input.extend(names.get(name, f"{prefix}{name}") for name in inner.input)
        copy.output.extend(names.get(name, f"{prefix}{name}") for name in inner.output)
        _bind_attributes(copy, given)
        result.append(copy)
    return result


def _bind_attributes(node: NodeProto, given: Mapping[str, onnx.AttributeProto]) -> None:
    """Replace references to attributes of the function by what the caller says."""
    bound: list[onnx.AttributeProto] = []
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            bound.append(attribute)
        elif attribute.ref_attr_name in given:
            copy = onnx.AttributeProto()
            copy.CopyFrom(given[attribute.ref_attr_name])
            copy.name = attribute.name
            bound.append(copy)
    copies = [onnx.AttributeProto.FromString(entry.SerializeToString()) for entry in bound]
    node.ClearField("attribute")
    node.attribute.extend(copies)


def _function(node: Node, operand_types: Sequence[TypeProto]) -> FunctionProto | None:
    try:
        schema = onnx.defs.get_schema(node.op_type, node.opset, node.domain)
    except onnx.defs.SchemaError:
        return None
    data = _serialized_function(schema, node, operand_types)
    if not data:
        return None
    function = FunctionProto.FromString(data)
    defaults = {
        name: attribute.default_value
        for name, attribute in schema.attributes.items()
        if attribute.default_value.type
    }
    missing = set(defaults) - {a.name for a in function.attribute_proto}
    function.attribute_proto.extend(defaults[name] for name in sorted(missing))
    return function


def _serialized_function(schema: Any, node: Node, operand_types: Sequence[TypeProto]) -> bytes:
    """The body for the node's opset (nothing if there is none); onnx has no types for this."""
    for_opset = [v for v in schema.function_opset_versions if v <= node.opset]
    if for_opset:
        return schema.get_function_with_opset_version(max(for_opset))
    for_opset = [v for v in schema.context_dependent_function_opset_versions if v <= node.opset]
    if not for_opset:
        return b""
    return schema.get_context_dependent_function_with_opset_version(
        max(for_opset),
        node.proto.SerializeToString(),
        [operand.SerializeToString() for operand in operand_types],
    )
