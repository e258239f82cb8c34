/* Fully connected layer, int8, for RISC-V vectors: up to four rows by sixteen outputs at a time.
 *
 * w: packed with rows = 16, cols = 1. Needs rounding single, every shift in [33, 54]. No scratch.
 */
#ifndef RN_FULLY_CONNECTED_S8_RVV_H
#define RN_FULLY_CONNECTED_S8_RVV_H

#include "rn_rvv.h"

RN_INLINE void rn_fully_connected_s8_rvv(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                         const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t r = 0; r < s->rows; r += 4, x += 4 * s->in_c, y += 4 * s->out_c) {
        rn_rvv_rows_by_channels(x, s->in_c, y, s->out_c, rn_min(s->rows - r, 4), s->in_c, s->out_c, q, c, w);
    }
}

#endif
