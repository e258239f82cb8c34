/* 2-D convolution, int8, Helium (MVE): one group, no horizontal dilation.
 *
 * x [in_h, in_w, in_c], y [out_h, out_w, out_c].
 * Weights: the matrix [out_c, (k_w, k_h, in_c)] (kernel columns before kernel rows), packed 4 x 16.
 *
 * For each row of outputs, the input rows under the kernel are copied to a strip [column][k_h, in_c].
 * There the window of an output pixel is one run of k_w * k_h * in_c bytes, whatever in_c is, padding
 * is real bytes, and a column shared by neighbouring windows is copied once. A 1x1 kernel without
 * padding needs no strip; its pixels already are such runs.
 *
 * A run is read in whole vectors, up to 15 bytes beyond its end (times zero weights). The strip has
 * room for that; of a 1x1 layer, the pixels at the very end of x are computed from a copy.
 */
#ifndef RN_CONV2D_S8_MVE_H
#define RN_CONV2D_S8_MVE_H

#include "rn_matmul_s8_mve.h"

/* Output columns per strip: as many as 4 KiB of input columns allow, an even number. */
RN_INLINE int32_t rn_conv2d_strip_mve(const rn_conv2d_shape *s) {
    const int32_t columns = 4096 / (s->k_h * s->in_c);
    const int32_t fit = (columns - s->k_w) / s->stride_w + 1;
    return fit >= s->out_w ? s->out_w : fit < 2 ? 2 : fit & ~1;
}

/* `n` input columns, in_c bytes each, spread into the strip; `row` == NULL: a row of padding. */
RN_INLINE void rn_conv2d_row_mve(const rn_conv2d_shape *s, int32_t n, const int8_t *row, int8_t *strip) {
    const int32_t pitch = s->k_h * s->in_c;
    const int8x16_t zero = vdupq_n_s8((int8_t)s->in_zero);
    if (2 * s->in_c <= 16 && pitch + s->in_c <= 256) {
        /* Several columns per vector: byte i goes to column i / in_c. */
        const int32_t fit = rn_min(16 / s->in_c, (256 - s->in_c) / pitch + 1);
        uint8_t at[16];
        for (int32_t i = 0; i < 16; i++) at[i] = (uint8_t)(i < fit * s->in_c ? i / s->in_c * pitch + i % s->in_c : 0);
        const uint8x16_t offsets = vldrbq_u8(at);
        for (int32_t left = n * s->in_c; left > 0; left -= fit * s->in_c) {
            const mve_pred16_t lanes = vctp8q((uint32_t)rn_min(left, fit * s->in_c));
            const int8x16_t v = row ? vldrbq_z_s8(row, lanes) : zero;
            vstrbq_scatter_offset_p_s8(strip, offsets, v, lanes);
            if (row) row += fit * s->in_c;
            strip += fit * pitch;
        }
        return;
    }
    for (int32_t i = 0; i < n; i++, strip += pitch) {
        int32_t at = 0;
        for (; at + 16 <= s->in_c; at += 16) vstrbq_s8(strip + at, row ? vldrbq_s8(row + at) : zero);
        if (at < s->in_c) {
            const mve_pred16_t lanes = vctp8q((uint32_t)(s->in_c - at));
            vstrbq_p_s8(strip + at, row ? vldrbq_z_s8(row + at, lanes) : zero, lanes);
        }
        if (row) row += s->in_c;
    }
}

/* The strip of `outputs` output columns from ox in output row oy. */
RN_INLINE void rn_conv2d_fill_mve(const rn_conv2d_shape *s, int32_t oy, int32_t ox, int32_t outputs, const int8_t *x,
                                  int8_t *strip) {
    const int32_t first = ox * s->stride_w - s->pad_left;
    const int32_t end = first + (outputs - 1) * s->stride_w + s->k_w;
    const int32_t inside = rn_min(rn_max(first, 0), s->in_w); /* [first, inside) is padding */
    const int32_t beyond = rn_max(rn_min(end, s->in_w), inside); /* and [beyond, end) */
    const int32_t pitch = s->k_h * s->in_c;
    rn_fill_mve(strip, (inside - first) * pitch, s->in_zero);
    rn_fill_mve(strip + (beyond - first) * pitch, (end - beyond) * pitch, s->in_zero);
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        const int32_t iy = oy * s->stride_h - s->pad_top + ky * s->dil_h;
        const int8_t *row = iy >= 0 && iy < s->in_h ? x + (iy * s->in_w + inside) * s->in_c : 0;
        rn_conv2d_row_mve(s, beyond - inside, row, strip + (inside - first) * pitch + ky * s->in_c);
    }
}

/* 1x1 kernel, no padding. */
RN_INLINE void rn_conv2d_point_mve(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                   const int8_t *x, const int8_t *w, int8_t *y, int8_t *scratch) {
    const int32_t blocks = (s->in_c + 15) / 16;
    const int32_t dense = s->stride_h == 1 && s->stride_w == 1; /* then all rows are one long row */
    const int32_t rows = dense ? 1 : s->out_h;
    const int32_t pixels = dense ? s->out_h * s->out_w : s->out_w;
    const int32_t step = s->stride_w * s->in_c;
    for (int32_t oy = 0; oy < rows; oy++) {
        const int8_t *row = x + oy * s->stride_h * s->in_w * s->in_c;
        /* Pixels of this row whose vectors stay inside x. */
        const int32_t available = (s->in_h * s->in_w - oy * s->stride_h * s->in_w) * s->in_c;
        const int32_t safe = rn_max(rn_min((available - 16 * blocks + step) / step, pixels), 0);
        rn_matmul_s8_mve(safe, blocks, s->out_c, step, q, c, row, w, y);
        y += safe * s->out_c;
        for (int32_t p = safe; p < pixels; p++, y += s->out_c) {
            memcpy(scratch, row + p * step, (size_t)s->in_c);
            rn_matmul_s8_mve(1, blocks, s->out_c, 0, q, c, scratch, w, y);
        }
    }
}

/* Scratch: 1x1 without padding 16 * ceil(in_c / 16) bytes, else
 * ((rn_conv2d_strip_mve(s) - 1) * stride_w + k_w) * k_h * in_c + 15 bytes. */
RN_INLINE void rn_conv2d_s8_mve(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const int8_t *x,
                                const int8_t *w, int8_t *y, void *scratch) {
    int8_t *strip = (int8_t *)scratch;
    if (s->k_h == 1 && s->k_w == 1 && s->pad_top == 0 && s->pad_left == 0 &&
        (s->out_h - 1) * s->stride_h < s->in_h && (s->out_w - 1) * s->stride_w < s->in_w) {
        rn_conv2d_point_mve(s, q, c, x, w, y, strip);
        return;
    }
    const int32_t outputs = rn_conv2d_strip_mve(s);
    const int32_t blocks = (s->k_h * s->k_w * s->in_c + 15) / 16;
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        for (int32_t ox = 0; ox < s->out_w; ox += outputs) {
            const int32_t n = rn_min(outputs, s->out_w - ox);
            rn_conv2d_fill_mve(s, oy, ox, n, x, strip);
            rn_matmul_s8_mve(n, blocks, s->out_c, s->stride_w * s->k_h * s->in_c, q, c, strip, w,
                             y + (oy * s->out_w + ox) * s->out_c);
        }
    }
}

#endif
