"""The NumPy meaning of linalg: all elements of the parallel loops at once.

The reduction loops run one after another in their order, so that sums of floats are the ones that
the loops in C give, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ShapedType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    ReturnedValues,
    impl,
    impl_terminator,
    register_impls,
)
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)

Array = NDArray[Any]
Values = tuple[Any, ...]
Linear = tuple[dict[int, int], int]
"""The factor of each loop index, and a constant."""


def linear(expression: AffineExpr) -> Linear | None:
    """`expression` as a sum of loop indices with factors, if it is one."""
    match expression:
        case AffineConstantExpr():
            return {}, expression.value
        case AffineDimExpr():
            return {expression.position: 1}, 0
        case AffineBinaryOpExpr():
            left, right = linear(expression.lhs), linear(expression.rhs)
            if left is None or right is None:
                return None
            if expression.kind is AffineBinaryOpKind.Add:
                dims = left[0].keys() | right[0].keys()
                factors = {d: left[0].get(d, 0) + right[0].get(d, 0) for d in dims}
                return factors, left[1] + right[1]
            if expression.kind is AffineBinaryOpKind.Mul and not (left[0] and right[0]):
                (factors, constant), by = (left, right[1]) if left[0] else (right, left[1])
                return {d: by * factor for d, factor in factors.items()}, by * constant
    return None


@dataclass
class Loops:
    """The iteration space of one op."""

    extents: Sequence[int]
    parallel: list[int]
    """The loops whose iterations are done together: the axes of all values, in this order."""
    reduction: list[int]

    def points(self) -> Any:
        """The iterations of the reduction loops, in order: an index for each of them."""
        return product(*(range(self.extents[loop]) for loop in self.reduction))

    def indices(self, point: Sequence[int]) -> list[Any]:
        """The index of each loop at `point`: a number, or an array along its axis."""
        result: list[Any] = [0] * len(self.extents)
        for loop, index in zip(self.reduction, point, strict=True):
            result[loop] = index
        rank = len(self.parallel)
        for axis, loop in enumerate(self.parallel):
            shape = [1] * rank
            shape[axis] = self.extents[loop]
            result[loop] = np.arange(self.extents[loop]).reshape(shape)
        return result


class Access:
    """How an operand is read and written: as a view where its map allows, else by index arrays."""

    def __init__(self, array: Array, map: AffineMap, loops: Loops):
        self.array, self.map, self.loops = array, map, loops
        self.axes = self._plan()

    def _plan(self) -> list[tuple[Linear, int | None]] | None:
        """For each axis of the array its linear index and the one parallel loop that moves it."""
        plan: list[tuple[Linear, int | None]] = []
        seen: set[int] = set()
        for result in self.map.results:
            form = linear(result)
            if form is None:
                return None
            moving = [loop for loop, by in form[0].items() if by and loop in self.loops.parallel]
            if len(moving) > 1 or seen & set(moving):
                return None
            seen.update(moving)
            plan.append((form, moving[0] if moving else None))
        return plan

    def view(self, indices: Sequence[Any]) -> Array | None:
        """The elements at a point of the reduction, one axis per parallel loop, if it can be."""
        if self.axes is None:
            return None
        places: list[Any] = []
        order: list[int] = []
        for (factors, constant), loop in self.axes:
            start = constant + sum(by * indices[d] for d, by in factors.items() if d != loop)
            if loop is None:
                places.append(start)
                continue
            step, count = factors[loop], self.loops.extents[loop]
            stop = start + step * count
            places.append(slice(start, stop if stop >= 0 else None, step))
            order.append(loop)
        found = self.array[tuple(places)]
        axes = [order.index(loop) for loop in self.loops.parallel if loop in order]
        expand = [slice(None) if loop in order else None for loop in self.loops.parallel]
        return found.transpose(axes)[tuple(expand)]

    def read(self, indices: Sequence[Any]) -> Any:
        found = self.view(indices)
        if found is not None:
            return found
        return self.array[self.map.eval(list(indices), [])]

    def write(self, indices: Sequence[Any], value: Any) -> None:
        found = self.view(indices)
        if found is not None:
            found[...] = value
        else:
            self.array[self.map.eval(list(indices), [])] = value


def run_structured(
    interpreter: Interpreter,
    op: LinalgStructuredOperation,
    args: Values,
    indices_of_body: list[Sequence[Any]],
) -> Values:
    """Run any structured op; `indices_of_body` is where linalg.index finds its loops."""
    inputs = list(args[: len(op.inputs)])
    outputs = [array.copy() if op.res else array for array in args[len(inputs) :]]
    operands = [*inputs, *outputs]
    shapes = [
        extent
        for value, array in zip(op.operands, operands, strict=True)
        if isinstance(value.type, ShapedType)
        for extent in array.shape
    ]
    kinds = [kind.data for kind in op.get_iterator_types()]
    loops = Loops(
        op.get_shapes_to_loops_map().eval(shapes, []),
        [loop for loop, kind in enumerate(kinds) if kind is IteratorType.PARALLEL],
        [loop for loop, kind in enumerate(kinds) if kind is not IteratorType.PARALLEL],
    )
    accesses = [
        Access(array, map.data, loops) if isinstance(value.type, ShapedType) else None
        for value, array, map in zip(op.operands, operands, op.get_indexing_maps(), strict=True)
    ]
    used = [bool(argument.uses) for argument in op.body.block.args]
    for point in loops.points():
        indices = loops.indices(point)
        values = tuple(
            None if not needed else (array if access is None else access.read(indices))
            for needed, access, array in zip(used, accesses, operands, strict=True)
        )
        indices_of_body.append(indices)
        results = interpreter.run_ssacfg_region(op.body, values, op.name)
        indices_of_body.pop()
        for access, value in zip(accesses[len(inputs) :], results, strict=True):
            assert access is not None
            access.write(indices, value)
    return tuple(outputs) if op.res else ()


@register_impls
class LinalgFunctions(InterpreterFunctions):
    def __init__(self) -> None:
        self._indices: list[Sequence[Any]] = []

    def _run(self, interpreter: Interpreter, op: Any, args: Values) -> Values:
        return run_structured(interpreter, op, args, self._indices)

    generic = impl(linalg.GenericOp)(_run)
    fill = impl(linalg.FillOp)(_run)
    add = impl(linalg.AddOp)(_run)
    sub = impl(linalg.SubOp)(_run)
    mul = impl(linalg.MulOp)(_run)
    matmul = impl(linalg.MatmulOp)(_run)
    transpose = impl(linalg.TransposeOp)(_run)
    copy = impl(linalg.CopyOp)(_run)
    maximum = impl(linalg.MaxOp)(_run)
    minimum = impl(linalg.MinOp)(_run)

    @impl(linalg.IndexOp)
    def index(self, _: Interpreter, op: linalg.IndexOp, args: Values) -> Values:
        return (self._indices[-1][op.dim.value.data],)

    @impl_terminator(linalg.YieldOp)
    def yield_(self, _: Interpreter, op: linalg.YieldOp, args: Values) -> Any:
        return ReturnedValues(args), ()
