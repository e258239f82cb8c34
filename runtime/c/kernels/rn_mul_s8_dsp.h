/* Product of two int8 tensors, the second one maybe broadcast, for cores with SMMLA; see rn_mul_s8.h.
 *
 * Needs rounding single, shift in [33, 54].
 */
#ifndef RN_MUL_S8_DSP_H
#define RN_MUL_S8_DSP_H

#include "rn_dsp.h"
#include "rn_mul_s8.h"

RN_INLINE void rn_mul_s8_dsp(const rn_mul_shape *s, const rn_requant *q, int32_t multiplier, int32_t shift,
                             const int8_t *a, const int8_t *b, int8_t *y) {
    const rn_dsp_channel ch = {0, multiplier, shift - 33, (1 + 2 * q->out_zero) * (1 << (shift - 33))};
    for (int32_t o = 0; o < s->outer; o++) {
        RN_UNROLL(2)
        for (int32_t m = 0; m < s->middle; m++) {
            const int32_t factor = b[m] - s->b_zero;
            for (int32_t i = 0; i < s->inner; i++) *y++ = rn_dsp_requantize((*a++ - s->a_zero) * factor, &ch, q);
        }
    }
}

#endif
