/* Product of two int8 tensors, the second one maybe broadcast; portable C99.
 *
 * y = requantize((a - a_zero) * (b - b_zero)) for a, y [outer, middle, inner] and b [middle]: with inner = 1 b is one
 * factor per channel, with outer = 1 one per pixel, with both as large as a. y may be a (b only if outer = inner = 1).
 */
#ifndef RN_MUL_S8_H
#define RN_MUL_S8_H

#include "rn_requant.h"

typedef struct {
    int32_t outer, middle, inner, a_zero, b_zero;
} rn_mul_shape;

#define RN_MUL(name, A, B, Y, requantize)                                                                          \
    RN_INLINE void name(const rn_mul_shape *s, const rn_requant *q, int32_t multiplier, int32_t shift, const A *a, \
                        const B *b, Y *y) {                                                                        \
        for (int32_t o = 0; o < s->outer; o++) {                                                                   \
            for (int32_t m = 0; m < s->middle; m++) {                                                              \
                const int32_t factor = b[m] - s->b_zero;                                                           \
                for (int32_t i = 0; i < s->inner; i++) {                                                           \
                    *y++ = requantize((*a++ - s->a_zero) * factor, multiplier, shift, q);                          \
                }                                                                                                  \
            }                                                                                                      \
        }                                                                                                          \
    }

RN_MUL(rn_mul_s8, int8_t, int8_t, int8_t, rn_requantize)

#endif
