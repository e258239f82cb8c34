"""AIMET encodings: what their numbers mean, out and back in, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper
from onnx_models import model
from small_networks import images, save_network
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import graph, quant
from runnel.dialects.diagnostics import RunnelError
from runnel.lowering.export_encodings import export_encodings
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.quant.encodings import VERSIONS, read_encodings
from runnel.tools import api
from runnel.tools.cli import main
from runnel.tools.fidelity import outputs_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.quantize import Goal, search
from runnel.tools.registry import new_context

Array = NDArray[Any]
RANDOM = np.random.default_rng(7)
WEIGHT = RANDOM.normal(size=(5, 6)).astype(np.float32)
BIAS = RANDOM.normal(size=5).astype(np.float32)
X = RANDOM.normal(size=(200, 6)).astype(np.float32)


def dense() -> onnx.ModelProto:
    """relu(x w' + b), with names as exporters give them."""
    nodes = [
        helper.make_node("Gemm", ["in/x", "fc/w", "fc/b"], ["fc/y"], "fc", transB=1),
        helper.make_node("Relu", ["fc/y"], ["relu/y"], "relu"),
    ]
    constants = {"fc/w": WEIGHT, "fc/b": BIAS}
    return model(nodes, {"in/x": (1, 6)}, ["relu/y"], constants)


def on_grid(x: Array, scale: Array | float, offset: int, bits: int) -> Array:
    """AIMET's definition: scale * (code + offset) for codes 0 .. 2**bits - 1, the nearest one."""
    code = np.clip(np.rint(x.astype(np.float64) / scale - offset), 0, 2**bits - 1)
    return (code + offset) * scale


SCALES: Array = (np.abs(WEIGHT).max(axis=1) / np.float32(7)).astype(np.float64)
GRIDS: dict[str, tuple[Any, int, int]] = {
    "in/x": (np.float64(np.float32(6 / 255)), -120, 8),
    "relu/y": (np.float64(np.float32(9 / 65535)), 0, 16),
    "fc/w": (SCALES, -8, 4),
}
"""Scale, offset and bits."""


def document(version: str) -> dict[str, Any]:
    """`GRIDS` in each of the formats, written out by hand."""
    sections: dict[str, Any] = {"activation_encodings": {}, "param_encodings": {}}
    flat: list[dict[str, Any]] = []
    for name, (scale, offset, bits) in GRIDS.items():
        section = sections["param_encodings" if name == "fc/w" else "activation_encodings"]
        scales = np.atleast_1d(scale).tolist()
        symmetric = name == "fc/w"
        if version == "0.6.1":
            channel = {"bitwidth": bits, "dtype": "int", "is_symmetric": str(symmetric)}
            section[name] = [
                channel | {"scale": s, "offset": offset, "min": s * offset, "max": 0.0}
                for s in scales
            ]
        elif version == "1.0.0":
            section[name] = {
                "name": name,
                "dtype": "INT",
                "bw": bits,
                "is_sym": symmetric,
                "enc_type": "PER_CHANNEL" if symmetric else "PER_TENSOR",
                "scale": scales,
                "offset": [float(offset)] * len(scales),
            }
        elif symmetric:
            flat.append({"name": name, "output_dtype": f"int{bits}", "y_scale": scales, "axis": 0})
        else:
            entry = {"name": name, "output_dtype": f"uint{bits}", "y_scale": scales[0]}
            flat.append(entry | ({"y_zero_point": -offset} if offset else {}))
    if version == "2.0.0":
        return {"version": version, "encodings": flat}
    if version == "1.0.0":
        sections = {name: list(section.values()) for name, section in sections.items()}
    return {"version": version, **sections}


def write(folder: Path, content: object) -> Path:
    path = folder / "model.encodings"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def passes(module: ModuleOp, text: str) -> ModuleOp:
    copy = module.clone()
    resolve_pipeline(text).run(new_context(), copy)
    return copy


def take(module: ModuleOp, path: Path) -> ModuleOp:
    return passes(module, f'simplify,import-encodings{{file="{path}"}},insert-quant-casts')


@pytest.mark.parametrize("version", VERSIONS)
def test_quantizers_have_the_grids_of_the_file(tmp_path: Path, version: str) -> None:
    """4-bit weights per channel, 8-bit and 16-bit activations, against AIMET's formula."""
    simulated = take(import_onnx(dense()), write(tmp_path, document(version)))
    found = outputs_of(simulated, {"in/x": X}).result
    x = on_grid(X, *GRIDS["in/x"])
    w = on_grid(WEIGHT, SCALES.reshape(-1, 1), *GRIDS["fc/w"][1:])
    expected = on_grid(np.maximum(x @ w.T + BIAS, 0), *GRIDS["relu/y"])
    assert (
        len(np.unique(expected)) > 256
        and (np.abs(expected - np.maximum(X @ WEIGHT.T + BIAS, 0)) > 0.01).any()
    )
    # f32 sums may fall on the other side of a tie: one step of 16 bits.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.01 * GRIDS["relu/y"][0])
    assert (np.abs(found - expected) < 1e-6).mean() > 0.98


def test_a_strict_symmetric_grid_has_no_most_negative_code(tmp_path: Path) -> None:
    entry = {"bitwidth": 8, "dtype": "int", "is_symmetric": "True", "scale": 0.5}
    for offset, bounds in ((-127, (-127, 127)), (-128, (-128, 127))):
        sections = {
            "activation_encodings": {"x": [entry | {"offset": offset}]},
            "param_encodings": {},
        }
        (found,) = read_encodings(write(tmp_path, {"version": "0.6.1", **sections}))
        assert (found.bounds, found.zero_points.tolist()) == (bounds, [0])


def test_unsigned_symmetric_is_a_grid_from_zero(tmp_path: Path) -> None:
    entry = {"name": "x", "dtype": "INT", "enc_type": "PER_TENSOR", "bw": 8, "is_sym": True}
    sections = {
        "activation_encodings": [entry | {"scale": [0.5], "offset": [0]}],
        "param_encodings": [],
    }
    (found,) = read_encodings(write(tmp_path, {"version": "1.0.0", **sections}))
    assert (found.bounds, found.zero_points.tolist()) == ((-128, 127), [-128])


BLOCKS: Array = np.array([[1, 16], [3, 5], [16, 16], [2, 7], [16, 9]])
"""Of three inputs each, per output of `WEIGHT`."""
FINE: Array = (np.abs(WEIGHT).max(axis=1) / np.float32(7 * 11)).astype(np.float64)
"""The scales that they multiply: some weights are clipped, two of them at code -8."""


def blocks_document(version: str) -> dict[str, Any]:
    """A file as AIMET writes it, with such a weight and calibrated activations."""
    entry: dict[str, Any] = {"name": "fc/w", "block_size": 3}
    if version == "2.0.0":
        entry |= {"output_dtype": "int4", "axis": 1}
        entry["per_channel_float_scale"] = FINE.reshape(5, 1).tolist()
        entry["per_block_int_scale"] = BLOCKS.tolist()
        return document(version) | {"encodings": [*document(version)["encodings"][:2], entry]}
    entry |= {"dtype": "INT", "enc_type": "LPBQ", "bw": 8, "compressed_bw": 4, "is_sym": True}
    entry |= {"offset": [-128] * 5, "scale": FINE.tolist()}
    entry["per_block_int_scale"] = BLOCKS.reshape(-1).tolist()
    return document(version) | {"param_encodings": [entry]}


def stored_weight(module: ModuleOp) -> tuple[quant.UniformQuantizedType, Array]:
    (cast,) = (
        op
        for op in module.walk()
        if isinstance(op, quant.DequantizeCastOp) and "quant.real" in op.attributes
    )
    stored = graph.constant_array(cast.input)
    assert stored is not None
    return quant.quantized(cast.input), stored


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_scales_of_blocks_are_integers_times_those_of_channels(
    tmp_path: Path, version: str
) -> None:
    """AIMET's LPBQ: code * integer * scale, codes of 4 bits."""
    simulated = take(import_onnx(dense()), write(tmp_path, blocks_document(version)))
    element, stored = stored_weight(simulated)
    steps = np.repeat(BLOCKS, 3, 1)
    codes = np.clip(np.rint(WEIGHT / (FINE[:, None] * steps)), -8, 7)
    assert (codes == -8).any() and (codes == 7).any()
    np.testing.assert_array_equal(stored, codes * steps)
    np.testing.assert_allclose(element.scale_array(), FINE, rtol=1e-7)


@pytest.mark.parametrize("version", VERSIONS)
def test_blocks_go_out_and_back_in(tmp_path: Path, version: str) -> None:
    """0.6.1 has no blocks, but the finer grid of the channels, that all codes lie on."""
    simulated = take(import_onnx(dense()), write(tmp_path, blocks_document("2.0.0")))
    exported, text = export_encodings(simulated, version)
    assert ("LPBQ" in text, "per_block_int_scale" in text) == {
        "0.6.1": (False, False),
        "1.0.0": (True, True),
        "2.0.0": (False, True),
    }[version]
    back = take(import_onnx(exported), write(tmp_path, text))
    np.testing.assert_array_equal(stored_weight(back)[1], stored_weight(simulated)[1])
    expected = outputs_of(simulated, {"in/x": X}).result
    np.testing.assert_array_equal(outputs_of(back, {"in/x": X}).result, expected)


def convolution() -> onnx.ModelProto:
    weight = np.random.default_rng(3).normal(size=(4, 6, 3, 3)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    return model([node], {"x": (1, 6, 4, 4)}, ["y"], {"w": weight})


def test_blocks_of_a_convolution_are_of_all_taps_of_their_inputs(tmp_path: Path) -> None:
    network = import_onnx(convolution())
    steps = np.array([[2, 16, 5], [1, 3, 9], [16, 8, 4], [7, 7, 7]])
    grids = [{"name": n, "output_dtype": "int8", "y_scale": 0.5} for n in "xy"]
    weight = {"name": "w", "output_dtype": "int4", "axis": 1, "block_size": 2}
    weight["per_channel_float_scale"] = np.full((4, 1, 1, 1), 0.03).tolist()
    weight["per_block_int_scale"] = steps.reshape(4, 3, 1, 1).tolist()
    path = write(tmp_path, {"version": "2.0.0", "encodings": [*grids, weight]})
    simulated = take(network, path)
    (real,) = (t for t in convolution().graph.initializer if t.name == "w")
    scales = np.repeat(steps, 2, 1)[:, :, None, None]
    codes = np.clip(np.rint(onnx.numpy_helper.to_array(real) / (np.float32(0.03) * scales)), -8, 7)
    np.testing.assert_array_equal(stored_weight(simulated)[1], codes * scales)
    _, text = export_encodings(simulated, "2.0.0")
    (again,) = (e for e in json.loads(text)["encodings"] if e["name"] == "w")
    assert again["block_size"] == 2
    assert np.array(again["per_block_int_scale"]).tolist() == weight["per_block_int_scale"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axis": 0, "per_channel_float_scale": [[1.0, 1.0]]}, "has scales along axis 1"),
        ({"block_size": 2}, "has 2 blocks of 2 inputs, the layer has 6"),
        ({"output_dtype": "uint4"}, "has scales per block and is not symmetric"),
        ({"y_zero_point": [[1]]}, "has scales per block and is not symmetric"),
        (
            {"per_channel_float_scale": [[1.0]]},
            r"has scales of \[1, 1\] channels and \[5, 2\] blocks",
        ),
        (
            {"per_block_int_scale": [[0.5, 1]] * 5},
            "per_block_int_scale holds .*, expected int",
        ),
        (
            {"per_block_int_scale": [[17, 1]] * 5},
            "scales of blocks are 1 to 17 times .* with 1 to 16",
        ),
    ],
)
def test_blocks_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    content = blocks_document("2.0.0")
    content["encodings"][2] |= changes
    with pytest.raises(RunnelError, match=f"tensor 'fc/w': {message}"):
        take(import_onnx(dense()), write(tmp_path, content))


def test_floats_per_block_have_no_integer_form(tmp_path: Path) -> None:
    entry = {"name": "fc/w", "output_dtype": "int4", "block_size": 3, "axis": 1}
    entry["y_scale"] = [[0.1, 0.2]] * 5
    content = {"version": "2.0.0", "encodings": [entry]}
    with pytest.raises(RunnelError, match=r"integers times the scale of a channel \(per_block"):
        read_encodings(write(tmp_path, content))


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> ModuleOp:
    """The small network with casts and rounded weights."""
    folder = tmp_path_factory.mktemp("network")
    np.save(folder / "x.npy", images(20))
    steps = (
        f'simplify,calibrate{{data="{folder}/x.npy"}},insert-quant-casts{{weight-bits=4}},'
        f'round-weights{{data="{folder}/x.npy"}}'
    )
    return passes(api.load(save_network(folder, quantized=False)), steps)


@pytest.mark.parametrize("version", VERSIONS)
def test_out_and_back_in_is_the_same_network(
    tmp_path: Path, calibrated: ModuleOp, version: str
) -> None:
    exported, text = export_encodings(calibrated, version)
    onnx.checker.check_model(exported, full_check=True)
    assert {node.op_type for node in exported.graph.node} == {
        *("Conv", "Relu", "Add", "AveragePool", "Reshape", "Gemm")
    }
    back = take(import_onnx(exported), write(tmp_path, text))
    samples = {"image": images(20, seed=4)}
    expected = outputs_of(calibrated, samples).result
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(outputs_of(back, samples).result, expected)


def test_tensors_keep_their_names_through_folded_batch_norms(tmp_path: Path) -> None:
    """AIMET calls what a folded batch norm made by the name of the convolution's result."""
    norm = {key: np.full(2, 0.5, np.float32) for key in ("s", "o", "m", "v")}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c:0"], "c"),
        helper.make_node("BatchNormalization", ["c:0", "s", "o", "m", "v"], ["bn:0"], "bn"),
    ]
    constants = {"w": np.ones((2, 1, 1, 1), np.float32), **norm}
    module = import_onnx(model(nodes, {"x": (1, 1, 4, 4)}, ["bn:0"], constants))
    grid = {"output_dtype": "int8", "y_scale": 0.5}
    for name in ("c:0", "bn:0"):
        encodings = [{"name": n, **grid} for n in ("x", "w", name)]
        path = write(tmp_path, {"version": "2.0.0", "encodings": encodings})
        _, text = export_encodings(take(module, path), "2.0.0")
        names = {entry["name"] for entry in json.loads(text)["encodings"]}
        assert names == {"x", "w", "bn:0"}


def test_other_tensors_have_calibrated_ranges(tmp_path: Path) -> None:
    network = import_onnx(dense())
    path = write(tmp_path, document("2.0.0") | {"encodings": document("2.0.0")["encodings"][:1]})
    found = search(network, {"in/x": X}, Goal(sqnr=0.0, drop=100.0), encodings=path)
    assert [str(attempt.recipe) for attempt in found.attempts] == ["encodings + mse"]
    types = [str(op.results[0].type) for op in found.best.casts.walk() if op.name == "quant.qcast"]
    assert "-8" in types[0] and len(types) == 2
    with pytest.raises(RunnelError, match=r"func.func: has no quant.range|graph.relu"):
        take(network, path)


def test_a_simulation_that_rounds_like_the_integers_gives_their_bytes(tmp_path: Path) -> None:
    """All scales are powers of two and biases lie on the accumulator's grid: f32 is exact."""
    proto = onnx.load(save_network(tmp_path, quantized=False))
    for tensor in proto.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if tensor.name.startswith("b"):
            tensor.CopyFrom(
                onnx.numpy_helper.from_array(np.rint(array * 512) / np.float32(512), tensor.name)
            )
    module = import_onnx(proto)
    makers = [
        n.output[0]
        for n in proto.graph.node
        if n.op_type in ("Relu", "Conv", "GlobalAveragePool", "Gemm")
    ]
    grid = {"output_dtype": "uint8", "y_zero_point": 100, "y_scale": 1 / 16}
    names = ["image", *makers]
    encodings: list[dict[str, Any]] = [{"name": name, **grid} for name in names]
    weights = [t.name for t in proto.graph.initializer if t.name.startswith("w")]
    encodings += [{"name": w, "output_dtype": "int8", "y_scale": 1 / 64} for w in weights]
    simulated = take(module, write(tmp_path, {"version": "2.0.0", "encodings": encodings}))
    integers = passes(simulated, "convert-graph-to-quant{rounding=half_even},cleanup")
    assert not any(op.name in ("graph.conv", "graph.gemm", "graph.add") for op in integers.walk())
    samples = {"image": images(50, seed=6)}
    expected = outputs_of(simulated, samples).result
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(outputs_of(integers, samples).result, expected)


def int_entry(**changes: Any) -> dict[str, Any]:
    entry = {"name": "in/x", "dtype": "INT", "enc_type": "PER_TENSOR", "bw": 8, "is_sym": False}
    return entry | {"scale": [0.5], "offset": [-3]} | changes


def lpbq_entry(**changes: Any) -> dict[str, Any]:
    blocks = {"block_size": 3, "compressed_bw": 4, "per_block_int_scale": [2]}
    entry = int_entry(enc_type="LPBQ", is_sym=True, offset=[-128])
    return entry | blocks | changes


BAD: dict[str, tuple[object, str]] = {
    "json": ("{", "cannot be read as JSON"),
    "list": ([], "version of the encodings is None"),
    "version": ({"version": "3.1"}, r"'3\.1', expected one of 0\.6\.1, 1\.0\.0, 2\.0\.0"),
    "no section": ({"version": "1.0.0"}, "'activation_encodings' must be a list"),
    "object": (
        {"version": "0.6.1", "activation_encodings": []},
        "'activation_encodings' must be an object",
    ),
    "no name": ({"version": "2.0.0", "encodings": [{}]}, "entry 0 of 'encodings' has no name"),
}
ENTRIES: dict[str, tuple[dict[str, Any], str]] = {
    "bits": (int_entry(bw=12), "has 12 bits, expected one of 2, 3"),
    "float": (int_entry(dtype="FLOAT"), "is FLOAT; only integers"),
    "blocks": (int_entry(enc_type="PER_BLOCK"), "scales are PER_BLOCK"),
    "coarse blocks": (
        lpbq_entry(per_block_int_scale=[17]),
        "are 17 to 17 times those .* with 1 to 16",
    ),
    "no block": (lpbq_entry(per_block_int_scale=[]), "has no blocks"),
    "0 blocks": (lpbq_entry(per_block_int_scale=[0]), "are 0 to 0 times"),
    "odd blocks": (lpbq_entry(scale=[1, 1], offset=[-128] * 2), "has 1 blocks in 2 channels"),
    "offset of blocks": (lpbq_entry(offset=[-3]), "has scales per block and is not symmetric"),
    "block size": (lpbq_entry(block_size=0), "a block has 0 inputs"),
    "scale": (int_entry(scale=[-1.0]), "scales that are not above 0"),
    "nan": (int_entry(scale=[float("nan")]), "scales that are not above 0"),
    "offset": (int_entry(offset=[3]), "zero is not among its 8-bit codes"),
    "fraction": (int_entry(offset=[-0.5]), "offset holds .*, expected integers"),
    "counts": (int_entry(offset=[]), "no encoding of 1.0.0|has 1 scales and 0 zero points"),
    "two scales": (int_entry(scale=[1, 2], offset=[0, 0]), "has 2 scales for one tensor"),
    "field": ({"name": "in/x"}, "is no encoding of 1.0.0 .*dtype"),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_are_no_encodings(tmp_path: Path, case: str) -> None:
    content, message = BAD[case]
    with pytest.raises(RunnelError, match=message):
        read_encodings(write(tmp_path, content))


@pytest.mark.parametrize("case", ENTRIES)
def test_entries_that_are_no_grid(tmp_path: Path, case: str) -> None:
    entry, message = ENTRIES[case]
    content = {"version": "1.0.0", "activation_encodings": [entry], "param_encodings": [entry]}
    with pytest.raises(RunnelError, match=f"tensor 'in/x': .*{message}|{message}") as raised:
        read_encodings(write(tmp_path, content))
    assert len(raised.value.messages) == 2


def test_a_name_that_comes_twice(tmp_path: Path) -> None:
    content = {"version": "1.0.0", "activation_encodings": [int_entry()] * 2, "param_encodings": []}
    with pytest.raises(RunnelError, match="tensor 'in/x': is there twice"):
        read_encodings(write(tmp_path, content))


def command(tmp_path: Path, *more: str) -> int:
    np.save(tmp_path / "x.npy", X)
    onnx.save(dense(), tmp_path / "net.onnx")
    return main(
        ["quantize", str(tmp_path / "net.onnx"), "--data", str(tmp_path / "x.npy"), "-q", *more]
    )


def test_the_command_takes_and_writes_encodings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = document("1.0.0")
    content["activation_encodings"][1] |= {"bw": 8, "scale": [9 / 255]}  # kernels take 8 bits
    given = write(tmp_path, content)
    saved = tmp_path / "saved.json"
    options = ("--encodings", str(given), "--save-encodings", str(saved), "--target-drop", "100")
    assert command(tmp_path, *options, "--encodings-version", "0.6.1") == 0
    assert "encodings + mse" in capsys.readouterr().out
    scales = {e.name: e.scales for e in read_encodings(saved)}
    assert set(scales) == set(GRIDS)
    for entry in (*content["activation_encodings"], *content["param_encodings"]):
        np.testing.assert_allclose(scales[entry["name"]], entry["scale"], rtol=1e-7)
    assert api.load(tmp_path / "saved.onnx")


def test_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = document("2.0.0")
    unknown["encodings"] += [{"name": n, "output_dtype": "int8", "y_scale": 1.0} for n in "ab"]
    assert command(tmp_path, "--encodings", str(write(tmp_path, unknown))) == 1
    errors = capsys.readouterr().err
    assert "tensor 'a': is not in the model" in errors
    assert "tensor 'b': is not in the model" in errors
    assert command(tmp_path, "--save-encodings", str(tmp_path / "net.encodings")) == 1
    assert "would overwrite" in capsys.readouterr().err
    assert command(tmp_path, "--save-encodings", str(tmp_path / "net.onnx")) == 1
    assert "is the model's name" in capsys.readouterr().err
