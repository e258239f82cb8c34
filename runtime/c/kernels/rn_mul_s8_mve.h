/* Product of two int8 tensors, the second one maybe broadcast, Helium (MVE); see rn_mul_s8.h.
 *
 * Needs rounding single, shift in [33, 53].
 */
#ifndef RN_MUL_S8_MVE_H
#define RN_MUL_S8_MVE_H

#include "rn_mul_s8.h"
#include "rn_mve.h"

/* n products, each with its own factor at b or (b NULL) with `factor`, whose zero point is taken off. */
RN_INLINE void rn_mul_row_mve(const rn_mul_shape *s, const rn_requant *q, rn_quad_mve k, int32_t n, int32_t factor,
                              const int8_t *a, const int8_t *b, int8_t *y) {
    for (; n > 0; n -= 4, a += 4, y += 4) {
        const mve_pred16_t lanes = vctp32q((uint32_t)n);
        const int32x4_t left = vsubq_n_s32(vldrbq_z_s32(a, lanes), s->a_zero);
        int32x4_t product;
        if (b != NULL) {
            product = vmulq_s32(left, vsubq_n_s32(vldrbq_z_s32(b, lanes), s->b_zero));
            b += 4;
        } else {
            product = vmulq_n_s32(left, factor);
        }
        vstrbq_p_s32(y, rn_requant_mve(product, k, q), lanes);
    }
}

RN_INLINE void rn_mul_s8_mve(const rn_mul_shape *s, const rn_requant *q, int32_t multiplier, int32_t shift,
                             const int8_t *a, const int8_t *b, int8_t *y) {
    const rn_quad_mve k = {vdupq_n_s32(0), vdupq_n_s32(multiplier), vdupq_n_s32(32 - shift)};
    for (int32_t o = 0; o < s->outer; o++) {
        if (s->inner == 1) {
            rn_mul_row_mve(s, q, k, s->middle, 0, a, b, y);
            a += s->middle, y += s->middle;
            continue;
        }
        for (int32_t m = 0; m < s->middle; m++, a += s->inner, y += s->inner) {
            rn_mul_row_mve(s, q, k, s->inner, b[m] - s->b_zero, a, NULL, y);
        }
    }
}

#endif
