"""What the C of a model shows its callers: a header, its functions, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    f32,
    i32,
    i64,
)
from xdsl.ir import Attribute, TypeAttribute
from xdsl.utils.exceptions import PassFailedException

from ..dialects import c, dma
from ..dialects.quant_types import UniformQuantizedType
from ..dialects.types import byte_size, stored_element
from .kernel_arguments import MAX_RANK

Role = Literal["input", "output"]

USAGE = """Usage:
  {model}_init();
  write {model}_inputs[0].bytes bytes to {model}_input(0);
  {model}_run();
  read {model}_outputs[0].bytes bytes from {model}_output(0).
Nothing is allocated and nothing is re-entrant: one caller at a time."""

TENSOR_FIELDS: dict[str, TypeAttribute] = {
    "name": c.STRING,
    "element": c.STRING,
    "rank": i32,
    "shape": c.ArrayType(MAX_RANK, i32),
    "bytes": i32,
    "scale": f32,
    "zero_point": i32,
}


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


def tensors(buffers: Sequence[dma.BufferOp], role: Role) -> list[Tensor]:
    """The inputs (or outputs) in their order."""
    found = [op for op in buffers if op.role is not None and op.role.data == role]
    found.sort(key=lambda op: op.index.value.data if op.index else 0)
    result: list[Tensor] = []
    for index, op in enumerate(found):
        assert isinstance(op.result.type, MemRefType)
        name = op.attributes.get("graph.name")
        text = name.data if isinstance(name, StringAttr) else f"{role}{index}"
        result.append(Tensor(text, op.result.type, dma.offset_of(op)))
    return result


def write_header(
    file: c.FileOp,
    name: str,
    counts: Mapping[str, int],
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> None:
    """Fill `file` with all that a caller of model `name` includes."""
    add = file.body.block.add_ops
    add([c.IncludeOp("stdint.h", system=True), c.CommentOp(USAGE.format(model=name))])
    known = numbers(counts, inputs, outputs)
    add(c.DefineOp(f"{name.upper()}_{key}", value) for key, value in known.items())
    add([c.CommentOp("An input or output: real = scale * (stored - zero_point).")])
    add([c.StructOp(f"{name}_tensor", dict(TENSOR_FIELDS))])
    for role, found in (("input", inputs), ("output", outputs)):
        type = c.ArrayType(len(found), c.named(f"{name}_tensor"))
        add([c.GlobalOp(f"{name}_{role}s", type, extern=True, const=True)])
    for comment, function in interface(name, declaration=True):
        add([c.CommentOp(comment), function])


def numbers(
    counts: Mapping[str, int], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> dict[str, Attribute]:
    """What the header defines: the `counts`, then bytes, scales and zero points of each tensor."""
    numbers: dict[str, Attribute] = {
        "INPUT_COUNT": integer(len(inputs)),
        "OUTPUT_COUNT": integer(len(outputs)),
        **{name: integer(count) for name, count in counts.items()},
    }
    for role, found in (("INPUT", inputs), ("OUTPUT", outputs)):
        for index, tensor in enumerate(found):
            numbers[f"{role}_{index}_BYTES"] = integer(byte_size(tensor.type))
            numbers[f"{role}_{index}_SCALE"] = FloatAttr(tensor.scale, f32)
            numbers[f"{role}_{index}_ZERO_POINT"] = integer(tensor.zero_point)
    return numbers


def interface(name: str, *, declaration: bool) -> list[tuple[str, c.FuncOp]]:
    """The functions of the C API with what they do."""

    def function(
        which: str, result: Attribute | None, *arguments: tuple[str, Attribute]
    ) -> c.FuncOp:
        return c.FuncOp(f"{name}_{which}", arguments, result, declaration=declaration)

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


def descriptions(name: str, role: Role, found: Sequence[Tensor]) -> c.GlobalOp:
    """The array that describes the inputs or the outputs of model `name`."""
    type = c.ArrayType(len(found), c.named(f"{name}_tensor"))
    entries = ArrayAttr(DictionaryAttr(description(tensor)) for tensor in found)
    return c.GlobalOp(f"{name}_{role}s", type, entries, const=True)


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


def integer(value: int) -> IntegerAttr:
    return IntegerAttr(value, i32 if -(2**31) <= value < 2**31 else i64)
