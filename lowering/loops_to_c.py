"""Loops over buffers -> c: func, scf, memref, arith and math become one file of C functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import PassFailedException

from ..dialects import c, graph
from ..dialects.diagnostics import refuse
from ..dialects.types import dtype_of
from .c_builder import c_type
from .function_to_c import includes, lower_function


@dataclass(frozen=True)
class ConvertLoopsToC(ModulePass):
    """Write all functions on buffers and the constants that they read into one C file.

    Private functions become static ones. Constants are `memref.global` or `graph.global`.
    """

    name = "convert-loops-to-c"

    file: str = "loops.c"
    """The name of the file."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        old = list(op.body.block.ops)
        functions = [o for o in old if isinstance(o, func.FuncOp) and o.body.blocks]
        lowered = [lower_function(function) for function in callees_first(functions)]
        file = c.FileOp(self.file)
        body = file.body.block
        body.add_ops(includes(lowered))
        for name in dict.fromkeys(name for function in lowered for name in function.constants):
            body.add_op(constant_global(op, name, name))
        body.add_ops(function.arena for function in lowered if function.arena is not None)
        body.add_ops(function.op for function in lowered)
        for replaced in old:
            if isinstance(replaced, func.FuncOp | memref.GlobalOp | graph.GlobalOp):
                op.body.block.erase_op(replaced, safe_erase=False)
        op.body.block.add_op(file)


def callees_first(functions: Sequence[func.FuncOp]) -> list[func.FuncOp]:
    """The functions in an order in which C can declare them."""
    known = {function.sym_name.data: function for function in functions}
    done: dict[str, func.FuncOp] = {}
    open_: set[str] = set()

    def visit(function: func.FuncOp) -> None:
        name = function.sym_name.data
        if name in open_:
            refuse(function, "calls itself")
        if name in done:
            return
        open_.add(name)
        for op in function.walk():
            callee = op.callee.string_value() if isinstance(op, func.CallOp) else None
            if callee in known:
                visit(known[callee])
        open_.discard(name)
        done[name] = function

    for function in functions:
        visit(function)
    return list(done.values())


def constant_data(module: ModuleOp, name: str) -> tuple[NDArray[np.generic], Attribute]:
    """The elements of a constant of the module and their C type."""
    found = SymbolTable.lookup_symbol(module, name)
    match found:
        case graph.GlobalOp():
            assert isinstance(found.type, TensorType)
            return found.array(), c_type(found.type.element_type)
        case memref.GlobalOp() if isinstance(found.initial_value, DenseIntOrFPElementsAttr):
            element = found.type.element_type
            data = found.initial_value.data.data
            return np.frombuffer(data, dtype_of(element)), c_type(element)
        case _:
            raise PassFailedException(f"no constant @{name} with data in the module")


def constant_global(module: ModuleOp, name: str, c_name: str) -> c.GlobalOp:
    """The constant `name` of the module as a static array."""
    array, element = constant_data(module, name)
    type = c.ArrayType(array.size, element)
    return c.GlobalOp(c_name, type, array.reshape(-1), static=True, const=True)
