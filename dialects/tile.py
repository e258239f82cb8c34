"""The tile dialect: which windows of tensors move to the near memory and what is computed there.

A `tile.group` computes one tensor tile by tile: a loop nest over boxes of its result. The ops in it
are those of quant; each value stands for the window that the present tile needs (the window's shape
is not in its type: tiles may be ragged, and windows are cut at the border of the image). What the
group reads from a far memory it loads; what neighbours leave in the near memory it uses in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Block, BlockArgument, Dialect, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import IsolatedFromAbove, IsTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from .attributes import index_array
from .diagnostics import describe
from .graph import ConstantOp
from .reuse import SameBytes
from .tiling import Arithmetic, Box, Interval, N, Tiling, Window, shape_of, tiling_of, window

CYCLES = "tile.cycles"
"""On a group: the cycles that the search expects it to take, for reports."""


class MoveOp(IRDLOperation):
    """What load and store share: a window in another memory."""

    source = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$source attr-dict `:` type($source) `to` type($result)"

    def __init__(self, source: SSAValue):
        super().__init__(operands=[source], result_types=[source.type])

    def verify_(self) -> None:
        kind = self.name.removeprefix("tile.")
        if self.source.type != self.result.type:
            raise VerifyException(f"{describe(self)}: a {kind} keeps the type, {self.source.type}")


@irdl_op_definition
class LoadOp(MoveOp):
    """The window of a tensor in a far memory, copied to the near one.

    ```mlir
    %1 = tile.load %0 : tensor<...> to tensor<...>
    ```
    """

    name = "tile.load"


@irdl_op_definition
class StoreOp(MoveOp):
    """The window of the group's result, copied to its home in a far memory.

    ```mlir
    %2 = tile.store %1 : tensor<...> to tensor<...>
    ```
    """

    name = "tile.store"


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends the body of a group with its result."""

    name = "tile.yield"

    value = operand_def(TensorType)

    traits = traits_def(IsTerminator(), Pure())
    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue):
        super().__init__(operands=[value])


@irdl_op_definition
class GroupOp(IRDLOperation):
    """Ops that are computed together, tile by tile, on one unit.

    The result, whose home is the memory `home`, is cut into boxes of `sizes` (one number per
    dimension; the last box of a dimension may be smaller); `order` lists its dimensions from the
    outermost loop to the innermost. Loads and stores go through `buffers` buffers each in `near`,
    so that with two of them one tile moves while another is computed. In a chain of ops what flows
    between them stays in `near`.

    ```mlir
    %y = tile.group "cluster" near "l1" home "l2" sizes [1, 8, 32, 16] order [0, 1, 2, 3] buffers 2
      (%x : tensor<...>) -> tensor<...> {
    ^bb0(%0 : tensor<...>):
      %1 = tile.load %0 : tensor<...> to tensor<...>
      %2 = graph.constant @w : tensor<...>
      %3 = graph.constant @b : tensor<...>
      %4 = quant.conv2d %1, %2, %3 {...} : (...) -> tensor<...>
      %5 = tile.store %4 : tensor<...> to tensor<...>
      tile.yield %5 : tensor<...>
    }
    ```
    """

    name = "tile.group"

    ins = var_operand_def(TensorType)
    result = result_def(TensorType)
    body = region_def("single_block")
    unit = prop_def(StringAttr)
    near = prop_def(StringAttr)
    home = prop_def(StringAttr)
    sizes = prop_def(DenseArrayBase[I64])
    order = prop_def(DenseArrayBase[I64])
    buffers = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure(), IsolatedFromAbove())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$unit `near` $near `home` $home `sizes` $sizes `order` $order `buffers` $buffers "
        "`(` $ins `:` type($ins) `)` `->` type($result) $body attr-dict"
    )

    def __init__(
        self,
        ins: Sequence[SSAValue],
        type: TensorType,
        body: Region,
        *,
        unit: str,
        near: str,
        home: str,
        sizes: Sequence[int],
        order: Sequence[int],
        buffers: int,
    ):
        super().__init__(
            operands=[ins],
            result_types=[type],
            regions=[body],
            properties={
                "unit": StringAttr(unit),
                "near": StringAttr(near),
                "home": StringAttr(home),
                "sizes": index_array(sizes),
                "order": index_array(order),
                "buffers": IntegerAttr(buffers, i64),
            },
        )

    @property
    def block(self) -> Block:
        return self.body.block

    @property
    def yielded(self) -> SSAValue:
        """The value that the body ends with."""
        terminator = self.block.last_op
        assert isinstance(terminator, YieldOp)
        return terminator.value

    @property
    def stored(self) -> StoreOp | None:
        """The store of the result; None where it is made in place."""
        owner = self.yielded.owner
        return owner if isinstance(owner, StoreOp) else None

    @property
    def computed(self) -> SSAValue:
        """The result as the last op makes it, in the near memory."""
        return self.yielded if self.stored is None else self.stored.source

    @property
    def ops(self) -> list[Operation]:
        """What computes, in order: neither constants nor moves."""
        return [op for op in self.block.ops if tiling_of(op) is not None]

    def tile_sizes(self) -> tuple[int, ...]:
        return tuple(self.sizes.get_values())

    def counts(self) -> tuple[int, ...]:
        """Tiles along each dimension."""
        shape = shape_of(self.result)
        return tuple(-(-n // t) for n, t in zip(shape, self.tile_sizes(), strict=True))

    def tiles(self) -> int:
        """How many tiles there are."""
        return prod(self.counts())

    def verify_(self) -> None:
        terminator = self.block.last_op
        if not isinstance(terminator, YieldOp) or terminator.value.type != self.result.type:
            raise VerifyException(
                f"{describe(self)}: the body must end with a tile.yield of {self.result.type}"
            )
        if [arg.type for arg in self.block.args] != [value.type for value in self.ins]:
            raise VerifyException(f"{describe(self)}: the body takes what the group takes")
        self._check_sizes()
        self._check_body()

    def _check_sizes(self) -> None:
        shape, sizes = shape_of(self.result), self.tile_sizes()
        if len(sizes) != len(shape) or sorted(self.order.get_values()) != list(range(len(shape))):
            raise VerifyException(
                f"{describe(self)}: sizes and order must name each of the {len(shape)} dimensions"
            )
        if self.buffers.value.data < 1:
            raise VerifyException(f"{describe(self)}: at least one buffer is needed")
        last = self.ops[-1] if self.ops else None
        tiling = None if last is None else tiling_of(last)
        for dim, (size, extent) in enumerate(zip(sizes, shape, strict=True)):
            if not 1 <= size <= extent:
                raise VerifyException(
                    f"{describe(self)}: a tile of {size} along dimension {dim}, which has "
                    f"{extent}; choose 1 to {extent}"
                )
            if size < extent and last is not None and tiling and not tiling.tileable(last)[dim]:
                raise VerifyException(
                    f"{describe(self)}: dimension {dim} of {describe(last)} cannot be cut, a tile "
                    f"must have all {extent}"
                )

    def _check_body(self) -> None:
        if not self.ops or self.computed.owner is not self.ops[-1]:
            raise VerifyException(f"{describe(self)}: the last op of the body makes the result")
        for op in self.block.ops:
            known = isinstance(op, ConstantOp | LoadOp | StoreOp | YieldOp)
            if not known and tiling_of(op) is None:
                raise VerifyException(f"{describe(self)}: {describe(op)} cannot be tiled")
            if isinstance(op, LoadOp) and not isinstance(op.source, BlockArgument):
                raise VerifyException(f"{describe(op)}: loads what the group takes, nothing else")
        far = self.home.data != self.near.data
        if far != (self.stored is not None):
            what = "needs a tile.store" if far else "is made in place, without a tile.store"
            raise VerifyException(
                f"{describe(self)}: the result lives in {self.home.data}, so it {what}"
            )


def home_of(value: SSAValue, default: str) -> str:
    """The memory in which a tensor lives: its group says it, else it is `default`: network inputs,
    and what ops outside groups compute.
    """
    owner = value.owner
    while isinstance(owner, Operation) and owner.has_trait(SameBytes):
        owner = owner.operands[0].owner
    return owner.home.data if isinstance(owner, GroupOp) else default


def windows(group: GroupOp, tile: Box[N], math: Arithmetic[N]) -> dict[SSAValue, Window[N]]:
    """The window of each value of the body for a `tile` of the result; what is loaded stands for
    itself too: its window is that of its `tile.load`.
    """
    found = chain_windows(group.ops, tile, math)
    loads = (op for op in group.block.ops if isinstance(op, LoadOp))
    return found | {op.source: found[op.result] for op in loads if op.result in found}


def chain_windows(
    ops: Sequence[Operation], tile: Box[N], math: Arithmetic[N]
) -> dict[SSAValue, Window[N]]:
    """The window of each value of ops that are computed together, for a `tile` of what the last one
    makes. A value that several ops read gets the smallest box that holds all that they need.

    `before` of an operand of an op (how much of its window is padding) is that of `operand_window`.
    """
    found: dict[SSAValue, Window[N]] = {ops[-1].results[0]: Window(tile, ())}
    for op in reversed(ops):
        for operand, needed in operand_windows(op, found[op.results[0]].box, math).items():
            value = op.operands[operand]
            known = found.get(value)
            found[value] = needed if known is None else hull(known, needed, math)
    return found


def operand_windows(op: Operation, tile: Box[N], math: Arithmetic[N]) -> dict[int, Window[N]]:
    """What each activation operand of `op` must hold for a tile of its result."""
    tiling = tiling_of(op)
    assert isinstance(tiling, Tiling)
    return {
        position: window(accesses, shape_of(op.operands[position]), tile, math)
        for position, accesses in tiling.accesses(op).items()
    }


def hull(a: Window[N], b: Window[N], math: Arithmetic[N]) -> Window[N]:
    """The smallest window that holds both."""
    pairs = zip(a.box, b.box, strict=True)
    return Window(
        tuple(Interval(math.min(x.start, y.start), math.max(x.stop, y.stop)) for x, y in pairs), ()
    )


Tile = Dialect("tile", [GroupOp, LoadOp, StoreOp, YieldOp], [])
