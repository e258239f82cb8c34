/* 2-D convolution with 16-bit activations, for cores with SMLAD: rn_conv2d_s8_s16_dsp, _s16_s8_dsp, _s16_s16_dsp.
 *
 * The kernel of rn_conv2d_s8_dsp.h, but 16-bit inputs are copied where that one widens, and a 1 x 1 kernel reads
 * them where they are. Then scratch holds two rows of weights alone, and these are widened once per layer.
 *
 * w: packed as there, for 16-bit inputs in the order of rn_dsp_s16.h. Needs what that kernel needs.
 * scratch: rn_conv2d_s16_dsp_scratch(s) bytes for 16-bit inputs, rn_conv2d_s8_dsp_scratch(s) for int8.
 */
#ifndef RN_CONV2D_S16_DSP_H
#define RN_CONV2D_S16_DSP_H

#include "rn_conv2d_s8_dsp.h"
#include "rn_dsp_s16.h"

/* The windows are the pixels of x. */
RN_INLINE int rn_conv2d_s16_dsp_is_direct(const rn_conv2d_dsp_plan *p) { return p->flat && p->sliding; }

RN_INLINE rn_conv2d_dsp_plan rn_conv2d_s16_dsp_make_plan(const rn_conv2d_shape *s) {
    rn_conv2d_dsp_plan p = rn_conv2d_dsp_make_plan(s);
    if (rn_conv2d_s16_dsp_is_direct(&p)) p.chunk = (p.row + 1) & ~1;
    return p;
}

RN_INLINE int32_t rn_conv2d_s16_dsp_scratch(const rn_conv2d_shape *s) {
    const rn_conv2d_dsp_plan p = rn_conv2d_s16_dsp_make_plan(s);
    return 4 * p.k + (rn_conv2d_s16_dsp_is_direct(&p) ? 0 : 2 * ((p.chunk - 1) * p.pitch + p.k));
}

RN_INLINE void rn_fill_s16(int16_t *to, int32_t value, int32_t n) {
    for (int32_t i = 0; i < n; i++) to[i] = (int16_t)value;
}

/* Copies one window in the order (ky, kx, i), in_zero outside the image, zeros up to k. */
RN_INLINE void rn_conv2d_s16_dsp_window(const rn_conv2d_shape *s, const int16_t *x, int32_t iy, int32_t ix, int16_t *to,
                                        int32_t k) {
    const int32_t run = s->k_w * s->in_c, x0 = rn_max(ix, 0), x1 = rn_min(ix + s->k_w, s->in_w);
    const int inside = x0 == ix && x1 == ix + s->k_w && iy >= 0 && iy + s->k_h <= s->in_h;
    if (!inside) rn_fill_s16(to, s->in_zero, s->k_h * run);
    rn_fill_s16(to + s->k_h * run, 0, k - s->k_h * run);
    for (int32_t ky = 0; ky < s->k_h; ky++, to += run, iy++) {
        if (iy < 0 || iy >= s->in_h || x1 <= x0) continue;
        memcpy(to + (x0 - ix) * s->in_c, x + (iy * s->in_w + x0) * s->in_c, (size_t)(2 * (x1 - x0) * s->in_c));
    }
}

/* Copies image column ix, rows iy .. iy + k_h. */
RN_INLINE int16_t *rn_conv2d_s16_dsp_column(const rn_conv2d_shape *s, const int16_t *x, int32_t iy, int32_t ix,
                                            int16_t *to) {
    for (int32_t ky = 0; ky < s->k_h; ky++, iy++, to += s->in_c) {
        if (ix < 0 || ix >= s->in_w || iy < 0 || iy >= s->in_h)
            rn_fill_wide(to, s->in_zero, s->in_c);
        else
            memcpy(__builtin_assume_aligned(to, 4), __builtin_assume_aligned(x + (iy * s->in_w + ix) * s->in_c, 4),
                   (size_t)(2 * s->in_c));
    }
    return to;
}

/* As rn_conv2d_dsp_windows. */
RN_INLINE void rn_conv2d_s16_dsp_windows(const rn_conv2d_shape *s, const rn_conv2d_dsp_plan *p, const int16_t *x,
                                         int32_t oy, int32_t ox, int32_t pixels, int16_t *windows) {
    if (!p->sliding) {
        oy = ox / s->out_w;
        ox -= oy * s->out_w;
        for (int32_t i = 0; i < pixels; i++, windows += p->k) {
            rn_conv2d_s16_dsp_window(s, x, oy * s->stride_h - s->pad_top, ox * s->stride_w - s->pad_left, windows, p->k);
            if (++ox == s->out_w) ox = 0, oy++;
        }
        return;
    }
    const int32_t iy = oy * s->stride_h - s->pad_top, fresh = rn_min(s->stride_w, s->k_w);
    int32_t ix = ox * s->stride_w - s->pad_left;
    for (int32_t i = 0; i < s->k_w - fresh; i++) windows = rn_conv2d_s16_dsp_column(s, x, iy, ix + i, windows);
    ix += s->k_w - fresh;
    for (int32_t i = 0; i < pixels; i++, ix += s->stride_w) {
        for (int32_t j = 0; j < fresh; j++) windows = rn_conv2d_s16_dsp_column(s, x, iy, ix + j, windows);
    }
}

/* x is int8 or (x_wide) int16, y likewise. */
RN_INLINE void rn_conv2d_dsp_mixed(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const void *x,
                                   const int8_t *w, void *y, void *scratch, int x_wide, int y_wide) {
    const rn_conv2d_dsp_plan p = x_wide ? rn_conv2d_s16_dsp_make_plan(s) : rn_conv2d_dsp_make_plan(s);
    const int direct = x_wide && rn_conv2d_s16_dsp_is_direct(&p);
    int16_t *const weights = (int16_t *)scratch;
    int16_t *const own = weights + 2 * p.k;
    int8_t *const bytes = (int8_t *)(own + (p.chunk - 1) * p.pitch + p.k);
    if (!x_wide && !p.sliding) memset(bytes + p.k - 4, 0, 4);
    for (int32_t oy = 0; oy < p.rows; oy++) {
        for (int32_t ox = 0; ox < p.row; ox += p.chunk) {
            const int32_t pixels = rn_min(p.chunk, p.row - ox);
            const int16_t *windows = own;
            if (direct)
                windows = (const int16_t *)x;
            else if (x_wide)
                rn_conv2d_s16_dsp_windows(s, &p, (const int16_t *)x, oy, ox, pixels, own);
            else
                rn_conv2d_dsp_windows(s, &p, (const int8_t *)x, oy, ox, pixels, own, bytes);
            for (int32_t o = 0; o < s->out_c; o += 2) {
                const int both = o + 1 < s->out_c; /* the partner of an odd last channel has zero weights */
                const rn_dsp_channel c0 = rn_dsp_prepare_as(c, q, o, y_wide);
                const rn_dsp_channel c1 = rn_dsp_prepare_as(c, q, o + both, y_wide);
                rn_widen(w + o * p.k, weights, 2 * p.k, 1);
                const int16_t *x0 = windows;
                int32_t at = o;
                for (int32_t i = 0; i < pixels; i += 2, x0 += 2 * p.pitch, at += 2 * s->out_c) {
                    const int alone = i + 1 == pixels; /* an odd last pixel is computed twice */
                    rn_tile_2x2 tile = {c0.bias, c1.bias, c0.bias, c1.bias};
                    rn_mac_2x2(&tile, x0, alone ? x0 : x0 + p.pitch, weights, p.k);
                    rn_dsp_put(y, at, tile.x0w0, &c0, q, y_wide);
                    if (both) rn_dsp_put(y, at + 1, tile.x0w1, &c1, q, y_wide);
                    if (alone) break;
                    rn_dsp_put(y, at + s->out_c, tile.x1w0, &c0, q, y_wide);
                    if (both) rn_dsp_put(y, at + s->out_c + 1, tile.x1w1, &c1, q, y_wide);
                }
            }
            y = rn_at_out(y, pixels * s->out_c, y_wide);
        }
    }
}

#define RN_CONV2D_DSP(name, X, Y, x_wide, y_wide)                                                                   \
    RN_INLINE void name(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const X *x,            \
                        const int8_t *w, Y *y, void *scratch) {                                                     \
        rn_conv2d_dsp_mixed(s, q, c, x, w, y, scratch, x_wide, y_wide);                                             \
    }

RN_CONV2D_DSP(rn_conv2d_s8_s16_dsp, int8_t, int16_t, 0, 1)
RN_CONV2D_DSP(rn_conv2d_s16_s8_dsp, int16_t, int8_t, 1, 0)
RN_CONV2D_DSP(rn_conv2d_s16_s16_dsp, int16_t, int16_t, 1, 1)

#endif
