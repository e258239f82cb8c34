/* Addition of two int8 tensors, for cores with SMLAD: about 7 instructions per output.
 *
 * One SMLAD adds the two scaled inputs and the bias. Needs both multipliers within int16 (otherwise the
 * portable kernel runs). y may be a or b.
 */
#ifndef RN_ADD_S8_DSP_H
#define RN_ADD_S8_DSP_H

#include "rn_add_s8.h"
#include "rn_dsp.h"

RN_INLINE int8_t rn_add_dsp_one(uint32_t ab, uint32_t multipliers, int32_t bias, int32_t shift, int32_t lo,
                                int32_t hi) {
    return (int8_t)rn_dsp_limit(rn_ssat8(rn_smlad(ab, multipliers, bias) >> shift), lo, hi);
}

RN_INLINE void rn_add_s8_dsp(int32_t n, int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift,
                             int32_t lo, int32_t hi, const int8_t *a, const int8_t *b, int8_t *y) {
    if (multiplier_a != (int16_t)multiplier_a || multiplier_b != (int16_t)multiplier_b) {
        rn_add_s8(n, multiplier_a, multiplier_b, bias, shift, lo, hi, a, b, y);
        return;
    }
    const uint32_t multipliers = rn_pair(multiplier_a, multiplier_b);
    int32_t i = 0;
    RN_UNROLL(2)
    for (; i + 4 <= n; i += 4) {
        const uint32_t va = rn_load4(a + i), vb = rn_load4(b + i);
        const uint32_t low = rn_pkhbt(va, vb), high = rn_pkhtb(va, vb);
        y[i] = rn_add_dsp_one(rn_sxtb16(low), multipliers, bias, shift, lo, hi);
        y[i + 1] = rn_add_dsp_one(rn_sxtb16_ror8(low), multipliers, bias, shift, lo, hi);
        y[i + 2] = rn_add_dsp_one(rn_sxtb16(high), multipliers, bias, shift, lo, hi);
        y[i + 3] = rn_add_dsp_one(rn_sxtb16_ror8(high), multipliers, bias, shift, lo, hi);
    }
    for (; i < n; i++) y[i] = rn_add_dsp_one(rn_pair(a[i], b[i]), multipliers, bias, shift, lo, hi);
}

#endif
