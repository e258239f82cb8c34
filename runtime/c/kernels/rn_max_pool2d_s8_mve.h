/* Max pooling, int8, Helium (MVE), 16 channels at a time; see rn_max_pool2d_s8.h. */
#ifndef RN_MAX_POOL2D_S8_MVE_H
#define RN_MAX_POOL2D_S8_MVE_H

#include "rn_mve.h"

RN_INLINE void rn_max_pool2d_s8_mve(const rn_pool2d_shape *s, int32_t lo, int32_t hi, const int8_t *x, int8_t *y) {
    const int8x16_t low = vdupq_n_s8((int8_t)lo), high = vdupq_n_s8((int8_t)hi);
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            for (int32_t i = 0; i < s->channels; i += 16) {
                const mve_pred16_t lanes = vctp8q((uint32_t)(s->channels - i));
                int8x16_t best = low; /* padding never wins, and the clamp from below is free */
                for (int32_t iy = y0; iy < y1; iy++) {
                    const int8_t *p = x + (iy * s->in_w + x0) * s->channels + i;
                    for (int32_t ix = x0; ix < x1; ix++, p += s->channels) {
                        best = vmaxq_s8(best, s->channels % 16 == 0 ? vldrbq_s8(p) : vldrbq_z_s8(p, lanes));
                    }
                }
                /* Lanes beyond the last channel are computed from zeros and not stored. */
                vstrbq_p_s8(y + i, vminq_s8(best, high), lanes);
            }
            y += s->channels;
        }
    }
}

#endif
