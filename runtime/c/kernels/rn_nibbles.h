/* 4-bit weights, two in a byte: the first of a pair in the low half, each as the two's complement of its value. */
#ifndef RN_NIBBLES_H
#define RN_NIBBLES_H

#include "rn_port.h"

/* The two values of a byte; right shifts of negative numbers are arithmetic (rn_requant.h). */
RN_INLINE int32_t rn_low_nibble(int8_t pair) { return (int8_t)(uint8_t)((uint8_t)pair << 4) >> 4; }
RN_INLINE int32_t rn_high_nibble(int8_t pair) { return pair >> 4; }

/* `count` (even) values as int8. */
RN_INLINE void rn_unpack_nibbles(const int8_t *from, int8_t *to, int32_t count) {
    for (int32_t i = 0; i < count; i += 2, from++) {
        to[i] = (int8_t)rn_low_nibble(*from);
        to[i + 1] = (int8_t)rn_high_nibble(*from);
    }
}

#endif
