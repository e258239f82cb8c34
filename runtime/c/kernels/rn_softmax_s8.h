/* Softmax over the last axis, int8 in, int8 out with scale 1/256: x, y [rows, n].
 *
 * exp_table[d] stands for exp(-d * in_scale) in a fixed-point unit that the caller chose such that
 * neither 2 * sum nor 512 * exp_table[0] + sum exceeds 32 bits unsigned.
 */
#ifndef RN_SOFTMAX_S8_H
#define RN_SOFTMAX_S8_H

#include "rn_port.h"

enum { RN_SOFTMAX_KEPT = 16 }; /* of so many elements each is read once: x and table may lie in a slow memory */

RN_INLINE void rn_softmax_s8(int32_t rows, int32_t n, const int32_t exp_table[256], int32_t out_zero,
                             const int8_t *x, int8_t *y) {
    for (int32_t r = 0; r < rows; r++, x += n, y += n) {
        int32_t kept[RN_SOFTMAX_KEPT], top = -128;
        uint32_t sum = 0;
        for (int32_t i = 0; i < n; i++) {
            const int32_t v = x[i];
            if (i < RN_SOFTMAX_KEPT) kept[i] = v;
            top = rn_max(top, v);
        }
        for (int32_t i = 0; i < n; i++) {
            const int32_t e = exp_table[top - (i < RN_SOFTMAX_KEPT ? kept[i] : x[i])];
            if (i < RN_SOFTMAX_KEPT) kept[i] = e;
            sum += (uint32_t)e;
        }
        for (int32_t i = 0; i < n; i++) {
            const uint32_t e = (uint32_t)(i < RN_SOFTMAX_KEPT ? kept[i] : exp_table[top - x[i]]);
            const int32_t p = (int32_t)((e * 512u + sum) / (2u * sum)); /* round(256 * e / sum) */
            y[i] = (int8_t)rn_clamp(p + out_zero, -128, 127);
        }
    }
}

#endif
