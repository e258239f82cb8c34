/* Depthwise convolution with 16-bit activations, Helium (MVE): rn_depthwise_conv2d_s8_s16_mve, _s16_s8_mve, _s16_s16_mve.
 *
 * Eight channels at a time: VMULLB and VMULLT give the products of the even and of the odd ones in 32 bits. w [k_h * k_w,
 * C], as the portable kernel has it. Needs rounding single, shifts in [33, 53].
 */
#ifndef RN_DEPTHWISE_CONV2D_S16_MVE_H
#define RN_DEPTHWISE_CONV2D_S16_MVE_H

#include "rn_mve.h"

/* Constants or sums of eight channels. */
typedef struct {
    int32x4_t even, odd;
} rn_halves_mve;

/* Every other one of n numbers. */
RN_INLINE int32x4_t rn_every_other_mve(const int32_t *from, int32_t n) {
    const uint32x4_t at = vmulq_n_u32(vidupq_n_u32(0, 1), 8);
    return vldrwq_gather_offset_z_s32(from, at, vctp32q((uint32_t)(n + 1) / 2));
}

RN_INLINE int32x4_t rn_every_other_shift_mve(const int8_t *from, int32_t n) {
    const uint32x4_t at = vmulq_n_u32(vidupq_n_u32(0, 1), 2);
    const int32x4_t shift = vldrbq_gather_offset_z_s32(from, at, vctp32q((uint32_t)(n + 1) / 2));
    return vsubq_s32(vdupq_n_s32(32), shift);
}

/* The even (`odd` 0) or odd ones of n channels from `first` on. */
RN_INLINE rn_quad_mve rn_half_of_mve(const rn_channels *c, int32_t first, int32_t n, int32_t odd) {
    const rn_quad_mve k = {rn_every_other_mve(c->bias + first + odd, n - odd),
                           rn_every_other_mve(c->multiplier + first + odd, n - odd),
                           rn_every_other_shift_mve(c->shift + first + odd, n - odd)};
    return k;
}

/* Eight int8 or (wide) int16 as lanes of 16 bits; `all`: no lane is left out. */
RN_INLINE int16x8_t rn_load_eight_mve(const int8_t *x, mve_pred16_t lanes, int all, int wide) {
    if (all) return wide ? vldrhq_s16((const int16_t *)x) : vldrbq_s16(x);
    return wide ? vldrhq_z_s16((const int16_t *)x, lanes) : vldrbq_z_s16(x, lanes);
}

RN_INLINE void rn_add_products_mve(rn_halves_mve *sum, int16x8_t x, int16x8_t w) {
    sum->even = vaddq_s32(sum->even, vmullbq_int_s16(x, w));
    sum->odd = vaddq_s32(sum->odd, vmulltq_int_s16(x, w));
}

/* The window at (iy, ix), part of which is outside: `from` is where its first pixel would be. */
RN_INLINE void rn_depthwise_edge_mve(const rn_conv2d_shape *s, rn_halves_mve *sum, const int8_t *from,
                                     const int8_t *w, int32_t iy, int32_t ix, mve_pred16_t lanes, int all, int wide) {
    const int32_t pixel = wide ? 2 * s->in_c : s->in_c;
    const int16x8_t zero = vdupq_n_s16((int16_t)s->in_zero);
    for (int32_t ky = 0; ky < s->k_h; ky++, iy += s->dil_h, from += s->dil_h * s->in_w * pixel) {
        const int row = iy >= 0 && iy < s->in_h;
        if (!row && s->in_zero == 0) {
            w += s->k_w * s->in_c;
            continue;
        }
        int32_t at = ix;
        const int8_t *p = from;
        for (int32_t kx = 0; kx < s->k_w; kx++, at += s->dil_w, p += s->dil_w * pixel, w += s->in_c) {
            if (row && at >= 0 && at < s->in_w)
                rn_add_products_mve(sum, rn_load_eight_mve(p, lanes, all, wide), rn_load_eight_mve(w, lanes, all, 0));
            else if (s->in_zero != 0)
                rn_add_products_mve(sum, zero, rn_load_eight_mve(w, lanes, all, 0));
        }
    }
}

/* x is int8 or (x_wide) int16, y likewise; pointers and pitches of x count bytes. */
RN_INLINE void rn_depthwise_conv2d_mve_mixed(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                             const int8_t *x, const int8_t *w, void *y, int x_wide, int y_wide) {
    const int32_t reach_h = (s->k_h - 1) * s->dil_h, reach_w = (s->k_w - 1) * s->dil_w;
    const int32_t pixel = x_wide ? 2 * s->in_c : s->in_c;
    for (int32_t first = 0; first < s->in_c; first += 8) {
        const int32_t n = rn_min(8, s->in_c - first), all = s->in_c % 8 == 0;
        const mve_pred16_t lanes = vctp16q((uint32_t)n);
        const rn_quad_mve even = rn_half_of_mve(c, first, n, 0), odd = rn_half_of_mve(c, first, n, 1);
        int32_t at = first;
        for (int32_t oy = 0; oy < s->out_h; oy++) {
            const int32_t iy = oy * s->stride_h - s->pad_top;
            for (int32_t ox = 0; ox < s->out_w; ox++, at += s->in_c) {
                const int32_t ix = ox * s->stride_w - s->pad_left;
                const int8_t *from = x + (x_wide ? 2 * first : first) + (iy * s->in_w + ix) * pixel, *tap = w + first;
                rn_halves_mve sum = {vdupq_n_s32(0), vdupq_n_s32(0)};
                if (iy >= 0 && iy + reach_h < s->in_h && ix >= 0 && ix + reach_w < s->in_w) {
                    for (int32_t ky = 0; ky < s->k_h; ky++, from += s->dil_h * s->in_w * pixel) {
                        const int8_t *p = from;
                        RN_UNROLL(3)
                        for (int32_t kx = 0; kx < s->k_w; kx++, p += s->dil_w * pixel, tap += s->in_c) {
                            const int16x8_t weight = rn_load_eight_mve(tap, lanes, all, 0);
                            rn_add_products_mve(&sum, rn_load_eight_mve(p, lanes, all, x_wide), weight);
                        }
                    }
                } else {
                    rn_depthwise_edge_mve(s, &sum, from, tap, iy, ix, lanes, all, x_wide);
                }
                const int16x8_t low = vreinterpretq_s16_s32(rn_requant_as_mve(sum.even, even, q, y_wide));
                const int16x8_t both = vmovntq_s32(low, rn_requant_as_mve(sum.odd, odd, q, y_wide));
                if (y_wide)
                    vstrhq_p_s16((int16_t *)y + at, both, lanes);
                else
                    vstrbq_p_s16((int8_t *)y + at, both, lanes);
            }
        }
    }
}

#define RN_DEPTHWISE_MVE(name, X, Y, x_wide, y_wide)                                                      \
    RN_INLINE void name(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const X *x,  \
                        const int8_t *w, Y *y, void *scratch) {                                           \
        (void)scratch;                                                                                    \
        rn_depthwise_conv2d_mve_mixed(s, q, c, (const int8_t *)x, w, y, x_wide, y_wide);                  \
    }

RN_DEPTHWISE_MVE(rn_depthwise_conv2d_s8_s16_mve, int8_t, int16_t, 0, 1)
RN_DEPTHWISE_MVE(rn_depthwise_conv2d_s16_s8_mve, int16_t, int8_t, 1, 0)
RN_DEPTHWISE_MVE(rn_depthwise_conv2d_s16_s16_mve, int16_t, int16_t, 1, 1)

#endif
