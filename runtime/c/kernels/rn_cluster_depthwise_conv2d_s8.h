/* Depthwise 2-D convolution (in_c == out_c == groups) on a cluster, int8, portable C99.
 *
 * w: packed with rows = k_h * k_w, cols = 1: the taps of a channel are neighbours. Cores share the outputs
 * evenly. No scratch.
 */
#ifndef RN_CLUSTER_DEPTHWISE_CONV2D_S8_H
#define RN_CLUSTER_DEPTHWISE_CONV2D_S8_H

#include "rn_cluster_part.h"
#include "rn_requant.h"

RN_INLINE void rn_cluster_depthwise_conv2d_s8(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                              const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                              void *scratch, int32_t core, int32_t cores) {
    const rn_share share = rn_share_of(s->out_h * s->out_w * s->out_c, 1, core, cores);
    (void)scratch;
    rn_cluster_output at = rn_cluster_output_of(share.from, s->out_w, s->out_c);
    for (int32_t n = share.to - share.from; n > 0; n--, rn_cluster_next_output(&at, s->out_w, s->out_c)) {
        const int32_t o = at.channel, ox = at.x, oy = at.y;
        const int8_t *tap = w + o * s->k_h * s->k_w;
        int32_t acc = c->bias[o];
        for (int32_t ky = 0; ky < s->k_h; ky++) {
            const int32_t iy = oy * s->stride_h - s->pad_top + ky * s->dil_h;
            for (int32_t kx = 0; kx < s->k_w; kx++) {
                const int32_t ix = ox * s->stride_w - s->pad_left + kx * s->dil_w;
                const int inside = iy >= 0 && iy < s->in_h && ix >= 0 && ix < s->in_w;
                acc += (inside ? rn_cluster_byte(x, xp, iy, ix, o) : s->in_zero) * *tap++;
            }
        }
        y[oy * yp.row + ox * yp.pixel + o] = rn_requantize(acc, c->multiplier[o], c->shift[o], q);
    }
}

#endif
