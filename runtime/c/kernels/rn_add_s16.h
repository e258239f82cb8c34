/* Addition with 16-bit activations: rn_add_A_B_Y for all types but three times s8; see rn_add_s8.h. */
#ifndef RN_ADD_S16_H
#define RN_ADD_S16_H

#include "rn_port.h"

#define RN_ADD(name, A, B, Y)                                                                               \
    RN_INLINE void name(int32_t n, int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift, \
                        int32_t lo, int32_t hi, const A *a, const B *b, Y *y) {                             \
        for (int32_t i = 0; i < n; i++) {                                                                   \
            const int32_t sum = a[i] * multiplier_a + b[i] * multiplier_b + bias;                           \
            y[i] = (Y)rn_clamp(sum >> shift, lo, hi);                                                       \
        }                                                                                                   \
    }

RN_ADD(rn_add_s8_s8_s16, int8_t, int8_t, int16_t)
RN_ADD(rn_add_s8_s16_s8, int8_t, int16_t, int8_t)
RN_ADD(rn_add_s8_s16_s16, int8_t, int16_t, int16_t)
RN_ADD(rn_add_s16_s8_s8, int16_t, int8_t, int8_t)
RN_ADD(rn_add_s16_s8_s16, int16_t, int8_t, int16_t)
RN_ADD(rn_add_s16_s16_s8, int16_t, int16_t, int8_t)
RN_ADD(rn_add_s16_s16_s16, int16_t, int16_t, int16_t)

#endif
