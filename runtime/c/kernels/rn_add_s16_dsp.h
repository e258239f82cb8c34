/* Addition of two int16 tensors to int16, for cores with SMLAD: 6 instructions per output.
 *
 * One SMLAD adds the two scaled inputs and the bias. Needs both multipliers within int16 (otherwise the portable kernel
 * runs). y may be a or b.
 */
#ifndef RN_ADD_S16_DSP_H
#define RN_ADD_S16_DSP_H

#include "rn_add_s16.h"
#include "rn_dsp_s16.h"

RN_INLINE int32_t rn_add_s16_dsp_one(uint32_t ab, uint32_t multipliers, int32_t bias, int32_t shift, int32_t lo,
                                     int32_t hi) {
    return rn_dsp_limit_s16(rn_ssat16(rn_smlad(ab, multipliers, bias) >> shift), lo, hi);
}

RN_INLINE void rn_add_s16_s16_s16_dsp(int32_t n, int32_t multiplier_a, int32_t multiplier_b, int32_t bias,
                                      int32_t shift, int32_t lo, int32_t hi, const int16_t *a, const int16_t *b,
                                      int16_t *y) {
    if (multiplier_a != (int16_t)multiplier_a || multiplier_b != (int16_t)multiplier_b) {
        rn_add_s16_s16_s16(n, multiplier_a, multiplier_b, bias, shift, lo, hi, a, b, y);
        return;
    }
    const uint32_t multipliers = rn_pair(multiplier_a, multiplier_b);
    int32_t i = 0;
    RN_UNROLL(2)
    for (; i + 2 <= n; i += 2) {
        const uint32_t va = rn_load4(a + i), vb = rn_load4(b + i);
        const int32_t low = rn_add_s16_dsp_one(rn_pkhbt(va, vb), multipliers, bias, shift, lo, hi);
        const int32_t high = rn_add_s16_dsp_one(rn_pkhtb(va, vb), multipliers, bias, shift, lo, hi);
        const uint32_t both = rn_pkhbt((uint32_t)low, (uint32_t)high);
        memcpy(y + i, &both, 4);
    }
    if (i < n) y[i] = (int16_t)rn_add_s16_dsp_one(rn_pair(a[i], b[i]), multipliers, bias, shift, lo, hi);
}

#endif
