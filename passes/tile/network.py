"""A function as the tiling search sees it: its ops in order, the tensors between them, and which
runs of ops may be computed together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...dialects.reuse import SameBytes
from ...dialects.tiling import tiling_of
from ...dialects.types import byte_size
from ...lowering.tile_buffers import aligned
from ...lowering.units import UnitBackend

UNIT = "place.unit"
"""The attribute of a quant op that says which unit runs it."""


@dataclass(eq=False)
class Tensor:
    """The bytes of an activation, under one or more names (a reshape is another name)."""

    size: int
    """Bytes, rounded up as a buffer."""
    far: bool
    """Whether it must live in the far memory: what enters or leaves the function, and what an op
    outside groups reads or makes.
    """
    last: int = -1
    """The position of its last reader."""
    readers: int = 0
    """How often it is read."""


@dataclass(frozen=True)
class Step:
    """An op at its position, the tensors that it reads and the one that it makes."""

    op: Operation
    unit: str | None
    """None for an op that stays outside groups."""
    reads: dict[SSAValue, Tensor]
    made: Tensor


@dataclass
class Network:
    """The steps of a function and the tensors between them."""

    steps: list[Step] = field(default_factory=list[Step])
    tensors: dict[SSAValue, Tensor] = field(default_factory=dict[SSAValue, Tensor])

    def segments(self, longest: int) -> Iterator[tuple[int, int]]:
        """The runs [i, j) of ops that can be computed together: on one unit, at most `longest` that
        multiply (0: each op for itself), and what is made before the last op is read only inside,
        once.
        """
        for i, step in enumerate(self.steps):
            if step.unit is None:
                continue
            yield i, i + 1
            if longest == 0:
                continue
            products = _multiplies(step.op)
            for j in range(i + 2, len(self.steps) + 1):
                products += _multiplies(self.steps[j - 1].op)
                if self.steps[j - 1].unit != step.unit or products > longest:
                    break
                if self._closed(i, j):
                    yield i, j

    def _closed(self, i: int, j: int) -> bool:
        inside = [tensor for step in self.steps[i:j] for tensor in step.reads.values()]
        return all(
            not step.made.far
            and step.made.readers == 1
            and step.made in inside
            and step.op.results[0] in self._operands(i, j)
            for step in self.steps[i : j - 1]
        )

    def _operands(self, i: int, j: int) -> set[SSAValue]:
        return {value for step in self.steps[i:j] for value in step.reads}

    def inputs(self, i: int, j: int) -> dict[SSAValue, Tensor]:
        """What the ops [i, j) read from outside, in order."""
        made = {step.made for step in self.steps[i:j]}
        return {
            value: tensor
            for step in self.steps[i:j]
            for value, tensor in step.reads.items()
            if tensor not in made
        }


def _multiplies(op: Operation) -> bool:
    tiling = tiling_of(op)
    return tiling is not None and tiling.macs(op) > 0


def read_network(func: FuncOp, unit: str, backends: dict[str, UnitBackend]) -> Network:
    """The network of a function with one block; ops without a unit of their own run on `unit`."""
    network = Network()
    block = func.body.block
    for argument in block.args:
        if isinstance(argument.type, TensorType):
            network.tensors[argument] = Tensor(aligned(byte_size(argument.type)), far=True)
    for op in block.ops:
        if op.has_trait(SameBytes) and op.operands[0] in network.tensors:
            network.tensors[op.results[0]] = network.tensors[op.operands[0]]
        elif op is block.last_op:
            for value in op.operands:
                if value in network.tensors:
                    network.tensors[value].far = True
        elif any(value in network.tensors for value in op.operands):
            _add_step(network, op, unit, backends)
    return network


def _add_step(network: Network, op: Operation, unit: str, backends: dict[str, UnitBackend]) -> None:
    chosen = unit_of(op, unit) if tileable(op, unit, backends) else None
    reads = {v: network.tensors[v] for v in op.operands if v in network.tensors}
    for tensor in reads.values():
        tensor.last = len(network.steps)
        tensor.readers += 1
        tensor.far |= chosen is None
    made: Tensor | None = None
    for result in op.results:
        assert isinstance(result.type, TensorType)
        made = Tensor(aligned(byte_size(result.type)), far=chosen is None)
        network.tensors[result] = made
    assert made is not None
    network.steps.append(Step(op, chosen, reads, made))


def tileable(op: Operation, unit: str, backends: dict[str, UnitBackend]) -> bool:
    """Whether the unit of `op` computes it tile by tile."""
    if tiling_of(op) is None:
        return False
    backend = backends.get(unit_of(op, unit))
    return backend is not None and backend.refuses(op) is None


def unit_of(op: Operation, unit: str) -> str:
    """The unit that an op was placed on, else `unit`."""
    placed = op.attributes.get(UNIT)
    return placed.data if isinstance(placed, StringAttr) else unit


def ops_of(steps: Sequence[Step]) -> list[Operation]:
    return [step.op for step in steps]
