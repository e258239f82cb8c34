"""graph with casts -> a float ONNX model, and AIMET encodings that say how it is quantized."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from onnx import ModelProto
from xdsl.dialects.builtin import ModuleOp, i32
from xdsl.ir import SSAValue

from ..dialects import quant
from ..dialects.diagnostics import RunnelError
from ..dialects.graph_base import tensor_type
from ..passes.graph.constants import new_constant, real_constant
from ..passes.quant.encodings import SECTIONS, VERSIONS, Encoding
from ..passes.quant.round_results import forget_rounding
from .export_onnx import export_named
from .fusion import name_of


def export_encodings(module: ModuleOp, version: str) -> tuple[ModelProto, str]:
    """The model without quantizers, parameters rounded as they are quantized, and the text of its
    encodings of `version`.

    Raises `RunnelError` for a version that is not known and for ops without ONNX form.
    """
    stripped = module.clone()
    activations, parameters = strip_casts(stripped)
    model, names = export_named(stripped)
    text = write_encodings(
        [encoding_of(names[value], element) for value, element in activations.items()],
        [encoding_of(names[value], element) for value, element in parameters.items()],
        version,
    )
    return model, text


Types = dict[SSAValue, quant.UniformQuantizedType]


def strip_casts(module: ModuleOp) -> tuple[Types, Types]:
    """Take the casts out of `module`; the grids of what they quantized: activations, parameters."""
    activations: Types = {}
    parameters: Types = {}
    forget_rounding(module)
    for op in list(module.walk()):
        block = op.parent_block()
        if not isinstance(op, quant.DequantizeCastOp) or block is None:
            continue
        source, element = op.input.owner, quant.quantized(op.input)
        if isinstance(source, quant.QuantizeCastOp):
            real = source.input
            activations[real] = element
        else:
            array = real_constant(op.result)
            if array is None:
                raise RunnelError("encodings: integers that are computed have no float form")
            name = name_of(op.result, "weight")
            constant = new_constant(op, name, array, tensor_type(op.result), op.input)
            block.insert_op_before(constant, op)
            real = constant.result
            if element.storage != i32:  # a bias: its grid follows from those of the others
                parameters[real] = element
        op.result.replace_all_uses_with(real)
        block.erase_op(op)
        if isinstance(source, quant.QuantizeCastOp) and source.result.first_use is None:
            block.erase_op(source)
    return activations, parameters


def encoding_of(name: str, element: quant.UniformQuantizedType) -> Encoding:
    """The encoding of a tensor of quantized type; all codes of as many bits as it needs."""
    least, most = element.bounds
    bits = max(int(max(-least, most + 1) - 1).bit_length() + 1, 2)
    half = 1 << (bits - 1)
    axis = element.axis.data if element.per_axis else None
    return Encoding(
        name,
        bits,
        element.scale_array().copy(),
        element.zero_point_array().copy(),
        (-half, half - 1),
        element.per_axis,
        axis,
    )


def write_encodings(
    activations: Sequence[Encoding], parameters: Sequence[Encoding], version: str
) -> str:
    """The text of a file of `version`. Raises `RunnelError` for a version that is not known."""
    if version not in VERSIONS:
        raise RunnelError(
            f"no encodings of version {version!r}, expected one of {', '.join(VERSIONS)}"
        )
    document: dict[str, Any] = {"version": version, "producer": {"package": "runnel"}}
    if version == "2.0.0":
        document["encodings"] = [
            *(entry_2_0_0(encoding, signed=False) for encoding in activations),
            *(entry_2_0_0(encoding, signed=True) for encoding in parameters),
        ]
    else:
        entry = channels_0_6_1 if version == "0.6.1" else entry_1_0_0
        for section, encodings, symmetric in zip(
            SECTIONS, (activations, parameters), (False, True), strict=True
        ):
            entries = {e.name: entry(e, symmetric and e.symmetric) for e in encodings}
            document[section] = entries if version == "0.6.1" else list(entries.values())
    return json.dumps(document, indent=2) + "\n"


def channels_0_6_1(encoding: Encoding, symmetric: bool) -> list[dict[str, Any]]:
    half, steps = 1 << (encoding.bits - 1), (1 << encoding.bits) - 1
    return [
        {
            "bitwidth": encoding.bits,
            "dtype": "int",
            "is_symmetric": str(symmetric),
            "scale": scale,
            "offset": -zero - half,
            "min": scale * (-zero - half),
            "max": scale * (-zero - half + steps),
        }
        for scale, zero in zip(encoding.scales.tolist(), encoding.zero_points.tolist(), strict=True)
    ]


def entry_1_0_0(encoding: Encoding, symmetric: bool) -> dict[str, Any]:
    half = 1 << (encoding.bits - 1)
    return {
        "name": encoding.name,
        "dtype": "INT",
        "enc_type": "PER_CHANNEL" if encoding.per_channel else "PER_TENSOR",
        "bw": encoding.bits,
        "is_sym": symmetric,
        "scale": encoding.scales.tolist(),
        "offset": (-encoding.zero_points - half).tolist(),
    }


def entry_2_0_0(encoding: Encoding, *, signed: bool) -> dict[str, Any]:
    zeros = encoding.zero_points + (0 if signed else 1 << (encoding.bits - 1))
    entry: dict[str, Any] = {
        "name": encoding.name,
        "output_dtype": f"{'' if signed else 'u'}int{encoding.bits}",
        "y_scale": encoding.scales.tolist(),
    }
    if zeros.any():
        entry["y_zero_point"] = zeros.tolist()
    if encoding.per_channel:
        entry["axis"] = encoding.axis
    else:
        entry |= {key: entry[key][0] for key in ("y_scale", "y_zero_point") if key in entry}
    return entry
