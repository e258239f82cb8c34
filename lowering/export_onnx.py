"""graph with casts -> ONNX with QuantizeLinear and DequantizeLinear.

What comes out has the numbers of the integer program: biases are int32 at the scale of the
accumulator (round-biases), so that a runtime with integer kernels can fuse each layer to one of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    TensorType,
    i1,
    i32,
)
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import graph, quant
from ..dialects.diagnostics import (
    RunnelError,
    layer_name,
    refuse,
    source_name,
    tensor_names,
    unheard,
)
from ..dialects.quant_types import storage_bounds
from ..dialects.types import dtype_of
from ..passes.quant.round_biases import RoundBiases
from ..passes.quant.round_results import forget_rounding
from ..runtime.interpreter import input_names, output_names

OPSET, IR_VERSION = 17, 8
Array = NDArray[Any]

NODES: dict[str, str] = {
    name: "".join(part.capitalize() for part in name.split("_"))
    for name in (
        *("abs", "add", "average_pool", "batch_normalization", "concat", "conv", "div", "elu"),
        *("erf", "exp", "gather", "gemm", "global_average_pool", "hard_sigmoid", "hard_swish"),
        *(
            "layer_normalization",
            "leaky_relu",
            "log",
            "max_pool",
            "mul",
            "neg",
            "pow",
            "reciprocal",
            "reduce_max",
        ),
        *("reduce_mean", "relu", "sigmoid", "softmax", "sqrt", "sub", "tanh", "transpose"),
    )
} | {"matmul": "MatMul", "prelu": "PRelu", "maximum": "Max", "minimum": "Min"}
"""Ops whose operands and properties are inputs and attributes of one node, under these names."""

SPELLED = {"trans_a": "transA", "trans_b": "transB"}
"""Properties whose attributes are not spelled alike."""


def export_onnx(module: ModuleOp) -> ModelProto:
    """The model of a module at the graph level, its biases rounded as in the integer program; sums
    read the grids that their operands were made on.

    Raises `RunnelError` for ops without ONNX form.
    """
    rounded = module.clone()
    with unheard():
        RoundBiases().apply(Context(), rounded)
    forget_rounding(rounded)
    return export_named(rounded)[0]


def export_named(module: ModuleOp) -> tuple[ModelProto, dict[SSAValue, str]]:
    """The model of `module` as it stands, and the names that values have in it: those of the source
    where they are known.
    """
    function = next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))
    exporter = Exporter(function)
    exporter.run()
    built = helper.make_graph(
        exporter.nodes,
        function.sym_name.data,
        tensors(input_names(function), function.function_type.inputs.data),
        tensors(output_names(function), function.function_type.outputs.data),
        exporter.constants,
    )
    model = helper.make_model(
        built,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="runnel",
    )
    return model, exporter.names


def tensors(names: Sequence[str], types: Sequence[Attribute]) -> list[Any]:
    """Declarations of inputs or outputs."""
    return [
        helper.make_tensor_value_info(name, element_number(type), type.get_shape())
        for name, type in zip(names, types, strict=True)
        if isinstance(type, TensorType)
    ]


def element_number(type: TensorType) -> int:
    return helper.np_dtype_to_tensor_dtype(dtype_of(type.element_type))


@dataclass
class Exporter:
    """Nodes and constants of one function; `names` is what each value is called."""

    function: func.FuncOp
    results: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    """What the function returns, by the name of the result."""
    names: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    taken: set[str] = field(default_factory=set[str])
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    constants: list[TensorProto] = field(default_factory=list[TensorProto])

    def run(self) -> None:
        block = self.function.body.block
        outputs = output_names(self.function)
        self.taken |= set(outputs)
        for name, argument in zip(input_names(self.function), block.args, strict=True):
            self.names[argument] = self.unique(name)
        problems: list[str] = []
        assert block.last_op is not None
        for value, name in zip(block.last_op.operands, outputs, strict=True):
            self.results.setdefault(value, name)
        for op in block.ops:
            if isinstance(op, func.ReturnOp):
                for value, name in zip(op.operands, outputs, strict=True):
                    if self.names[value] != name:
                        self.nodes.append(helper.make_node("Identity", [self.names[value]], [name]))
                continue
            write = WRITERS.get(op.name, plain)
            try:
                write(self, op)
            except RunnelError as error:
                problems += error.messages
                self.names |= {result: "?" for result in op.results}
        if problems:
            raise RunnelError(*problems)

    def unique(self, wanted: str) -> str:
        """A name that nothing has yet."""
        name, count = wanted, 0
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name

    def constant(self, name: str, array: Array) -> str:
        """A new initializer; its name."""
        unique = self.unique(name)
        self.constants.append(numpy_helper.from_array(np.asarray(array), unique))
        return unique

    def node(self, op: Operation, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node for `op`, whose result has the name that it gives."""
        base, result = layer_name(op), op.results[0]
        if op.name.startswith("quant."):
            wanted = f"{base}.{kind}"
        else:
            wanted = next(iter(tensor_names(op)), f"{base}.out")
        output = self.results.get(result) or self.unique(wanted)
        self.names[result] = output
        name = f"{base}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name, **attributes))
        return output

    def inputs(self, op: Operation) -> list[str]:
        return [self.names[operand] for operand in op.operands]


def plain(exporter: Exporter, op: Operation) -> None:
    """An op that is one node."""
    kind = NODES.get(op.name.removeprefix("graph."))
    if kind is None or not op.name.startswith("graph."):
        refuse(op, "has no ONNX form here; export a graph with casts")
    attributes = {
        SPELLED.get(name, name): number_of(value)
        for name, value in op.properties.items()
        if name != "operandSegmentSizes"
    }
    if isinstance(op, graph.AveragePoolOp) and set(attributes["dilations"]) == {1}:
        del attributes["dilations"]  # newer than OPSET
    exporter.node(op, kind, exporter.inputs(op), **attributes)


def number_of(value: Any) -> Any:
    """The Python value of a property."""
    match value:
        case DenseArrayBase():
            return list(value.iter_values())
        case IntegerAttr():
            number = int(value.value.data)
            return int(number != 0) if value.type == i1 else number  # true is -1 in one bit
        case FloatAttr():
            return float(value.value.data)
        case StringAttr():
            return value.data
        case _:
            raise RunnelError(f"the property {value} has no ONNX form")


def constant(exporter: Exporter, op: Operation) -> None:
    if op.results[0].first_use is None:
        return  # floats that a quantized constant names
    array = graph.constant_array(op.results[0])
    assert isinstance(op, graph.ConstantOp) and array is not None
    name = next(iter(tensor_names(op)), op.global_name.string_value())
    exporter.names[op.result] = exporter.constant(name, array)


def cast(exporter: Exporter, op: Operation) -> None:
    """qcast and dcast; scale and zero point come from the type. Fewer codes than storage has are
    a clip of the integers.
    """
    quantize = isinstance(op, quant.QuantizeCastOp)
    element = quant.quantized(op.results[0] if quantize else op.operands[0])
    scale = element.scale_array().astype(np.float32)
    zero = element.zero_point_array().astype(dtype_of(element))
    if not element.per_axis:
        scale, zero = scale.reshape(()), zero.reshape(())
    name = source_name(op) or "cast"
    pairs = {"scale": scale, "zero": zero}
    if element.storage == i32:  # a bias, which has no zero point
        del pairs["zero"]
    parameters = [exporter.constant(f"{name}.{key}", array) for key, array in pairs.items()]
    kind = "QuantizeLinear" if quantize else "DequantizeLinear"
    axis: dict[str, Any] = {"axis": element.axis.data} if element.per_axis else {}
    inputs = [*exporter.inputs(op), *parameters]
    if not quantize or element.bounds == storage_bounds(element.storage):
        exporter.node(op, kind, inputs, **axis)
        return
    wide = exporter.unique(f"{name}.wide")
    exporter.nodes.append(helper.make_node(kind, inputs, [wide], **axis))
    ends = [np.array(end, dtype_of(element)) for end in element.bounds]
    exporter.node(op, "Clip", [wide, *(exporter.constant(f"{name}.end", end) for end in ends)])


def clip(exporter: Exporter, op: Operation) -> None:
    assert isinstance(op, graph.ClipOp)
    bounds = [
        exporter.constant("bound", np.array(bound, np.float32)) if np.isfinite(bound) else ""
        for bound in op.bounds()
    ]
    exporter.node(op, "Clip", [*exporter.inputs(op), *bounds])


def reshape(exporter: Exporter, op: Operation) -> None:
    type = op.results[0].type
    assert isinstance(type, TensorType)
    shape = exporter.constant("shape", np.array(type.get_shape(), np.int64))
    exporter.node(op, "Reshape", [*exporter.inputs(op), shape])


def pad(exporter: Exporter, op: Operation) -> None:
    assert isinstance(op, graph.PadOp)
    pads = exporter.constant("pads", np.array(op.pads.get_values(), np.int64))
    inputs = [*exporter.inputs(op), pads]
    if op.mode.data == "constant":
        inputs.append(exporter.constant("value", np.array(op.value.value.data, np.float32)))
    exporter.node(op, "Pad", inputs, mode=op.mode.data)


def slice_(exporter: Exporter, op: Operation) -> None:
    assert isinstance(op, graph.SliceOp)
    starts, sizes, steps = (
        np.array(values.get_values(), np.int64) for values in (op.offsets, op.sizes, op.strides)
    )
    last = starts + (sizes - 1) * steps
    ends = np.where(steps > 0, last + 1, np.where(last == 0, np.iinfo(np.int64).min, last - 1))
    axes = np.arange(len(starts))
    arrays = {"starts": starts, "ends": ends, "axes": axes, "steps": steps}
    given = [exporter.constant(name, array) for name, array in arrays.items()]
    exporter.node(op, "Slice", [*exporter.inputs(op), *given])


def reduce_sum(exporter: Exporter, op: Operation) -> None:
    assert isinstance(op, graph.ReduceOp)
    axes = exporter.constant("axes", np.array(op.axes.get_values(), np.int64))
    keep = int(bool(op.keepdims.value.data))
    exporter.node(op, "ReduceSum", [*exporter.inputs(op), axes], keepdims=keep)


def convert(exporter: Exporter, op: Operation) -> None:
    type = op.results[0].type
    assert isinstance(type, TensorType)
    exporter.node(op, "Cast", exporter.inputs(op), to=element_number(type))


WRITERS: dict[str, Callable[[Exporter, Operation], None]] = {
    "graph.constant": constant,
    "quant.qcast": cast,
    "quant.dcast": cast,
    "graph.clip": clip,
    "graph.reshape": reshape,
    "graph.pad": pad,
    "graph.slice": slice_,
    "graph.reduce_sum": reduce_sum,
    "graph.cast": convert,
}
"""Ops that are not `plain`: they have inputs where the graph dialect has properties."""
