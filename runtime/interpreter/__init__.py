"""Every level runs: `run` executes a module as it stands, with NumPy arrays as values.

Each dialect brings one `InterpreterFunctions` class, imported when a module uses the dialect.
A batch is the leading dimension times any factor: see `batch.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    MemRefType,
    ModuleOp,
    ShapedType,
    StringAttr,
    TensorType,
)
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    OpImplResult,
    PythonValues,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from ...dialects.diagnostics import OpError, RunnelError, refuse
from ...dialects.dma import BufferOp
from ...dialects.types import dtype_of

Array = NDArray[Any]
Listener = Interpreter.Listener

FUNCTIONS: dict[str, str] = {
    "func": "xdsl.interpreters.func:FuncFunctions",
    "graph": ".graph:GraphFunctions",
    "quant": ".quant:QuantFunctions",
    "tile": ".tile:TileFunctions",
    "dma": ".dma:DmaFunctions",
    "cluster": ".cluster:ClusterFunctions",
    "cortexm": ".cortexm:CortexMFunctions",
    "npu": ".npu:NpuFunctions",
    "c": ".c:CFunctions",
    "memref": ".loops:MemrefFunctions",
    "tensor": ".loops:TensorFunctions",
    "linalg": ".linalg:LinalgFunctions",
    "scf": "xdsl.interpreters.scf:ScfFunctions",
    "arith": ".arith:ArithFunctions",
    "math": ".arith:MathFunctions",
    "affine": ".arith:AffineFunctions",
}
"""Dialect name to `module:Class` of its `InterpreterFunctions`; a leading dot is this package."""

_STRUCTURE = frozenset({"builtin"})
"""Dialects whose ops only hold other ops; nothing of them is ever executed."""


def run(
    module: ModuleOp,
    inputs: Mapping[str, Array] | Sequence[Array],
    function: str | None = None,
    listeners: Sequence[Listener] = (),
    *,
    exact: bool = False,
) -> dict[str, Array]:
    """Run `function` (default: the only one) on `inputs`, by name or in order.

    The leading dimension of an input may be any multiple of the declared one: the function then
    runs on that many samples at once. Results are keyed by their `graph.name`, else `output<i>`.
    With `exact`, a graph with casts computes in f64 what lies between its casts: what a program of
    integers does, which has no sums in f32.
    Raises `RunnelError` for inputs that do not fit, for ops that nothing here can run, and for what
    goes wrong in an op, which it names with its source node.
    """
    target = _function(module, function)
    arguments = _arguments(target, inputs)
    interpreter = _Interpreter(module, listeners=tuple(listeners))
    for name in sorted({op.name.split(".")[0] for op in module.walk()} - _STRUCTURE | {"func"}):
        interpreter.register_implementations(load_functions(name, target))
    if exact:
        from .quant import ExactCasts

        interpreter.register_implementations(ExactCasts(), override=True)
    if role_buffers(target, "input") or role_buffers(target, "output"):
        results = _run_on_buffers(interpreter, target, arguments)
    else:
        results = interpreter.call_op(target, arguments)
    return dict(zip(output_names(target), results, strict=True))


def _run_on_buffers(
    interpreter: Interpreter, function: func.FuncOp, arguments: PythonValues
) -> PythonValues:
    """Run a function whose inputs and outputs are buffers, sample after sample in one memory."""
    from .dma import memories

    state = memories(interpreter)
    types = [op.result.type for op in role_buffers(function, "input")]
    counts = [len(a) // t.get_shape()[0] for a, t in zip(arguments, types, strict=True)]
    collected: list[list[Array]] = [[] for _ in role_buffers(function, "output")]
    for sample in range(min(counts, default=1)):
        state.inputs = [
            a[sample * t.get_shape()[0] :][: t.get_shape()[0]]
            for a, t in zip(arguments, types, strict=True)
        ]
        interpreter.call_op(function, ())
        for index, outputs in enumerate(collected):
            outputs.append(state.outputs[index].copy())
    return tuple(np.concatenate(outputs) for outputs in collected)


def role_buffers(function: func.FuncOp, role: str) -> list[BufferOp]:
    """The buffers that hold the inputs (or outputs) of a function on buffers, in order."""
    found = [
        op
        for op in function.body.walk()
        if isinstance(op, BufferOp) and op.role is not None and op.role.data == role
    ]
    return sorted(found, key=lambda op: op.index.value.data if op.index else 0)


def load_functions(dialect: str, where: Operation) -> InterpreterFunctions:
    """The functions that run the ops of `dialect`, which `where` uses."""
    spec = FUNCTIONS.get(dialect)
    if spec is None:
        refuse(
            where,
            f"the interpreter cannot run the ops of dialect '{dialect}'; "
            f"it knows {', '.join(sorted(FUNCTIONS))}",
        )
    path, _, attribute = spec.partition(":")
    return getattr(import_module(path, __package__), attribute)()


def input_names(function: func.FuncOp) -> list[str]:
    """The names of the arguments: their `graph.name`, else `input<i>`."""
    if buffers := role_buffers(function, "input"):
        return _names(
            ArrayAttr([DictionaryAttr(op.attributes) for op in buffers]), len(buffers), "input"
        )
    return _names(function.arg_attrs, len(function.function_type.inputs), "input")


def input_types(function: func.FuncOp) -> Sequence[Attribute]:
    """The types of the inputs, be they arguments or buffers."""
    if buffers := role_buffers(function, "input"):
        return [op.result.type for op in buffers]
    return function.function_type.inputs.data


def output_names(function: func.FuncOp) -> list[str]:
    """The names of the results: their `graph.name`, else `output<i>`."""
    if buffers := role_buffers(function, "output"):
        return _names(
            ArrayAttr([DictionaryAttr(op.attributes) for op in buffers]), len(buffers), "output"
        )
    return _names(function.res_attrs, len(function.function_type.outputs), "output")


def _names(attributes: ArrayAttr[DictionaryAttr] | None, count: int, default: str) -> list[str]:
    names = [f"{default}{index}" for index in range(count)]
    for index, entry in enumerate(() if attributes is None else attributes.data):
        given = entry.data.get("graph.name")
        if isinstance(given, StringAttr):
            names[index] = given.data
    return names


def _function(module: ModuleOp, name: str | None) -> func.FuncOp:
    found = {
        op.sym_name.data: op
        for op in module.body.block.ops
        if isinstance(op, func.FuncOp) and op.body.blocks
    }
    public = [op for op in found.values() if op.sym_visibility is None]
    if name is not None and name in found:
        return found[name]
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is None and len(public) == 1:
        return public[0]
    listed = ", ".join(f"@{symbol}" for symbol in found) or "none"
    wanted = "name one function to run" if name is None else f"there is no function @{name}"
    raise RunnelError(f"{wanted}; the module has: {listed}")


def _arguments(
    function: func.FuncOp, inputs: Mapping[str, Array] | Sequence[Array]
) -> PythonValues:
    names = input_names(function)
    types = input_types(function)
    where = f"@{function.sym_name.data}"
    if isinstance(inputs, Mapping):
        missing, unknown = set(names) - set(inputs), set(inputs) - set(names)
        if missing or unknown:
            raise RunnelError(
                f"{where} takes the inputs {', '.join(names) or 'none'}; "
                f"got {', '.join(inputs) or 'none'}"
            )
        arrays = [inputs[name] for name in names]
    else:
        arrays = list(inputs)
        if len(arrays) != len(names):
            raise RunnelError(
                f"{where} takes {len(names)} inputs ({', '.join(names)}), got {len(arrays)}"
            )
    checked = tuple(
        _checked(f"{where}: input '{name}'", np.asarray(array), type)
        for name, array, type in zip(names, arrays, types, strict=True)
    )
    factors = {
        array.shape[0] // type.get_shape()[0]
        for array, type in zip(checked, types, strict=True)
        if isinstance(type, ShapedType) and type.get_shape() and type.get_shape()[0] > 0
    }
    if len(factors) > 1:
        raise RunnelError(
            f"{where}: the inputs hold different numbers of samples: {sorted(factors)}"
        )
    return checked


def _checked(what: str, array: Array, type: Attribute) -> Array:
    """`array` if it can be a value of `type`, else a `RunnelError` that starts with `what`."""
    if not isinstance(type, TensorType | MemRefType):
        return array
    shape, dtype = type.get_shape(), dtype_of(type.element_type)
    if array.dtype != dtype:
        raise RunnelError(f"{what} has elements of type {array.dtype}, {type} needs {dtype}")
    fits = array.shape == shape or (
        bool(shape)
        and array.ndim == len(shape)
        and array.shape[1:] == shape[1:]
        and shape[0] > 0
        and array.shape[0] > 0
        and array.shape[0] % shape[0] == 0
    )
    if not fits:
        raise RunnelError(
            f"{what} has shape {list(array.shape)}, {type} needs {list(shape)} "
            "(the leading dimension may be a multiple)"
        )
    return array


class _Interpreter(Interpreter):
    """xDSL's interpreter, with errors that name op and node, and values freed after their last use.

    Without the latter a batch would keep every activation of the network.
    """

    def __init__(self, module: ModuleOp, listeners: tuple[Listener, ...]):
        super().__init__(module, listeners=listeners)
        self._last_uses: dict[Operation, list[SSAValue]] = {}

    def call_op(self, op: Any, inputs: PythonValues = ()) -> PythonValues:
        target = op if isinstance(op, Operation) else self.get_op_for_symbol(op)
        if isinstance(target, func.FuncOp) and len(target.body.blocks) == 1:
            self._last_uses |= _last_uses(target)
        return super().call_op(target, inputs)

    def _run_op(self, op: Operation, inputs: PythonValues) -> OpImplResult:
        for listener in self.listeners:
            listener.will_interpret_op(op, inputs)
        found = self._impls._impl_dict.get(type(op))
        if found is None:
            refuse(op, "the interpreter has no meaning for this op")
        functions, implementation = found
        try:
            result = implementation(functions, self, op, inputs)
        except (RunnelError, VerifyException):
            raise
        except Exception as error:
            raise OpError((op, str(error))) from error
        for listener in self.listeners:
            listener.did_interpret_op(op, result.values)
        for value in self._last_uses.get(op, ()):
            self._ctx[value] = None
        return result


def _last_uses(function: func.FuncOp) -> dict[Operation, list[SSAValue]]:
    """For each op of the body, the values of the body that nothing after it reads."""
    block = function.body.block
    last: dict[SSAValue, Operation] = {}
    for op in block.ops:
        for inner in op.walk():
            last |= {operand: op for operand in inner.operands if operand.owner.parent is block}
    result: dict[Operation, list[SSAValue]] = {}
    for value, op in last.items():
        result.setdefault(op, []).append(value)
    return result
