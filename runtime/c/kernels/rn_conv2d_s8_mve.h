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

/* Where byte i of several neighbouring columns goes in the strip, for columns of up to 8 bytes. */
typedef struct {
    int32_t columns; /* per vector; 0 if columns are copied one by one */
    uint8x16_t offsets;
} rn_conv2d_spread_mve;

RN_INLINE rn_conv2d_spread_mve rn_conv2d_spread_of_mve(const rn_conv2d_shape *s) {
    const int32_t pitch = s->k_h * s->in_c;
    rn_conv2d_spread_mve to = {0, vdupq_n_u8(0)};
    if (2 * s->in_c <= 16 && pitch + s->in_c <= 256) { /* offsets are bytes */
        uint8_t at[16] = {0};
        to.columns = rn_min(16 / s->in_c, (256 - s->in_c) / pitch + 1);
        for (int32_t i = 0; i < to.columns * s->in_c; i++) at[i] = (uint8_t)(i / s->in_c * pitch + i % s->in_c);
        to.offsets = vldrbq_u8(at);
    }
    return to;
}

/* n columns, in_c bytes each, to every pitch-th byte of the strip. `outside`: instead of a row of the
 * image, the 16 bytes at `row`, again and again. */
RN_INLINE void rn_conv2d_row_mve(const rn_conv2d_shape *s, const rn_conv2d_spread_mve *spread, int32_t n,
                                 const int8_t *row, int outside, int8_t *strip) {
    const int32_t pitch = s->k_h * s->in_c;
    if (spread->columns > 0) {
        const int32_t step = outside ? 0 : spread->columns * s->in_c;
        const mve_pred16_t lanes = (mve_pred16_t)((1u << spread->columns * s->in_c) - 1);
        for (; n >= spread->columns; n -= spread->columns) {
            vstrbq_scatter_offset_p_s8(strip, spread->offsets, vldrbq_z_s8(row, lanes), lanes);
            row += step;
            strip += spread->columns * pitch;
        }
        const mve_pred16_t rest = (mve_pred16_t)((1u << n * s->in_c) - 1);
        vstrbq_scatter_offset_p_s8(strip, spread->offsets, vldrbq_z_s8(row, rest), rest);
        return;
    }
    for (int32_t at = 0; at < s->in_c; at += 16) {
        const int32_t step = outside ? 0 : s->in_c;
        const mve_pred16_t lanes = vctp8q((uint32_t)(s->in_c - at));
        const int8_t *from = outside ? row : row + at;
        int8_t *to = strip + at;
        for (int32_t i = n; i > 0; i--, from += step, to += pitch) {
            if (s->in_c % 16 == 0) {
                vstrbq_s8(to, vldrbq_s8(from));
            } else {
                vstrbq_p_s8(to, vldrbq_z_s8(from, lanes), lanes);
            }
        }
    }
}

/* The strip of `outputs` output columns from ox in output row oy. */
RN_INLINE void rn_conv2d_fill_mve(const rn_conv2d_shape *s, const rn_conv2d_spread_mve *spread, int32_t oy, int32_t ox,
                                  int32_t outputs, const int8_t *x, int8_t *strip, int wide) {
    const int32_t first = ox * s->stride_w - s->pad_left;
    const int32_t end = first + (outputs - 1) * s->stride_w + s->k_w;
    const int32_t inside = rn_clamp(0, first, end);        /* [first, inside) is padding */
    const int32_t beyond = rn_clamp(s->in_w, inside, end); /* and [beyond, end) */
    const int32_t pitch = s->k_h * s->in_c;
    int8_t zero[16];
    rn_fill_mve(zero, 16, s->in_zero, wide);
    rn_fill_mve(strip, (inside - first) * pitch, s->in_zero, wide);
    rn_fill_mve(strip + (beyond - first) * pitch, (end - beyond) * pitch, s->in_zero, wide);
    if (beyond == inside) return;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        const int32_t iy = oy * s->stride_h - s->pad_top + ky * s->dil_h;
        const int outside = iy < 0 || iy >= s->in_h;
        const int8_t *row = outside ? zero : x + (iy * s->in_w + inside) * s->in_c;
        rn_conv2d_row_mve(s, spread, beyond - inside, row, outside, strip + (inside - first) * pitch + ky * s->in_c);
    }
}

/* 1x1 kernel, no padding. */
RN_INLINE void rn_conv2d_point_mve(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                   const int8_t *x, const int8_t *w, int8_t *y, int8_t *scratch, int x_wide,
                                   int y_wide) {
    const int32_t blocks = (s->in_c + 15) / 16;
    const int32_t dense = s->stride_h == 1 && s->stride_w == 1; /* then all rows are one long row */
    const int32_t rows = dense ? 1 : s->out_h;
    const int32_t pixels = dense ? s->out_h * s->out_w : s->out_w;
    const int32_t step = s->stride_w * s->in_c, pixel = y_wide ? 2 * s->out_c : s->out_c;
    for (int32_t oy = 0; oy < rows; oy++) {
        const int8_t *row = x + oy * s->stride_h * s->in_w * s->in_c;
        /* Pixels of this row whose vectors stay inside x. */
        const int32_t available = (s->in_h * s->in_w - oy * s->stride_h * s->in_w) * s->in_c;
        const int32_t safe = rn_max(rn_min((available - 16 * blocks + step) / step, pixels), 0);
        rn_matmul_mve(safe, blocks, s->out_c, step, q, c, row, w, y, x_wide, y_wide);
        y += safe * pixel;
        for (int32_t p = safe; p < pixels; p++, y += pixel) {
            memcpy(scratch, row + p * step, (size_t)s->in_c);
            rn_matmul_mve(1, blocks, s->out_c, 0, q, c, scratch, w, y, x_wide, y_wide);
        }
    }
}

/* x is int8 or (x_wide) int16, y likewise; all but the products counts bytes. */
RN_INLINE void rn_conv2d_mve_mixed(const rn_conv2d_shape *shape, const rn_requant *q, const rn_channels *c,
                                   const void *x, const int8_t *w, void *y, void *scratch, int x_wide, int y_wide) {
    rn_conv2d_shape in_bytes = *shape;
    if (x_wide) in_bytes.in_c *= 2;
    const rn_conv2d_shape *const s = &in_bytes;
    int8_t *strip = (int8_t *)scratch;
    if (s->k_h == 1 && s->k_w == 1 && s->pad_top == 0 && s->pad_left == 0 &&
        (s->out_h - 1) * s->stride_h < s->in_h && (s->out_w - 1) * s->stride_w < s->in_w) {
        rn_conv2d_point_mve(s, q, c, (const int8_t *)x, w, (int8_t *)y, strip, x_wide, y_wide);
        return;
    }
    const int32_t outputs = rn_conv2d_strip_mve(s), pixel = y_wide ? 2 * s->out_c : s->out_c;
    const int32_t blocks = (s->k_h * s->k_w * s->in_c + 15) / 16;
    const rn_conv2d_spread_mve spread = rn_conv2d_spread_of_mve(s);
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        for (int32_t ox = 0; ox < s->out_w; ox += outputs) {
            const int32_t n = rn_min(outputs, s->out_w - ox);
            rn_conv2d_fill_mve(s, &spread, oy, ox, n, (const int8_t *)x, strip, x_wide);
            rn_matmul_mve(n, blocks, s->out_c, s->stride_w * s->k_h * s->in_c, q, c, strip, w,
                          (int8_t *)y + (oy * s->out_w + ox) * pixel, x_wide, y_wide);
        }
    }
}

/* Scratch: 1x1 without padding none, or 16 * ceil(in_c / 16) bytes if in_c is not a multiple of 16; else
 * ((rn_conv2d_strip_mve(s) - 1) * stride_w + k_w) * k_h * in_c + 15 bytes. */
RN_INLINE void rn_conv2d_s8_mve(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const int8_t *x,
                                const int8_t *w, int8_t *y, void *scratch) {
    rn_conv2d_mve_mixed(s, q, c, x, w, y, scratch, 0, 0);
}

#endif
