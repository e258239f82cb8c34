/* The windows of a convolution on a cluster, int8, portable C99: pixel (y, x) of the output has the elements of its
 * window, row after row, with in_zero where there is padding and behind the window up to out_c.
 *
 * Cores share the pixels evenly. out_c >= k_h * k_w * in_c, groups = 1, dilation = 1.
 */
#ifndef RN_CLUSTER_UNFOLD_S8_H
#define RN_CLUSTER_UNFOLD_S8_H

#include "rn_cluster_part.h"

RN_INLINE void rn_cluster_unfold_s8(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp, const int8_t *x, int8_t *y,
                                    int32_t core, int32_t cores) {
    const rn_share share = rn_share_of(s->out_h * s->out_w, 1, core, cores);
    for (int32_t i = share.from; i < share.to; i++) {
        const int32_t oy = i / s->out_w, ox = i % s->out_w;
        const int32_t top = oy * s->stride_h - s->pad_top, left = ox * s->stride_w - s->pad_left;
        int8_t *to = y + oy * yp.row + ox * yp.pixel;
        memset(to, s->in_zero & 255, (size_t)s->out_c);
        for (int32_t iy = top; iy < top + s->k_h; iy++) {
            for (int32_t ix = left; ix < left + s->k_w; ix++, to += s->in_c) {
                if (!rn_is_below(iy, s->in_h) || !rn_is_below(ix, s->in_w)) continue;
                memcpy(to, x + iy * xp.row + ix * xp.pixel, (size_t)s->in_c);
            }
        }
    }
}

#endif
