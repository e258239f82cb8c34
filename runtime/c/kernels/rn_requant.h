/* Requantisation: i32 accumulator to int8, exact in 64 bits. Every kernel flavour gives these bytes.
 *
 * Right shifts of negative numbers are arithmetic on every compiler this is meant for (C99 leaves
 * it to the implementation); left shifts are written as multiplications, which C99 defines.
 */
#ifndef RN_REQUANT_H
#define RN_REQUANT_H

#include "rn_port.h"

/* floor(p / 2^shift + 1/2), shift 0..62 */
RN_INLINE int64_t rn_shift_half_up(int64_t p, int32_t shift) {
    return shift > 0 ? (p + ((int64_t)1 << (shift - 1))) >> shift : p;
}

RN_INLINE int64_t rn_shift_half_even(int64_t p, int32_t shift) {
    if (shift == 0) return p;
    const int64_t one = (int64_t)1 << shift;
    const int64_t quotient = p >> shift;
    const int64_t twice = (p & (one - 1)) * 2; /* remainder, doubled: 0 .. 2^63 - 2 */
    return quotient + (twice > one || (twice == one && (quotient & 1)));
}

/* Half away from zero: what TFLite calls RoundingDivideByPOT. */
RN_INLINE int64_t rn_shift_half_away(int64_t v, int32_t shift) {
    return v >= 0 ? rn_shift_half_up(v, shift) : -rn_shift_half_up(-v, shift);
}

/* round((acc << acc_shift) * multiplier / 2^shift), multiplier in [0, 2^31), shift in [0, 62].
 * RN_DOUBLE rounds at bit 31 and then at shift, or only once where shift is at most 31. */
RN_INLINE int64_t rn_scale(int32_t acc, int32_t acc_shift, int32_t multiplier, int32_t shift, int32_t rounding) {
    const int64_t p = (int64_t)acc * ((int64_t)1 << acc_shift) * multiplier;
    switch (rounding) {
        case RN_HALF_EVEN: return rn_shift_half_even(p, shift);
        case RN_FLOOR: return p >> shift;
        case RN_DOUBLE: return rn_shift_half_away(rn_shift_half_up(p, shift < 31 ? shift : 31), shift - 31);
        default: return rn_shift_half_up(p, shift);
    }
}

RN_INLINE int8_t rn_requantize(int32_t acc, int32_t multiplier, int32_t shift, const rn_requant *q) {
    const int64_t v = q->out_zero + rn_scale(acc, q->acc_shift, multiplier, shift, q->rounding);
    return (int8_t)(v < q->lo ? q->lo : v > q->hi ? q->hi : v);
}

#endif
