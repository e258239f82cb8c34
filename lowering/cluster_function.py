"""One C function for a kernel op of the cluster, shared by all its calls.

What is the same number in every call is a constant in the function, the rest are parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, MemRefType, i8, i32
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import c, cluster
from ..dialects.cluster_chunk import ChunkLayout
from ..dialects.diagnostics import blaming, source_name
from ..dialects.types import stored_element
from .c_builder import Builder, c_type
from .cluster_arguments import (
    Argument,
    Channels,
    ChunkPart,
    Number,
    Pitch,
    Pointer,
    Scratch,
    Shape,
    Size,
    arguments_of,
    constant_size,
)
from .kernel_arguments import Integer, Struct

BYTES = c.pointer(i8, const=True)
CORE = "core"


K = TypeVar("K", bound=Operation)


@dataclass
class KernelFunction(ABC, Generic[K]):
    """The calls of one layer's kernel and the function that they share."""

    name: str
    ops: list[K]

    def __post_init__(self) -> None:
        self.calls: list[list[Argument]] = []
        for op in self.ops:
            with blaming(op):
                self.calls.append(arguments_of(op))
        self.varying = self._find_varying()

    @property
    def first(self) -> K:
        return self.ops[0]

    @property
    @abstractmethod
    def title(self) -> str:
        """What the function computes."""

    @property
    def result(self) -> Attribute | None:
        """What the function returns."""
        return None

    @abstractmethod
    def chunk(self, op: K) -> SSAValue:
        """The window of the constants of `op`."""

    @abstractmethod
    def finish(self, to: Builder, operands: list[SSAValue], named: Mapping[str, SSAValue]) -> None:
        """The end of the function: the call of the kernel with `operands`."""

    @staticmethod
    def windows(ins: Iterable[SSAValue], out: SSAValue) -> str:
        """The shapes of inputs and output as text."""

        def text(value: SSAValue) -> str:
            assert isinstance(value.type, MemRefType)
            return "x".join("?" if n < 0 else str(n) for n in value.type.get_shape())

        return f"{', '.join(map(text, ins))} -> {text(out)}"

    def _find_varying(self) -> dict[str, list[Size]]:
        """Name of each number that is not one constant in all calls, with its values by call."""
        numbers = [dict(_numbers(call)) for call in self.calls]
        found: dict[str, list[Size]] = {}
        for name in numbers[0]:
            values = [call[name] for call in numbers]
            constants = {constant_size(value) for value in values}
            if len(constants) > 1 or None in constants:
                found[name] = values
        return found

    def parameters(self) -> list[tuple[str, Attribute]]:
        """Names and types: the core, addresses, then the numbers that vary."""
        result: list[tuple[str, Attribute]] = [(CORE, i32)]
        for argument in self.calls[0]:
            match argument:
                case Pointer(name, value, const):
                    result.append((name, c.pointer(c_type(_element(value)), const=const)))
                case Channels():
                    result.append(("constants", BYTES))
                case ChunkPart() if not any(isinstance(a, Channels) for a in self.calls[0]):
                    result.append(("constants", BYTES))
                case Scratch(value) if value is not None:
                    result.append(("scratch", c.VOID_POINTER))
                case _:
                    pass
        return [*result, *((name, i32) for name in self.varying)]

    def call(
        self,
        op: K,
        value: Callable[[SSAValue], SSAValue],
        literal: Callable[[int], SSAValue],
    ) -> list[SSAValue]:
        """The arguments of `op`'s call behind the core; `value` gives the C value of a value."""
        index = self.ops.index(op)
        result: list[SSAValue] = []
        seen_chunk = False
        for argument in self.calls[index]:
            match argument:
                case Pointer(_, place, _):
                    result.append(value(place))
                case Channels() | ChunkPart() if not seen_chunk:
                    seen_chunk = True
                    result.append(value(self.chunk(op)))
                case Scratch(place) if place is not None:
                    result.append(value(place))
                case _:
                    pass
        for values in self.varying.values():
            given = values[index]
            result.append(literal(given) if isinstance(given, int) else value(given))
        return result

    def definition(self, struct: Callable[[Struct], list[c.GlobalOp]]) -> list[Any]:
        """The constants and the function; `struct` makes the global of a constant struct."""
        made: list[Any] = []
        function = c.FuncOp(self.name, self.parameters(), self.result, static=True)
        named = dict(zip((n for n, _ in self.parameters()), function.args, strict=True))
        to = Builder(function.body.block)
        operands = [self._argument(argument, named, to, made, struct) for argument in self.calls[0]]
        self.finish(to, operands, named)
        return [*made, function]

    def _argument(
        self,
        argument: Argument,
        named: dict[str, Any],
        to: Builder,
        made: list[Any],
        struct: Callable[[Struct], list[c.GlobalOp]],
    ) -> SSAValue:
        match argument:
            case Integer(value):
                return to.literal(value)
            case Number(name, value):
                return named[name] if name in self.varying else to.literal(known(value))
            case Shape(type, fields):
                return self._shape(type, fields, named, to, made)
            case Pitch(name, row, pixel):
                entries = {"row": row, "pixel": pixel}
                symbol = self._constant("rn_pitch", name, entries, made)
                return to.add(c.LoadOp(_object(symbol, "rn_pitch", to)))
            case Pointer(name, _, _):
                return named[name]
            case ChunkPart(offset, element):
                return self._part(named["constants"], offset, element, to)
            case Channels(layout):
                return self._channels(layout, named["constants"], to)
            case Scratch(value):
                return named["scratch"] if value is not None else to.add(_null())
            case Struct():
                globals_ = struct(argument)
                made += globals_
                type = c.pointer(c.named(argument.type), const=True)
                return to.add(c.GetGlobalOp(globals_[-1].sym_name.data, type))

    def _shape(
        self,
        type: str,
        fields: Any,
        named: dict[str, Any],
        to: Builder,
        made: list[Any],
    ) -> SSAValue:
        """A constant, or a copy of one with the fields that vary."""
        entries = {n: 0 if n in self.varying else known(value) for n, value in fields.items()}
        symbol = self._constant(type, "shape", entries, made)
        varying = [name for name in fields if name in self.varying]
        if not varying:
            return to.add(c.GetGlobalOp(symbol, c.pointer(c.named(type), const=True)))
        start = to.add(c.LoadOp(_object(symbol, type, to)))
        variable = to.add(c.VariableOp(c.named(type), start))
        variable.name_hint = "shape"
        for name in varying:
            field = to.add(c.MemberOp(variable, name, c.LValueType(i32)))
            to.block.add_op(c.AssignOp(field, named[name]))
        return to.add(c.AddressOfOp(variable))

    def _constant(self, type: str, name: str, entries: dict[str, int], made: list[Any]) -> str:
        symbol = f"{self.name}_{name}"
        value = DictionaryAttr({n: IntegerAttr(v, i32) for n, v in entries.items()})
        made.append(c.GlobalOp(symbol, c.named(type), value, static=True, const=True))
        return symbol

    def _channels(self, layout: ChunkLayout, chunk: SSAValue, to: Builder) -> SSAValue:
        """Where bias, multipliers and shifts are in the chunk."""
        variable = to.add(c.VariableOp(c.named("rn_channels")))
        variable.name_hint = "channels"
        for name, offset, element in (
            ("bias", layout.bias, i32),
            ("multiplier", layout.multiplier, i32),
            ("shift", layout.shift, i8),
        ):
            field = to.add(c.MemberOp(variable, name, c.LValueType(c.pointer(element, const=True))))
            to.block.add_op(c.AssignOp(field, self._part(chunk, offset, element, to)))
        return to.add(c.AddressOfOp(variable))

    @staticmethod
    def _part(chunk: SSAValue, offset: int, element: Attribute, to: Builder) -> SSAValue:
        """An address in the chunk."""
        place = to.binary("+", chunk, to.literal(offset))
        if element == i32:
            place = to.add(c.CastOp(place, c.pointer(c.VOID, const=True)))
        return to.cast(place, c.pointer(element, const=True))


@dataclass
class SharedFunction(KernelFunction[cluster.KernelOp]):
    """A kernel that all cores compute together."""

    @property
    def title(self) -> str:
        op = self.first
        kind = op.name.split(".")[1]
        return f"{kind} '{source_name(op) or kind}': {self.windows(op.ins, op.outs[0])}"

    def chunk(self, op: cluster.KernelOp) -> SSAValue:
        return op.constants[0]

    def finish(self, to: Builder, operands: list[SSAValue], named: Mapping[str, SSAValue]) -> None:
        cores = to.add(c.LiteralOp(c.macro("RN_CORES"), i32))
        to.block.add_op(c.CallOp(self.first.kernel.data, [*operands, named[CORE], cores]))


def _numbers(call: Sequence[Argument]) -> Iterator[tuple[str, Size]]:
    for argument in call:
        match argument:
            case Number(name, value):
                yield name, value
            case Shape(_, fields):
                yield from fields.items()
            case _:
                pass


def known(value: Size) -> int:
    number = constant_size(value)
    assert number is not None
    return number


def _element(value: SSAValue) -> Attribute:
    assert isinstance(value.type, MemRefType)
    return stored_element(value.type.element_type)


def _object(symbol: str, type: str, to: Builder) -> SSAValue:
    return to.add(c.GetGlobalOp(symbol, c.LValueType(c.ConstType(c.named(type)))))


def _null() -> c.LiteralOp:
    return c.LiteralOp(c.NULL, c.VOID_POINTER)
