"""onnxruntime as a second opinion: the tensors of a model, and which of them a layer makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..dialects.diagnostics import RunnelError
from ..lowering.onnx_model import node_label

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Array = NDArray[Any]

FOLDED = ("BatchNormalization", "Relu", "Clip", "Identity")
"""Nodes that a compiled layer takes in after the node that it is named after."""


class Oracle:
    """The tensors that onnxruntime computes on `samples` (by input name, in the model's order)."""

    def __init__(self, model: Path, samples: Mapping[str, Array], count: int):
        self.path = model
        self.samples = samples
        self.count = count
        self.computed: dict[str, Array] = {}

    @cached_property
    def model(self) -> ModelProto:
        import lzma

        import onnx

        if self.path.suffix == ".xz":
            return onnx.load_model_from_string(lzma.decompress(self.path.read_bytes()))
        return onnx.load(self.path)

    @cached_property
    def nodes(self) -> dict[str, NodeProto]:
        return {node_label(node): node for node in self.model.graph.node}

    @cached_property
    def readers(self) -> dict[str, list[NodeProto]]:
        """Tensor name to the nodes that read it."""
        found: dict[str, list[NodeProto]] = {}
        for node in self.model.graph.node:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def constants(self) -> set[str]:
        return {tensor.name for tensor in self.model.graph.initializer}

    def result_name(self, node: str) -> str | None:
        """The tensor that the layer named after `node` makes: behind the nodes that are folded into
        it, quantized if the model quantizes it. None for a node that the model does not have.
        """
        if node not in self.nodes:
            return None
        name = self.nodes[node].output[0]
        while True:
            readers = self.readers.get(name, [])
            quantizers = [reader for reader in readers if reader.op_type == "QuantizeLinear"]
            if quantizers:
                return quantizers[0].output[0]
            if len(readers) != 1 or not self._folds(readers[0]):
                return name
            name = readers[0].output[0]

    def _folds(self, node: NodeProto) -> bool:
        """Whether a layer takes the node in: an activation, or the addition of a constant."""
        bias = node.op_type == "Add" and any(name in self.constants for name in node.input)
        return node.op_type in FOLDED or bias

    def outputs(self) -> dict[str, Array]:
        """The outputs of the network."""
        names = [value.name for value in self.model.graph.output]
        return self.tensors(names)

    def tensors(self, names: Sequence[str]) -> dict[str, Array]:
        """These tensors for all samples, samples on the first axis."""
        missing = [name for name in dict.fromkeys(names) if name not in self.computed]
        if missing:
            self.computed |= self._compute(missing)
        return {name: self.computed[name] for name in names}

    def _compute(self, names: Sequence[str]) -> dict[str, Array]:
        session = self._session(names)
        rows: list[list[Array]] = []
        for index in range(self.count):
            feeds = {name: self._sample(array, index) for name, array in self.samples.items()}
            rows.append(session.run(list(names), feeds))
        return {
            name: np.concatenate([np.atleast_1d(row[i]) for row in rows])
            for i, name in enumerate(names)
        }

    def _sample(self, array: Array, index: int) -> Array:
        size = len(array) // self.count
        return np.ascontiguousarray(array[index * size : (index + 1) * size])

    def _session(self, names: Sequence[str]) -> Any:
        try:
            import onnxruntime
        except ImportError:
            raise RunnelError(
                "onnxruntime is not installed; it is only needed to compare with it: "
                "pip install onnxruntime"
            ) from None
        from onnx import ValueInfoProto

        model = type(self.model)()
        model.CopyFrom(self.model)
        known = {value.name for value in model.graph.output}
        model.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in known)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
