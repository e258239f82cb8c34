"""Kernels in plain C99 for 8 bits."""

from __future__ import annotations

from .kernels import Kernel

PORTABLE = (
    Kernel("conv2d", "rn_conv2d_s8", work=5.8),
    Kernel("depthwise_conv2d", "rn_depthwise_conv2d_s8", work=20.0),
    Kernel("fully_connected", "rn_fully_connected_s8", work=5.1),
    Kernel("matmul", "rn_matmul_s8"),
    Kernel("add", "rn_add_s8"),
    Kernel("mul", "rn_mul_s8"),
    Kernel("avg_pool2d", "rn_avg_pool2d_s8"),
    Kernel("max_pool2d", "rn_max_pool2d_s8"),
    Kernel("table", "rn_table_s8"),
    Kernel("softmax", "rn_softmax_s8", work=28.0),
    Kernel("layer_norm", "rn_layer_norm_s8"),
    Kernel("quantize", "rn_quantize_f32_s8"),
    Kernel("dequantize", "rn_dequantize_s8_f32"),
    Kernel("transpose", "rn_transpose"),
    Kernel("copy", "rn_copy_box"),
    Kernel("pad", "rn_pad_box", file="rn_copy_box.h"),
)
"""The kernels in plain C99: they run everything, everywhere."""
