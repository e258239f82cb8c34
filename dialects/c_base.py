"""What the ops of the c dialect share: the types of C values, the rules for names and conversions.

Types are builtin's and emitc's: `i8` is `int8_t`, `ui8` is `uint8_t`, `i1` is `bool`, `f32` is
`float`, `!emitc.size_t`, `!emitc.ptr<T>`; `!emitc.opaque<"name">` is a struct, an enum or `void`,
by name. Three are our own: emitc spells `const` inside opaque strings, which nothing can check, and
its arrays and lvalues refuse pointers and types that it does not know.
"""

from __future__ import annotations

from xdsl.dialects.builtin import (
    Float32Type,
    Float64Type,
    IntAttr,
    IntegerType,
    Signedness,
    StringAttr,
)
from xdsl.dialects.emitc import (
    EmitC_OpaqueAttr,
    EmitC_OpaqueType,
    EmitC_PointerType,
    EmitC_PtrDiffT,
    EmitC_SizeT,
)
from xdsl.ir import Attribute, Block, Operation, ParametrizedAttribute, Region, TypeAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .c_names import LIBRARY, name_problem
from .diagnostics import describe


@irdl_attr_definition
class ConstType(ParametrizedAttribute, TypeAttribute):
    """A pointee that is not written: `!emitc.ptr<!c.const<i8>>` is `const int8_t *`."""

    name = "c.const"

    type: TypeAttribute = param_def()


@irdl_attr_definition
class LValueType(ParametrizedAttribute, TypeAttribute):
    """An object: what has an address, can be read and, unless it is const, assigned.

    `!c.lvalue<f32>`, `!c.lvalue<!c.const<f32>>`
    """

    name = "c.lvalue"

    type: TypeAttribute = param_def()


@irdl_attr_definition
class ArrayType(ParametrizedAttribute, TypeAttribute):
    """An array of one dimension, as globals, variables and fields have it: `!c.array<16 x f32>`."""

    name = "c.array"

    length: IntAttr
    element_type: TypeAttribute = param_def()

    def __init__(self, length: int, element_type: Attribute):
        assert isinstance(element_type, TypeAttribute)
        super().__init__(IntAttr(length), element_type)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        with parser.in_angle_brackets():
            length = parser.parse_integer(allow_boolean=False, allow_negative=False)
            parser.parse_keyword("x")
            return [IntAttr(length), parser.parse_type()]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"{self.length.data} x ")
            printer.print_attribute(self.element_type)

    def verify(self) -> None:
        if self.length.data < 1:
            raise VerifyException("c.array: an array has at least one element")


def pointer(pointee: Attribute, *, const: bool = False) -> EmitC_PointerType:
    """`T *`, or `const T *`."""
    assert isinstance(pointee, TypeAttribute)
    return EmitC_PointerType(ConstType(pointee) if const else pointee)


def named(name: str) -> EmitC_OpaqueType:
    """A struct, enum or other type by its name."""
    return EmitC_OpaqueType(StringAttr(name))


def macro(name: str) -> EmitC_OpaqueAttr:
    """A value that a header gives a name: a macro or an enumerator."""
    return EmitC_OpaqueAttr(StringAttr(name))


VOID = named("void")
CHAR = named("char")
VOID_POINTER = pointer(VOID)
STRING = pointer(CHAR, const=True)
BYTE = IntegerType(8, Signedness.UNSIGNED)
"""What arenas are arrays of."""
NULL = macro("NULL")


def check_name(op: Operation, name: str, what: str) -> None:
    """Refuse a `name` that C cannot declare."""
    if (problem := name_problem(name)) is not None:
        raise VerifyException(f"{describe(op)}: {what} '{name}' {problem}")


def check_constant_name(op: Operation, value: EmitC_OpaqueAttr) -> None:
    """`#emitc.opaque` stands for a macro, an enumerator or the null pointer, not for any text."""
    name = value.value.data
    if name not in ("NULL", "true", "false", "INFINITY", "NAN"):
        check_name(op, name, "constant")


def with_block(region: Region) -> Region:
    """`region` with a block: the parser leaves it out where there is nothing between the braces."""
    if not region.blocks:
        region.add_block(Block())
    return region


def is_integer(type: Attribute) -> bool:
    return isinstance(type, IntegerType | EmitC_SizeT | EmitC_PtrDiffT)


def check_global_name(op: Operation, name: str, what: str) -> None:
    """Refuse a `name` that C cannot declare at file level."""
    check_name(op, name, what)
    if name in LIBRARY:
        raise VerifyException(f"{describe(op)}: {what} '{name}' is a name of the C library")


def is_pointer(type: Attribute) -> bool:
    return isinstance(type, EmitC_PointerType)


def is_float(type: Attribute) -> bool:
    return isinstance(type, Float32Type | Float64Type)


def unqualified(type: Attribute) -> Attribute:
    """`type` without its outer const."""
    return type.type if isinstance(type, ConstType) else type


def is_promoted(type: Attribute) -> bool:
    """Whether C computes in `type` itself: narrower integers become int first."""
    if isinstance(type, IntegerType):
        return type.width.data in (32, 64)
    return is_integer(type) or is_float(type)


def type_problem(type: Attribute) -> str | None:
    """Why `type` is not the type of a C value, or None."""
    match type:
        case IntegerType():
            if type.width.data not in (1, 8, 16, 32, 64):
                return f"{type} has no C type: the widths are 1, 8, 16, 32 and 64"
            if type.signedness.data is Signedness.SIGNED:
                return f"{type} has no C type of its own: signless integers are the signed ones"
            return None
        case Float32Type() | Float64Type() | EmitC_SizeT() | EmitC_PtrDiffT():
            return None
        case EmitC_OpaqueType():
            name = type.value.data
            known = name in ("void", "char", "int")
            return None if known or name_problem(name) is None else f"{type} does not name a type"
        case EmitC_PointerType():
            return type_problem(unqualified(type.pointee_type))
        case _:
            return f"{type} is not a C type"


def check_type(op: Operation, type: Attribute, *, void: bool = False) -> None:
    """Refuse a `type` that no C value has."""
    problem = type_problem(type)
    if problem is None and type == VOID and not void:
        problem = "a value cannot be void"
    if problem is not None:
        raise VerifyException(f"{describe(op)}: {problem}")


def check_object_type(op: Operation, type: Attribute) -> None:
    """Refuse a `type` that no variable has: like `check_type`, with arrays."""
    check_type(op, type.element_type if isinstance(type, ArrayType) else type)


def assignable(source: Attribute, target: Attribute) -> bool:
    """Whether C converts `source` to `target` silently and without loss: the same type, a pointer
    that gains const, a pointer to or from void.
    """
    if source == target:
        return True
    if not isinstance(source, EmitC_PointerType) or not isinstance(target, EmitC_PointerType):
        return False
    given, wanted = source.pointee_type, target.pointee_type
    if isinstance(given, ConstType) and not isinstance(wanted, ConstType):
        return False
    given, wanted = unqualified(given), unqualified(wanted)
    return given == wanted or VOID in (given, wanted)
