/* 2-D convolution, int8, for cores with SMLAD (Cortex-M4, M7, M33, ...): 2 pixels x 2 channels at a time.
 *
 * A chunk of neighbouring output pixels is processed for all output channels before the next:
 *   - the input windows of the chunk are widened to int16 once, into scratch;
 *   - two rows of weights are widened to int16, into scratch, and used for every pixel of the chunk;
 *   - the inner loop is then 11 instructions per 16 multiplications.
 * Where in_c is a multiple of 4 the columns of w are in (kw, kh, i) order: a column of the image is then
 * contiguous in scratch, and the windows of neighbouring pixels overlap in place, so that each column is
 * widened once for the k_w / stride_w windows that it is in. Otherwise (few channels, (kh, kw, i) order)
 * each window is gathered as bytes first, because it has no alignment that SXTB16 could use.
 *
 * w: packed with rows = 2, cols = 4, column_first where in_c is a multiple of 4; word aligned.
 * Needs groups = 1, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: rn_conv2d_s8_dsp_scratch(s) bytes, word aligned.
 */
#ifndef RN_CONV2D_S8_DSP_H
#define RN_CONV2D_S8_DSP_H

#include "rn_dsp.h"

/* What follows from the shape; constants once inlined. */
typedef struct {
    int32_t sliding;         /* windows overlap in scratch */
    int32_t flat;            /* a chunk may go on in the next row: all output is one row */
    int32_t rows, row;       /* output rows, and pixels per row */
    int32_t in_w;            /* pixels of an input row */
    int32_t k;               /* window length, padded to a multiple of 4 */
    int32_t pitch;           /* from window to window in scratch, in int16 */
    int32_t chunk;           /* pixels, even */
} rn_conv2d_dsp_plan;

RN_INLINE int32_t rn_conv2d_dsp_bytes(const rn_conv2d_dsp_plan *p, int32_t chunk) {
    const int32_t weights = 2 * 2 * p->k, windows = 2 * ((chunk - 1) * p->pitch + p->k);
    return weights + windows + (p->sliding ? 0 : p->k); /* k: one window as bytes */
}

/* The most pixels, up to `most` and even, that fit `bytes`. No loop: this must fold to a constant. */
RN_INLINE int32_t rn_conv2d_dsp_fit(const rn_conv2d_dsp_plan *p, int32_t bytes, int32_t most) {
    const int32_t pixels = (bytes - rn_conv2d_dsp_bytes(p, 1)) / (2 * p->pitch) + 1;
    return rn_clamp(pixels, 2, most) & ~1;
}

RN_INLINE rn_conv2d_dsp_plan rn_conv2d_dsp_make_plan(const rn_conv2d_shape *s) {
    const int32_t column = s->k_h * s->in_c;
    const int pointwise = s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 &&
                          s->out_h == s->in_h && s->out_w == s->in_w;
    rn_conv2d_dsp_plan p;
    p.sliding = s->in_c % 4 == 0;
    p.flat = pointwise || !p.sliding;
    p.rows = p.flat ? 1 : s->out_h;
    p.row = p.flat ? s->out_h * s->out_w : s->out_w;
    p.in_w = pointwise ? s->in_h * s->in_w : s->in_w;
    p.k = (s->k_w * column + 3) & ~3;
    p.pitch = p.sliding ? rn_min(s->stride_w, s->k_w) * column : p.k;
    /* Longer chunks widen the weights less often and need more scratch: 16 pixels are worth 6 KiB,
     * more only while they stay within 2 KiB. */
    p.chunk = rn_max(rn_conv2d_dsp_fit(&p, 2048, 64), rn_conv2d_dsp_fit(&p, 6400, 16));
    /* as many chunks per row, but of equal length */
    const int32_t chunks = (p.row + p.chunk - 1) / p.chunk;
    p.chunk = ((p.row + chunks - 1) / chunks + 1) & ~1;
    return p;
}

RN_INLINE int32_t rn_conv2d_s8_dsp_scratch(const rn_conv2d_shape *s) {
    const rn_conv2d_dsp_plan p = rn_conv2d_dsp_make_plan(s);
    return rn_conv2d_dsp_bytes(&p, p.chunk);
}

/* Widens image column ix, rows iy .. iy + k_h. */
RN_INLINE int16_t *rn_conv2d_dsp_column(const rn_conv2d_shape *s, int32_t in_w, const int8_t *x, int32_t iy, int32_t ix,
                                        int16_t *to) {
    for (int32_t ky = 0; ky < s->k_h; ky++, iy++) {
        if (ix < 0 || ix >= in_w || iy < 0 || iy >= s->in_h)
            to = rn_fill_wide(to, s->in_zero, s->in_c);
        else
            to = rn_widen(x + (iy * in_w + ix) * s->in_c, to, s->in_c, 0);
    }
    return to;
}

/* Copies one window as bytes, in_zero outside the image. */
RN_INLINE void rn_conv2d_dsp_window(const rn_conv2d_shape *s, const int8_t *x, int32_t iy, int32_t ix, int8_t *to) {
    const int32_t run = s->k_w * s->in_c;
    if (ix >= 0 && ix + s->k_w <= s->in_w && iy >= 0 && iy + s->k_h <= s->in_h) {
        const int8_t *from = x + (iy * s->in_w + ix) * s->in_c;
        for (int32_t ky = 0; ky < s->k_h; ky++, to += run, from += s->in_w * s->in_c) memcpy(to, from, (size_t)run);
        return;
    }
    const int32_t x0 = rn_max(ix, 0), x1 = rn_min(ix + s->k_w, s->in_w);
    memset(to, s->in_zero, (size_t)(s->k_h * run));
    for (int32_t ky = 0; ky < s->k_h; ky++, to += run, iy++) {
        if (iy < 0 || iy >= s->in_h || x1 <= x0) continue;
        memcpy(to + (x0 - ix) * s->in_c, x + (iy * s->in_w + x0) * s->in_c, (size_t)((x1 - x0) * s->in_c));
    }
}

/* The windows of `pixels` output pixels from (oy, ox) on; of a flat plan, ox counts through all rows. */
RN_INLINE void rn_conv2d_dsp_windows(const rn_conv2d_shape *s, const rn_conv2d_dsp_plan *p, const int8_t *x, int32_t oy,
                                     int32_t ox, int32_t pixels, int16_t *windows, int8_t *bytes) {
    if (!p->sliding) {
        oy = ox / s->out_w;
        ox -= oy * s->out_w;
        for (int32_t i = 0; i < pixels; i++) {
            rn_conv2d_dsp_window(s, x, oy * s->stride_h - s->pad_top, ox * s->stride_w - s->pad_left, bytes);
            windows = rn_widen(bytes, windows, p->k, 1);
            if (++ox == s->out_w) ox = 0, oy++;
        }
        return;
    }
    const int32_t iy = oy * s->stride_h - s->pad_top;
    int32_t ix = ox * s->stride_w - s->pad_left;
    const int32_t fresh = rn_min(s->stride_w, s->k_w); /* columns that a window does not share with the last */
    for (int32_t i = 0; i < s->k_w - fresh; i++) windows = rn_conv2d_dsp_column(s, p->in_w, x, iy, ix + i, windows);
    ix += s->k_w - fresh;
    for (int32_t i = 0; i < pixels; i++, ix += s->stride_w) {
        for (int32_t j = 0; j < fresh; j++) windows = rn_conv2d_dsp_column(s, p->in_w, x, iy, ix + j, windows);
    }
}

/* `nibbles`: two weights in a byte, as rn_widen_nibbles has them. */
RN_INLINE void rn_conv2d_dsp(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const int8_t *x,
                             const int8_t *w, int8_t *y, void *scratch, int nibbles) {
    const rn_conv2d_dsp_plan p = rn_conv2d_dsp_make_plan(s);
    int16_t *const weights = (int16_t *)scratch;
    int16_t *const windows = weights + 2 * p.k;
    int8_t *const bytes = (int8_t *)(windows + (p.chunk - 1) * p.pitch + p.k);
    if (!p.sliding) memset(bytes + p.k - 4, 0, 4); /* the padding of K is never written again */
    for (int32_t oy = 0; oy < p.rows; oy++) {
        for (int32_t ox = 0; ox < p.row; ox += p.chunk) {
            const int32_t pixels = rn_min(p.chunk, p.row - ox);
            rn_conv2d_dsp_windows(s, &p, x, oy, ox, pixels, windows, bytes);
            for (int32_t o = 0; o < s->out_c; o += 2) {
                const int both = o + 1 < s->out_c; /* the partner of an odd last channel has zero weights */
                const rn_dsp_channel_pair ch = rn_dsp_prepare_pair(c, q, o, o + both);
                if (nibbles)
                    rn_widen_nibbles(w + o * p.k / 2, weights, 2 * p.k);
                else
                    rn_widen(w + o * p.k, weights, 2 * p.k, 1);
                const int16_t *x0 = windows;
                int8_t *out = y + o;
                for (int32_t i = 0; i < pixels; i += 2, x0 += 2 * p.pitch, out += 2 * s->out_c) {
                    const int alone = i + 1 == pixels; /* an odd last pixel is computed twice */
                    rn_tile_2x2 tile = {ch.bias0, ch.bias1, ch.bias0, ch.bias1};
                    rn_mac_2x2(&tile, x0, alone ? x0 : x0 + p.pitch, weights, p.k);
                    rn_requantize_2x2(&tile, &ch, q);
                    out[0] = (int8_t)tile.x0w0;
                    if (both) out[1] = (int8_t)tile.x0w1;
                    if (alone) break;
                    out[s->out_c] = (int8_t)tile.x1w0;
                    if (both) out[s->out_c + 1] = (int8_t)tile.x1w1;
                }
            }
            y += pixels * s->out_c;
        }
    }
}

RN_INLINE void rn_conv2d_s8_dsp(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    rn_conv2d_dsp(s, q, c, x, w, y, scratch, 0);
}

#endif
