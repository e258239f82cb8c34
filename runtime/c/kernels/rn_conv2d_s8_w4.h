/* 2-D convolution, int8 with 4-bit weights, portable C99: any stride, padding, dilation and number of groups.
 *
 * As rn_conv2d_s8, but w has two weights in a byte (rn_nibbles.h), each row padded to whole bytes. A row is
 * unpacked once, into scratch, for all pixels of its output channel.
 * scratch: rn_conv2d_s8_w4_scratch(s) bytes.
 */
#ifndef RN_CONV2D_S8_W4_H
#define RN_CONV2D_S8_W4_H

#include "rn_conv2d_s8.h"
#include "rn_nibbles.h"

RN_INLINE int32_t rn_conv2d_s8_w4_scratch(const rn_conv2d_shape *s) {
    return (s->k_h * s->k_w * (s->in_c / s->groups) + 1) & ~1;
}

RN_INLINE void rn_conv2d_s8_w4(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                               const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t group_in = s->in_c / s->groups, group_out = s->out_c / s->groups;
    const int32_t k = rn_conv2d_s8_w4_scratch(s);
    int8_t *const row = (int8_t *)scratch;
    for (int32_t o = 0; o < s->out_c; o++, w += k / 2) {
        const int32_t first = o / group_out * group_in;
        int8_t *out = y + o;
        rn_unpack_nibbles(w, row, k);
        for (int32_t oy = 0; oy < s->out_h; oy++) {
            for (int32_t ox = 0; ox < s->out_w; ox++, out += s->out_c) {
                const int32_t acc = rn_conv2d_s8_sum(s, x, row, c->bias[o], first, oy, ox);
                *out = rn_requantize(acc, c->multiplier[o], c->shift[o], q);
            }
        }
    }
}

#endif
