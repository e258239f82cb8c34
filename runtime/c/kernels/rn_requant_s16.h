/* Requantisation to int16; and the names of kernels with 16-bit activations.
 *
 * Kernels in the _s16 headers are for activations of which some have 16 bits, e.g.
 * rn_conv2d_s8_s16 reads int8 and writes int16. They are the int8 kernels but for the types; the
 * compiler proves that the accumulator fits in 32 bits. Portable C99.
 */
#ifndef RN_REQUANT_S16_H
#define RN_REQUANT_S16_H

#include "rn_requant.h"

RN_INLINE int16_t rn_requantize_s16(int32_t acc, int32_t multiplier, int32_t shift, const rn_requant *q) {
    const int64_t v = q->out_zero + rn_scale(acc, q->acc_shift, multiplier, shift, q->rounding);
    return (int16_t)(v < q->lo ? q->lo : v > q->hi ? q->hi : v);
}

/* KERNEL(name, type of x, type of y, requantisation to y) for all types but int8 to int8. */
#define RN_FOR_S16(KERNEL, name)                                         \
    KERNEL(name##_s8_s16, int8_t, int16_t, rn_requantize_s16)            \
    KERNEL(name##_s16_s8, int16_t, int8_t, rn_requantize)                \
    KERNEL(name##_s16_s16, int16_t, int16_t, rn_requantize_s16)

#endif
