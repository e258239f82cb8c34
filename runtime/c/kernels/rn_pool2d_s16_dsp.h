/* Pooling of int16 for cores with SMLAD and SSUB16: two channels at a time.
 *
 * rn_avg_pool2d_s16_s8_dsp, rn_avg_pool2d_s16_s16_dsp: channels a multiple of 2, rounding single, shift in [33, 54];
 * rn_max_pool2d_s16_s16_dsp: channels a multiple of 2, padding never wins.
 */
#ifndef RN_POOL2D_S16_DSP_H
#define RN_POOL2D_S16_DSP_H

#include "rn_dsp_s16.h"

RN_INLINE void rn_avg_pool2d_s16_dsp(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias, int32_t multiplier,
                                     int32_t shift, const int16_t *x, void *y, int y_wide) {
    const int32_t addend = (y_wide ? 1 : 1 + 2 * q->out_zero) * (1 << (shift - 33));
    const rn_dsp_channel ch = {bias, multiplier, shift - 33, addend};
    int32_t at = 0;
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            const int32_t seen = rn_max(y1 - y0, 0) * rn_max(x1 - x0, 0);
            const int32_t start = ch.bias + (s->k_h * s->k_w - seen) * s->in_zero;
            for (int32_t i = 0; i < s->channels; i += 2, at += 2) {
                int32_t low = start, high = start;
                for (int32_t iy = y0; iy < y1; iy++) {
                    const int16_t *from = x + (iy * s->in_w + x0) * s->channels + i;
                    RN_UNROLL(4)
                    for (int32_t ix = x0; ix < x1; ix++, from += s->channels) {
                        const uint32_t v = rn_load4(from);
                        low = rn_smlad(v, 0x00000001u, low);
                        high = rn_smlad(v, 0x00010000u, high);
                    }
                }
                rn_dsp_put(y, at, low, &ch, q, y_wide);
                rn_dsp_put(y, at + 1, high, &ch, q, y_wide);
            }
        }
    }
}

RN_INLINE void rn_avg_pool2d_s16_s8_dsp(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias,
                                        int32_t multiplier, int32_t shift, const int16_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    rn_avg_pool2d_s16_dsp(s, q, bias, multiplier, shift, x, y, 0);
}

RN_INLINE void rn_avg_pool2d_s16_s16_dsp(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias,
                                         int32_t multiplier, int32_t shift, const int16_t *x, int16_t *y,
                                         void *scratch) {
    (void)scratch;
    rn_avg_pool2d_s16_dsp(s, q, bias, multiplier, shift, x, y, 1);
}

/* Signed maximum of both halves. */
RN_INLINE uint32_t rn_max_halves(uint32_t a, uint32_t b) {
#if RN_DSP_ASM
    uint32_t r; /* SSUB16 sets the GE flags where a >= b; SEL picks by them, so the two stay together */
    __asm__("ssub16 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b) : "cc");
    return r;
#else
    return rn_pair(rn_max(rn_low(a), rn_low(b)), rn_max(rn_high(a), rn_high(b)));
#endif
}

RN_INLINE void rn_max_pool2d_s16_s16_dsp(const rn_pool2d_shape *s, int32_t lo, int32_t hi, const int16_t *x,
                                         int16_t *y) {
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            for (int32_t i = 0; i < s->channels; i += 2, y += 2) {
                uint32_t best = rn_pair(lo, lo); /* the lower clamp comes for free */
                for (int32_t iy = y0; iy < y1; iy++) {
                    const int16_t *from = x + (iy * s->in_w + x0) * s->channels + i;
                    for (int32_t ix = x0; ix < x1; ix++, from += s->channels) best = rn_max_halves(best, rn_load4(from));
                }
                /* min(v, hi) = ~max(~v, ~hi) */
                if (hi < 32767) best = ~rn_max_halves(~best, ~rn_pair(hi, hi));
                memcpy(y, &best, 4);
            }
        }
    }
}

#endif
