"""The c dialect: variables and statements."""

from __future__ import annotations

from typing import Self

from xdsl.dialects.builtin import (
    IntegerAttr,
    StringAttr,
    i1,
)
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    MemoryWriteEffect,
    NoTerminator,
    RecursiveMemoryEffect,
)
from xdsl.utils.exceptions import VerifyException

from .c_base import (
    ArrayType,
    ConstType,
    LValueType,
    assignable,
    check_object_type,
    is_integer,
    unqualified,
    with_block,
)
from .c_expressions import LiteralOp
from .diagnostics import describe


@irdl_op_definition
class CommentOp(IRDLOperation):
    """A comment of one or more lines, in a file or in a function.

    ```mlir
    c.comment "conv2d 'conv1': 32x32x3 -> 32x32x16"
    ```
    """

    name = "c.comment"

    text = prop_def(StringAttr)

    assembly_format = "$text attr-dict"

    def __init__(self, text: str):
        super().__init__(properties={"text": StringAttr(text)})

    def verify_(self) -> None:
        if "*/" in self.text.data or "/*" in self.text.data:
            raise VerifyException("c.comment: a comment cannot hold the mark of another")


@irdl_op_definition
class VariableOp(IRDLOperation):
    """A local variable, initialised or not; an array is never initialised.

    ```mlir
    %acc = c.variable init(%0 : f32) : !c.lvalue<f32>
    %row = c.variable : !c.array<16 x f32>
    ```
    """

    name = "c.variable"

    init = opt_operand_def()
    result = result_def()

    assembly_format = "(`init` `(` $init^ `:` type($init) `)`)? attr-dict `:` type($result)"

    def __init__(self, type: Attribute, init: SSAValue | Operation | None = None):
        """`type` is the type of the variable's value, or an array."""
        if not isinstance(type, ArrayType):
            type = LValueType(type)  # pyright: ignore[reportArgumentType]
        super().__init__(operands=[[] if init is None else [init]], result_types=[type])

    def verify_(self) -> None:
        type = self.result.type
        if not isinstance(type, LValueType | ArrayType):
            raise VerifyException(f"{describe(self)}: a variable is an lvalue or an array")
        held = type if isinstance(type, ArrayType) else unqualified(type.type)
        check_object_type(self, held)
        if self.init is not None and not assignable(self.init.type, held):
            raise VerifyException(
                f"{describe(self)}: a {self.init.type} cannot initialise a {held}"
            )


@irdl_op_definition
class AssignOp(IRDLOperation):
    """`a = b;`

    ```mlir
    c.assign %acc = %1 : !c.lvalue<f32>, f32
    ```
    """

    name = "c.assign"

    target = operand_def(LValueType)
    value = operand_def()

    traits = traits_def(MemoryWriteEffect())

    assembly_format = "$target `=` $value attr-dict `:` type($target) `,` type($value)"

    def __init__(self, target: SSAValue | Operation, value: SSAValue | Operation):
        super().__init__(operands=[target, value])

    def verify_(self) -> None:
        type = self.target.type
        assert isinstance(type, LValueType)
        if isinstance(type.type, ConstType):
            raise VerifyException(f"{describe(self)}: a {type} cannot be assigned")
        if not assignable(self.value.type, type.type):
            raise VerifyException(
                f"{describe(self)}: a {self.value.type} cannot be assigned to a {type}"
            )


@irdl_op_definition
class DiscardOp(IRDLOperation):
    """`(void)a;`: says that a parameter is not used on purpose.

    ```mlir
    c.discard %scratch : !emitc.ptr<i8>
    ```
    """

    name = "c.discard"

    value = operand_def()

    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue | Operation):
        super().__init__(operands=[value])


@irdl_op_definition
class IfOp(IRDLOperation):
    """`if (a) { ... } else { ... }`

    ```mlir
    c.if %0 {
      c.assign %y = %1 : !c.lvalue<f32>, f32
    } else {
      c.assign %y = %2 : !c.lvalue<f32>, f32
    }
    ```
    """

    name = "c.if"

    condition = operand_def(i1)
    then_body = region_def("single_block")
    else_body = region_def()

    traits = traits_def(NoTerminator(), RecursiveMemoryEffect())

    def __init__(
        self,
        condition: SSAValue | Operation,
        then_body: Region | None = None,
        else_body: Region | None = None,
    ):
        super().__init__(
            operands=[condition],
            regions=[then_body or Region(Block()), else_body or Region()],
        )

    def verify_(self) -> None:
        for region in (self.then_body, self.else_body):
            if len(region.blocks) > 1 or any(block.args for block in region.blocks):
                raise VerifyException("c.if: each branch is one block without arguments")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        condition = parser.parse_operand(i1)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        then_body = with_block(parser.parse_region())
        has_else = parser.parse_optional_keyword("else") is not None
        op = cls(condition, then_body, with_block(parser.parse_region()) if has_else else None)
        op.attributes |= attributes.data if attributes is not None else {}
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.condition)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.then_body, print_empty_block=False)
        if self.else_body.blocks:
            printer.print_string(" else ")
            printer.print_region(self.else_body, print_empty_block=False)


@irdl_op_definition
class ForOp(IRDLOperation):
    """`for (T i = lower; i < upper; i += step) { ... }` with a positive step.

    ```mlir
    c.for %i = %0 to %n step %1 : i32 {
      %e = c.subscript %y[%i] : (!emitc.ptr<f32>, i32) -> !c.lvalue<f32>
    }
    ```
    """

    name = "c.for"

    lower = operand_def()
    upper = operand_def()
    step = operand_def()
    body = region_def("single_block")

    traits = traits_def(NoTerminator(), RecursiveMemoryEffect())

    def __init__(
        self,
        lower: SSAValue | Operation,
        upper: SSAValue | Operation,
        step: SSAValue | Operation,
        body: Region | None = None,
    ):
        type = SSAValue.get(lower).type
        super().__init__(
            operands=[lower, upper, step], regions=[body or Region(Block(arg_types=[type]))]
        )

    @property
    def counter(self) -> BlockArgument:
        """The variable that counts."""
        return self.body.block.args[0]

    def verify_(self) -> None:
        type = self.lower.type
        if not is_integer(type) or type == i1:
            raise VerifyException(f"{describe(self)}: a {type} cannot count")
        if not type == self.upper.type == self.step.type or self.body.block.arg_types != (type,):
            raise VerifyException(f"{describe(self)}: bounds, step and counter have one type")
        step = self.step.owner
        value = step.value if isinstance(step, LiteralOp) else None
        if isinstance(value, IntegerAttr) and value.value.data <= 0:
            raise VerifyException(f"{describe(self)}: the step is not positive")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        counter = parser.parse_argument(expect_type=False)
        parser.parse_punctuation("=")
        lower = parser.parse_unresolved_operand()
        parser.parse_keyword("to")
        upper = parser.parse_unresolved_operand()
        parser.parse_keyword("step")
        step = parser.parse_unresolved_operand()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        attributes = parser.parse_optional_attr_dict_with_keyword()
        body = parser.parse_region((counter.resolve(type),))
        first, last, by = (parser.resolve_operand(o, type) for o in (lower, upper, step))
        op = cls(first, last, by, body)
        op.attributes |= attributes.data if attributes is not None else {}
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.counter)
        printer.print_string(" = ")
        printer.print_ssa_value(self.lower)
        printer.print_string(" to ")
        printer.print_ssa_value(self.upper)
        printer.print_string(" step ")
        printer.print_ssa_value(self.step)
        printer.print_string(" : ")
        printer.print_attribute(self.lower.type)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False, print_empty_block=False)
