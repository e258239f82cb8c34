/* 2-D convolution with 16-bit activations: rn_conv2d_s8_s16, _s16_s8, _s16_s16; see rn_conv2d_s8.h. */
#ifndef RN_CONV2D_S16_H
#define RN_CONV2D_S16_H

#include "rn_requant_s16.h"

#define RN_CONV2D(name, X, Y, requantize)                                                                   \
    RN_INLINE void name(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const X *x,    \
                        const int8_t *w, Y *y, void *scratch) {                                             \
        const int32_t group_in = s->in_c / s->groups, group_out = s->out_c / s->groups;                     \
        (void)scratch;                                                                                      \
        for (int32_t oy = 0; oy < s->out_h; oy++) {                                                         \
            for (int32_t ox = 0; ox < s->out_w; ox++) {                                                     \
                const int8_t *tap = w;                                                                      \
                for (int32_t o = 0; o < s->out_c; o++) {                                                    \
                    const int32_t first = o / group_out * group_in;                                         \
                    int32_t acc = c->bias[o];                                                               \
                    for (int32_t ky = 0; ky < s->k_h; ky++) {                                               \
                        const int32_t iy = oy * s->stride_h - s->pad_top + ky * s->dil_h;                   \
                        for (int32_t kx = 0; kx < s->k_w; kx++, tap += group_in) {                          \
                            const int32_t ix = ox * s->stride_w - s->pad_left + kx * s->dil_w;              \
                            const int inside = iy >= 0 && iy < s->in_h && ix >= 0 && ix < s->in_w;          \
                            const X *p = inside ? x + (iy * s->in_w + ix) * s->in_c + first : x;            \
                            for (int32_t i = 0; i < group_in; i++)                                          \
                                acc += (inside ? p[i] : s->in_zero) * tap[i];                               \
                        }                                                                                   \
                    }                                                                                       \
                    *y++ = requantize(acc, c->multiplier[o], c->shift[o], q);                               \
                }                                                                                           \
            }                                                                                               \
        }                                                                                                   \
    }

RN_FOR_S16(RN_CONV2D, rn_conv2d)

#endif
