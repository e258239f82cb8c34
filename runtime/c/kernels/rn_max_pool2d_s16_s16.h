/* Max pooling, int16, portable C99: x [in_h, in_w, C], y [out_h, out_w, C].
 *
 * Padding never wins. The result is clamped to [lo, hi] (a fused activation).
 */
#ifndef RN_MAX_POOL2D_S16_S16_H
#define RN_MAX_POOL2D_S16_S16_H

#include "rn_port.h"

RN_INLINE void rn_max_pool2d_s16_s16(const rn_pool2d_shape *s, int32_t lo, int32_t hi, const int16_t *x,
                                   int16_t *y) {
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            for (int32_t i = 0; i < s->channels; i++) {
                int32_t best = -32768;
                for (int32_t iy = y0; iy < y1; iy++) {
                    for (int32_t ix = x0; ix < x1; ix++) {
                        best = rn_max(best, x[(iy * s->in_w + ix) * s->channels + i]);
                    }
                }
                *y++ = (int16_t)rn_clamp(best, lo, hi);
            }
        }
    }
}

#endif
