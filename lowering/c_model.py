"""The C files of a function on planned buffers: a function per layer that calls its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    f32,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ..dialects import c, cortexm, dma, graph
from ..dialects.diagnostics import OpError, blaming, layer_name, refuse
from ..dialects.types import stored_element
from .c_builder import Builder
from .c_interface import Tensor, descriptions, integer, interface, tensors, write_header
from .kernel_arguments import (
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


def identifier(text: str) -> str:
    """`text` with what C does not take in a name replaced by underscores."""
    return "".join(ch if ch.isascii() and ch.isalnum() else "_" for ch in text)


def array_type(array: NDArray[Any]) -> c.ArrayType:
    element = f32 if array.dtype == np.float32 else IntegerType(8 * array.dtype.itemsize)
    return c.ArrayType(array.size, element)


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
        ops = list(self.function.body.block.ops)
        known = (*self.LAYERS, dma.BufferOp, dma.ViewOp, dma.ConstantOp, func.ReturnOp)
        foreign = [op for op in ops if not isinstance(op, known)]
        if foreign:
            raise OpError(*((op, "is no kernel call on buffers") for op in foreign))
        buffers = [op for op in ops if isinstance(op, dma.BufferOp)]
        if len({op.memory for op in buffers}) > 1:
            refuse(self.function, "has buffers in more than one memory")
        self.arena = max((dma.offset_of(op) + op.size for op in buffers), default=1)
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
        counts = {"LAYER_COUNT": len(self.layers), "ARENA_BYTES": self.arena}
        write_header(file, self.name, counts, self.inputs, self.outputs)
        return file

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
        arena = c.ArrayType(self.arena, c.BYTE)
        block.add_op(c.GlobalOp(f"{self.name}_arena", arena, static=True, alignment=16))
        block.add_ops(self.descriptions())
        block.add_op(self.layer_names())
        for layer in self.layers:
            self.layer(layer, block)
        for _, function in interface(self.name, declaration=False):
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

    def descriptions(self) -> list[c.GlobalOp]:
        return [
            descriptions(self.name, "input", self.inputs),
            descriptions(self.name, "output", self.outputs),
        ]

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
        to = Builder(function.body.block)
        operands = [self.operand(layer, argument, to) for argument in arguments]
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

    def operand(self, layer: Layer, argument: Argument, to: Builder) -> SSAValue:
        match argument:
            case Integer(value):
                return to.literal(value)
            case Real(value):
                return to.literal(value, f32)
            case Struct(type, name, _):
                address = c.pointer(c.named(type), const=True)
                return to.add(c.GetGlobalOp(f"{layer.function}_{name}", address))
            case Constant(symbol):
                return self.array(symbol, to)
            case Scratch(value):
                if value is None:
                    return to.add(c.LiteralOp(c.NULL, c.VOID_POINTER))
                return to.add(c.CastOp(self.place(value, to), c.VOID_POINTER))
            case Place(value, const, untyped):
                assert isinstance(value.type, MemRefType)
                element = c.VOID if untyped else stored_element(value.type.element_type)
                return to.add(c.CastOp(self.place(value, to), c.pointer(element, const=const)))

    def array(self, symbol: SymbolRefAttr, to: Builder) -> SSAValue:
        """The first element of a constant."""
        name = self.constant(symbol)
        element = array_type(self.constants[name].array()).element_type
        return to.add(c.GetGlobalOp(name, c.pointer(element, const=True)))

    def place(self, value: SSAValue, to: Builder) -> SSAValue:
        """`&arena[offset]` of a buffer, the array of a constant."""
        if isinstance(value.owner, dma.ConstantOp):
            return self.array(value.owner.symbol, to)
        buffer = dma.buffer_of(value)
        assert buffer is not None
        return self.at(dma.offset_of(buffer), to)

    def at(self, offset: int, to: Builder) -> SSAValue:
        base = to.add(c.GetGlobalOp(f"{self.name}_arena", c.pointer(c.BYTE)))
        return to.add(c.AddressOfOp(to.add(c.SubscriptOp(base, to.literal(offset)))))

    def define(self, function: c.FuncOp) -> None:
        """The body of a function of the C API."""
        block = function.body.block
        to = Builder(block)
        name = function.sym_name.data.removeprefix(f"{self.name}_")
        if name == "init":
            block.add_op(c.CommentOp("All memory is static; there is nothing to set up."))
        elif name == "run":
            for index, layer in enumerate(self.layers):
                block.add_op(c.CallOp(layer.function, []))
                block.add_op(c.CallOp("RN_PROFILE_LAYER", [to.literal(index)]))
            block.add_op(c.ReturnOp(to.literal(0)))
        elif name == "layer_name":
            type = c.pointer(c.STRING, const=True)
            names = to.add(c.GetGlobalOp(f"{self.name}_layer_names", type))
            block.add_op(
                c.ReturnOp(to.add(c.LoadOp(to.add(c.SubscriptOp(names, function.args[0])))))
            )
        else:
            found = self.inputs if name == "input" else self.outputs
            (type,) = function.function_type.outputs.data
            block.add_op(c.ReturnOp(self.choose(found, function.args[0], type, to)))

    def choose(
        self, found: Sequence[Tensor], index: SSAValue, type: Attribute, to: Builder
    ) -> SSAValue:
        """The address of tensor `index`, or NULL."""
        chosen = to.add(c.LiteralOp(c.NULL, type))
        for position, tensor in reversed(list(enumerate(found))):
            here = to.add(c.BinaryOp("==", index, to.literal(position)))
            place = to.add(c.CastOp(self.at(tensor.offset, to), type))
            chosen = to.add(c.ConditionalOp(here, place, chosen))
        return chosen
