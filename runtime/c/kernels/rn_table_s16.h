/* Any function of one int16, interpolated between 513 entries: rn_table_s16_s8, rn_table_s16_s16.
 *
 * Entry i stands for the input -32768 + 128 * i; entries for int8 results are 256 times as fine. y may be x where both
 * are int16.
 */
#ifndef RN_TABLE_S16_H
#define RN_TABLE_S16_H

#include "rn_port.h"

/* 128 times what lies between two entries. */
RN_INLINE int32_t rn_interpolate(const int16_t table[513], int32_t x) {
    const int32_t from_least = x + 32768;
    const int16_t *const at = table + (from_least >> 7);
    return 128 * at[0] + (at[1] - at[0]) * (from_least & 127);
}

RN_INLINE void rn_table_s16_s8(int32_t n, const int16_t table[513], const int16_t *x, int8_t *y) {
    for (int32_t i = 0; i < n; i++) y[i] = (int8_t)((rn_interpolate(table, x[i]) + (1 << 14)) >> 15);
}

RN_INLINE void rn_table_s16_s16(int32_t n, const int16_t table[513], const int16_t *x, int16_t *y) {
    for (int32_t i = 0; i < n; i++) y[i] = (int16_t)((rn_interpolate(table, x[i]) + (1 << 6)) >> 7);
}

#endif
