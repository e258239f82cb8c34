"""graph with casts -> a float ONNX model, and AIMET encodings that say how it is quantized."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from onnx import ModelProto
from xdsl.dialects.builtin import ModuleOp, i32
from xdsl.ir import SSAValue

from ..dialects import quant
from ..dialects.diagnostics import RunnelError
from ..dialects.graph_base import tensor_type
from ..passes.graph.constants import new_constant, real_constant
from ..passes.quant.blocks import BLOCKS, Blocks
from ..passes.quant.encodings import SECTIONS, STORED, VERSIONS, BlockSteps, Encoding
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
        [replace(encoding, name=names[value]) for value, encoding in activations.items()],
        [replace(encoding, name=names[value]) for value, encoding in parameters.items()],
        version,
    )
    return model, text


Encodings = dict[SSAValue, Encoding]
"""Those of tensors that have no name yet."""


def strip_casts(module: ModuleOp) -> tuple[Encodings, Encodings]:
    """Take the casts out of `module`; the grids of what they quantized: activations, parameters."""
    activations: Encodings = {}
    parameters: Encodings = {}
    forget_rounding(module)
    for op in list(module.walk()):
        block = op.parent_block()
        if not isinstance(op, quant.DequantizeCastOp) or block is None:
            continue
        source = op.input.owner
        if isinstance(source, quant.QuantizeCastOp):
            real = source.input
            activations[real] = encoding_of(quant.quantized(op.input))
        else:
            array = real_constant(op.result)
            if array is None:
                raise RunnelError("encodings: integers that are computed have no float form")
            name = name_of(op.result, "weight")
            constant = new_constant(op, name, array, tensor_type(op.result), op.input)
            block.insert_op_before(constant, op)
            real = constant.result
            if quant.quantized(op.input).storage != i32:  # biases follow from the others
                parameters[real] = weight_encoding(op)
        op.result.replace_all_uses_with(real)
        block.erase_op(op)
        if isinstance(source, quant.QuantizeCastOp) and source.result.first_use is None:
            block.erase_op(source)
    return activations, parameters


def weight_encoding(cast: quant.DequantizeCastOp) -> Encoding:
    """That of a weight, with its blocks if AIMET can say them: of whole inputs, equally many in
    each, and integers that codes of 8 bits have room for. Others have the grid of their channel.
    """
    element, shape = quant.quantized(cast.input), tensor_type(cast.result).get_shape()
    encoding = encoding_of(element)
    if encoding.axis is None:
        return encoding
    blocks = Blocks.of(cast.attributes.get(BLOCKS), shape[encoding.axis])
    if blocks is None:
        return encoding
    size, rest = divmod(blocks.size, math.prod(shape[2:]))
    axis, half = 1 - encoding.axis, 1 << (blocks.bits - 1)
    if rest or shape[axis] % size or blocks.steps.max() * half > STORED:
        return encoding
    steps = BlockSteps(size, blocks.steps, axis, len(shape))
    return replace(encoding, bits=blocks.bits, bounds=(-half, half - 1), blocks=steps)


def encoding_of(element: quant.UniformQuantizedType) -> Encoding:
    """The encoding of a tensor of quantized type; all codes of as many bits as it needs."""
    least, most = element.bounds
    bits = max(int(max(-least, most + 1) - 1).bit_length() + 1, 2)
    half = 1 << (bits - 1)
    axis = element.axis.data if element.per_axis else None
    return Encoding(
        "",
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
        old = version == "0.6.1"
        for section, encodings, symmetric in zip(
            SECTIONS, (activations, parameters), (False, True), strict=True
        ):
            pairs = [(e, symmetric and e.symmetric) for e in encodings]
            if old:
                document[section] = {e.name: channels_0_6_1(e.of_channels, s) for e, s in pairs}
            else:
                document[section] = [entry_1_0_0(e, s) for e, s in pairs]
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
    blocks = encoding.blocks
    bits = encoding.bits if blocks is None else STORED.bit_length()
    kind = "PER_CHANNEL" if encoding.per_channel else "PER_TENSOR"
    entry: dict[str, Any] = {
        "name": encoding.name,
        "dtype": "INT",
        "enc_type": kind if blocks is None else "LPBQ",
        "bw": bits,
        "is_sym": symmetric,
        "scale": encoding.scales.tolist(),
        "offset": (-encoding.zero_points - (1 << (bits - 1))).tolist(),
    }
    if blocks is not None:
        entry |= {
            "block_size": blocks.size,
            "compressed_bw": encoding.bits,
            "per_block_int_scale": blocks.steps.reshape(-1).tolist(),
        }
    return entry


def entry_2_0_0(encoding: Encoding, *, signed: bool) -> dict[str, Any]:
    zeros = encoding.zero_points + (0 if signed else 1 << (encoding.bits - 1))
    entry: dict[str, Any] = {
        "name": encoding.name,
        "output_dtype": f"{'' if signed else 'u'}int{encoding.bits}",
    }
    if encoding.blocks is not None:
        return entry | blocks_2_0_0(encoding, encoding.blocks)
    entry["y_scale"] = encoding.scales.tolist()
    if zeros.any():
        entry["y_zero_point"] = zeros.tolist()
    if encoding.per_channel:
        entry["axis"] = encoding.axis
    else:
        entry |= {key: entry[key][0] for key in ("y_scale", "y_zero_point") if key in entry}
    return entry


def blocks_2_0_0(encoding: Encoding, blocks: BlockSteps) -> dict[str, Any]:
    """What an entry says of blocks; arrays have as many axes as the weight."""
    channel, axis = encoding.axis, blocks.axis
    assert channel is not None and axis is not None
    shape = [1] * blocks.rank
    shape[channel] = len(encoding.scales)
    along = blocks.steps if channel < axis else blocks.steps.T
    return {
        "axis": axis,
        "block_size": blocks.size,
        "per_channel_float_scale": encoding.scales.reshape(shape).tolist(),
        "per_block_int_scale": along.reshape(*along.shape, *shape[2:]).tolist(),
    }
