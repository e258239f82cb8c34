"""Writes the small models beside this file: `python make_models.py`."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


def small() -> None:
    """A convolution and an activation, with a symbolic batch and a folded shape computation."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv1", auto_pad="SAME_UPPER", strides=[2, 2]),
        helper.make_node("Clip", ["c", "low", "high"], ["a"], "act1"),
        helper.make_node("Shape", ["a"], ["s"]),
        helper.make_node("Gather", ["s", "low_index"], ["n"], axis=0),
        helper.make_node("Concat", ["n", "rest"], ["t"], axis=0),
        helper.make_node("Reshape", ["a", "t"], ["y"], "flatten"),
    ]
    constants = {
        "w": np.ones((2, 1, 3, 3), np.float32),
        "low": np.float32(0),
        "high": np.float32(6),
        "low_index": np.array([0]),
        "rest": np.array([-1]),
    }
    write("small", nodes, {"x": ["N", 1, 4, 4]}, constants)


def unsupported() -> None:
    """Two operators that nobody knows, and one that is known between them."""
    nodes = [
        helper.make_node("Frobnicate", ["x"], ["a"], "first"),
        helper.make_node("Relu", ["x"], ["b"], "second"),
        helper.make_node("Enigma", ["b"], ["y"], "third", domain="my.domain"),
    ]
    write("unsupported", nodes, {"x": [1, 4]}, {})


def dynamic() -> None:
    """A dimension that the user must pin."""
    write("dynamic", [helper.make_node("Relu", ["x"], ["y"], "r")], {"x": [1, "length"]}, {})


def write(name: str, nodes: list, inputs: dict, constants: dict) -> None:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, s) for key, s in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("my.domain", 1)]
    path = Path(__file__).with_name(f"{name}.onnx")
    save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)


if __name__ == "__main__":
    small()
    unsupported()
    dynamic()
