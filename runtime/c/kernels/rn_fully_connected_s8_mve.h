/* Fully connected layer, int8, Helium (MVE): x [rows, in_c], y [rows, out_c], w [out_c, in_c] packed 4 x 16.
 *
 * Scratch: 16 * ceil(in_c / 16) bytes if in_c is not a multiple of 16, else none.
 */
#ifndef RN_FULLY_CONNECTED_S8_MVE_H
#define RN_FULLY_CONNECTED_S8_MVE_H

#include "rn_matmul_s8_mve.h"

RN_INLINE void rn_fully_connected_s8_mve(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                         const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t blocks = (s->in_c + 15) / 16;
    if (s->in_c % 16 == 0) {
        rn_matmul_s8_mve(s->rows, blocks, s->out_c, s->in_c, q, c, x, w, y);
        return;
    }
    /* Whole vectors would read beyond x; in the copy, the rest meets zero weights. */
    for (int32_t r = 0; r < s->rows; r++) {
        memcpy(scratch, x + r * s->in_c, (size_t)s->in_c);
        rn_matvec_s8_mve(blocks, s->out_c, q, c, (const int8_t *)scratch, w, y + r * s->out_c);
    }
}

#endif
