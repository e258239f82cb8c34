"""cortexm -> c: the files of each planned function."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..dialects import cluster, graph
from .c_model import Model
from .cluster_to_c import ClusterModel
from .loop_model import LoopModel


@dataclass(frozen=True)
class ConvertCortexMToC(ModulePass):
    """Write each planned function as `<name>.h`, `<name>.c` and `<name>_weights.{h,c}`."""

    name = "convert-cortexm-to-c"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        block = op.body.block
        old = [o for o in block.ops if isinstance(o, func.FuncOp | graph.GlobalOp)]
        for function in old:
            if isinstance(function, func.FuncOp) and function.sym_visibility is None:
                block.add_ops(model_of(op, function).files())
        for replaced in old:
            block.erase_op(replaced)


def model_of(module: ModuleOp, function: func.FuncOp) -> Model:
    """What writes `function`: layers are calls of kernels, some maybe functions that are loops."""
    if any(isinstance(op, cluster.ForkOp) for op in function.body.block.ops):
        return ClusterModel(module, function)
    if any(isinstance(op, func.CallOp) for op in function.body.block.ops):
        return LoopModel(module, function)
    return Model(module, function)
