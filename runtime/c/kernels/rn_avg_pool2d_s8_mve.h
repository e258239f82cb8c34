/* Average pooling, int8, Helium (MVE), 8 channels at a time; see rn_avg_pool2d_s8.h.
 *
 * Windows of up to 255 pixels: their sums fit in 16 bits.
 */
#ifndef RN_AVG_POOL2D_S8_MVE_H
#define RN_AVG_POOL2D_S8_MVE_H

#include "rn_mve.h"

/* Sums of the windows [y0, y1) x [x0, x1) of the channels of `lanes`. */
RN_INLINE int16x8_t rn_avg_pool2d_sums_mve(const rn_pool2d_shape *s, int32_t y0, int32_t y1, int32_t x0, int32_t x1,
                                           const int8_t *x, mve_pred16_t lanes) {
    int16x8_t sum = vdupq_n_s16(0);
    for (int32_t iy = y0; iy < y1; iy++) {
        const int8_t *p = x + (iy * s->in_w + x0) * s->channels;
        for (int32_t ix = x0; ix < x1; ix++, p += s->channels) {
            sum = vaddq_s16(sum, s->channels % 8 == 0 ? vldrbq_s16(p) : vldrbq_z_s16(p, lanes));
        }
    }
    return sum;
}

RN_INLINE void rn_avg_pool2d_s8_mve(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias, int32_t multiplier,
                                    int32_t shift, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            const int32_t seen = rn_max(y1 - y0, 0) * rn_max(x1 - x0, 0);
            const int32_t start = bias + (s->k_h * s->k_w - seen) * s->in_zero;
            const rn_quad_mve k = {vdupq_n_s32(start), vdupq_n_s32(multiplier), vdupq_n_s32(32 - shift)};
            for (int32_t i = 0; i < s->channels; i += 8) {
                const mve_pred16_t lanes = vctp16q((uint32_t)(s->channels - i));
                const int16x8_t sum = rn_avg_pool2d_sums_mve(s, y0, y1, x0, x1, x + i, lanes);
                /* Even and odd channels apart, and together again. */
                const int32x4_t even = rn_requant_mve(vmovlbq_s16(sum), k, q);
                const int32x4_t odd = rn_requant_mve(vmovltq_s16(sum), k, q);
                vstrbq_p_s16(y + i, vmovntq_s32(vreinterpretq_s16_s32(even), odd), lanes);
            }
            y += s->channels;
        }
    }
}

#endif
