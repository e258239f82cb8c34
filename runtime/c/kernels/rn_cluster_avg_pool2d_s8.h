/* Average pooling on a cluster, int8, portable C99; bias and multiplier as in rn_avg_pool2d_s8.h.
 *
 * Cores share the outputs evenly, so also the channels of a global pooling. No scratch.
 */
#ifndef RN_CLUSTER_AVG_POOL2D_S8_H
#define RN_CLUSTER_AVG_POOL2D_S8_H

#include "rn_cluster_part.h"
#include "rn_requant.h"

RN_INLINE void rn_cluster_avg_pool2d_s8(const rn_pool2d_shape *s, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                        int32_t bias, int32_t multiplier, int32_t shift, const int8_t *x, int8_t *y,
                                        void *scratch, int32_t core, int32_t cores) {
    const rn_share share = rn_share_of(s->out_h * s->out_w * s->channels, 1, core, cores);
    (void)scratch;
    rn_cluster_output at = rn_cluster_output_of(share.from, s->out_w, s->channels);
    for (int32_t n = share.to - share.from; n > 0; n--, rn_cluster_next_output(&at, s->out_w, s->channels)) {
        const int32_t i = at.channel, ox = at.x, oy = at.y;
        int32_t acc = bias;
        for (int32_t ky = 0; ky < s->k_h; ky++) {
            const int32_t iy = oy * s->stride_h - s->pad_top + ky;
            for (int32_t kx = 0; kx < s->k_w; kx++) {
                const int32_t ix = ox * s->stride_w - s->pad_left + kx;
                const int inside = iy >= 0 && iy < s->in_h && ix >= 0 && ix < s->in_w;
                acc += inside ? rn_cluster_byte(x, xp, iy, ix, i) : s->in_zero;
            }
        }
        y[oy * yp.row + ox * yp.pixel + i] = rn_requantize(acc, multiplier, shift, q);
    }
}

#endif
