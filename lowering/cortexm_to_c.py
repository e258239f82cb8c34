"""cortexm -> c: the files of a model, with one function per layer that calls its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    Signedness,
    StringAttr,
    SymbolRefAttr,
    f32,
    i32,
    i64,
)
from xdsl.dialects.emitc import EmitC_OpaqueAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue, TypeAttribute
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ..dialects import c, cluster, cortexm, dma, graph
from ..dialects.diagnostics import OpError, blaming, refuse, source_name
from ..dialects.quant_types import UniformQuantizedType
from ..dialects.types import byte_size, stored_element
from .kernel_arguments import (
    MAX_RANK,
    Argument,
    Constant,
    FieldValue,
    Integer,
    Place,
    Real,
    Scratch,
    Struct,
    arguments_of,
)

U8 = IntegerType(8, Signedness.UNSIGNED)
NULL = EmitC_OpaqueAttr(StringAttr("NULL"))

USAGE = """Usage:
  {model}_init();
  write {model}_inputs[0].bytes bytes to {model}_input(0);
  {model}_run();
  read {model}_outputs[0].bytes bytes from {model}_output(0).
Nothing is allocated and nothing is re-entrant: one caller at a time."""


@dataclass(frozen=True)
class ConvertCortexMToC(ModulePass):
    """Write each planned function as `<name>.h`, `<name>.c` and `<name>_weights.{h,c}`."""

    name = "convert-cortexm-to-c"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        block = op.body.block
        old = [o for o in block.ops if isinstance(o, func.FuncOp | graph.GlobalOp)]
        for function in old:
            if isinstance(function, func.FuncOp) and function.sym_visibility is None:
                block.add_ops(model_of(op, function).files())
        for replaced in old:
            block.erase_op(replaced)


def model_of(module: ModuleOp, function: func.FuncOp) -> Model:
    """What writes `function`: layers are calls of kernels, some maybe functions that are loops."""
    if any(isinstance(op, cluster.ForkOp) for op in function.body.block.ops):
        from .cluster_to_c import ClusterModel

        return ClusterModel(module, function)
    if any(isinstance(op, func.CallOp) for op in function.body.block.ops):
        from .loop_model import LoopModel

        return LoopModel(module, function)
    return Model(module, function)


def integer(value: int) -> IntegerAttr:
    return IntegerAttr(value, i32 if -(2**31) <= value < 2**31 else i64)


def identifier(text: str) -> str:
    """`text` with what C does not take in a name replaced by underscores."""
    return "".join(ch if ch.isascii() and ch.isalnum() else "_" for ch in text)


def array_type(array: NDArray[Any]) -> c.ArrayType:
    element = f32 if array.dtype == np.float32 else IntegerType(8 * array.dtype.itemsize)
    return c.ArrayType(array.size, element)


def offset_of(op: dma.BufferOp) -> int:
    if op.offset is None:
        refuse(op, "has no offset; run plan-memory first")
    return op.offset.value.data


def layer_name(op: Operation) -> str:
    """The source node's name, else the kind of the op."""
    return source_name(op) or op.name.split(".")[1]


@dataclass(frozen=True)
class Tensor:
    """A network input or output in the arena."""

    name: str
    type: MemRefType
    offset: int

    @property
    def scale(self) -> float:
        element = self.type.element_type
        return element.scale if isinstance(element, UniformQuantizedType) else 1.0

    @property
    def zero_point(self) -> int:
        element = self.type.element_type
        return element.zero_point if isinstance(element, UniformQuantizedType) else 0


@dataclass(frozen=True)
class Layer:
    """A kernel op, or the call of a function that is loops, and the name of its C function."""

    op: Operation
    function: str

    @property
    def node(self) -> str:
        return layer_name(self.op)

    def title(self) -> str:
        values = self.op.operands
        kind = "loops"
        if isinstance(self.op, cortexm.KernelOp):
            values, kind = (*self.op.ins, *self.op.outs), self.op.name.split(".")[1]
        shapes = ["x".join(map(str, cortexm.memref_shape(value))) for value in values]
        return f"{kind} '{self.node}': {', '.join(shapes[:-1])} -> {shapes[-1]}"


class Body:
    """Adds ops to a block and gives their values."""

    def __init__(self, block: Block):
        self.block = block

    def __call__(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]


@dataclass
class Model:
    """Builds the files of one function."""

    module: ModuleOp
    function: func.FuncOp
    constants: dict[str, graph.GlobalOp] = field(default_factory=dict[str, graph.GlobalOp])
    """C name to constant, in the order of first use."""

    LAYERS: ClassVar[tuple[type[cortexm.KernelOp | func.CallOp], ...]] = (cortexm.KernelOp,)
    """What a layer may be."""

    def __post_init__(self) -> None:
        self.name = self.function.sym_name.data
        self.macros = self.name.upper()
        ops = list(self.function.body.block.ops)
        known = (*self.LAYERS, dma.BufferOp, dma.ViewOp, dma.ConstantOp, func.ReturnOp)
        foreign = [op for op in ops if not isinstance(op, known)]
        if foreign:
            raise OpError(*((op, "is no kernel call on buffers") for op in foreign))
        buffers = [op for op in ops if isinstance(op, dma.BufferOp)]
        if len({op.memory for op in buffers}) > 1:
            refuse(self.function, "has buffers in more than one memory")
        self.arena = max((offset_of(op) + op.size for op in buffers), default=1)
        self.inputs, self.outputs = tensors(buffers, "input"), tensors(buffers, "output")
        kernels = [op for op in ops if isinstance(op, self.LAYERS)]
        width = len(str(len(kernels)))
        self.layers = [
            Layer(op, f"{self.name}_layer_{i:0{width}}_{identifier(layer_name(op))}")
            for i, op in enumerate(kernels)
        ]

    def files(self) -> list[c.FileOp]:
        source = self.source()
        return [self.header(), source, self.weights_header(), self.weights_source()]

    def file(self, suffix: str) -> c.FileOp:
        header = suffix.endswith(".h")
        guard = identifier(f"{self.name}{suffix}").upper() if header else None
        return c.FileOp(f"{self.name}{suffix}", guard=guard, prefix=f"{self.name}_")

    def constant(self, symbol: SymbolRefAttr) -> str:
        """The C name of a constant; symbols that C would not tell apart get numbers."""
        first = name = f"{self.name}_{identifier(symbol.string_value())}"
        count = 0
        while name in self.constants and self.constants[name].sym_name != symbol.root_reference:
            count += 1
            name = f"{first}_{count}"
        if name not in self.constants:
            self.constants[name] = next(
                op
                for op in self.module.body.block.ops
                if isinstance(op, graph.GlobalOp) and op.sym_name.data == symbol.string_value()
            )
        return name

    # <name>.h

    def header(self) -> c.FileOp:
        file = self.file(".h")
        add = file.body.block.add_ops
        add([c.IncludeOp("stdint.h", system=True), c.CommentOp(USAGE.format(model=self.name))])
        add(c.DefineOp(f"{self.macros}_{name}", value) for name, value in self.numbers().items())
        add([c.CommentOp("An input or output: real = scale * (stored - zero_point).")])
        add([c.StructOp(f"{self.name}_tensor", dict(TENSOR_FIELDS))])
        for role, found in (("input", self.inputs), ("output", self.outputs)):
            type = c.ArrayType(len(found), c.named(f"{self.name}_tensor"))
            add([c.GlobalOp(f"{self.name}_{role}s", type, extern=True, const=True)])
        for comment, function in self.interface(declaration=True):
            add([c.CommentOp(comment), function])
        return file

    def numbers(self) -> dict[str, Attribute]:
        """What the header defines: counts, bytes, scales and zero points."""
        numbers: dict[str, Attribute] = {
            "INPUT_COUNT": integer(len(self.inputs)),
            "OUTPUT_COUNT": integer(len(self.outputs)),
            "LAYER_COUNT": integer(len(self.layers)),
            "ARENA_BYTES": integer(self.arena),
        }
        for role, found in (("INPUT", self.inputs), ("OUTPUT", self.outputs)):
            for index, tensor in enumerate(found):
                numbers[f"{role}_{index}_BYTES"] = integer(byte_size(tensor.type))
                numbers[f"{role}_{index}_SCALE"] = FloatAttr(tensor.scale, f32)
                numbers[f"{role}_{index}_ZERO_POINT"] = integer(tensor.zero_point)
        return numbers

    def interface(self, *, declaration: bool) -> list[tuple[str, c.FuncOp]]:
        """The functions of the C API with what they do."""

        def function(
            name: str, result: Attribute | None, *arguments: tuple[str, Attribute]
        ) -> c.FuncOp:
            return c.FuncOp(f"{self.name}_{name}", arguments, result, declaration=declaration)

        index = ("index", i32)
        result = c.pointer(c.VOID, const=True)
        return [
            ("Call once, before the first inference.", function("init", None)),
            ("One inference; returns 0.", function("run", i32)),
            (
                "Where to write input `index` before each run, which may overwrite it.",
                function("input", c.VOID_POINTER, index),
            ),
            (
                "Where output `index` stands after a run, until the next one.",
                function("output", result, index),
            ),
            (
                "The node of the network that a layer comes from.",
                function("layer_name", c.STRING, index),
            ),
        ]

    # <name>_weights.h and .c

    def weights_header(self) -> c.FileOp:
        file = self.file("_weights.h")
        file.body.block.add_op(c.IncludeOp("stdint.h", system=True))
        file.body.block.add_ops(
            c.GlobalOp(name, array_type(op.array()), extern=True, const=True)
            for name, op in self.constants.items()
        )
        return file

    def weights_source(self) -> c.FileOp:
        file = self.file("_weights.c")
        file.body.block.add_op(c.IncludeOp(f"{self.name}_weights.h"))
        for name, op in self.constants.items():
            array = op.array().reshape(-1)
            file.body.block.add_op(
                c.GlobalOp(
                    name,
                    array_type(array),
                    array,
                    const=True,
                    alignment=16,
                    section=self.section(name),
                )
            )
        return file

    def section(self, name: str) -> str | None:
        """The section of a constant; None for the usual one."""
        return None

    # <name>.c

    def source(self) -> c.FileOp:
        file = self.file(".c")
        block = file.body.block
        block.add_ops(self.includes())
        block.add_op(c.CommentOp("The activations of all layers, where the memory plan puts them."))
        arena = c.ArrayType(self.arena, U8)
        block.add_op(c.GlobalOp(f"{self.name}_arena", arena, static=True, alignment=16))
        block.add_ops([self.descriptions("input"), self.descriptions("output")])
        block.add_op(self.layer_names())
        for layer in self.layers:
            self.layer(layer, block)
        for _, function in self.interface(declaration=False):
            block.add_op(function)
            self.define(function)
        return file

    def includes(self) -> list[c.IncludeOp]:
        """Our own headers and those of the kernels."""
        ops = [layer.op for layer in self.layers]
        kernels = sorted({op.include for op in ops if isinstance(op, cortexm.KernelOp)})
        own = (f"{self.name}.h", f"{self.name}_weights.h")
        return [c.IncludeOp(name) for name in (*own, *kernels, "rn_profile.h")]

    def layer_names(self) -> c.GlobalOp:
        names = ArrayAttr(StringAttr(layer.node) for layer in self.layers)
        type = c.ArrayType(len(names), c.STRING)
        return c.GlobalOp(f"{self.name}_layer_names", type, names, static=True, const=True)

    def descriptions(self, role: str) -> c.GlobalOp:
        found = self.inputs if role == "input" else self.outputs
        type = c.ArrayType(len(found), c.named(f"{self.name}_tensor"))
        entries = ArrayAttr(DictionaryAttr(description(tensor)) for tensor in found)
        return c.GlobalOp(f"{self.name}_{role}s", type, entries, const=True)

    def layer(self, layer: Layer, block: Block) -> None:
        """The constants of a layer and its function."""
        assert isinstance(layer.op, cortexm.KernelOp)
        with blaming(layer.op):
            arguments = arguments_of(layer.op)
        block.add_op(c.CommentOp(layer.title()))
        for argument in arguments:
            if isinstance(argument, Struct):
                block.add_ops(self.struct(layer, argument))
        function = c.FuncOp(layer.function, [], None, static=True)
        block.add_op(function)
        add = Body(function.body.block)
        operands = [self.operand(layer, argument, add) for argument in arguments]
        function.body.block.add_op(c.CallOp(layer.op.kernel.data, operands))

    def struct(self, layer: Layer, struct: Struct) -> list[c.GlobalOp]:
        """The global that holds a struct, after the arrays that its fields point to."""
        arrays: list[c.GlobalOp] = []

        def entry(name: str, value: FieldValue) -> Attribute:
            match value:
                case int():
                    return integer(value)
                case SymbolRefAttr():
                    return SymbolRefAttr(self.constant(value))
                case np.ndarray():
                    symbol = f"{layer.function}_{name}"
                    arrays.append(
                        c.GlobalOp(symbol, array_type(value), value, static=True, const=True)
                    )
                    return SymbolRefAttr(symbol)
                case _:
                    return ArrayAttr(integer(number) for number in value)

        fields = DictionaryAttr({name: entry(name, value) for name, value in struct.fields.items()})
        name = f"{layer.function}_{struct.name}"
        type = c.named(struct.type)
        return [*arrays, c.GlobalOp(name, type, fields, static=True, const=True)]

    def operand(self, layer: Layer, argument: Argument, add: Body) -> SSAValue:
        match argument:
            case Integer(value):
                return add(c.LiteralOp(value, i32))
            case Real(value):
                return add(c.LiteralOp(value, f32))
            case Struct(type, name, _):
                address = c.pointer(c.named(type), const=True)
                return add(c.GetGlobalOp(f"{layer.function}_{name}", address))
            case Constant(symbol):
                return self.array(symbol, add)
            case Scratch(value):
                if value is None:
                    return add(c.LiteralOp(NULL, c.VOID_POINTER))
                return add(c.CastOp(self.place(value, add), c.VOID_POINTER))
            case Place(value, const, untyped):
                assert isinstance(value.type, MemRefType)
                element = c.VOID if untyped else stored_element(value.type.element_type)
                return add(c.CastOp(self.place(value, add), c.pointer(element, const=const)))

    def array(self, symbol: SymbolRefAttr, add: Body) -> SSAValue:
        """The first element of a constant."""
        name = self.constant(symbol)
        element = array_type(self.constants[name].array()).element_type
        return add(c.GetGlobalOp(name, c.pointer(element, const=True)))

    def place(self, value: SSAValue, add: Body) -> SSAValue:
        """`&arena[offset]` of a buffer, the array of a constant."""
        if isinstance(value.owner, dma.ConstantOp):
            return self.array(value.owner.symbol, add)
        buffer = dma.buffer_of(value)
        assert buffer is not None
        return self.at(offset_of(buffer), add)

    def at(self, offset: int, add: Body) -> SSAValue:
        base = add(c.GetGlobalOp(f"{self.name}_arena", c.pointer(U8)))
        return add(c.AddressOfOp(add(c.SubscriptOp(base, add(c.LiteralOp(offset, i32))))))

    def define(self, function: c.FuncOp) -> None:
        """The body of a function of the C API."""
        block = function.body.block
        add = Body(block)
        name = function.sym_name.data.removeprefix(f"{self.name}_")
        if name == "init":
            block.add_op(c.CommentOp("All memory is static; there is nothing to set up."))
        elif name == "run":
            for index, layer in enumerate(self.layers):
                block.add_op(c.CallOp(layer.function, []))
                block.add_op(c.CallOp("RN_PROFILE_LAYER", [add(c.LiteralOp(index, i32))]))
            block.add_op(c.ReturnOp(add(c.LiteralOp(0, i32))))
        elif name == "layer_name":
            type = c.pointer(c.STRING, const=True)
            names = add(c.GetGlobalOp(f"{self.name}_layer_names", type))
            block.add_op(c.ReturnOp(add(c.LoadOp(add(c.SubscriptOp(names, function.args[0]))))))
        else:
            found = self.inputs if name == "input" else self.outputs
            (type,) = function.function_type.outputs.data
            block.add_op(c.ReturnOp(self.choose(found, function.args[0], type, add)))

    def choose(
        self, found: Sequence[Tensor], index: SSAValue, type: Attribute, add: Body
    ) -> SSAValue:
        """The address of tensor `index`, or NULL."""
        chosen = add(c.LiteralOp(NULL, type))
        for position, tensor in reversed(list(enumerate(found))):
            here = add(c.BinaryOp("==", index, add(c.LiteralOp(position, i32))))
            place = add(c.CastOp(self.at(tensor.offset, add), type))
            chosen = add(c.ConditionalOp(here, place, chosen))
        return chosen


TENSOR_FIELDS: dict[str, TypeAttribute] = {
    "name": c.STRING,
    "element": c.STRING,
    "rank": i32,
    "shape": c.ArrayType(MAX_RANK, i32),
    "bytes": i32,
    "scale": f32,
    "zero_point": i32,
}


def description(tensor: Tensor) -> dict[str, Attribute]:
    """The fields of a tensor's description."""
    shape = tensor.type.get_shape()
    if len(shape) > MAX_RANK:
        raise PassFailedException(f"'{tensor.name}' has {len(shape)} axes, at most {MAX_RANK}")
    return {
        "name": StringAttr(tensor.name),
        "element": StringAttr(str(stored_element(tensor.type.element_type))),
        "rank": integer(len(shape)),
        "shape": ArrayAttr(map(integer, (*shape, *[0] * (MAX_RANK - len(shape))))),
        "bytes": integer(byte_size(tensor.type)),
        "scale": FloatAttr(tensor.scale, f32),
        "zero_point": integer(tensor.zero_point),
    }


def tensors(buffers: Sequence[dma.BufferOp], role: str) -> list[Tensor]:
    """The inputs (or outputs) in their order."""
    found = [op for op in buffers if op.role is not None and op.role.data == role]
    found.sort(key=lambda op: op.index.value.data if op.index else 0)
    result: list[Tensor] = []
    for index, op in enumerate(found):
        assert isinstance(op.result.type, MemRefType)
        name = op.attributes.get("graph.name")
        text = name.data if isinstance(name, StringAttr) else f"{role}{index}"
        result.append(Tensor(text, op.result.type, offset_of(op)))
    return result
