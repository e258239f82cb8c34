/* Depthwise 3x3 convolution, int8, for cores with SMLAD: four channels at a time, planar in scratch.
 *
 * SMLAD needs two taps of one channel in one word, but channels-last memory has four channels there. So
 * a band of input rows is turned, for four channels, into rows of int16 per channel (padding included,
 * every value once: about 1.5 instructions each). Two neighbours of a row are then one word, and with the
 * words (x0, x1) (x2, x3) a kernel row is two multiply-accumulates for the output at x0:
 *     x0 * w0 + x1 * w1,  x2 * w2
 * and with stride 1 two for the output at x1:
 *     x1 * w0,            x2 * w1 + x3 * w2
 * from the weight pairs (w0, w1) and (w1, w2), which stay in registers for all pixels of the band.
 *
 * w: packed with rows = 9, cols = 1: the 9 taps of a channel are contiguous.
 * Needs a 3x3 kernel, channels a multiple of 4, stride_w 1 or 2, dilation 1, rounding single, every
 * shift in [33, 54]. With stride 1 and same-size output y may be x: rows are read before they are written.
 * scratch: rn_depthwise_conv2d_s8_dsp_scratch(s) bytes, word aligned.
 */
#ifndef RN_DEPTHWISE_CONV2D_S8_DSP_H
#define RN_DEPTHWISE_CONV2D_S8_DSP_H

#include "rn_dsp.h"

#ifndef RN_DEPTHWISE_DSP_BYTES
#define RN_DEPTHWISE_DSP_BYTES 4096
#endif

typedef struct {
    int32_t columns;  /* of a scratch row, even */
    int32_t band;     /* output rows */
    int32_t in_band;  /* input rows that a full band needs */
} rn_depthwise_dsp_plan;

RN_INLINE rn_depthwise_dsp_plan rn_depthwise_dsp_make_plan(const rn_conv2d_shape *s) {
    rn_depthwise_dsp_plan p;
    p.columns = (s->stride_w == 1 ? ((s->out_w + 1) & ~1) : s->stride_w * s->out_w) + 2;
    const int32_t fit = RN_DEPTHWISE_DSP_BYTES / (8 * p.columns);
    p.band = rn_clamp((fit - 3) / s->stride_h + 1, 1, s->out_h);
    p.in_band = (p.band - 1) * s->stride_h + 3;
    return p;
}

RN_INLINE int32_t rn_depthwise_conv2d_s8_dsp_scratch(const rn_conv2d_shape *s) {
    const rn_depthwise_dsp_plan p = rn_depthwise_dsp_make_plan(s);
    return 8 * p.columns * p.in_band;
}

/* Two neighbouring pixels, four channels each, to one word in each of the four planes. */
RN_INLINE void rn_depthwise_dsp_split(uint32_t left, uint32_t right, uint32_t *to, int32_t plane) {
    const uint32_t low = rn_pkhbt(left, right), high = rn_pkhtb(left, right);
    to[0] = rn_sxtb16(low);
    to[plane] = rn_sxtb16_ror8(low);
    to[2 * plane] = rn_sxtb16(high);
    to[3 * plane] = rn_sxtb16_ror8(high);
}

/* Four channels of input row iy, from column -pad_left on. */
RN_INLINE void rn_depthwise_dsp_row(const rn_conv2d_shape *s, int32_t columns, const int8_t *x, int32_t iy, uint32_t *to) {
    const uint32_t zero = ((uint32_t)s->in_zero & 0xff) * 0x01010101u;
    const int32_t words = columns / 2;
    const int inside = iy >= 0 && iy < s->in_h;
    /* words [first, last) lie inside the image with both pixels */
    const int32_t first = inside ? rn_min((s->pad_left + 1) / 2, words) : words;
    const int32_t last = rn_max(first, rn_min((s->in_w + s->pad_left) / 2, words));
    const int8_t *row = inside ? x + iy * s->in_w * s->in_c : x;
    for (int32_t i = 0; i < words; i++) {
        if (i == first && last > first) {
            const int8_t *from = row + (2 * first - s->pad_left) * s->in_c;
            RN_UNROLL(4)
            for (; i < last; i++, from += 2 * s->in_c) {
                rn_depthwise_dsp_split(rn_load4(from), rn_load4(from + s->in_c), to + i, words);
            }
            if (i == words) break;
        }
        const int32_t ix = 2 * i - s->pad_left;
        const uint32_t left = inside && ix >= 0 && ix < s->in_w ? rn_load4(row + ix * s->in_c) : zero;
        const uint32_t right = inside && ix + 1 >= 0 && ix + 1 < s->in_w ? rn_load4(row + (ix + 1) * s->in_c) : zero;
        rn_depthwise_dsp_split(left, right, to + i, words);
    }
}

/* The weight pairs of one channel. */
typedef struct {
    uint32_t w01[3], w12[3];
} rn_depthwise_dsp_taps;

RN_INLINE rn_depthwise_dsp_taps rn_depthwise_dsp_load_taps(const int8_t *w) {
    rn_depthwise_dsp_taps t;
    for (int32_t r = 0; r < 3; r++) {
        t.w01[r] = rn_pair(w[3 * r], w[3 * r + 1]);
        t.w12[r] = rn_pair(w[3 * r + 1], w[3 * r + 2]);
    }
    return t;
}

/* One row of output of one channel. */
RN_INLINE void rn_depthwise_dsp_out_row(const rn_conv2d_shape *s, const rn_requant *q, const rn_dsp_channel *ch,
                                        const rn_depthwise_dsp_taps *t, const uint32_t *x, int32_t pitch, int8_t *y) {
    if (s->stride_w == 2) {
        RN_UNROLL(2)
        for (int32_t i = 0; i < s->out_w; i++, x++, y += s->out_c) {
            int32_t acc = ch->bias;
            RN_UNROLL(3)
            for (int32_t r = 0; r < 3; r++) {
                const uint32_t a = x[r * pitch], b = x[r * pitch + 1];
                acc = rn_smlad(a, t->w01[r], acc);
                acc = rn_smla_lh(b, t->w12[r], acc);
            }
            *y = rn_dsp_requantize(acc, ch, q);
        }
        return;
    }
    RN_UNROLL(2)
    for (int32_t i = 0; i < s->out_w; i += 2, x++, y += 2 * s->out_c) {
        int32_t even = ch->bias, odd = ch->bias;
        RN_UNROLL(3)
        for (int32_t r = 0; r < 3; r++) {
            const uint32_t a = x[r * pitch], b = x[r * pitch + 1];
            even = rn_smlad(a, t->w01[r], even);
            odd = rn_smla_hl(a, t->w01[r], odd);
            even = rn_smla_lh(b, t->w12[r], even);
            odd = rn_smlad(b, t->w12[r], odd);
        }
        y[0] = rn_dsp_requantize(even, ch, q);
        if (i + 1 < s->out_w) y[s->out_c] = rn_dsp_requantize(odd, ch, q);
    }
}

RN_INLINE void rn_depthwise_conv2d_s8_dsp(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                          const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const rn_depthwise_dsp_plan p = rn_depthwise_dsp_make_plan(s);
    const int32_t words = p.columns / 2, pitch = 4 * words; /* of a scratch row: four planes side by side */
    const int32_t kept = rn_max(3 - s->stride_h, 0);        /* rows that the next band shares */
    uint32_t *const rows = (uint32_t *)scratch;
    for (int32_t group = 0; group < s->in_c; group += 4) {
        for (int32_t oy = 0; oy < s->out_h; oy += p.band) {
            const int32_t band = rn_min(p.band, s->out_h - oy);
            const int32_t iy = oy * s->stride_h - s->pad_top;
            int32_t ready = 0;
            if (oy > 0) {
                memmove(rows, rows + p.band * s->stride_h * pitch, (size_t)(kept * pitch * 4));
                ready = kept;
            }
            for (; ready < (band - 1) * s->stride_h + 3; ready++) {
                rn_depthwise_dsp_row(s, p.columns, x + group, iy + ready, rows + ready * pitch);
            }
            for (int32_t i = 0; i < 4; i++) {
                const rn_dsp_channel ch = rn_dsp_prepare(c, q, group + i);
                const rn_depthwise_dsp_taps taps = rn_depthwise_dsp_load_taps(w + 9 * (group + i));
                int8_t *out = y + oy * s->out_w * s->out_c + group + i;
                const uint32_t *in = rows + i * words;
                for (int32_t r = 0; r < band; r++, out += s->out_w * s->out_c, in += s->stride_h * pitch) {
                    rn_depthwise_dsp_out_row(s, q, &ch, &taps, in, pitch, out);
                }
            }
        }
    }
}

#endif
