/* Softmax over the last axis with 16-bit activations: rn_softmax_s8_s16, _s16_s8, _s16_s16; x, y [rows, n].
 *
 * For int8 inputs exp_table[d] stands for exp(-d * in_scale). For int16 inputs it has two parts: with d = 256 * h + l the
 * product exp_table[h] * exp_table[256 + l] / 2^30 does. The sum of a row fits in 32 bits; one division serves the row.
 * int8 results have a scale of 1/256, int16 results one of 2^-15.
 */
#ifndef RN_SOFTMAX_S16_H
#define RN_SOFTMAX_S16_H

#include "rn_port.h"

RN_INLINE uint32_t rn_exp_s8(const int32_t *table, int32_t d) { return (uint32_t)table[d]; }

RN_INLINE uint32_t rn_exp_s16(const int32_t *table, int32_t d) {
    const uint64_t product = (uint64_t)table[d >> 8] * (uint32_t)table[256 + (d & 255)];
    return (uint32_t)((product + (1u << 29)) >> 30);
}

#define RN_SOFTMAX(name, X, Y, exp, bits, least, most)                                                              \
    RN_INLINE void name(int32_t rows, int32_t n, const int32_t *exp_table, int32_t out_zero, const X *x, Y *y) {    \
        for (int32_t r = 0; r < rows; r++, x += n, y += n) {                                                        \
            int32_t top = x[0];                                                                                     \
            uint32_t sum = 0;                                                                                       \
            for (int32_t i = 1; i < n; i++) top = rn_max(top, x[i]);                                                \
            for (int32_t i = 0; i < n; i++) sum += exp(exp_table, top - x[i]);                                      \
            const uint64_t reciprocal = ((uint64_t)1 << 62) / sum;                                                  \
            for (int32_t i = 0; i < n; i++) {                                                                       \
                const uint64_t share = exp(exp_table, top - x[i]) * reciprocal + ((uint64_t)1 << (61 - (bits)));    \
                y[i] = (Y)rn_clamp((int32_t)(share >> (62 - (bits))) + out_zero, least, most);                      \
            }                                                                                                       \
        }                                                                                                           \
    }

RN_SOFTMAX(rn_softmax_s8_s16, int8_t, int16_t, rn_exp_s8, 15, -32768, 32767)
RN_SOFTMAX(rn_softmax_s16_s8, int16_t, int8_t, rn_exp_s16, 8, -128, 127)
RN_SOFTMAX(rn_softmax_s16_s16, int16_t, int16_t, rn_exp_s16, 15, -32768, 32767)

#endif
