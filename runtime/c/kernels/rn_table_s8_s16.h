/* Any int16 function of one int8: y[i] = table[x[i] + 128]. */
#ifndef RN_TABLE_S8_S16_H
#define RN_TABLE_S8_S16_H

#include "rn_port.h"

RN_INLINE void rn_table_s8_s16(int32_t n, const int16_t table[256], const int8_t *x, int16_t *y) {
    for (int32_t i = 0; i < n; i++) y[i] = table[x[i] + 128];
}

#endif
