/* Addition of two int8 tensors with their own scales, portable C99.
 *
 * y = clamp((a * multiplier_a + b * multiplier_b + bias) >> shift, lo, hi). Zero points of a, b and y
 * and the rounding constant are all inside bias; the compiler proves that 32 bits are enough.
 * y may be a or b.
 */
#ifndef RN_ADD_S8_H
#define RN_ADD_S8_H

#include "rn_port.h"

RN_INLINE void rn_add_s8(int32_t n, int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift,
                         int32_t lo, int32_t hi, const int8_t *a, const int8_t *b, int8_t *y) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t sum = a[i] * multiplier_a + b[i] * multiplier_b + bias;
        y[i] = (int8_t)rn_clamp(sum >> shift, lo, hi);
    }
}

#endif
