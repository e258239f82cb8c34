"""Small ONNX models for tests: one node, or a few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Array = NDArray[Any]
IR_VERSION = 8


def model(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Sequence[int | str | None] | None],
    outputs: Sequence[str],
    constants: Mapping[str, Array] | None = None,
    *,
    opset: int = 13,
    types: Mapping[str, int] | None = None,
    domains: Sequence[str] = (),
    name: str = "model",
) -> ModelProto:
    """A model of `nodes`; inputs are floats unless `types` says otherwise."""
    kinds = types or {}
    graph = helper.make_graph(
        list(nodes),
        name,
        [
            helper.make_tensor_value_info(key, kinds.get(key, TensorProto.FLOAT), shape)
            for key, shape in inputs.items()
        ],
        [
            helper.make_tensor_value_info(key, kinds.get(key, TensorProto.FLOAT), None)
            for key in outputs
        ],
        [
            numpy_helper.from_array(np.asarray(array), key)
            for key, array in (constants or {}).items()
        ],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)


def single(
    op: str,
    inputs: Mapping[str, Array],
    constants: Mapping[str, Array] | None = None,
    *,
    opset: int = 13,
    outputs: Sequence[str] = ("y",),
    order: Sequence[str] | None = None,
    domain: str = "",
    output_type: int = TensorProto.FLOAT,
    **attributes: Any,
) -> ModelProto:
    """A model of one node `node` that reads `order` (default: the inputs, then the constants)."""
    operands = list(order) if order is not None else [*inputs, *(constants or {})]
    node = helper.make_node(op, operands, list(outputs), "node", domain=domain, **attributes)
    types = {key: helper.np_dtype_to_tensor_dtype(array.dtype) for key, array in inputs.items()}
    return model(
        [node],
        {key: array.shape for key, array in inputs.items()},
        outputs,
        constants,
        opset=opset,
        types=types | {key: output_type for key in outputs},
        domains=[domain] if domain else [],
    )


def onnxruntime_results(proto: ModelProto | bytes, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What onnxruntime computes, without its graph optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = proto if isinstance(proto, bytes) else proto.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = session.run(names, dict(inputs))
    return {name: np.asarray(array) for name, array in zip(names, results, strict=True)}
