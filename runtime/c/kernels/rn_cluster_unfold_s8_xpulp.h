/* The windows of a convolution on a cluster, int8, Xpulp: a word at a time; see rn_cluster_unfold_s8.h.
 *
 * Cores share the pixels evenly. No byte is written that is not of the pixel: its neighbour may be another core's.
 */
#ifndef RN_CLUSTER_UNFOLD_S8_XPULP_H
#define RN_CLUSTER_UNFOLD_S8_XPULP_H

#include "rn_cluster_part.h"
#include "rn_cluster_store.h"

/* `rows` (at least 1) runs of `bytes` neighbours each, `from_row` and `to_row` bytes from one to the next: a column of
 * words after the other, because runs are short. */
RN_INLINE void rn_cluster_unfold_rows(int8_t *to, int32_t to_row, const int8_t *from, int32_t from_row, int32_t bytes,
                                      int32_t rows) {
    const int8_t *const end = to + rows * to_row;
    for (; bytes >= 4; bytes -= 4, to += 4, from += 4) {
        const int8_t *f = from;
        for (int8_t *t = to; t < end; t += to_row, f += from_row) rn_xpulp_store(t, rn_xpulp_load(f));
    }
    for (; bytes > 0; bytes--, to++, from++) {
        const int8_t *f = from;
        for (int8_t *t = to; t < end; t += to_row, f += from_row) *t = *f;
    }
}

/* The pixel whose window is at (iy, ix). Where part of that is padding, all of it is filled first. */
RN_INLINE void rn_cluster_unfold_pixel(const rn_conv2d_shape *s, rn_pitch xp, uint32_t zeros, const int8_t *x,
                                       int32_t iy, int32_t ix, int8_t *to) {
    const int32_t run = s->k_w * s->in_c, top = rn_max(-iy, 0), left = rn_max(-ix, 0);
    const int32_t rows = rn_min(s->in_h - iy, s->k_h) - top, taps = rn_min(s->in_w - ix, s->k_w) - left;
    int32_t filled = rows < s->k_h || taps < s->k_w ? 0 : s->k_h * run;
    for (; filled + 4 <= s->out_c; filled += 4) rn_xpulp_store(to + filled, zeros);
    for (; filled < s->out_c; filled++) to[filled] = (int8_t)zeros;
    if (rows <= 0 || taps <= 0) return;
    x += (iy + top) * xp.row + (ix + left) * xp.pixel;
    to += top * run + left * s->in_c;
    if (xp.pixel == s->in_c) {
        rn_cluster_unfold_rows(to, run, x, xp.row, taps * s->in_c, rows);
        return;
    }
    for (int32_t j = 0; j < taps; j++, x += xp.pixel, to += s->in_c)
        rn_cluster_unfold_rows(to, run, x, xp.row, s->in_c, rows);
}

RN_INLINE void rn_cluster_unfold_s8_xpulp(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp, const int8_t *x,
                                          int8_t *y, int32_t core, int32_t cores) {
    const rn_share share = rn_share_of(s->out_h * s->out_w, 1, core, cores);
    const uint32_t zeros = (uint32_t)rn_cluster_splat(s->in_zero);
    int32_t oy = share.from / s->out_w, ox = share.from % s->out_w;
    for (int32_t n = share.to - share.from; n > 0; n--) {
        rn_cluster_unfold_pixel(s, xp, zeros, x, oy * s->stride_h - s->pad_top, ox * s->stride_w - s->pad_left,
                                y + oy * yp.row + ox * yp.pixel);
        if (++ox == s->out_w) ox = 0, oy++;
    }
}

#endif
