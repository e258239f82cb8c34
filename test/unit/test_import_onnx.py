"""Imported nodes and models compute what onnxruntime computes."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import Array, model, onnxruntime_results, single
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import graph
from runnel.dialects.diagnostics import Remark, RunnelError, add_remark_handler, source_name
from runnel.lowering.import_onnx import import_onnx
from runnel.runtime.interpreter import run

RANDOM = np.random.default_rng(7)


def normal(*shape: int) -> Array:
    """Random floats around zero."""
    return RANDOM.normal(size=shape).astype(np.float32)


def positive(*shape: int) -> Array:
    """Random floats in [0.1, 2]."""
    return RANDOM.uniform(0.1, 2, shape).astype(np.float32)


def i64(*values: int) -> Array:
    """Integers, as ONNX wants shapes and axes."""
    return np.array(values, np.int64)


def i8(*shape: int) -> Array:
    """Random bytes."""
    return RANDOM.integers(-128, 128, shape).astype(np.int8)


def u8(*shape: int) -> Array:
    """Random unsigned bytes."""
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


HIDDEN = ("domain", "order", "output_type")


@dataclass
class Case:
    """One node with operands; `expect` names the graph ops that it becomes."""

    op: str
    inputs: dict[str, Array]
    constants: dict[str, Array] = field(default_factory=dict[str, Array])
    opset: int = 13
    expect: str = ""
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        attributes = ",".join(f"{k}={v}" for k, v in self.attributes.items() if k not in HIDDEN)
        return f"{self.op}-{self.opset}({attributes})".replace(" ", "")


def case(
    op: str,
    *inputs: Array,
    constants: Sequence[Array | np.generic | None] | None = None,
    opset: int = 13,
    expect: str = "",
    **attributes: Any,
) -> Case:
    """A case whose operands are first `inputs`, then `constants` (None: not given)."""
    known = {
        f"c{index}": None if array is None else np.asarray(array)
        for index, array in enumerate(constants or ())
    }
    given = {f"x{index}": array for index, array in enumerate(inputs)}
    attributes["order"] = [*given, *(n if a is not None else "" for n, a in known.items())]
    present = {name: array for name, array in known.items() if array is not None}
    return Case(op, given, present, opset, expect, attributes)


IMAGE = normal(1, 6, 9, 8)
ROW = normal(1, 12)
SCALE, ZERO = np.float32(0.05), np.int8(-3)
UZERO = np.uint8(120)

ELEMENTWISE = [
    *(case(op, ROW) for op in ("Relu", "Sigmoid", "Tanh", "Exp", "Abs", "Neg", "Erf")),
    *(case(op, positive(1, 12)) for op in ("Log", "Sqrt", "Reciprocal")),
    case("HardSwish", ROW * 4, opset=14),
    case("HardSigmoid", ROW * 4, alpha=0.3, beta=0.4),
    case("LeakyRelu", ROW, alpha=0.2),
    case("Elu", ROW, alpha=0.7),
    case("PRelu", IMAGE, constants=[normal(6, 1, 1)]),
    case("Clip", ROW, opset=7, min=-0.5, max=0.25),
    case("Clip", ROW, constants=[np.float32(-0.5), np.float32(0.5)]),
    case("Clip", ROW, constants=[None, np.float32(0.5)]),
    case("Clip", ROW, constants=[np.float32(0)]),
    *(case(op, ROW, normal(1, 12)) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")),
    case("Add", IMAGE, normal(6, 1, 1), opset=7),
    case("Mul", normal(1, 1, 4), normal(1, 5, 1)),
    case("Sum", ROW, normal(1, 12), normal(1, 1), opset=8),
    case("Pow", positive(1, 5), constants=[np.float32(2.5)]),
    case("Pow", normal(1, 5), constants=[np.int64(3)]),
    case("Softmax", normal(1, 7), opset=7),
    case("Softmax", normal(1, 2, 3, 4), opset=11, axis=2),
    case("Softmax", normal(2, 3, 4), opset=11),
    case("Softmax", normal(1, 3, 4), opset=13),
    case("Softmax", normal(2, 3, 4), opset=13, axis=0),
    case("LogSoftmax", normal(1, 5)),
    case("Gelu", normal(1, 5), opset=20),
    case("Gelu", normal(1, 5), opset=20, approximate="tanh"),
    case("Softplus", normal(1, 5), opset=18),
    case("Mish", normal(1, 5), opset=18),
]
WINDOWS = [
    case("Conv", IMAGE, constants=[normal(4, 6, 3, 3)], pads=[1, 0, 2, 1], strides=[2, 1]),
    case("Conv", IMAGE, constants=[normal(4, 6, 3, 3), normal(4)], dilations=[2, 2]),
    case("Conv", IMAGE, constants=[normal(6, 1, 3, 3), normal(6)], group=6, auto_pad="SAME_UPPER"),
    case("Conv", IMAGE, constants=[normal(12, 1, 3, 2)], group=6, pads=[1, 1, 1, 1]),
    case("Conv", IMAGE, constants=[normal(9, 2, 2, 2)], group=3, strides=[3, 2]),
    case("Conv", IMAGE, constants=[normal(2, 6, 4, 4)], auto_pad="SAME_LOWER", strides=[2, 2]),
    case("Conv", IMAGE, constants=[normal(2, 6, 4, 4)], auto_pad="VALID"),
    case("Conv", normal(1, 3, 11), constants=[normal(5, 3, 4), normal(5)], pads=[2, 1]),
    case("Conv", normal(1, 2, 4, 5, 6), constants=[normal(3, 2, 2, 2, 2)]),
    case("MaxPool", IMAGE, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    case("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 3], ceil_mode=1),
    case("MaxPool", IMAGE, kernel_shape=[2, 2], dilations=[2, 3]),
    case("MaxPool", normal(1, 2, 7), kernel_shape=[3], auto_pad="SAME_UPPER"),
    case("AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    case("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    case("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    case("AveragePool", IMAGE, kernel_shape=[4, 4], strides=[3, 3], ceil_mode=1, opset=19),
    case(
        "AveragePool",
        IMAGE,
        opset=19,
        kernel_shape=[3, 3],
        strides=[3, 2],
        pads=[1, 1, 0, 0],
        ceil_mode=1,
        count_include_pad=1,
    ),
    case("GlobalAveragePool", IMAGE),
    case("GlobalMaxPool", IMAGE),
    case(
        "BatchNormalization",
        IMAGE,
        constants=[normal(6), normal(6), normal(6), positive(6)],
        opset=9,
        epsilon=1e-3,
        momentum=0.9,
    ),
    case("Resize", IMAGE, constants=[np.array([1, 1, 2, 2], np.float32)], opset=10),
    case("Upsample", IMAGE, opset=7, scales=[1.0, 1.0, 2.0, 3.0]),
    *(
        case(
            "Resize",
            normal(1, 2, 5, 4),
            constants=[None, None, i64(1, 2, *size)],
            coordinate_transformation_mode=rule,
            mode=mode,
        )
        for size in ((10, 8), (3, 3))
        for mode in ("nearest", "linear")
        for rule in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")
    ),
]
PRODUCTS = [
    case("MatMul", normal(1, 6), constants=[normal(6, 4)]),
    case("MatMul", normal(2, 3, 6), normal(2, 6, 4)),
    case("MatMul", normal(5, 6), constants=[normal(2, 6, 4)]),
    case("MatMul", normal(3, 6), normal(6)),
    case("Gemm", normal(1, 6), constants=[normal(6, 4), normal(4)]),
    case(
        "Gemm", normal(1, 6), constants=[normal(4, 6), normal(1, 4)], transB=1, alpha=0.5, beta=2.0
    ),
    case("Gemm", normal(6, 3), constants=[normal(6, 4)], transA=1),
    case("ReduceMean", IMAGE, axes=[2, 3]),
    case("ReduceMean", IMAGE, axes=[-1], keepdims=0),
    case("ReduceMean", IMAGE, constants=[i64(1, 2)], opset=18),
    case("ReduceSum", IMAGE, constants=[i64(1)], opset=13),
    case("ReduceMax", IMAGE, axes=[1, 3], keepdims=0),
    case("ReduceMean", IMAGE),
    case("LayerNormalization", normal(2, 6), constants=[normal(6), normal(6)], opset=17),
    case(
        "LayerNormalization",
        normal(2, 3, 4),
        constants=[normal(3, 4)],
        opset=17,
        axis=1,
        epsilon=0.1,
        expect="reshape reshape layer_normalization reshape",
    ),
]
MOVEMENT = [
    case("Transpose", IMAGE, perm=[0, 2, 3, 1], expect="transpose"),
    case("Transpose", normal(2, 3)),
    case("Reshape", IMAGE, constants=[i64(0, 3, -1)], expect="reshape"),
    case("Flatten", IMAGE, axis=2, expect="reshape"),
    case("Flatten", IMAGE, axis=-1),
    case("Squeeze", normal(1, 3, 1), opset=11, axes=[2], expect="reshape"),
    case("Squeeze", normal(1, 3, 1), constants=[i64(0, 2)]),
    case("Unsqueeze", normal(2, 3), opset=11, axes=[0, 3], expect="reshape"),
    case("Unsqueeze", normal(2, 3), constants=[i64(-1)]),
    case("Concat", IMAGE, normal(1, 2, 9, 8), axis=1, expect="concat"),
    case("Concat", normal(2, 3), normal(2, 3), axis=-2),
    case("Pad", IMAGE, opset=10, pads=[0, 0, 1, 2, 0, 0, 0, 1], value=1.5, expect="pad"),
    case("Pad", IMAGE, constants=[i64(0, 0, 1, 0, 0, 0, 2, 0)], mode="reflect"),
    case("Pad", IMAGE, constants=[i64(0, 0, 1, 0, 0, 0, 2, 0)], mode="edge"),
    case("Pad", IMAGE, constants=[i64(0, 0, -1, 1, 0, 0, 2, -3)], expect="slice pad"),
    case("Pad", IMAGE, constants=[i64(1, 2), np.float32(2), i64(3)], opset=18),
    case("Slice", IMAGE, opset=9, starts=[1, 2], ends=[5, 100], axes=[1, 3], expect="slice"),
    case("Slice", IMAGE, constants=[i64(-1), i64(-100), i64(2), i64(-2)]),
    case("Gather", IMAGE, constants=[i64(3, 0, -1)], axis=1, expect="gather"),
    case("Gather", IMAGE, constants=[np.array(2)], axis=2, expect="slice reshape"),
    case("Gather", IMAGE, constants=[i64(0, 2, 4)], axis=1, expect="slice"),
    case("Gather", normal(5, 3), RANDOM.integers(0, 5, (1, 4)), axis=0, expect="gather"),
    case("Cast", u8(1, 4), to=TensorProto.FLOAT, expect="cast"),
    case("DepthToSpace", normal(1, 8, 2, 3), blocksize=2),
    case("DepthToSpace", normal(1, 8, 2, 3), blocksize=2, mode="CRD"),
    case("SpaceToDepth", normal(1, 2, 4, 6), blocksize=2),
    case("Dropout", ROW, opset=12),
    case("Identity", ROW),
]
BYTES: dict[str, Any] = {"output_type": TensorProto.INT8}
UBYTES: dict[str, Any] = {"output_type": TensorProto.UINT8}
MICROSOFT: dict[str, Any] = {"domain": "com.microsoft", **BYTES}
OTHER = np.float32(0.0813)
SIGMOID: list[Array | np.generic | None] = [SCALE, ZERO, np.float32(1 / 256), np.int8(-128)]
BIAS = RANDOM.integers(-99, 99, 4).astype(np.int32)
CONV: list[Array | np.generic | None] = [
    *(SCALE, UZERO, i8(4, 3, 3, 3), positive(4) * np.float32(0.01), np.zeros(4, np.int8)),
    *(np.float32(0.3), UZERO, BIAS),
]
QUANTIZED = [
    case("QuantizeLinear", ROW * 5, constants=[SCALE, ZERO], **BYTES),
    case("QuantizeLinear", ROW * 5, constants=[np.array([0.05], np.float32)], opset=10, **UBYTES),
    case("QuantizeLinear", IMAGE, constants=[positive(6), i8(6)], axis=1, **BYTES),
    case("DequantizeLinear", i8(1, 9), constants=[SCALE, ZERO], opset=10),
    case("DequantizeLinear", i8(9), constants=[SCALE, ZERO]),
    case("DequantizeLinear", i8(4, 3), constants=[positive(4)], axis=0),
    case(
        "DequantizeLinear",
        i8(4, 6),
        constants=[positive(4, 3), i8(4, 3)],
        axis=1,
        block_size=2,
        opset=21,
    ),
    case("QLinearConv", u8(1, 3, 6, 6), constants=CONV, pads=[1, 1, 1, 1], **UBYTES),
    case(
        "QLinearMatMul",
        u8(1, 6),
        constants=[SCALE, UZERO, u8(6, 4), SCALE, UZERO, np.float32(0.3), UZERO],
        **UBYTES,
    ),
    *(
        case(
            op, i8(1, 99), constants=[SCALE, ZERO, i8(1, 99), OTHER, ZERO, scale, ZERO], **MICROSOFT
        )
        for op, scale in (("QLinearAdd", np.float32(0.0917)), ("QLinearMul", np.float32(0.237)))
    ),
    case(
        "QLinearAveragePool",
        i8(1, 3, 6, 6),
        constants=[SCALE, ZERO, OTHER, ZERO],
        kernel_shape=[2, 2],
        strides=[2, 2],
        **MICROSOFT,
    ),
    case(
        "QLinearAveragePool",
        i8(1, 6, 6, 3),
        constants=[SCALE, ZERO, OTHER, ZERO],
        kernel_shape=[3, 3],
        channels_last=1,
        **MICROSOFT,
    ),
    case(
        "QLinearGlobalAveragePool",
        i8(1, 3, 6, 6),
        constants=[SCALE, ZERO, OTHER, ZERO],
        channels_last=0,
        **MICROSOFT,
    ),
    case("QLinearSigmoid", i8(1, 99), constants=SIGMOID, **MICROSOFT),
    case(
        "QLinearLeakyRelu",
        i8(1, 99),
        constants=[SCALE, ZERO, OTHER, ZERO],
        alpha=0.1,
        **MICROSOFT,
    ),
    case("QLinearSoftmax", i8(1, 9), constants=SIGMOID, axis=-1, opset_=13, **MICROSOFT),
    case(
        "QGemm",
        i8(1, 6),
        constants=[SCALE, ZERO, i8(4, 6), SCALE, np.int8(0), BIAS, np.float32(0.3), ZERO],
        transB=1,
        **MICROSOFT,
    ),
]

ALL = ELEMENTWISE + WINDOWS + PRODUCTS + MOVEMENT + QUANTIZED


def build(entry: Case) -> onnx.ModelProto:
    """The model of a case."""
    attributes = dict(entry.attributes)
    inner_opset = attributes.pop("opset_", None)
    proto = single(entry.op, entry.inputs, entry.constants, opset=entry.opset, **attributes)
    if inner_opset is not None:
        proto.graph.node[0].attribute.append(helper.make_attribute("opset", inner_opset))
    return proto


def ops_of(module: ModuleOp) -> list[str]:
    """The graph ops of the function, in order, without constants."""
    return [op.name.removeprefix("graph.") for op in module.walk() if isinstance(op, graph.GraphOp)]


def assert_close(got: Array, want: Array, what: str) -> None:
    """Floats up to rounding; integers exactly, but for ties that float rounding breaks."""
    assert got.shape == want.shape and got.dtype == want.dtype, what
    if got.dtype.kind == "f":
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5, err_msg=what)
    else:
        assert np.abs(got.astype(int) - want.astype(int)).max(initial=0) <= 1, what
        assert (got != want).mean() <= 0.02, what


@pytest.mark.parametrize("entry", ALL, ids=str)
def test_node_computes_what_onnxruntime_computes(entry: Case) -> None:
    proto = build(entry)
    module = import_onnx(proto)
    want = onnxruntime_results(proto, entry.inputs)
    got = run(module, entry.inputs)
    assert_close(got["y"], want["y"], str(module))
    if entry.expect:
        assert ops_of(module) == entry.expect.split()
    assert all(source_name(op) for op in module.walk() if isinstance(op, graph.GraphOp))


@pytest.mark.parametrize("entry", ALL, ids=str)
def test_batch_is_sample_by_sample(entry: Case) -> None:
    module = import_onnx(build(entry))
    samples = [
        {name: np.roll(array, shift, -1) for name, array in entry.inputs.items()}
        for shift in range(3)
    ]
    want = np.concatenate([run(module, sample)["y"] for sample in samples])
    together = {name: np.concatenate([s[name] for s in samples]) for name in entry.inputs}
    got = run(module, together)["y"]
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


NEWEST = onnx.defs.onnx_opset_version()


@pytest.mark.parametrize(
    "entry",
    [e for e in ALL if e.opset >= 13 and not {"axes", "domain"} & set(e.attributes)],
    ids=str,
)
def test_newest_opset_means_the_same(entry: Case) -> None:
    old, new = import_onnx(build(entry)), import_onnx(build(replace(entry, opset=NEWEST)))
    assert str(new) == str(old)


def test_axes_moved_from_attribute_to_operand() -> None:
    proto = single("ReduceMean", {"x": IMAGE}, opset=18, axes=[2, 3])
    with pytest.raises(RunnelError, match="attribute 'axes' is not supported"):
        import_onnx(proto)


def test_split_becomes_slices() -> None:
    x = normal(1, 7)
    splits: list[tuple[dict[str, Array], int, dict[str, Any]]] = [
        ({"s": i64(3, 4)}, 13, {}),
        ({}, 11, {"split": [3, 4]}),
        ({}, 18, {"num_outputs": 2}),
    ]
    for constants, opset, more in splits:
        proto = single(
            "Split", {"x": x}, constants, opset=opset, outputs=["a", "b"], axis=1, **more
        )
        got = run(import_onnx(proto), {"x": x})
        want = onnxruntime_results(proto, {"x": x})
        assert all((got[name] == want[name]).all() for name in ("a", "b"))


def test_shape_computations_are_folded() -> None:
    """Reshape(x, Concat(Gather(Shape(x), 0), -1)), as exporters write a flatten."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Unsqueeze", ["n"], ["n1"], axes=[0]),
        helper.make_node("Concat", ["n1", "minus"], ["t"], axis=0),
        helper.make_node("Reshape", ["x", "t"], ["y"], "flatten"),
    ]
    constants = {"zero": np.array(0, np.int64), "minus": i64(-1)}
    module = import_onnx(model(nodes, {"x": [2, 3, 4]}, ["y"], constants, opset=11))
    assert ops_of(module) == ["reshape"]
    assert [op for op in module.walk() if isinstance(op, graph.GlobalOp)] == []
    assert "tensor<2x12xf32>" in str(module)


def test_nodes_in_any_order_and_unused_constants() -> None:
    nodes = [
        helper.make_node("Relu", ["h"], ["y"], "second"),
        helper.make_node("Neg", ["x"], ["h"], "first"),
    ]
    module = import_onnx(model(nodes, {"x": [1, 2]}, ["y"], {"unused": normal(4)}))
    assert ops_of(module) == ["neg", "relu"]
    assert "graph.global" not in str(module)


def test_names() -> None:
    node = helper.make_node("Relu", ["in put:0"], ["1out"], "a/relu")
    proto = model([node], {"in put:0": [1, 2]}, ["1out"], name="my net-2")
    module = import_onnx(proto)
    function = module.body.block.last_op
    assert isinstance(function, func.FuncOp) and function.sym_name.data == "my_net_2"
    assert set(run(module, {"in put:0": normal(1, 2)})) == {"1out"}
    assert [source_name(op) for op in module.walk() if isinstance(op, graph.ReluOp)] == ["a/relu"]
    assert "@other" in str(import_onnx(proto, name="other"))
    module.verify()


def remarks_of(proto: onnx.ModelProto, **options: Any) -> tuple[ModuleOp, list[str]]:
    """The module, and the remarks of its import."""
    remarks: list[Remark] = []
    stop = add_remark_handler(remarks.append)
    try:
        return import_onnx(proto, **options), [str(remark) for remark in remarks]
    finally:
        stop()


def test_symbolic_dimensions() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    module, remarks = remarks_of(model(nodes, {"x": ["N", 3]}, ["y"]))
    assert "tensor<1x3xf32>" in str(module)
    assert len(remarks) == 1 and "'N' is 1" in remarks[0] and "--dim N=VALUE" in remarks[0]
    dynamic = model(nodes, {"x": ["N", 3, "L"]}, ["y"])
    module, remarks = remarks_of(dynamic, dims={"N": 2, "L": 5})
    assert "tensor<2x3x5xf32>" in str(module) and remarks == []
    module, _ = remarks_of(dynamic, input_shapes={"x": [4, 3, 6]})
    assert "tensor<4x3x6xf32>" in str(module)


def test_local_functions_are_inlined() -> None:
    body = helper.make_function(
        "mine",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 13)],
    )
    proto = single("Twice", {"x": normal(1, 3)}, domain="mine")
    proto.functions.append(body)
    assert ops_of(import_onnx(proto)) == ["add"]


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    weight = normal(6, 4)
    proto = single("MatMul", {"x": normal(1, 6)}, {"w": weight})
    onnx.save_model(
        proto,
        tmp_path / "net.onnx",
        save_as_external_data=True,
        location="net.bin",
        size_threshold=0,
    )
    x = normal(1, 6)
    module = import_onnx(tmp_path / "net.onnx")
    np.testing.assert_allclose(run(module, [x])["y"], x @ weight, rtol=1e-6)
    assert "@net(" in str(module)


def test_typed_fields_and_half_floats() -> None:
    values = normal(2, 3).astype(np.float16)
    tensor = helper.make_tensor("c", TensorProto.FLOAT16, [2, 3], values.reshape(-1).tolist())
    node = helper.make_node("Add", ["x", "c"], ["y"])
    proto = model([node], {"x": [2, 3]}, ["y"], types={k: TensorProto.FLOAT16 for k in "xy"})
    proto.graph.initializer.append(tensor)
    x = normal(2, 3).astype(np.float16)
    np.testing.assert_array_equal(run(import_onnx(proto), [x])["y"], x + values)


# Real models: the interpreter at graph level against onnxruntime, on real inputs.


def real_inputs(shared: Path, folder: str) -> list[Array]:
    """A few calibration samples as float arrays."""
    images = {
        "mlperf_ic": ("calib_x.npy", 1.0),
        "mlperf_vww": ("calib_x.npz", 1 / 255),
        "mlperf_kws": ("calib_mfcc_x.npy", 1.0),
        "mlperf_ad": ("calib_x.npz", 1.0),
        "fashion_mnist": ("calib_x.npy", 1 / 255),
        "mnist": ("calib_x.npz", 1 / 255),
        "hand_gesture": ("calib_x.npy", 1.0),
        "onnx_misc": ("superres_x.npz", 1.0),
    }
    name, factor = images[folder]
    data = np.load(shared / "models" / folder / name)
    array = data["x"] if name.endswith("npz") else data
    return [(sample.astype(np.float32) * np.float32(factor)) for sample in array[:3]]


MODELS = [
    ("mlperf_ic", "resnet8"), ("mlperf_ic", "resnet8_bn"), ("mlperf_ic", "resnet20_bn"),
    ("mlperf_ic", "resnet8_int8_qdq"), ("mlperf_ic", "resnet8_tf2onnx_qdq_nhwc"),
    ("mlperf_vww", "mobilenetv1_025"), ("mlperf_vww", "mobilenetv1_025_bn"),
    ("mlperf_vww", "mobilenetv1_025_int8_qdq"), ("mlperf_vww", "mobilenetv1_025_k1_qdq"),
    ("mlperf_kws", "dscnn"), ("mlperf_kws", "dscnn_bn"), ("mlperf_kws", "dscnn_int8_qdq"),
    ("mlperf_kws", "dscnn_tf2onnx_qdq"), ("mlperf_kws", "kwt1"),
    ("mlperf_ad", "autoencoder_bn"), ("mlperf_ad", "autoencoder_int8_qdq"),
    ("mlperf_ad", "autoencoder_k1_qdq"),
    ("fashion_mnist", "fm_simple_cnn"), ("fashion_mnist", "fm_resnet10_deq"),
    ("fashion_mnist", "fm_resnet10_qdq"), ("hand_gesture", "hand_keypoint_mlp"),
    ("mnist", "mnist_cntk_opset8"), ("mnist", "mnist_dw"), ("mnist", "mnist_dw_int8_qdq"),
    ("mnist", "mnist_valid"), ("mnist", "mnist_valid_int8_qdq"),
    ("onnx_misc", "micro_kws_m_static_fp32"), ("onnx_misc", "micro_kws_m_static_qdq"),
    ("onnx_misc", "micro_kws_m_static_qoperator"), ("onnx_misc", "super_resolution"),
    ("imagenet", "mobilenetv1_025_128_bn"), ("imagenet", "mobilenetv2_100_224_deq"),
    ("imagenet", "mobilenetv3_small_100_224_deq"), ("imagenet", "squeezenet1.1"),
    ("coco_det", "fastestdet"), ("coco_det", "ultraface_slim_320"),
]  # fmt: skip
"""Every network of the shared models but the published QDQ MobileNetV2, see below."""


def model_bytes(path: Path) -> bytes:
    """An .onnx file, packed or not."""
    packed = path.with_name(path.name + ".xz")
    return path.read_bytes() if path.exists() else lzma.decompress(packed.read_bytes())


def network_inputs(shared: Path, folder: str, shape: list[int]) -> list[Array]:
    """Three inputs of `shape`: real ones where the data set has them in this shape."""
    if folder in ("imagenet", "coco_det"):
        return [RANDOM.uniform(-1, 1, shape).astype(np.float32) for _ in range(3)]
    samples = real_inputs(shared, folder)
    if samples[0].ndim == 3 and samples[0].shape[-1] in (1, 3) and shape[-1] not in (1, 3):
        samples = [sample.transpose(2, 0, 1) for sample in samples]
    size = int(np.prod(shape))
    return [np.resize(sample.reshape(-1), size).reshape(shape) for sample in samples]


@pytest.mark.shared
@pytest.mark.parametrize(("folder", "name"), MODELS, ids=[name for _, name in MODELS])
def test_model_computes_what_onnxruntime_computes(shared: Path, folder: str, name: str) -> None:
    data = model_bytes(shared / "models" / folder / "models" / f"{name}.onnx")
    module = import_onnx(data, name=name)
    declared = onnx.load_from_string(data).graph
    constants = {entry.name for entry in declared.initializer}
    [value] = [entry for entry in declared.input if entry.name not in constants]
    shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
    samples = network_inputs(shared, folder, shape)
    got = run(module, {value.name: np.concatenate(samples)})
    wanted = [onnxruntime_results(data, {value.name: sample}) for sample in samples]
    for output, array in got.items():
        want = np.concatenate([result[output] for result in wanted])
        scale = max(1.0, float(np.abs(want).max()))
        limit = 1e-3 if "q" in name.split("_")[-1] else 1e-4
        assert np.abs(array - want).max() <= limit * scale


@pytest.mark.shared
def test_published_qdq_mobilenet_imports(shared: Path) -> None:
    """65 casts amplify single roundings: logits are compared by correlation, on random input."""
    path = shared / "models/imagenet/models/mobilenetv2_torchvision_ort_qdq.onnx"
    data = model_bytes(path)
    x = RANDOM.normal(size=(1, 3, 224, 224)).astype(np.float32)
    got = run(import_onnx(data), [x])["class_logits"]
    want = onnxruntime_results(data, {"image": x})["class_logits"]
    assert np.corrcoef(got.reshape(-1), want.reshape(-1))[0, 1] > 0.995
