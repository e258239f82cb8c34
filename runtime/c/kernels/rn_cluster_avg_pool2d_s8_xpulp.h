/* Average pooling on a cluster, int8, Xpulp: four channels at a time, each summed by PV.SDOTSP.B with its byte of 1.
 *
 * Numbers as in rn_cluster_avg_pool2d_s8.h. Cores share outputs and blocks of four channels.
 * Needs channels that are a multiple of 4, rounding single or half even, shift in [33, 54]. No scratch.
 */
#ifndef RN_CLUSTER_AVG_POOL2D_S8_XPULP_H
#define RN_CLUSTER_AVG_POOL2D_S8_XPULP_H

#include "rn_cluster_part.h"
#include "rn_cluster_store.h"

/* rn_cluster_requantize, also half to even: half up is one too many where the product lies in the middle of two numbers
 * and that gives the odd one. */
RN_INLINE int32_t rn_cluster_average(int32_t acc, const rn_cluster_scale *scale, const rn_requant *q) {
    if (q->rounding != RN_HALF_EVEN) return rn_cluster_requantize(acc, scale, q);
    const int64_t p = (int64_t)(acc * (1 << q->acc_shift)) * scale->multiplier;
    const int32_t high = (int32_t)(p >> 32), bits = scale->shift & 31;
    const int32_t up = (high + scale->addend) >> bits;
    const int middle = (uint32_t)p == 0u && (high & ((1 << bits) - 1)) == 1 << (bits - 1);
    return rn_xpulp_clamp(up - (middle & (up ^ q->out_zero)), q->lo, q->hi);
}

RN_INLINE void rn_cluster_avg_pool2d_s8_xpulp(const rn_pool2d_shape *s, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                              int32_t bias, int32_t multiplier, int32_t shift, const int8_t *x,
                                              int8_t *y, void *scratch, int32_t core, int32_t cores) {
    const int8_t byte = (int8_t)shift;
    const rn_channels channel = {&bias, &multiplier, &byte};
    const rn_cluster_scale scale = rn_cluster_scale_of(&channel, q, 0);
    const rn_split split = rn_cluster_row_split(s->out_h * s->out_w, s->channels / 4, 1, 0, core, cores);
    (void)scratch;
    for (int32_t p = split.a.from; p < split.a.to; p++) {
        const int32_t oy = p / s->out_w, ox = p - oy * s->out_w;
        const int32_t top = oy * s->stride_h - s->pad_top, left = ox * s->stride_w - s->pad_left;
        const int32_t y0 = rn_max(top, 0), rows = rn_max(rn_min(top + s->k_h, s->in_h) - y0, 0);
        const int32_t x0 = rn_max(left, 0), columns = rn_max(rn_min(left + s->k_w, s->in_w) - x0, 0);
        const int32_t start = bias + (s->k_h * s->k_w - rows * columns) * s->in_zero;
        for (int32_t i = 4 * split.b.from; i < 4 * split.b.to; i += 4) {
            int32_t c0 = start, c1 = start, c2 = start, c3 = start;
            for (int32_t r = 0; r < rows; r++) {
                const int8_t *from = x + (y0 + r) * xp.row + x0 * xp.pixel + i;
                for (int32_t n = columns; n > 0; n--, from += xp.pixel) {
                    const uint32_t v = rn_xpulp_load(from);
                    c0 = rn_xpulp_sdotsp(c0, v, 1), c1 = rn_xpulp_sdotsp(c1, v, 1 << 8);
                    c2 = rn_xpulp_sdotsp(c2, v, 1 << 16), c3 = rn_xpulp_sdotsp(c3, v, 1 << 24);
                }
            }
            rn_xpulp_store(y + oy * yp.row + ox * yp.pixel + i,
                           rn_xpulp_pack(rn_cluster_average(c0, &scale, q), rn_cluster_average(c1, &scale, q),
                                         rn_cluster_average(c2, &scale, q), rn_cluster_average(c3, &scale, q)));
        }
    }
}

#endif
