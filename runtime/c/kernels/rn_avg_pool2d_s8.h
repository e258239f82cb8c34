/* Average pooling, int8, portable C99: x [in_h, in_w, C], y [out_h, out_w, C]. No scratch.
 *
 * acc = bias + sum of the k_h * k_w raw inputs, padding counts as in_zero;
 * the caller puts 1 / area into the multiplier and -area * in_zero into the bias.
 */
#ifndef RN_AVG_POOL2D_S8_H
#define RN_AVG_POOL2D_S8_H

#include "rn_requant.h"

RN_INLINE void rn_avg_pool2d_s8(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias, int32_t multiplier,
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
            for (int32_t i = 0; i < s->channels; i++) {
                int32_t acc = start;
                for (int32_t iy = y0; iy < y1; iy++) {
                    for (int32_t ix = x0; ix < x1; ix++) acc += x[(iy * s->in_w + ix) * s->channels + i];
                }
                *y++ = rn_requantize(acc, multiplier, shift, q);
            }
        }
    }
}

#endif
