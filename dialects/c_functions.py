"""The c dialect: functions, calls and returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

from xdsl.dialects.builtin import (
    ArrayAttr,
    FunctionType,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
)
from xdsl.dialects.utils import parse_func_op_like, print_func_op_like
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_operand_def,
    opt_prop_def,
    opt_result_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    CallableOpInterface,
    EffectInstance,
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    MemoryEffect,
    MemoryEffectKind,
    NoTerminator,
    SymbolOpInterface,
)
from xdsl.utils.exceptions import VerifyException

from .c_base import (
    assignable,
    check_global_name,
    check_name,
    check_type,
)
from .c_file import FileOp, LinkedOp, file_of, find_symbol
from .diagnostics import describe


class _FuncInterface(CallableOpInterface):
    @classmethod
    def get_callable_region(cls, op: Operation) -> Region:
        assert isinstance(op, FuncOp)
        return op.body

    @classmethod
    def get_argument_types(cls, op: Operation) -> tuple[Attribute, ...]:
        assert isinstance(op, FuncOp)
        return op.function_type.inputs.data

    @classmethod
    def get_result_types(cls, op: Operation) -> tuple[Attribute, ...]:
        assert isinstance(op, FuncOp)
        return op.function_type.outputs.data


@irdl_op_definition
class FuncOp(LinkedOp):
    """A function; without a body a declaration. Parameters are named by `arg_names`, else by the
    SSA names of the body. No function may call itself, in however many steps.

    ```mlir
    c.func @net_run(!emitc.ptr<!c.const<i8>>) -> i32 attributes {arg_names = ["input"]}
    c.func static @net_add(%a : i32, %b : i32) -> i32 {
      %0 = c.binary %a "+" %b : (i32, i32) -> i32
      c.return %0 : i32
    }
    ```
    """

    name = "c.func"

    function_type = prop_def(FunctionType)
    arg_names = opt_prop_def(ArrayAttr[StringAttr])
    body = region_def()

    traits = traits_def(
        HasParent(FileOp),
        IsolatedFromAbove(),
        SymbolOpInterface(),
        NoTerminator(),
        _FuncInterface(),
    )

    def __init__(
        self,
        name: str,
        arguments: Sequence[tuple[str, Attribute]],
        result: Attribute | None = None,
        *,
        static: bool = False,
        declaration: bool = False,
    ):
        """`arguments` are names and types; the block of a definition is `self.body.block`."""
        types = [type for _, type in arguments]
        region = Region() if declaration else Region(Block(arg_types=types))
        if not declaration:
            for value, (hint, _) in zip(region.block.args, arguments, strict=True):
                value.name_hint = hint
        names = ArrayAttr(StringAttr(hint) for hint, _ in arguments)
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "function_type": FunctionType.from_lists(types, [] if result is None else [result]),
                "static": UnitAttr() if static else None,
                "arg_names": names if arguments else None,
            },
            regions=[region],
        )

    def is_definition(self) -> bool:
        return bool(self.body.blocks)

    @property
    def args(self) -> tuple[BlockArgument, ...]:
        """The parameters of a definition."""
        return tuple(self.body.block.args)

    def verify_(self) -> None:
        name, type = self.sym_name.data, self.function_type
        check_global_name(self, name, "function")
        for input in type.inputs:
            check_type(self, input)
        if len(type.outputs) > 1:
            raise VerifyException(f"c.func @{name}: C functions have at most one result")
        for output in type.outputs:
            check_type(self, output)
        self._verify_names()
        if not self.body.blocks:
            if self.static is not None:
                raise VerifyException(f"c.func @{name}: a static function needs a body")
            return
        if len(self.body.blocks) > 1 or self.body.block.arg_types != type.inputs.data:
            raise VerifyException(
                f"c.func @{name}: one block with the arguments of {type} expected"
            )
        last = self.body.block.last_op
        if type.outputs and not isinstance(last, ReturnOp):
            raise VerifyException(f"c.func @{name}: the last op must return a value")
        self._verify_calls()

    def _verify_names(self) -> None:
        if self.arg_names is None:
            return
        names = [name.data for name in self.arg_names]
        for name in names:
            check_name(self, name, "parameter")
        if len(set(names)) != len(names) or len(names) != len(self.function_type.inputs):
            raise VerifyException(
                f"c.func @{self.sym_name.data}: {len(self.function_type.inputs)} different names "
                f"of parameters expected, got {', '.join(names)}"
            )

    def _verify_calls(self) -> None:
        """Refuse recursion: the stack must have a bound."""
        chain = _cycle(self)
        if chain is not None:
            steps = " -> ".join(f"@{name}" for name in chain)
            raise VerifyException(f"c.func @{self.sym_name.data} calls itself: {steps}")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        static = parser.parse_optional_keyword("static") is not None
        name, inputs, outputs, region, extra, _, _ = parse_func_op_like(
            parser, reserved_attr_names=("sym_name", "function_type")
        )
        op = cls(name, [("", type) for type in inputs], static=static, declaration=True)
        op.properties["function_type"] = FunctionType.from_lists(inputs, outputs)
        attributes = dict(extra.data) if extra is not None else {}
        names = attributes.pop("arg_names", None)
        op.properties.pop("arg_names", None)
        if names is not None:
            op.properties["arg_names"] = names
        op.attributes |= attributes
        op.detach_region(op.body)
        op.add_region(region)
        return op

    def print(self, printer: Printer) -> None:
        if self.static is not None:
            printer.print_string(" static")
        names = {} if self.arg_names is None else {"arg_names": self.arg_names}
        print_func_op_like(
            printer,
            self.sym_name,
            self.function_type,
            self.body,
            {**names, **self.attributes},
            reserved_attr_names=("sym_name", "function_type"),
            print_empty_outputs=False,
        )


def _callees(function: FuncOp) -> Iterator[str]:
    for op in function.body.walk():
        if isinstance(op, CallOp):
            yield op.callee.string_value()


def _cycle(function: FuncOp) -> list[str] | None:
    """The names along a chain of calls from `function` back to itself."""
    bodies = _function_bodies(function)
    name = function.sym_name.data
    todo, seen = [[name]], {name}
    while todo:
        chain = todo.pop()
        caller = bodies.get(chain[-1])
        for callee in _callees(caller) if caller is not None else ():
            if callee == name:
                return [*chain, callee]
            if callee not in seen:
                seen.add(callee)
                todo.append([*chain, callee])
    return None


def _function_bodies(function: FuncOp) -> dict[str, FuncOp]:
    """All functions with a body that can be called in the program of `function`."""
    own = file_of(function)
    files = list(own.parent.ops) if own is not None and own.parent is not None else [own]
    bodies: dict[str, FuncOp] = {}
    for file in [file for file in files if isinstance(file, FileOp)]:
        for op in file.body.block.ops:
            public = isinstance(op, FuncOp) and op.static is None
            if isinstance(op, FuncOp) and op.body.blocks and (public or file is own):
                bodies[op.sym_name.data] = op
    return bodies


class _CallEffects(MemoryEffect):
    """A call reads and writes memory unless it says that it is pure."""

    @classmethod
    def get_effects(cls, op: Operation) -> set[EffectInstance]:
        if "pure" in op.properties:
            return set()
        return {EffectInstance(MemoryEffectKind.READ), EffectInstance(MemoryEffectKind.WRITE)}


@irdl_op_definition
class CallOp(IRDLOperation):
    """A call. A function that no `c.func` declares comes from an included header. `pure` says that
    the result depends on the arguments alone.

    ```mlir
    c.call @rn_copy(%n, %x, %y) : (i32, !emitc.ptr<!c.const<i8>>, !emitc.ptr<i8>) -> ()
    %1 = c.call pure @expf(%0) : (f32) -> f32
    ```
    """

    name = "c.call"

    pure = opt_prop_def(UnitAttr)
    callee = prop_def(SymbolRefAttr)
    arguments = var_operand_def()
    result = opt_result_def()

    traits = traits_def(_CallEffects())

    assembly_format = (
        "(`pure` $pure^)? $callee `(` $arguments `)` attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(
        self,
        callee: str,
        arguments: Sequence[SSAValue | Operation],
        type: Attribute | None = None,
        *,
        pure: bool = False,
    ):
        super().__init__(
            operands=[list(arguments)],
            properties={
                "callee": SymbolRefAttr(callee),
                "pure": UnitAttr() if pure else None,
            },
            result_types=[[] if type is None else [type]],
        )

    def verify_(self) -> None:
        callee = self.callee.string_value()
        check_name(self, callee, "function")
        for operand in self.arguments:
            check_type(self, operand.type)
        if self.result is not None:
            check_type(self, self.result.type)
        if self.pure is not None and self.result is None:
            raise VerifyException(f"{describe(self)}: a pure call without a result does nothing")
        caller = self.parent_op()
        while caller is not None and not isinstance(caller, FuncOp):
            caller = caller.parent_op()
        if caller is None or caller.sym_name.data != callee:
            self._verify_against(find_symbol(self, callee), callee)

    def _verify_against(self, found: Operation | None, callee: str) -> None:
        if found is None:
            return
        if not isinstance(found, FuncOp):
            raise VerifyException(f"{describe(self)}: @{callee} is a {found.name}, not a function")
        type = found.function_type
        given = [operand.type for operand in self.arguments]
        fits = len(given) == len(type.inputs) and all(map(assignable, given, type.inputs))
        if not fits or (self.result is not None and (self.result.type,) != type.outputs.data):
            raise VerifyException(f"{describe(self)}: @{callee} has the type {type}")


@irdl_op_definition
class ReturnOp(IRDLOperation):
    """`return a;`

    ```mlir
    c.return %0 : i32
    ```
    """

    name = "c.return"

    value = opt_operand_def()

    traits = traits_def(HasParent(FuncOp), IsTerminator())

    assembly_format = "attr-dict ($value^ `:` type($value))?"

    def __init__(self, value: SSAValue | Operation | None = None):
        super().__init__(operands=[[] if value is None else [value]])

    def verify_(self) -> None:
        function = self.parent_op()
        assert isinstance(function, FuncOp)
        expected = function.function_type.outputs.data
        given = () if self.value is None else (self.value.type,)
        if len(given) != len(expected) or not all(map(assignable, given, expected)):
            raise VerifyException(
                f"c.return: @{function.sym_name.data} has the type {function.function_type}"
            )
