/* 2-D convolution, int8, for RISC-V vectors: four pixels by sixteen channels at a time.
 *
 * Convolutions of single pixels read the image in place, others gather the windows of four pixels.
 *
 * w: packed with rows = 16, cols = 1. Needs groups = 1, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: rn_conv2d_s8_rvv_scratch(s) bytes, word aligned.
 */
#ifndef RN_CONV2D_S8_RVV_H
#define RN_CONV2D_S8_RVV_H

#include "rn_rvv.h"

RN_INLINE int rn_conv2d_rvv_is_flat(const rn_conv2d_shape *s) {
    return s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->out_h == s->in_h &&
           s->out_w == s->in_w;
}

RN_INLINE int32_t rn_conv2d_s8_rvv_scratch(const rn_conv2d_shape *s) {
    return rn_conv2d_rvv_is_flat(s) ? 0 : 4 * s->k_h * s->k_w * s->in_c;
}

/* The window of output (oy, ox), row by row. */
RN_INLINE void rn_conv2d_rvv_gather(const rn_conv2d_shape *s, const int8_t *x, int32_t oy, int32_t ox, int8_t *to) {
    const int32_t iy = oy * s->stride_h - s->pad_top, ix = ox * s->stride_w - s->pad_left;
    const int32_t left = rn_clamp(-ix, 0, s->k_w), right = rn_clamp(s->in_w - ix, left, s->k_w);
    for (int32_t ky = 0; ky < s->k_h; ky++, to += s->k_w * s->in_c) {
        if (iy + ky < 0 || iy + ky >= s->in_h) {
            rn_rv32_fill(to, s->in_zero, s->k_w * s->in_c);
            continue;
        }
        rn_rv32_fill(to, s->in_zero, left * s->in_c);
        if (right > left) {
            rn_rv32_copy(to + left * s->in_c, x + ((iy + ky) * s->in_w + ix + left) * s->in_c,
                         (right - left) * s->in_c);
        }
        rn_rv32_fill(to + right * s->in_c, s->in_zero, (s->k_w - right) * s->in_c);
    }
}

RN_INLINE void rn_conv2d_s8_rvv(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const int8_t *x,
                                const int8_t *w, int8_t *y, void *scratch) {
    const int32_t k = s->k_h * s->k_w * s->in_c, pixels = s->out_h * s->out_w;
    int8_t *const windows = (int8_t *)scratch;
    for (int32_t i = 0; i < pixels; i += 4, y += 4 * s->out_c) {
        const int32_t rows = rn_min(pixels - i, 4);
        const int8_t *from = windows;
        if (rn_conv2d_rvv_is_flat(s)) {
            from = x + i * k;
        } else {
            for (int32_t p = 0; p < rows; p++) {
                rn_conv2d_rvv_gather(s, x, (i + p) / s->out_w, (i + p) % s->out_w, windows + p * k);
            }
        }
        rn_rvv_rows_by_channels(from, k, y, s->out_c, rows, k, s->out_c, q, c, w);
    }
}

#endif
