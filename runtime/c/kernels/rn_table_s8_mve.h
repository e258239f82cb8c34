/* Any int8 function of one int8, Helium (MVE): y[i] = table[x[i] + 128]. y may be x. */
#ifndef RN_TABLE_S8_MVE_H
#define RN_TABLE_S8_MVE_H

#include "rn_mve.h"

RN_INLINE void rn_table_s8_mve(int32_t n, const int8_t table[256], const int8_t *x, int8_t *y) {
    for (; n > 0; n -= 16, x += 16, y += 16) {
        const mve_pred16_t lanes = vctp8q((uint32_t)n);
        const uint8x16_t index = vaddq_n_u8(vreinterpretq_u8_s8(vldrbq_z_s8(x, lanes)), 128);
        vstrbq_p_s8(y, vldrbq_gather_offset_s8(table, index), lanes);
    }
}

#endif
