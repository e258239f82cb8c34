"""An ONNX file as a checked list of nodes: decoded, inlined, names unique, nodes in order."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

from ..dialects.diagnostics import RunnelError
from .onnx_tensor import Array, ImportProblem, check_size, dtype_for, to_array

MIN_OPSET = 7
"""From this version on, broadcasting is NumPy's and training attributes are gone."""


@dataclass
class Model:
    """What is left of a file once its structure is known to be sound."""

    name: str
    folder: Path | None
    """Where external data may be; None when the model did not come from a file."""
    opsets: dict[str, int]
    nodes: list[NodeProto]
    """In an order in which every node follows those it reads."""
    constants: dict[str, Array]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]


def normal_domain(domain: str) -> str:
    """The default domain has two spellings."""
    return "" if domain == "ai.onnx" else domain


def node_label(node: NodeProto) -> str:
    """How messages and locations name a node: its name, or its first result."""
    return node.name or next((name for name in node.output if name), node.op_type)


def sanitize(name: str) -> str:
    """`name` as an identifier of C and of MLIR."""
    text = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "model"
    return f"m_{text}" if text[0].isdigit() else text


def load(source: str | Path | bytes | ModelProto, name: str | None) -> Model:
    """Decode `source` (a path, also of an .xz file; bytes; or a decoded model) and check it.

    Raises `RunnelError` with every structural problem that was found.
    """
    folder: Path | None = None
    given = name
    if isinstance(source, str | Path):
        path = Path(source)
        folder = path.parent
        given = name or path.name.removesuffix(".xz").removesuffix(".onnx")
        source = _read(path)
    model = _decode(source) if isinstance(source, bytes) else source
    return _checked(_inlined(model), folder, given or model.graph.name or "model")


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunnelError(f"{path}: {error.strerror}") from None
    if path.suffix != ".xz":
        return data
    try:
        return lzma.decompress(data)
    except lzma.LZMAError as error:
        raise RunnelError(f"{path}: not an .xz file: {error}") from None


def _decode(data: bytes) -> ModelProto:
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise RunnelError(
            f"not an ONNX model, or a truncated one: {len(data)} bytes that protobuf cannot decode"
        ) from None
    return model


def _inlined(model: ModelProto) -> ModelProto:
    """`model` without functions of its own."""
    if not model.functions:
        return model
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except Exception as error:
        raise RunnelError(f"the functions of the model cannot be inlined: {error}") from None


def _checked(model: ModelProto, folder: Path | None, name: str) -> Model:
    graph = model.graph
    if not all(isinstance(text, str) for text in _texts(model)):
        raise RunnelError("the file is damaged: it holds a name that is not UTF-8 text")
    if not graph.output or not (graph.node or graph.input):
        raise RunnelError("the model has an empty graph: it computes no output")
    problems: list[str] = []
    opsets = _opsets(model, problems)
    constants = _constants(graph, folder, problems)
    inputs = [value for value in graph.input if value.name not in constants]
    problems += _name_problems(graph, inputs, constants)
    if problems:
        raise RunnelError(*problems)
    known = {value.name for value in inputs} | set(constants)
    nodes = in_order(graph.node, known)
    available = known | {output for node in nodes for output in node.output}
    missing = [value.name for value in graph.output if value.name not in available]
    if missing:
        raise RunnelError(*(f"output '{name}': nothing computes it" for name in missing))
    return Model(sanitize(name), folder, opsets, nodes, constants, inputs, list(graph.output))


def _texts(model: ModelProto) -> Iterable[object]:
    """Every name that is used; protobuf gives bytes for what is no text."""
    graph = model.graph
    yield graph.name
    yield from (entry.domain for entry in model.opset_import)
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    for tensor in graph.initializer:
        yield tensor.name
        yield from (text for entry in tensor.external_data for text in (entry.key, entry.value))
    for value in (*graph.input, *graph.output):
        yield value.name
        yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)


def _opsets(model: ModelProto, problems: list[str]) -> dict[str, int]:
    opsets = {normal_domain(entry.domain): entry.version for entry in model.opset_import}
    version, newest = opsets.get(""), onnx.defs.onnx_opset_version()
    default_used = any(not normal_domain(node.domain) for node in model.graph.node)
    if version is None:
        if default_used:
            problems.append("the model does not say which opset version it uses")
        opsets[""] = newest
    elif version < MIN_OPSET:
        problems.append(
            f"opset {version} is older than {MIN_OPSET}, the oldest that is supported: convert the "
            "model with onnx.version_converter"
        )
    elif version > newest:
        problems.append(
            f"opset {version} is newer than {newest}, the newest that onnx {onnx.__version__} knows"
        )
    return opsets


def _constants(graph: GraphProto, folder: Path | None, problems: list[str]) -> dict[str, Array]:
    constants: dict[str, Array] = {}
    for tensor in graph.initializer:
        if not tensor.name:
            problems.append("an initializer has no name")
        elif tensor.name in constants:
            problems.append(f"initializer '{tensor.name}': the name is used twice")
        else:
            try:
                constants[tensor.name] = to_array(tensor, folder)
            except ImportProblem as error:
                problems.append(f"initializer '{tensor.name}': {error}")
    for sparse in graph.sparse_initializer:
        problems.append(f"initializer '{sparse.values.name}': sparse tensors are not supported")
    return constants


def _name_problems(
    graph: GraphProto, inputs: Sequence[ValueInfoProto], constants: Mapping[str, Array]
) -> list[str]:
    problems: list[str] = []
    makers: dict[str, str] = {name: "an initializer" for name in constants}
    for value in inputs:
        if value.name in makers:
            problems.append(f"input '{value.name}': the name is used twice")
        makers[value.name] = "an input"
    for node in graph.node:
        for output in node.output:
            if output and output in makers:
                problems.append(
                    f"node '{node_label(node)}' ({node.op_type}): its result '{output}' "
                    f"is computed already, by {makers[output]}"
                )
            makers[output] = f"node '{node_label(node)}'"
    names = [value.name for value in graph.output]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"output '{name}': the name is used twice")
    return problems


def in_order(nodes: Iterable[NodeProto], known: set[str]) -> list[NodeProto]:
    """`nodes` such that each follows the makers of what it reads; the given order where it works.

    Raises `RunnelError` for values that nothing computes and for cycles.
    """
    waiting = list(nodes)
    made = {output for node in waiting for output in node.output} | known
    problems = [
        f"node '{node_label(node)}' ({node.op_type}): reads '{name}', which nothing computes"
        for node in waiting
        for name in node.input
        if name and name not in made
    ]
    if problems:
        raise RunnelError(*problems)
    missing = [len(set(node.input) - known - {""}) for node in waiting]
    users: dict[str, list[int]] = {}
    for index, node in enumerate(waiting):
        for name in set(node.input) - known:
            users.setdefault(name, []).append(index)
    ready = [index for index, count in enumerate(missing) if count == 0]
    ordered: list[NodeProto] = []
    while ready:
        node = waiting[heappop(ready)]
        ordered.append(node)
        for name in set(node.output) - {""}:
            for index in users.get(name, ()):
                missing[index] -= 1
                if missing[index] == 0:
                    heappush(ready, index)
    if len(ordered) < len(waiting):
        labels = [f"'{node_label(waiting[i])}'" for i, count in enumerate(missing) if count]
        raise RunnelError(f"the graph has a cycle; among its nodes are {', '.join(labels[:8])}")
    return ordered


def symbolic_dimensions(inputs: Iterable[ValueInfoProto]) -> set[str]:
    """The names of the dimensions of `inputs` that have one."""
    dims = [dim for value in inputs for dim in value.type.tensor_type.shape.dim]
    return {dim.dim_param for dim in dims if dim.dim_param}


def input_shape(
    value: ValueInfoProto,
    shapes: Mapping[str, Sequence[int]],
    dims: Mapping[str, int],
) -> tuple[tuple[int, ...], str | None]:
    """The static shape of an input, and the name of its batch dimension if that became 1.

    A symbolic dimension takes its value from `dims`, or the whole shape is in `shapes`. Raises
    `ImportProblem` for what stays unknown.
    """
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise ImportProblem(f"it is a {kind or 'value without a type'}; only tensors are supported")
    tensor = value.type.tensor_type
    dtype = dtype_for(tensor.elem_type)
    given = shapes.get(value.name)
    if not tensor.HasField("shape"):
        if given is None:
            raise ImportProblem("it has no shape; give one with --input-shape NAME=N,N,...")
        check_size(given, dtype.itemsize)
        return tuple(given), None
    declared = tensor.shape.dim
    if given is not None and len(given) != len(declared):
        raise ImportProblem(
            f"the shape {list(given)} given for it must have {len(declared)} extents"
        )
    result: list[int] = []
    pinned: str | None = None
    for index, dim in enumerate(declared):
        fixed = dim.dim_value if dim.HasField("dim_value") and dim.dim_value != 0 else None
        wanted = given[index] if given is not None else dims.get(dim.dim_param or "?")
        if fixed is not None and fixed < 0:
            fixed = None  # some exporters write -1 for a dynamic dimension
        if fixed is not None:
            if given is not None and wanted != fixed:
                raise ImportProblem(
                    f"dimension {index} is {fixed}, the shape {list(given)} given for it says "
                    f"{wanted}"
                )
            result.append(fixed)
        elif wanted is not None:
            result.append(wanted)
        elif index == 0:
            pinned = dim.dim_param or "(unnamed)"
            result.append(1)
        else:
            name = dim.dim_param
            way_out = (
                f"give it with --dim {name}=VALUE"
                if name
                else "give the shape with --input-shape NAME=N,N,..."
            )
            raise ImportProblem(f"dimension {index} ('{name or '?'}') is dynamic: {way_out}")
    if any(extent <= 0 for extent in result):
        raise ImportProblem(f"shape {result} has an extent that is not positive")
    check_size(result, dtype.itemsize)
    return tuple(result), pinned
