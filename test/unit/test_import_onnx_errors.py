"""Bad ONNX files: each gets one clear message with its place, never a Python traceback."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, ModelProto, TensorProto, ValueInfoProto, helper
from onnx_models import model, single

from runnel.dialects.diagnostics import RunnelError
from runnel.lowering.import_onnx import import_onnx

X = np.zeros((1, 4), np.float32)
IMAGE = np.zeros((1, 4, 8, 8), np.float32)
WEIGHT = np.zeros((2, 4, 3, 3), np.float32)


def relu() -> ModelProto:
    """A good model."""
    return single("Relu", {"x": X})


def changed(change: Callable[[ModelProto], object], proto: ModelProto | None = None) -> ModelProto:
    """A model after `change`."""
    result = proto or relu()
    change(result)
    return result


def tensor(**fields: Any) -> TensorProto:
    """An initializer `w` with these fields and nothing else."""
    return TensorProto(name="w", **fields)


def with_tensor(value: TensorProto) -> ModelProto:
    """Add x and an initializer."""
    proto = model([helper.make_node("Add", ["x", "w"], ["y"], "sum")], {"x": [1, 4]}, ["y"])
    proto.graph.initializer.append(value)
    return proto


def external(**entries: str) -> TensorProto:
    """Four floats in another file."""
    value = tensor(data_type=TensorProto.FLOAT, dims=[4])
    value.data_location = TensorProto.EXTERNAL
    for key, text in entries.items():
        value.external_data.add(key=key, value=text)
    return value


def set_shape(proto: ModelProto, *dims: int | str | None) -> None:
    """Give the input another shape."""
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, dims))


def sequence_input(proto: ModelProto) -> None:
    """Make the input a sequence."""
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [1]))
    proto.graph.input[0].CopyFrom(ValueInfoProto(name="x", type=kind))


def wrong_kind(name: str, **fields: Any) -> ModelProto:
    """A convolution with one attribute of these fields."""
    proto = single("Conv", {"x": IMAGE}, {"w": WEIGHT})
    proto.graph.node[0].attribute.append(AttributeProto(name=name, **fields))
    return proto


def nodes(*entries: tuple[str, list[str], list[str]], **options: Any) -> ModelProto:
    """Nodes n0, n1, ... from (operator, operands, results); y is the output."""
    made = [helper.make_node(op, i, o, f"n{k}") for k, (op, i, o) in enumerate(entries)]
    return model(made, {"x": [1, 4]}, ["y"], **options)


def conv(weight: tuple[int, ...] = (2, 4, 3, 3), **attributes: Any) -> ModelProto:
    """A convolution."""
    constants = {"w": np.zeros(weight, np.float32)}
    return single("Conv", {"x": IMAGE}, constants, **attributes)


def int64s(*values: int) -> Mapping[str, np.ndarray[Any, np.dtype[np.int64]]]:
    """An operand `c`."""
    return {"c": np.array(values, np.int64)}


FLOAT = TensorProto.FLOAT
GOOD = relu().SerializeToString()
BAD: dict[str, tuple[ModelProto | bytes, str]] = {
    # The file
    "empty file": (b"", "empty graph"),
    "text": (b"#!/bin/sh\necho hello, this is not a protobuf\n", "not an ONNX model"),
    "truncated": (GOOD[: len(GOOD) * 2 // 3], "not an ONNX model, or a truncated one"),
    "no output": (changed(lambda m: m.graph.ClearField("output")), "computes no output"),
    "no opset": (changed(lambda m: m.ClearField("opset_import")), "does not say which opset"),
    "old opset": (single("Relu", {"x": X}, opset=5), "opset 5 is older than 7"),
    "future opset": (changed(lambda m: setattr(m.opset_import[0], "version", 999)), "opset 999 is"),
    # Names and order
    "missing value": (nodes(("Add", ["x", "ghost"], ["y"])), "node 'n0' (Add): reads 'ghost'"),
    "missing output": (nodes(("Relu", ["x"], ["z"])), "output 'y': nothing computes it"),
    "cycle": (nodes(("Add", ["x", "b"], ["y"]), ("Relu", ["y"], ["b"])), "cycle; among its nodes"),
    "value made twice": (
        nodes(("Relu", ["x"], ["y"]), ("Neg", ["x"], ["y"])),
        "node 'n1' (Neg): its result 'y' is computed already, by node 'n0'",
    ),
    "input made again": (nodes(("Relu", ["x"], ["x"])), "'x' is computed already, by an input"),
    "input twice": (
        changed(lambda m: m.graph.input.append(m.graph.input[0])),
        "input 'x': the name is used twice",
    ),
    "initializer twice": (
        changed(
            lambda m: m.graph.initializer.append(m.graph.initializer[0]),
            with_tensor(tensor(data_type=FLOAT, dims=[1], float_data=[1])),
        ),
        "initializer 'w': the name is used twice",
    ),
    "no result": (nodes(("Relu", ["x"], [""]), ("Neg", ["x"], ["y"])), "it has no result"),
    # Tensors
    "short raw data": (
        with_tensor(tensor(data_type=FLOAT, dims=[4], raw_data=b"abc")),
        "initializer 'w': shape [4] of float32 needs 16 bytes, 3 are stored",
    ),
    "few elements": (
        with_tensor(tensor(data_type=FLOAT, dims=[4], float_data=[1, 2])),
        "shape [4] has 4 elements, 2 are stored",
    ),
    "huge tensor": (
        with_tensor(tensor(data_type=FLOAT, dims=[1 << 40, 1 << 20])),
        "bytes are refused",
    ),
    "negative extent": (
        with_tensor(tensor(data_type=FLOAT, dims=[-4], raw_data=b"")),
        "shape [-4] has a negative extent",
    ),
    "unknown type": (
        with_tensor(tensor(data_type=77, dims=[1], raw_data=b"a")),
        "elements of type number 77 are not supported, only FLOAT",
    ),
    "strings": (
        with_tensor(tensor(data_type=TensorProto.STRING, dims=[1], string_data=[b"a"])),
        "elements of type STRING are not supported",
    ),
    "bytes out of range": (
        with_tensor(tensor(data_type=TensorProto.INT8, dims=[1], int32_data=[400])),
        "stored values do not fit int8",
    ),
    "external data of bytes": (
        with_tensor(external(location="w.bin")),
        "in the file 'w.bin', but the folder of the model is not known",
    ),
    # Inputs
    "dynamic dimension": (
        changed(lambda m: set_shape(m, 1, "L")),
        "input 'x': dimension 1 ('L') is dynamic: give it with --dim L=VALUE",
    ),
    "unnamed dynamic dimension": (
        changed(lambda m: set_shape(m, 1, None)),
        "input 'x': dimension 1 ('?') is dynamic: give the shape with --input-shape",
    ),
    "input without shape": (
        changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")),
        "input 'x': it has no shape",
    ),
    "sequence input": (changed(sequence_input), "it is a sequence_type; only tensors"),
    "input without type": (
        changed(lambda m: m.graph.input[0].ClearField("type")),
        "input 'x': it is a value without a type",
    ),
    "huge input": (changed(lambda m: set_shape(m, 1 << 30, 1 << 30)), "input 'x': shape"),
    # Nodes
    "unknown op": (nodes(("Frobnicate", ["x"], ["y"])), "node 'n0' (Frobnicate): the operator"),
    "unknown domain": (
        single("Relu", {"x": X}, domain="my.own"),
        "node 'node' (my.own.Relu): the operator Relu (domain 'my.own') is not supported",
    ),
    "too few operands": (nodes(("Add", ["x"], ["y"])), "it has 1 operands; 2 to 2 are expected"),
    "missing operand": (nodes(("Add", ["x", ""], ["y"])), "operand 1 is missing"),
    "too many results": (nodes(("Relu", ["x"], ["y", "z"])), "it has 2 results; at most 1"),
    "result that is not made": (
        nodes(("Dropout", ["x"], ["h", "mask"]), ("Cast", ["mask"], ["y"])),
        "operand 0: result 1 of node 'n0' (Dropout) is not supported",
    ),
    "wrong attribute kind": (
        wrong_kind("group", type=AttributeProto.FLOAT, f=1.0),
        "node 'node' (Conv): attribute 'group' is of kind FLOAT, expected INT",
    ),
    "untyped attribute": (wrong_kind("pads", ints=[1, 1]), "'pads' is of kind UNDEFINED"),
    "unknown attribute": (
        wrong_kind("flavour", type=AttributeProto.INT, i=1),
        "node 'node' (Conv): attribute 'flavour' is not supported",
    ),
    "pads that do not fit": (conv(pads=[1, 1]), "pads [1, 1] must be 4 numbers"),
    "zero stride": (conv(strides=[0, 1]), "strides [0, 1] must be 2 positive numbers"),
    "kernel that is not the weight's": (
        conv(kernel_shape=[5, 5]),
        "not that of the weight, [3, 3]",
    ),
    "kernel that does not fit": (conv((2, 4, 9, 9)), "does not fit in [8, 8]"),
    "groups that do not divide": (conv(group=3), "3 groups of 4 weight channels need 12"),
    "auto_pad": (conv(auto_pad="SOMEHOW"), "auto_pad 'SOMEHOW' is not known"),
    "shapes that do not broadcast": (
        single("Add", {"a": X, "b": np.zeros((1, 3), np.float32)}),
        "shapes [1, 4] and [1, 3] cannot be broadcast together",
    ),
    "element types that differ": (
        single("Add", {"a": X, "b": X.astype(np.float64)}),
        "the operands have different element types: f32, f64",
    ),
    "inner extents": (
        single("MatMul", {"a": X}, {"b": np.zeros((3, 2), np.float32)}),
        "the inner extents 4 and 3 differ",
    ),
    "axis": (single("Softmax", {"x": X}, axis=5), "axis 5 is outside of a value of 2 dimensions"),
    "reshape": (single("Reshape", {"x": X}, int64s(3, -1)), "[1, 4] cannot become [3, -1]"),
    "shape at run time": (
        single("Reshape", {"x": X, "s": np.zeros(2, np.int64)}),
        "its shape ('s') is computed at run time; it must be a constant",
    ),
    "index": (single("Gather", {"x": X}, int64s(9), axis=1), "is outside of 4"),
    "empty slice": (
        single("Slice", {"x": X}, {"s": np.array([3]), "e": np.array([1]), "a": np.array([1])}),
        "nothing is left of [1, 4]",
    ),
    "permutation": (single("Transpose", {"x": X}, perm=[0, 0]), "no permutation of the axes"),
    "training": (
        single(
            "BatchNormalization",
            {"x": IMAGE},
            {name: np.ones(4, np.float32) for name in "sbmv"},
            opset=15,
            training_mode=1,
        ),
        "training_mode is set; export the model for inference",
    ),
    "fold bomb": (
        nodes(
            ("ConstantOfShape", ["s"], ["big"]),
            ("Add", ["x", "big"], ["y"]),
            constants={"s": np.array([1 << 20, 1 << 20])},
        ),
        "node 'n0' (ConstantOfShape): its result would have 1099511627776 elements",
    ),
    "fold that fails": (
        nodes(
            ("Add", ["a", "b"], ["c"]),
            ("Add", ["x", "c"], ["y"]),
            constants={"a": np.zeros(3, np.float32), "b": np.zeros(4, np.float32)},
        ),
        "node 'n0' (Add): it cannot be evaluated on its constant operands",
    ),
    "huge result": (
        single("Add", {"a": np.zeros((60000, 1), np.float32), "b": np.zeros(60000, np.float32)}),
        "node 'node' (Add): shape [60000, 60000] takes 14400000000 bytes",
    ),
    "scales": (
        single("DequantizeLinear", {"x": np.zeros((1, 4), np.int8)}, {"s": np.ones(3, np.float32)}),
        "a scale of shape [3] fits neither one value nor the 4 slices of axis 1",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_clear_message(kind: str) -> None:
    proto, expected = BAD[kind]
    with pytest.raises(RunnelError) as caught:
        import_onnx(proto)
    text = str(caught.value)
    assert expected in text
    problems = [message for message in caught.value.messages if "supported are:" not in message]
    assert len(problems) == 1, text


def test_all_problems_in_one_report() -> None:
    proto = nodes(
        ("Frobnicate", ["x"], ["a"]),
        ("Relu", ["a"], ["b"]),
        ("Softmax", ["x"], ["c"]),
        ("Bogus", ["c"], ["d"]),
        ("Add", ["b", "d"], ["y"]),
    )
    with pytest.raises(RunnelError) as caught:
        import_onnx(proto)
    first, second, supported = caught.value.messages
    assert "node 'n0' (Frobnicate)" in first and "node 'n3' (Bogus)" in second
    assert "Conv" in supported and "com.microsoft.QLinearAdd" in supported


def test_shape_given_for_an_input() -> None:
    with pytest.raises(RunnelError, match=re.escape("no input 'z' to give a shape to")):
        import_onnx(relu(), input_shapes={"z": [1]})
    with pytest.raises(RunnelError, match="must have 2 extents"):
        import_onnx(relu(), input_shapes={"x": [1]})
    with pytest.raises(RunnelError, match="dimension 1 is 4"):
        import_onnx(relu(), input_shapes={"x": [1, 5]})
    dynamic = changed(lambda m: set_shape(m, "N", "L"))
    with pytest.raises(RunnelError, match=r"no input has a dimension 'M'; .* are 'L', 'N'"):
        import_onnx(dynamic, dims={"M": 3, "L": 4})
    with pytest.raises(RunnelError, match=re.escape("shape [1, -2] has an extent that is not")):
        import_onnx(dynamic, dims={"L": -2})


EXTERNAL: dict[str, tuple[dict[str, str], str]] = {
    "missing": ({"location": "gone.bin"}, "its data file 'gone.bin' is not there"),
    "above": ({"location": "../secret.bin"}, "is outside of the folder of the model"),
    "absolute": ({"location": "/etc/passwd"}, "is outside of the folder of the model"),
    "link": ({"location": "link.bin"}, "is outside of the folder of the model"),
    "empty": ({"location": ""}, "is outside of the folder of the model"),
    "short": ({"location": "w.bin", "offset": "8"}, "which holds 16 bytes"),
    "length": ({"location": "w.bin", "length": "4"}, "its 16 bytes are declared as 4 bytes"),
    "negative": ({"location": "w.bin", "offset": "-4"}, "at offset -4"),
    "words": ({"location": "w.bin", "offset": "many"}, "are no numbers"),
}


@pytest.mark.parametrize("kind", EXTERNAL)
def test_external_data(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (folder / "w.bin").write_bytes(bytes(16))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    entries, expected = EXTERNAL[kind]
    path = folder / "net.onnx"
    path.write_bytes(with_tensor(external(**entries)).SerializeToString())
    with pytest.raises(RunnelError, match="initializer 'w': ") as caught:
        import_onnx(path)
    assert expected in str(caught.value)


def test_files(tmp_path: Path) -> None:
    with pytest.raises(RunnelError, match="No such file"):
        import_onnx(tmp_path / "none.onnx")
    packed = tmp_path / "net.onnx.xz"
    packed.write_bytes(b"not packed")
    with pytest.raises(RunnelError, match=re.escape("not an .xz file")):
        import_onnx(packed)


def test_many_nodes_in_reverse() -> None:
    """Ordering does not take quadratic time, or recursion."""
    count = 20000
    names = [f"v{index}" for index in range(count)] + ["y"]
    made = [helper.make_node("Relu", ["x"], ["v0"])]
    made += [helper.make_node("Identity", [a], [b]) for a, b in pairwise(names)]
    module = import_onnx(model(list(reversed(made)), {"x": [1, 4]}, ["y"]))
    assert "graph.relu" in str(module)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes_never_escape_as_python_errors(seed: int) -> None:
    """Random damage either still is a model or gets a message."""
    random = np.random.default_rng(seed)
    proto = nodes(
        ("Conv", ["i", "w"], ["c"]),
        ("Flatten", ["c"], ["f"]),
        ("MatMul", ["x", "m"], ["y"]),
        constants={
            "i": IMAGE,
            "w": np.zeros((1, 4, 1, 1), np.float32),
            "m": np.zeros((4, 2), np.float32),
        },
    )
    data = bytearray(proto.SerializeToString())
    for _ in range(6):
        data[random.integers(len(data))] = random.integers(256)
    try:
        import_onnx(bytes(data)).verify()
    except RunnelError as error:
        assert str(error)


def test_checker_is_not_needed() -> None:
    """The messages are ours: what onnx.checker refuses is imported when it makes sense."""
    proto = nodes(("Relu", ["h"], ["y"]), ("Neg", ["x"], ["h"]))
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(proto)
    import_onnx(proto).verify()
