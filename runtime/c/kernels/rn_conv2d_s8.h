/* 2-D convolution, int8, portable C99: any stride, padding, dilation and number of groups.
 *
 * x [in_h, in_w, in_c], y [out_h, out_w, out_c], w [out_c, k_h, k_w, in_c / groups] row major.
 * The accumulator sums raw stored values; outside the image x is in_zero. No scratch.
 */
#ifndef RN_CONV2D_S8_H
#define RN_CONV2D_S8_H

#include "rn_requant.h"

/* `acc` and the products of one output; `tap` are its weights, `first` its first input channel. */
RN_INLINE int32_t rn_conv2d_s8_sum(const rn_conv2d_shape *s, const int8_t *x, const int8_t *tap, int32_t acc,
                                   int32_t first, int32_t oy, int32_t ox) {
    const int32_t group_in = s->in_c / s->groups;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        const int32_t iy = oy * s->stride_h - s->pad_top + ky * s->dil_h;
        for (int32_t kx = 0; kx < s->k_w; kx++, tap += group_in) {
            const int32_t ix = ox * s->stride_w - s->pad_left + kx * s->dil_w;
            if (iy < 0 || iy >= s->in_h || ix < 0 || ix >= s->in_w) {
                if (s->in_zero == 0) continue;
                for (int32_t i = 0; i < group_in; i++) acc += s->in_zero * tap[i];
            } else {
                const int8_t *p = x + (iy * s->in_w + ix) * s->in_c + first;
                for (int32_t i = 0; i < group_in; i++) acc += p[i] * tap[i];
            }
        }
    }
    return acc;
}

RN_INLINE void rn_conv2d_s8(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                            const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t group_in = s->in_c / s->groups, group_out = s->out_c / s->groups;
    const int32_t k = s->k_h * s->k_w * group_in;
    (void)scratch;
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            for (int32_t o = 0; o < s->out_c; o++) {
                const int32_t first = o / group_out * group_in;
                const int32_t acc = rn_conv2d_s8_sum(s, x, w + o * k, c->bias[o], first, oy, ox);
                *y++ = rn_requantize(acc, c->multiplier[o], c->shift[o], q);
            }
        }
    }
}

#endif
