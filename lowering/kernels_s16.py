"""Kernels for activations of which some have 16 bits: plain C99, for every unit."""

from __future__ import annotations

from itertools import product

from .kernels import Kernel

WIDTHS = ("s8", "s16")


def names(count: int) -> list[str]:
    """The types of `count` tensors, in all combinations but those without s16."""
    return ["_".join(kinds) for kinds in product(WIDTHS, repeat=count) if "s16" in kinds]


def family(op: str, count: int, work: float = 0.0) -> list[Kernel]:
    """The kernels of `op` with `count` tensors, which one header has."""
    return [
        Kernel(op, f"rn_{op}_{types}", types=types, file=f"rn_{op}_s16.h", work=work)
        for types in names(count)
    ]


S16: tuple[Kernel, ...] = (
    *family("conv2d", 2, 12.0),
    *family("depthwise_conv2d", 2, 26.0),
    *family("fully_connected", 2, 5.6),
    *(kernel for kernel in family("matmul", 3) if not kernel.types.startswith("s16_s16")),
    *family("avg_pool2d", 2, 12.0),
    *family("add", 3, 15.0),
    *family("mul", 3),
    Kernel("max_pool2d", "rn_max_pool2d_s16_s16", types="s16_s16"),
    Kernel("table", "rn_table_s8_s16", types="s8_s16"),
    Kernel("table", "rn_table_s16_s8", types="s16_s8", file="rn_table_s16.h"),
    Kernel("table", "rn_table_s16_s16", types="s16_s16", file="rn_table_s16.h"),
    *family("softmax", 2),
    *family("layer_norm", 2),
    Kernel("quantize", "rn_quantize_f32_s16", types="s16"),
    Kernel("dequantize", "rn_dequantize_s16_f32", types="s16"),
    Kernel("transpose", "rn_transpose", types="s16_s16"),
)
