"""One C function for the jobs of a layer on the NPU, shared by all its calls; core 0 calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import i32
from xdsl.ir import Attribute, SSAValue

from ..dialects import c, npu
from ..dialects.npu_job import Kind
from .c_builder import Builder
from .cluster_arguments import (
    Argument,
    ChunkPart,
    Pointer,
    Shape,
    Size,
    arguments_of,
    pitch,
    sizes_of,
)
from .cluster_function import KernelFunction
from .kernel_arguments import Struct

HEADER = "rn_npu_conv2d.h"


def image(value: SSAValue) -> tuple[Size, Size, Size]:
    """Rows, columns and channels of a window; vectors are the pixels of one row."""
    sizes = sizes_of(value)
    if len(sizes) == 2:
        return 1, sizes[0], sizes[1]
    _, height, width, channels = sizes
    return height, width, channels


@arguments_of.register
def conv2d(op: npu.Conv2DOp) -> list[Argument]:
    mode, chunk = op.mode, op.chunk
    in_h, in_w, in_c = image(op.input)
    out_h, out_w, out_c = image(op.output)
    shape = Shape(
        "rn_conv2d_shape",
        {
            "in_h": in_h,
            "in_w": in_w,
            "in_c": in_c,
            "out_h": out_h,
            "out_w": out_w,
            "out_c": out_c,
            "k_h": mode.kind.kernel,
            "k_w": mode.kind.kernel,
            "stride_h": mode.strides[0],
            "stride_w": mode.strides[1],
            "dil_h": 1,
            "dil_w": 1,
            "pad_top": op.pad_top,
            "pad_left": op.pad_left,
            "groups": in_c if mode.kind is Kind.DEPTHWISE else 1,
            "in_zero": mode.padding,
        },
    )
    layer = {
        "kind": mode.kind.value,
        "weight_bits": mode.weight_bits,
        "configuration": mode.configuration,
    }
    parts = {"bias": chunk.bias, "scale": chunk.scale, "shift": chunk.shift}
    return [
        Struct("rn_npu_mode", "mode", layer),
        shape,
        pitch("x_pitch", op.input),
        pitch("y_pitch", op.output),
        Struct("rn_npu_constants", "parts", parts),
        Pointer("x", op.input, True),
        ChunkPart(0),
        Pointer("y", op.output, False),
    ]


@dataclass
class JobFunction(KernelFunction[npu.Conv2DOp]):
    """Starts a job and returns its number."""

    @property
    def title(self) -> str:
        return f"conv2d on the NPU: {self.windows((self.first.input,), self.first.output)}"

    @property
    def result(self) -> Attribute | None:
        return i32

    def parameters(self) -> list[tuple[str, Attribute]]:
        return super().parameters()[1:]

    def chunk(self, op: npu.Conv2DOp) -> SSAValue:
        return op.constants

    def finish(self, to: Builder, operands: list[SSAValue], named: Mapping[str, SSAValue]) -> None:
        job = to.add(c.CallOp("rn_npu_conv2d", operands, i32))
        to.block.add_op(c.ReturnOp(job))
