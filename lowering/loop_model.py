"""The files of a model with layers that are functions of loops, one call each."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from xdsl.dialects import func
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Block
from xdsl.traits import SymbolTable

from ..dialects import c, cortexm
from ..dialects.diagnostics import refuse
from .c_builder import Builder
from .c_model import Layer, Model
from .loops_to_c import LoweredFunction, includes, lower_function


class LoopModel(Model):
    """Writes the function of each layer, and behind it one without parameters that calls it."""

    LAYERS: ClassVar[tuple[type[cortexm.KernelOp | func.CallOp], ...]] = (
        cortexm.KernelOp,
        func.CallOp,
    )

    @cached_property
    def lowered(self) -> dict[str, LoweredFunction]:
        """The functions of all layers as C, by the symbol that the module has for them."""
        calls = [layer for layer in self.layers if isinstance(layer.op, func.CallOp)]
        callees = dict.fromkeys(callee(layer) for layer in calls)
        return {name: self.lower(name) for name in callees}

    def lower(self, name: str) -> LoweredFunction:
        found = SymbolTable.lookup_symbol(self.module, name)
        if not isinstance(found, func.FuncOp) or not found.body.blocks:
            refuse(self.function, f"calls @{name}, which has no body")
        return lower_function(
            found, f"{self.name}_{name}", lambda symbol: self.constant(SymbolRefAttr(symbol))
        )

    def includes(self) -> list[c.IncludeOp]:
        null = c.IncludeOp("stddef.h", system=True)
        return [*super().includes(), null, *includes(list(self.lowered.values()))]

    def layer(self, layer: Layer, block: Block) -> None:
        """The loops (once, if several layers share them), and the call on places in the arena."""
        if isinstance(layer.op, cortexm.KernelOp):
            super().layer(layer, block)
            return
        lowered = self.lowered[callee(layer)]
        block.add_op(c.CommentOp(layer.title()))
        if lowered.op.parent is None:
            block.add_op(lowered.op)
        function = c.FuncOp(layer.function, [], None, static=True)
        block.add_op(function)
        to = Builder(function.body.block)
        types = lowered.op.function_type.inputs.data
        places = [
            to.add(c.CastOp(self.place(value, to), type))
            for value, type in zip(layer.op.operands, types, strict=True)
        ]
        function.body.block.add_op(c.CallOp(lowered.op.sym_name.data, places))


def callee(layer: Layer) -> str:
    """The function that a layer calls."""
    assert isinstance(layer.op, func.CallOp)
    return layer.op.callee.string_value()
