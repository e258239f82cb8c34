/* 2-D convolution, int8, for cores with Xpulp: 2 pixels x 4 channels at a time, 14 instructions per 32 products.
 *
 * Where in_c is a multiple of 4 windows are read in place, each of their rows as one run of k_w * in_c bytes:
 * from the image where there is no padding, else from a band of padded rows in scratch. Otherwise two windows
 * at a time are gathered from there, because a run would not begin at a word.
 *
 * w: packed with rows = 4, cols = 4.
 * Needs groups = 1, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: rn_conv2d_s8_xpulp_scratch(s) bytes, word aligned.
 */
#ifndef RN_CONV2D_S8_XPULP_H
#define RN_CONV2D_S8_XPULP_H

#include "rn_rv32.h"

#ifndef RN_CONV2D_XPULP_BYTES
#define RN_CONV2D_XPULP_BYTES 2048
#endif

/* Bytes of a window, padded to whole words. */
RN_INLINE int32_t rn_conv2d_xpulp_window(const rn_conv2d_shape *s) { return (s->k_h * s->k_w * s->in_c + 3) & ~3; }

RN_INLINE int32_t rn_conv2d_s8_xpulp_scratch(const rn_conv2d_shape *s) {
    const rn_conv2d_shape f = rn_rv32_flat(s);
    const rn_rv32_plan p = rn_rv32_make_plan(&f, RN_CONV2D_XPULP_BYTES);
    return rn_rv32_scratch(&p) + (s->in_c % 4 == 0 ? 0 : 2 * rn_conv2d_xpulp_window(s));
}

/* The rows of a window one after the other. What pads it meets weights of zero. */
RN_INLINE void rn_conv2d_xpulp_gather(const rn_conv2d_shape *s, int32_t pitch, const int8_t *x, int8_t *to) {
    const int32_t run = s->k_w * s->in_c;
    for (int32_t ky = 0; ky < s->k_h; ky++, x += pitch, to += run) rn_rv32_copy(to, x, run);
}

RN_INLINE void rn_conv2d_xpulp_store(int32_t c0, int32_t c1, int32_t c2, int32_t c3, const rn_rv32_channel *ch,
                                     const rn_requant *q, int32_t channels, int8_t *y) {
    y[0] = rn_rv32_requantize(c0, ch, q);
    if (channels > 1) y[1] = rn_rv32_requantize(c1, ch + 1, q);
    if (channels > 2) y[2] = rn_rv32_requantize(c2, ch + 2, q);
    if (channels > 3) y[3] = rn_rv32_requantize(c3, ch + 3, q);
}

/* One or two (`pair`) outputs of up to four channels from windows at x0 and x1: k_h rows of `run` bytes. */
RN_INLINE void rn_conv2d_xpulp_tile(const rn_conv2d_shape *s, const rn_requant *q, const rn_rv32_channel *ch, int pair,
                                    int32_t channels, int32_t rows, int32_t run, int32_t pitch, const int8_t *x0,
                                    const int8_t *x1, const int8_t *w, int8_t *y) {
    rn_xpulp_tile t = {ch[0].bias, ch[1].bias, ch[2].bias, ch[3].bias, ch[0].bias, ch[1].bias, ch[2].bias, ch[3].bias};
    for (int32_t ky = 0; ky < rows; ky++, x0 += pitch, x1 += pitch, w += 4 * run) {
        if (pair)
            rn_xpulp_dot_2x4(&t, x0, x1, w, run);
        else
            rn_xpulp_dot_1x4(&t, x0, w, run);
    }
    rn_conv2d_xpulp_store(t.x0w0, t.x0w1, t.x0w2, t.x0w3, ch, q, channels, y);
    if (pair) rn_conv2d_xpulp_store(t.x1w0, t.x1w1, t.x1w2, t.x1w3, ch, q, channels, y + s->out_c);
}

/* All channels of one or two neighbouring outputs; x: the first one's window. */
RN_INLINE void rn_conv2d_xpulp_gathered(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, int pair,
                                        int32_t pitch, const int8_t *x, const int8_t *w, int8_t *y, int8_t *windows) {
    const int32_t k = rn_conv2d_xpulp_window(s);
    rn_conv2d_xpulp_gather(s, pitch, x, windows);
    if (pair) rn_conv2d_xpulp_gather(s, pitch, x + s->stride_w * s->in_c, windows + k);
    for (int32_t o = 0; o < s->out_c; o += 4) {
        rn_rv32_channel ch[4];
        const int32_t channels = rn_rv32_prepare_four(ch, c, q, o, s->out_c);
        rn_conv2d_xpulp_tile(s, q, ch, pair, channels, 1, k, 0, windows, windows + k, w + o * k, y + o);
    }
}

RN_INLINE void rn_conv2d_s8_xpulp(const rn_conv2d_shape *shape, const rn_requant *q, const rn_channels *c,
                                  const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const rn_conv2d_shape flat = rn_rv32_flat(shape), *const s = &flat;
    const rn_rv32_plan p = rn_rv32_make_plan(s, RN_CONV2D_XPULP_BYTES);
    const int32_t run = s->k_w * s->in_c, row = s->out_w * s->out_c, step = s->stride_w * s->in_c;
    const int32_t gathered = 2 * rn_conv2d_xpulp_window(s);
    const int in_place = s->in_c % 4 == 0;
    int8_t *const band_rows = (int8_t *)scratch + (in_place ? 0 : gathered);
    if (!in_place) memset(scratch, 0, (size_t)gathered); /* what pads a window is never written again */
    for (int32_t oy = 0; oy < s->out_h; oy += p.band) {
        const int32_t band = rn_min(p.band, s->out_h - oy);
        const int8_t *const windows = rn_rv32_windows(s, &p, x, oy, band_rows);
        if (!in_place) {
            for (int32_t r = 0; r < band; r++, y += row) {
                const int8_t *from = windows + r * s->stride_h * p.pitch;
                for (int32_t ox = 0; ox < s->out_w; ox += 2, from += 2 * step) {
                    rn_conv2d_xpulp_gathered(s, q, c, ox + 1 < s->out_w, p.pitch, from, w, y + ox * s->out_c,
                                             (int8_t *)scratch);
                }
            }
            continue;
        }
        for (int32_t o = 0; o < s->out_c; o += 4) {
            rn_rv32_channel ch[4];
            const int32_t channels = rn_rv32_prepare_four(ch, c, q, o, s->out_c);
            const int8_t *const weights = w + o * s->k_h * run;
            for (int32_t r = 0; r < band; r++) {
                const int8_t *from = windows + r * s->stride_h * p.pitch;
                int8_t *to = y + r * row + o;
                for (int32_t n = s->out_w / 2; n > 0; n--, from += 2 * step, to += 2 * s->out_c) {
                    rn_conv2d_xpulp_tile(s, q, ch, 1, channels, s->k_h, run, p.pitch, from, from + step, weights, to);
                }
                if (s->out_w % 2) {
                    rn_conv2d_xpulp_tile(s, q, ch, 0, channels, s->k_h, run, p.pitch, from, from, weights, to);
                }
            }
        }
        y += band * row;
    }
}

#endif
