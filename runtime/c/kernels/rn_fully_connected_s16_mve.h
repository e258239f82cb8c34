/* Fully connected layer with 16-bit activations, Helium (MVE): rn_fully_connected_s8_s16_mve, _s16_s8_mve, _s16_s16_mve.
 *
 * w [out_c, in_c] packed 4 x 8 for 16-bit inputs, 4 x 16 for int8. Scratch: the bytes of a row, in whole vectors, if
 * these are not a multiple of 16, else none.
 */
#ifndef RN_FULLY_CONNECTED_S16_MVE_H
#define RN_FULLY_CONNECTED_S16_MVE_H

#include "rn_matmul_s8_mve.h"

RN_INLINE void rn_fully_connected_mve_mixed(const rn_fully_connected_shape *s, const rn_requant *q,
                                            const rn_channels *c, const void *x, const int8_t *w, void *y,
                                            void *scratch, int x_wide, int y_wide) {
    const int32_t bytes = x_wide ? 2 * s->in_c : s->in_c, blocks = (bytes + 15) / 16;
    const int32_t row = y_wide ? 2 * s->out_c : s->out_c;
    const int8_t *const from = (const int8_t *)x;
    int8_t *const to = (int8_t *)y;
    if (bytes % 16 == 0) {
        rn_matmul_mve(s->rows, blocks, s->out_c, bytes, q, c, from, w, to, x_wide, y_wide);
        return;
    }
    /* Whole vectors would read beyond x; in the copy, the rest meets zero weights. */
    for (int32_t r = 0; r < s->rows; r++) {
        memcpy(scratch, from + r * bytes, (size_t)bytes);
        rn_matvec_mve(blocks, s->out_c, q, c, (const int8_t *)scratch, w, to + r * row, x_wide, y_wide);
    }
}

#define RN_FULLY_CONNECTED_MVE(name, X, Y, x_wide, y_wide)                                                         \
    RN_INLINE void name(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c, const X *x,  \
                        const int8_t *w, Y *y, void *scratch) {                                                    \
        rn_fully_connected_mve_mixed(s, q, c, x, w, y, scratch, x_wide, y_wide);                                   \
    }

RN_FULLY_CONNECTED_MVE(rn_fully_connected_s8_s16_mve, int8_t, int16_t, 0, 1)
RN_FULLY_CONNECTED_MVE(rn_fully_connected_s16_s8_mve, int16_t, int8_t, 1, 0)
RN_FULLY_CONNECTED_MVE(rn_fully_connected_s16_s16_mve, int16_t, int16_t, 1, 1)

#endif
