/* Any int8 function of one int8: y[i] = table[x[i] + 128]. y may be x. */
#ifndef RN_TABLE_S8_H
#define RN_TABLE_S8_H

#include "rn_port.h"

RN_INLINE void rn_table_s8(int32_t n, const int8_t table[256], const int8_t *x, int8_t *y) {
    for (int32_t i = 0; i < n; i++) y[i] = table[x[i] + 128];
}

#endif
