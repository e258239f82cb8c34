/* Average pooling with 16-bit activations: rn_avg_pool2d_s8_s16, _s16_s8, _s16_s16; see rn_avg_pool2d_s8.h. */
#ifndef RN_AVG_POOL2D_S16_H
#define RN_AVG_POOL2D_S16_H

#include "rn_requant_s16.h"

#define RN_AVG_POOL2D(name, X, Y, requantize)                                                               \
    RN_INLINE void name(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias, int32_t multiplier,    \
                        int32_t shift, const X *x, Y *y, void *scratch) {                                   \
        (void)scratch;                                                                                      \
        for (int32_t oy = 0; oy < s->out_h; oy++) {                                                         \
            const int32_t top = oy * s->stride_h - s->pad_top;                                              \
            const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);                          \
            for (int32_t ox = 0; ox < s->out_w; ox++) {                                                     \
                const int32_t left = ox * s->stride_w - s->pad_left;                                        \
                const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);                    \
                const int32_t seen = rn_max(y1 - y0, 0) * rn_max(x1 - x0, 0);                               \
                const int32_t start = bias + (s->k_h * s->k_w - seen) * s->in_zero;                         \
                for (int32_t i = 0; i < s->channels; i++) {                                                 \
                    int32_t acc = start;                                                                    \
                    for (int32_t iy = y0; iy < y1; iy++)                                                    \
                        for (int32_t ix = x0; ix < x1; ix++) acc += x[(iy * s->in_w + ix) * s->channels + i]; \
                    *y++ = requantize(acc, multiplier, shift, q);                                           \
                }                                                                                           \
            }                                                                                               \
        }                                                                                                   \
    }

RN_FOR_S16(RN_AVG_POOL2D, rn_avg_pool2d)

#endif
