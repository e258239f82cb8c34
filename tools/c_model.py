"""Run a model at the c level: the emitted program in the interpreter, through its C API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from ..dialects import c
from ..dialects.diagnostics import RunnelError
from ..lowering.kernel_table import all_kernels
from ..lowering.user_kernels import read_kernels
from ..runtime.interpreter.c import CFunctions
from ..runtime.interpreter.c_memory import Pointer
from .c_kernels import meanings
from .signature import Signature, TensorInfo

Array = NDArray[Any]


class CModel:
    """A module of C files; its globals live as long as this, as in a program."""

    def __init__(self, module: ModuleOp, name: str, table: Path | None = None):
        own = () if table is None else read_kernels(table)
        self.module = module
        self.name = name
        self.interpreter = Interpreter(module)
        self.interpreter.register_implementations(CFunctions(meanings((*own, *all_kernels()))))

    def call(self, function: str, *arguments: Any) -> Any:
        """`<name>_<function>(arguments)`"""
        symbol = f"{self.name}_{function}"
        for file in self.module.body.block.ops:
            for op in file.body.block.ops if isinstance(file, c.FileOp) else ():
                if isinstance(op, c.FuncOp) and op.sym_name.data == symbol and op.body.blocks:
                    results = self.interpreter.call_op(op, arguments)
                    return results[0] if results else None
        raise RunnelError(f"no c.func @{symbol} with a body in the module")

    def infer(self, inputs: Sequence[Array], outputs: Sequence[TensorInfo]) -> list[Array]:
        """One inference."""
        for index, array in enumerate(inputs):
            bytes_at(self.call("input", index), array.nbytes)[:] = array.reshape(-1).view(np.uint8)
        if self.call("run") != 0:
            raise RunnelError(f"{self.name}_run failed")
        found = [bytes_at(self.call("output", i), info.bytes) for i, info in enumerate(outputs)]
        return [
            raw.copy().view(info.dtype).reshape(info.shape)
            for raw, info in zip(found, outputs, strict=True)
        ]


def bytes_at(pointer: Pointer, count: int) -> Array:
    return Pointer(pointer.store, pointer.offset, np.dtype(np.uint8)).array(count)


def run_c(
    module: ModuleOp,
    name: str,
    signature: Signature,
    inputs: Mapping[str, Array],
    table: Path | None = None,
) -> dict[str, Array]:
    """All samples one after another in one program; `table` is the user's kernel table."""
    model = CModel(module, name, table)
    model.call("init")
    rows: list[list[Array]] = []
    steps = signature.inputs[0].shape[0]
    for start in range(0, len(inputs[signature.inputs[0].name]), steps):
        sample = [inputs[i.name][start : start + i.shape[0]] for i in signature.inputs]
        rows.append(model.infer(sample, signature.outputs))
    columns = zip(*rows, strict=True)
    return {
        info.name: np.concatenate(column)
        for info, column in zip(signature.outputs, columns, strict=True)
    }
