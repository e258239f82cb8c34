/* Average pooling, int8, for cores with SXTAB16: four channels at a time.
 *
 * Sums of up to 256 values fit the 16-bit lanes exactly; larger windows run the portable kernel.
 * Needs rounding single, shift in [33, 54] for the fast path (otherwise the portable one runs).
 */
#ifndef RN_AVG_POOL2D_S8_DSP_H
#define RN_AVG_POOL2D_S8_DSP_H

#include "rn_avg_pool2d_s8.h"
#include "rn_dsp.h"

/* Adds bytes 0 and 2 of v, sign extended, to the lanes of sums. */
RN_INLINE uint32_t rn_sxtab16(uint32_t sums, uint32_t v) {
#if RN_DSP_ASM
    uint32_t r;
    __asm__("sxtab16 %0, %1, %2" : "=r"(r) : "r"(sums), "r"(v));
    return r;
#else
    return rn_pair(rn_low(sums) + (int8_t)v, rn_high(sums) + (int8_t)(v >> 16));
#endif
}

/* The same for bytes 1 and 3. */
RN_INLINE uint32_t rn_sxtab16_ror8(uint32_t sums, uint32_t v) {
#if RN_DSP_ASM
    uint32_t r;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(r) : "r"(sums), "r"(v));
    return r;
#else
    return rn_sxtab16(sums, v >> 8);
#endif
}

RN_INLINE void rn_avg_pool2d_s8_dsp(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias, int32_t multiplier,
                                    int32_t shift, const int8_t *x, int8_t *y, void *scratch) {
    const int32_t area = s->k_h * s->k_w;
    if (area > 256 || s->channels % 4 != 0 || q->rounding != RN_SINGLE || shift < 33 || shift > 54) {
        rn_avg_pool2d_s8(s, q, bias, multiplier, shift, x, y, scratch);
        return;
    }
    const rn_dsp_channel ch = {bias, multiplier, shift - 33, (1 + 2 * q->out_zero) * (1 << (shift - 33))};
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            const int32_t seen = rn_max(y1 - y0, 0) * rn_max(x1 - x0, 0);
            const int32_t start = ch.bias + (area - seen) * s->in_zero;
            for (int32_t i = 0; i < s->channels; i += 4, y += 4) {
                uint32_t even = 0, odd = 0;
                for (int32_t iy = y0; iy < y1; iy++) {
                    const int8_t *from = x + (iy * s->in_w + x0) * s->channels + i;
                    RN_UNROLL(4)
                    for (int32_t ix = x0; ix < x1; ix++, from += s->channels) {
                        const uint32_t v = rn_load4(from);
                        even = rn_sxtab16(even, v);
                        odd = rn_sxtab16_ror8(odd, v);
                    }
                }
                y[0] = rn_dsp_requantize(start + rn_low(even), &ch, q);
                y[1] = rn_dsp_requantize(start + rn_low(odd), &ch, q);
                y[2] = rn_dsp_requantize(start + rn_high(even), &ch, q);
                y[3] = rn_dsp_requantize(start + rn_high(odd), &ch, q);
            }
        }
    }
}

#endif
