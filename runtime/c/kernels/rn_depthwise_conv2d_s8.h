/* Depthwise 2-D convolution (in_c == out_c == groups), int8, portable C99.
 *
 * x [in_h, in_w, C], y [out_h, out_w, C], w [k_h * k_w, C] row major. No scratch.
 */
#ifndef RN_DEPTHWISE_CONV2D_S8_H
#define RN_DEPTHWISE_CONV2D_S8_H

#include "rn_requant.h"

RN_INLINE void rn_depthwise_conv2d_s8(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                      const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            for (int32_t o = 0; o < s->out_c; o++) {
                const int8_t *tap = w + o;
                int32_t acc = c->bias[o];
                for (int32_t ky = 0; ky < s->k_h; ky++) {
                    const int32_t iy = oy * s->stride_h - s->pad_top + ky * s->dil_h;
                    for (int32_t kx = 0; kx < s->k_w; kx++, tap += s->out_c) {
                        const int32_t ix = ox * s->stride_w - s->pad_left + kx * s->dil_w;
                        const int inside = iy >= 0 && iy < s->in_h && ix >= 0 && ix < s->in_w;
                        acc += (inside ? x[(iy * s->in_w + ix) * s->in_c + o] : s->in_zero) * *tap;
                    }
                }
                *y++ = rn_requantize(acc, c->multiplier[o], c->shift[o], q);
            }
        }
    }
}

#endif
