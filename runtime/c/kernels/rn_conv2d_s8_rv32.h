/* 2-D convolution, int8, for rv32im: 4 pixels x 4 channels at a time, 40 instructions per 16 products.
 *
 * Windows are read in place, each of their rows as one run of k_w * in_c bytes: from the image where there
 * is no padding, else from a band of padded rows in scratch. With constant shapes the four pixels and the
 * unrolled columns are offsets in the load instructions.
 *
 * w: packed with rows = 4, cols = 1: the weights of four channels for one column are neighbours.
 * Needs groups = 1, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: rn_conv2d_s8_rv32_scratch(s) bytes, word aligned.
 */
#ifndef RN_CONV2D_S8_RV32_H
#define RN_CONV2D_S8_RV32_H

#include "rn_rv32.h"

#ifndef RN_CONV2D_RV32_BYTES
#define RN_CONV2D_RV32_BYTES 2048
#endif

RN_INLINE int32_t rn_conv2d_s8_rv32_scratch(const rn_conv2d_shape *s) {
    const rn_conv2d_shape f = rn_rv32_flat(s);
    const rn_rv32_plan p = rn_rv32_make_plan(&f, RN_CONV2D_RV32_BYTES);
    return rn_rv32_scratch(&p);
}

/* Four accumulators: the channels of one pixel. */
typedef struct {
    int32_t c0, c1, c2, c3;
} rn_rv32_four;

RN_INLINE void rn_rv32_store_four(const rn_rv32_four *t, const rn_rv32_channel *ch, const rn_requant *q, int32_t channels,
                                  int8_t *y) {
    y[0] = rn_rv32_requantize(t->c0, ch, q);
    if (channels > 1) y[1] = rn_rv32_requantize(t->c1, ch + 1, q);
    if (channels > 2) y[2] = rn_rv32_requantize(t->c2, ch + 2, q);
    if (channels > 3) y[3] = rn_rv32_requantize(t->c3, ch + 3, q);
}

/* `pixels` (1 to 4, a literal) neighbouring outputs of up to four channels; x: the first one's window. */
RN_INLINE void rn_conv2d_rv32_tile(const rn_conv2d_shape *s, const rn_requant *q, const rn_rv32_channel *ch,
                                   int32_t pixels, int32_t channels, int32_t pitch, const int8_t *x, const int8_t *w,
                                   int8_t *y) {
    const int32_t run = s->k_w * s->in_c, step = s->stride_w * s->in_c;
    rn_rv32_four p0 = {ch[0].bias, ch[1].bias, ch[2].bias, ch[3].bias};
    rn_rv32_four p1 = p0, p2 = p0, p3 = p0;
    for (int32_t ky = 0; ky < s->k_h; ky++, x += pitch - run) {
        RN_UNROLL(4)
        for (int32_t i = 0; i < run; i++, x++, w += 4) {
            const int32_t x0 = x[0], x1 = pixels > 1 ? x[step] : 0;
            const int32_t x2 = pixels > 2 ? x[2 * step] : 0, x3 = pixels > 3 ? x[3 * step] : 0;
            const int32_t w0 = w[0];
            p0.c0 += x0 * w0, p1.c0 += x1 * w0, p2.c0 += x2 * w0, p3.c0 += x3 * w0;
            const int32_t w1 = w[1];
            p0.c1 += x0 * w1, p1.c1 += x1 * w1, p2.c1 += x2 * w1, p3.c1 += x3 * w1;
            const int32_t w2 = w[2];
            p0.c2 += x0 * w2, p1.c2 += x1 * w2, p2.c2 += x2 * w2, p3.c2 += x3 * w2;
            const int32_t w3 = w[3];
            p0.c3 += x0 * w3, p1.c3 += x1 * w3, p2.c3 += x2 * w3, p3.c3 += x3 * w3;
        }
    }
    rn_rv32_store_four(&p0, ch, q, channels, y);
    if (pixels > 1) rn_rv32_store_four(&p1, ch, q, channels, y + s->out_c);
    if (pixels > 2) rn_rv32_store_four(&p2, ch, q, channels, y + 2 * s->out_c);
    if (pixels > 3) rn_rv32_store_four(&p3, ch, q, channels, y + 3 * s->out_c);
}

/* One output row of up to four channels. */
RN_INLINE void rn_conv2d_rv32_row(const rn_conv2d_shape *s, const rn_requant *q, const rn_rv32_channel *ch,
                                  int32_t channels, int32_t pitch, const int8_t *x, const int8_t *w, int8_t *y) {
    const int32_t step = s->stride_w * s->in_c, left = s->out_w & 3;
    for (int32_t n = s->out_w >> 2; n > 0; n--, x += 4 * step, y += 4 * s->out_c) {
        rn_conv2d_rv32_tile(s, q, ch, 4, channels, pitch, x, w, y);
    }
    if (left == 1) rn_conv2d_rv32_tile(s, q, ch, 1, channels, pitch, x, w, y);
    if (left == 2) rn_conv2d_rv32_tile(s, q, ch, 2, channels, pitch, x, w, y);
    if (left == 3) rn_conv2d_rv32_tile(s, q, ch, 3, channels, pitch, x, w, y);
}

RN_INLINE void rn_conv2d_s8_rv32(const rn_conv2d_shape *shape, const rn_requant *q, const rn_channels *c,
                                 const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const rn_conv2d_shape flat = rn_rv32_flat(shape), *const s = &flat;
    const rn_rv32_plan p = rn_rv32_make_plan(s, RN_CONV2D_RV32_BYTES);
    const int32_t k = s->k_h * s->k_w * s->in_c, row = s->out_w * s->out_c;
    for (int32_t oy = 0; oy < s->out_h; oy += p.band) {
        const int32_t band = rn_min(p.band, s->out_h - oy);
        const int8_t *const windows = rn_rv32_windows(s, &p, x, oy, (int8_t *)scratch);
        for (int32_t o = 0; o < s->out_c; o += 4) {
            rn_rv32_channel ch[4];
            const int32_t channels = rn_rv32_prepare_four(ch, c, q, o, s->out_c);
            for (int32_t r = 0; r < band; r++) {
                rn_conv2d_rv32_row(s, q, ch, channels, p.pitch, windows + r * s->stride_h * p.pitch, w + o * k,
                                   y + r * row + o);
            }
        }
        y += band * row;
    }
}

#endif
