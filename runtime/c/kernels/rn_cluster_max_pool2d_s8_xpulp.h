/* Max pooling on a cluster, int8, Xpulp: four channels at a time by PV.MAX.B.
 *
 * Padding never wins; the result is clamped to [lo, hi]. Cores share outputs and blocks of four channels.
 * Needs channels that are a multiple of 4.
 */
#ifndef RN_CLUSTER_MAX_POOL2D_S8_XPULP_H
#define RN_CLUSTER_MAX_POOL2D_S8_XPULP_H

#include "rn_cluster_part.h"
#include "rn_cluster_store.h"

/* The greater (or, with `least`, the smaller) of each of four bytes: PV.MAX.B, PV.MIN.B. */
RN_INLINE uint32_t rn_xpulp_extreme(int least, uint32_t a, uint32_t b) {
    uint32_t r = 0;
#if RN_XPULP_ASM
    if (least)
        __asm__(".insn r 0x57, 1, 0x10, %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
    else
        __asm__(".insn r 0x57, 1, 0x18, %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
#else
    for (int32_t i = 0; i < 32; i += 8) {
        const int32_t va = (int8_t)(a >> i), vb = (int8_t)(b >> i);
        r |= ((uint32_t)(least ? rn_min(va, vb) : rn_max(va, vb)) & 255) << i;
    }
#endif
    return r;
}

RN_INLINE void rn_cluster_max_pool2d_s8_xpulp(const rn_pool2d_shape *s, rn_pitch xp, rn_pitch yp, int32_t lo,
                                              int32_t hi, const int8_t *x, int8_t *y, int32_t core, int32_t cores) {
    const uint32_t least = (uint32_t)rn_cluster_splat(lo), most = (uint32_t)rn_cluster_splat(hi);
    const rn_split split = rn_cluster_row_split(s->out_h * s->out_w, s->channels / 4, 1, 0, core, cores);
    for (int32_t p = split.a.from; p < split.a.to; p++) {
        const int32_t oy = p / s->out_w, ox = p - oy * s->out_w;
        const int32_t top = oy * s->stride_h - s->pad_top, left = ox * s->stride_w - s->pad_left;
        const int32_t y0 = rn_max(top, 0), rows = rn_min(top + s->k_h, s->in_h) - y0;
        const int32_t x0 = rn_max(left, 0), columns = rn_min(left + s->k_w, s->in_w) - x0;
        for (int32_t i = 4 * split.b.from; i < 4 * split.b.to; i += 4) {
            uint32_t best = least;
            for (int32_t r = 0; r < rows; r++) {
                const int8_t *from = x + (y0 + r) * xp.row + x0 * xp.pixel + i;
                for (int32_t n = columns; n > 0; n--, from += xp.pixel) {
                    best = rn_xpulp_extreme(0, best, rn_xpulp_load(from));
                }
            }
            rn_xpulp_store(y + oy * yp.row + ox * yp.pixel + i, rn_xpulp_extreme(1, best, most));
        }
    }
}

#endif
