"""ONNX -> graph: a model file becomes one module with one function on static tensors.

Opset 7 to the newest of the installed onnx; float, QDQ and QOperator models. Shapes, and what is
computed from them, are known here; all problems of a model are reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto, NodeProto, TypeProto, helper
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Block, Region
from xdsl.utils.exceptions import VerifyException

from ..dialects import graph
from ..dialects.diagnostics import RunnelError, emit_remark
from ..dialects.graph_base import tensor_type
from ..dialects.types import dtype_of
from .onnx_fold import body_of, can_fold, fold
from .onnx_model import Model, input_shape, load, sanitize, symbolic_dimensions
from .onnx_node import Node, Values, location
from .onnx_ops import CONVERTERS
from .onnx_tensor import ImportProblem, data_type_of, element_of

MAX_BODY_DEPTH = 8
"""Bodies of operators name operators that have bodies: none of onnx nests deeper."""

_MALFORMED = (IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError)
"""What Python says about operands and attributes that nothing foresaw."""


def import_onnx(
    model: str | Path | bytes | ModelProto,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    dims: Mapping[str, int] | None = None,
    name: str | None = None,
) -> ModuleOp:
    """The module of an ONNX model: `graph.global` symbols and a `func.func` on tensors.

    `model` is a path (`.onnx`, or `.onnx.xz`), the bytes of a file, or a decoded model. Symbolic
    dimensions take their values from `dims` (by name) or `input_shapes` (by input); a symbolic
    leading dimension that nobody pins is 1. The function is called `name`, by default after the
    file, else after the graph; its arguments and results keep their names as `graph.name`.

    Raises `RunnelError` with one message per problem of the model, with the path if there is one.
    """
    try:
        return _import(load(model, name), input_shapes or {}, dims or {})
    except RunnelError as error:
        if not isinstance(model, str | Path):
            raise
        places = (m if m.startswith(str(model)) else f"{model}: {m}" for m in error.messages)
        raise RunnelError(*places) from error


def _import(
    loaded: Model, input_shapes: Mapping[str, Sequence[int]], dims: Mapping[str, int]
) -> ModuleOp:
    module = ModuleOp([])
    function, pinned = _function(loaded, input_shapes, dims)
    values = Values(module, function.body.block, loaded.opsets, loaded.folder, loaded.constants)
    for value, argument in zip(loaded.inputs, function.body.block.args, strict=True):
        values.ssa[value.name] = argument
    _import_nodes(loaded.nodes, values)
    _finish(loaded, module, function, values)
    for dimension in sorted(pinned):
        emit_remark(
            "analysis",
            "import-onnx",
            function,
            f"the batch dimension '{dimension}' is 1; change it with --dim {dimension}=VALUE",
        )
    return module


def _function(
    model: Model, shapes: Mapping[str, Sequence[int]], dims: Mapping[str, int]
) -> tuple[func.FuncOp, set[str]]:
    """The function with its arguments, and the names of dimensions that became 1."""
    problems: list[str] = []
    types: list[TensorType] = []
    pinned: set[str] = set()
    for name in sorted(set(shapes) - {value.name for value in model.inputs}):
        listed = ", ".join(f"'{value.name}'" for value in model.inputs) or "none"
        problems.append(f"there is no input '{name}' to give a shape to; the inputs are {listed}")
    symbols = symbolic_dimensions(model.inputs)
    for name in sorted(set(dims) - symbols):
        listed = ", ".join(f"'{symbol}'" for symbol in sorted(symbols)) or "none"
        problems.append(f"no input has a dimension '{name}'; symbolic dimensions are {listed}")
    for value in model.inputs:
        try:
            # A name that became 1 for one input is 1 for all of them.
            shape, dimension = input_shape(value, shapes, {name: 1 for name in pinned} | dict(dims))
            types.append(TensorType(element_of(value.type.tensor_type.elem_type), shape))
            pinned |= {dimension} if dimension else set()
        except ImportProblem as error:
            problems.append(f"input '{value.name}': {error}")
    if problems:
        raise RunnelError(*problems)
    block = Block(arg_types=types)
    for value, argument in zip(model.inputs, block.args, strict=True):
        argument.name_hint = sanitize(value.name)
    function = func.FuncOp(
        model.name,
        (types, []),
        Region(block),
        arg_attrs=_names([value.name for value in model.inputs]),
    )
    function.location = location(model.name)
    return function, pinned


def _names(names: Sequence[str]) -> ArrayAttr[DictionaryAttr]:
    return ArrayAttr(DictionaryAttr({"graph.name": StringAttr(name)}) for name in names)


def _finish(model: Model, module: ModuleOp, function: func.FuncOp, values: Values) -> None:
    """Return the outputs, and put the function after the constants that something reads."""
    block = function.body.block
    if refused := [values.refused[v.name] for v in model.outputs if v.name in values.refused]:
        raise RunnelError(*refused)
    results = [values.value(value.name) for value in model.outputs]
    block.add_op(func.ReturnOp(*results))
    function.function_type = FunctionType.from_lists(
        [argument.type for argument in block.args], [result.type for result in results]
    )
    function.res_attrs = _names([value.name for value in model.outputs])
    module.body.block.add_op(function)
    _drop_unused(module, block)
    _check_declared(model, function)
    module.verify()


def _drop_unused(module: ModuleOp, block: Block) -> None:
    read: set[str] = set()
    for op in list(block.ops):
        if isinstance(op, graph.ConstantOp):
            if op.result.first_use is None:
                op.detach()
                op.erase()
            else:
                read.add(op.global_name.string_value())
    for op in list(module.body.block.ops):
        if isinstance(op, graph.GlobalOp) and op.sym_name.data not in read:
            op.detach()
            op.erase()


def _check_declared(model: Model, function: func.FuncOp) -> None:
    """Say where the shape of an output is not what the file declares."""
    for value, type in zip(model.outputs, function.function_type.outputs, strict=True):
        assert isinstance(type, TensorType)
        declared = value.type.tensor_type
        if not declared.HasField("shape"):
            continue
        extents = [dim.dim_value for dim in declared.shape.dim]
        pairs = zip(extents, type.get_shape(), strict=False)
        if len(extents) != len(type.get_shape()) or any(d > 0 and d != e for d, e in pairs):
            emit_remark(
                "analysis",
                "import-onnx",
                function,
                f"output '{value.name}' is declared as {extents}, but is {list(type.get_shape())}",
            )


def _import_nodes(nodes: Sequence[NodeProto], values: Values) -> None:
    """Convert all nodes; raises one `RunnelError` for all that failed."""
    problems: list[str] = []
    unsupported = False
    for proto in nodes:
        node = Node(proto, values)
        if any(name in values.lost for name in proto.input):
            values.lost.update(proto.output)
            continue
        try:
            _import_node(node, 0)
        except _Unsupported as error:
            unsupported = True
            problems.append(_located(node, str(error)))
        except (ImportProblem, VerifyException) as error:
            problems.append(_located(node, str(error)))
        except _MALFORMED as error:
            problems.append(_located(node, f"malformed: {error}"))
        else:
            continue
        values.lost.update(proto.output)
    if unsupported:
        problems.append(f"supported are: {', '.join(supported_operators())}")
    if problems:
        raise RunnelError(*problems)


class _Unsupported(ImportProblem):
    """An operator that has neither a converter nor a body."""


def _located(node: Node, message: str) -> str:
    domain = f"{node.domain}." if node.domain else ""
    return f"node '{node.label}' ({domain}{node.op_type}): {message}"


def supported_operators() -> list[str]:
    """The operators that have converters, other domains by their full names."""
    return sorted(f"{domain}.{op}" if domain else op for domain, op in CONVERTERS)


def _import_node(node: Node, depth: int) -> None:
    _check_arity(node)
    if can_fold(node):
        outputs = [name for name in node.proto.output if name]
        node.values.arrays.update(zip(outputs, fold(node), strict=True))
        return
    convert = CONVERTERS.get((node.domain, node.op_type))
    if convert is not None:
        results: Any = convert(node)
        node.check_all_read()
        node.bind(results)
        _refuse_other_results(node)
        return
    body = body_of(node, [_type_of(node, name) for name in node.proto.input])
    if body is None or depth == MAX_BODY_DEPTH:
        domain = f"domain '{node.domain}'" if node.domain else f"opset {node.opset}"
        raise _Unsupported(f"the operator {node.op_type} ({domain}) is not supported")
    for inner in body:
        label = f"{node.label}/{inner.op_type}" if not depth else node.label
        try:
            _import_node(Node(inner, node.values, label), depth + 1)
        except _Unsupported:
            raise _Unsupported(
                f"the operator {node.op_type} (opset {node.opset}) is not supported: its body "
                f"needs {inner.op_type}"
            ) from None


def _check_arity(node: Node) -> None:
    """The number of operands and results that the operator set says."""
    if not any(node.proto.output):
        raise ImportProblem("it has no result")
    try:
        schema = onnx.defs.get_schema(node.op_type, node.opset, node.domain)
    except onnx.defs.SchemaError:
        return
    count = len(node.proto.input)
    if not schema.min_input <= count <= schema.max_input:
        raise ImportProblem(
            f"it has {count} operands; {schema.min_input} to {schema.max_input} are expected"
        )
    if len(node.proto.output) > schema.max_output:
        raise ImportProblem(
            f"it has {len(node.proto.output)} results; at most {schema.max_output} are expected"
        )


def _refuse_other_results(node: Node) -> None:
    """Results that the conversion does not give (a mask, indices) must not be read."""
    for index, name in enumerate(node.proto.output):
        if name and name not in node.values.ssa and name not in node.values.arrays:
            node.values.refused[name] = (
                f"result {index} of node '{node.label}' ({node.op_type}) is not supported"
            )


def _type_of(node: Node, name: str) -> TypeProto:
    """The ONNX type of a tensor, as function bodies ask for it."""
    if not name:
        return TypeProto()
    if name in node.values.arrays:
        array = node.values.arrays[name]
        return helper.make_tensor_type_proto(data_type_of(array.dtype), array.shape)
    type = tensor_type(node.values.ssa[name])
    number = data_type_of(dtype_of(type.element_type))
    return helper.make_tensor_type_proto(number, type.get_shape())
