/* Max pooling on a cluster, int8, portable C99. Padding never wins; the result is clamped to [lo, hi].
 *
 * Cores share the outputs evenly.
 */
#ifndef RN_CLUSTER_MAX_POOL2D_S8_H
#define RN_CLUSTER_MAX_POOL2D_S8_H

#include "rn_cluster_part.h"

RN_INLINE void rn_cluster_max_pool2d_s8(const rn_pool2d_shape *s, rn_pitch xp, rn_pitch yp, int32_t lo, int32_t hi,
                                        const int8_t *x, int8_t *y, int32_t core, int32_t cores) {
    const rn_share share = rn_share_of(s->out_h * s->out_w * s->channels, 1, core, cores);
    rn_cluster_output at = rn_cluster_output_of(share.from, s->out_w, s->channels);
    for (int32_t n = share.to - share.from; n > 0; n--, rn_cluster_next_output(&at, s->out_w, s->channels)) {
        const int32_t i = at.channel, ox = at.x, oy = at.y;
        const int32_t top = oy * s->stride_h - s->pad_top, left = ox * s->stride_w - s->pad_left;
        int32_t best = -128;
        for (int32_t iy = rn_max(top, 0); iy < rn_min(top + s->k_h, s->in_h); iy++) {
            for (int32_t ix = rn_max(left, 0); ix < rn_min(left + s->k_w, s->in_w); ix++) {
                best = rn_max(best, rn_cluster_byte(x, xp, iy, ix, i));
            }
        }
        y[oy * yp.row + ox * yp.pixel + i] = (int8_t)rn_clamp(best, lo, hi);
    }
}

#endif
