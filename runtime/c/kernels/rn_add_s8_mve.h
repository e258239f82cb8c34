/* Addition of two int8 tensors with their own scales, Helium (MVE); see rn_add_s8.h. y may be a or b. */
#ifndef RN_ADD_S8_MVE_H
#define RN_ADD_S8_MVE_H

#include "rn_mve.h"

RN_INLINE int32x4_t rn_add_quad_mve(int32x4_t a, int32x4_t b, int32x4_t multiplier_a, int32_t multiplier_b,
                                    int32_t bias, int32_t shift, const rn_requant *q) {
    const int32x4_t sum = vmlaq_n_s32(vmlasq_n_s32(a, multiplier_a, bias), b, multiplier_b);
    return rn_saturate_mve(vshlq_r_s32(sum, -shift), q);
}

RN_INLINE void rn_add_s8_mve(int32_t n, int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift,
                             int32_t lo, int32_t hi, const int8_t *a, const int8_t *b, int8_t *y) {
    const int32x4_t ma = vdupq_n_s32(multiplier_a);
    const rn_requant q = {0, 0, lo, hi, RN_SINGLE}; /* for its clamp */
    for (int32_t i = n / 4; i > 0; i--, a += 4, b += 4, y += 4) {
        vstrbq_s32(y, rn_add_quad_mve(vldrbq_s32(a), vldrbq_s32(b), ma, multiplier_b, bias, shift, &q));
    }
    if (n % 4 != 0) {
        const mve_pred16_t lanes = vctp32q((uint32_t)(n % 4));
        const int32x4_t a4 = vldrbq_z_s32(a, lanes), b4 = vldrbq_z_s32(b, lanes);
        vstrbq_p_s32(y, rn_add_quad_mve(a4, b4, ma, multiplier_b, bias, shift, &q), lanes);
    }
}

#endif
