/* Depthwise 2-D convolution with 16-bit activations: rn_depthwise_conv2d_s8_s16, _s16_s8, _s16_s16. */
#ifndef RN_DEPTHWISE_CONV2D_S16_H
#define RN_DEPTHWISE_CONV2D_S16_H

#include "rn_requant_s16.h"

#define RN_DEPTHWISE_CONV2D(name, X, Y, requantize)                                                         \
    RN_INLINE void name(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const X *x,    \
                        const int8_t *w, Y *y, void *scratch) {                                             \
        (void)scratch;                                                                                      \
        for (int32_t oy = 0; oy < s->out_h; oy++) {                                                         \
            for (int32_t ox = 0; ox < s->out_w; ox++) {                                                     \
                for (int32_t o = 0; o < s->out_c; o++) {                                                    \
                    const int8_t *tap = w + o;                                                              \
                    int32_t acc = c->bias[o];                                                               \
                    for (int32_t ky = 0; ky < s->k_h; ky++) {                                               \
                        const int32_t iy = oy * s->stride_h - s->pad_top + ky * s->dil_h;                   \
                        for (int32_t kx = 0; kx < s->k_w; kx++, tap += s->out_c) {                          \
                            const int32_t ix = ox * s->stride_w - s->pad_left + kx * s->dil_w;              \
                            const int inside = iy >= 0 && iy < s->in_h && ix >= 0 && ix < s->in_w;          \
                            acc += (inside ? x[(iy * s->in_w + ix) * s->in_c + o] : s->in_zero) * *tap;     \
                        }                                                                                   \
                    }                                                                                       \
                    *y++ = requantize(acc, c->multiplier[o], c->shift[o], q);                               \
                }                                                                                           \
            }                                                                                               \
        }                                                                                                   \
    }

RN_FOR_S16(RN_DEPTHWISE_CONV2D, rn_depthwise_conv2d)

#endif
