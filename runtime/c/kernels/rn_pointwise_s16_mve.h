/* Sums, products and pooling of int16, Helium (MVE), four elements at a time.
 *
 * rn_add_s16_s16_s16_mve, rn_mul_s16_s16_s16_mve (y may be a), rn_avg_pool2d_s16_s16_mve, rn_max_pool2d_s16_s16_mve (eight
 * at a time). Products and means need rounding single, shifts in [33, 53].
 */
#ifndef RN_POINTWISE_S16_MVE_H
#define RN_POINTWISE_S16_MVE_H

#include "rn_mul_s8.h"
#include "rn_mve.h"

RN_INLINE void rn_add_s16_s16_s16_mve(int32_t n, int32_t multiplier_a, int32_t multiplier_b, int32_t bias,
                                      int32_t shift, int32_t lo, int32_t hi, const int16_t *a, const int16_t *b,
                                      int16_t *y) {
    const int32x4_t ma = vdupq_n_s32(multiplier_a);
    const rn_requant q = {0, 0, lo, hi, RN_SINGLE}; /* for its clamp */
    for (; n > 0; n -= 4, a += 4, b += 4, y += 4) {
        const mve_pred16_t lanes = vctp32q((uint32_t)n);
        const int32x4_t left = vmlasq_n_s32(vldrhq_z_s32(a, lanes), ma, bias);
        const int32x4_t sum = vmlaq_n_s32(left, vldrhq_z_s32(b, lanes), multiplier_b);
        vstrhq_p_s32(y, rn_saturate_s16_mve(vshlq_r_s32(sum, -shift), &q), lanes);
    }
}

/* n products, each with its own factor at b or (b NULL) with `factor`, whose zero point is taken off. */
RN_INLINE void rn_mul_row_s16_mve(const rn_mul_shape *s, const rn_requant *q, rn_quad_mve k, int32_t n, int32_t factor,
                                  const int16_t *a, const int16_t *b, int16_t *y) {
    for (; n > 0; n -= 4, a += 4, y += 4) {
        const mve_pred16_t lanes = vctp32q((uint32_t)n);
        const int32x4_t left = vsubq_n_s32(vldrhq_z_s32(a, lanes), s->a_zero);
        int32x4_t product;
        if (b != NULL) {
            product = vmulq_s32(left, vsubq_n_s32(vldrhq_z_s32(b, lanes), s->b_zero));
            b += 4;
        } else {
            product = vmulq_n_s32(left, factor);
        }
        vstrhq_p_s32(y, rn_requant_as_mve(product, k, q, 1), lanes);
    }
}

RN_INLINE void rn_mul_s16_s16_s16_mve(const rn_mul_shape *s, const rn_requant *q, int32_t multiplier, int32_t shift,
                                      const int16_t *a, const int16_t *b, int16_t *y) {
    const rn_quad_mve k = {vdupq_n_s32(0), vdupq_n_s32(multiplier), vdupq_n_s32(32 - shift)};
    for (int32_t o = 0; o < s->outer; o++) {
        if (s->inner == 1) {
            rn_mul_row_s16_mve(s, q, k, s->middle, 0, a, b, y);
            a += s->middle, y += s->middle;
            continue;
        }
        for (int32_t m = 0; m < s->middle; m++, a += s->inner, y += s->inner) {
            rn_mul_row_s16_mve(s, q, k, s->inner, b[m] - s->b_zero, a, NULL, y);
        }
    }
}

RN_INLINE void rn_avg_pool2d_s16_s16_mve(const rn_pool2d_shape *s, const rn_requant *q, int32_t bias,
                                         int32_t multiplier, int32_t shift, const int16_t *x, int16_t *y,
                                         void *scratch) {
    (void)scratch;
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++, y += s->channels) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            const int32_t seen = rn_max(y1 - y0, 0) * rn_max(x1 - x0, 0);
            const int32_t start = bias + (s->k_h * s->k_w - seen) * s->in_zero;
            const rn_quad_mve k = {vdupq_n_s32(start), vdupq_n_s32(multiplier), vdupq_n_s32(32 - shift)};
            for (int32_t i = 0; i < s->channels; i += 4) {
                const mve_pred16_t lanes = vctp32q((uint32_t)(s->channels - i));
                int32x4_t sum = vdupq_n_s32(0);
                for (int32_t iy = y0; iy < y1; iy++) {
                    const int16_t *p = x + (iy * s->in_w + x0) * s->channels + i;
                    for (int32_t ix = x0; ix < x1; ix++, p += s->channels) {
                        sum = vaddq_s32(sum, vldrhq_z_s32(p, lanes));
                    }
                }
                vstrhq_p_s32(y + i, rn_requant_as_mve(sum, k, q, 1), lanes);
            }
        }
    }
}

RN_INLINE void rn_max_pool2d_s16_s16_mve(const rn_pool2d_shape *s, int32_t lo, int32_t hi, const int16_t *x,
                                         int16_t *y) {
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++, y += s->channels) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            for (int32_t i = 0; i < s->channels; i += 8) {
                const mve_pred16_t lanes = vctp16q((uint32_t)(s->channels - i));
                int16x8_t best = vdupq_n_s16((int16_t)lo); /* the lower clamp comes for free */
                for (int32_t iy = y0; iy < y1; iy++) {
                    const int16_t *p = x + (iy * s->in_w + x0) * s->channels + i;
                    for (int32_t ix = x0; ix < x1; ix++, p += s->channels) {
                        best = vmaxq_s16(best, vldrhq_z_s16(p, lanes));
                    }
                }
                if (hi < INT16_MAX) best = vminq_s16(best, vdupq_n_s16((int16_t)hi));
                vstrhq_p_s16(y + i, best, lanes);
            }
        }
    }
}

#endif
