"""Remove constants that nothing reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.passes import ModulePass

from ...dialects import graph


@dataclass(frozen=True)
class RemoveUnusedGlobals(ModulePass):
    """Remove every `graph.global` whose symbol no op names, and every unused `graph.constant`.

    xDSL's `dce` leaves symbols alone, since any op may name one.
    """

    name = "remove-unused-globals"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for constant in list(op.walk()):
            if isinstance(constant, graph.ConstantOp) and constant.result.first_use is None:
                constant.detach()
                constant.erase()
        named: set[str] = set()
        for user in op.walk():
            for attribute in (*user.properties.values(), *user.attributes.values()):
                named |= symbols_in(attribute)
        for symbol in list(op.body.block.ops):
            if isinstance(symbol, graph.GlobalOp) and symbol.sym_name.data not in named:
                symbol.detach()
                symbol.erase()


def symbols_in(attribute: Attribute) -> set[str]:
    """The root symbols that an attribute names, itself or within its parts."""
    match attribute:
        case SymbolRefAttr():
            return {attribute.root_reference.data}
        case ArrayAttr():
            parts: Iterable[Attribute] = attribute.data
        case DictionaryAttr():
            parts = attribute.data.values()
        case ParametrizedAttribute():
            parts = attribute.parameters
        case _:
            return set()
    return set[str]().union(*(symbols_in(part) for part in parts))
