/* Fully connected layer, int8, for rv32im: one row by eight outputs at a time, 25 instructions per 8 products.
 *
 * w: packed with rows = 8, cols = 1 where out_c is a multiple of 8, else with rows = 4, cols = 1.
 * Needs rounding single, every shift in [33, 54]. No scratch.
 */
#ifndef RN_FULLY_CONNECTED_S8_RV32_H
#define RN_FULLY_CONNECTED_S8_RV32_H

#include "rn_rv32.h"

/* `block` (4 or 8, a literal) outputs from o on. */
RN_INLINE void rn_fully_connected_rv32_block(const rn_fully_connected_shape *s, const rn_requant *q,
                                             const rn_channels *c, int32_t block, int32_t o, const int8_t *x,
                                             const int8_t *w, int8_t *y) {
    const int32_t last = s->out_c - 1; /* the partners of a last, incomplete block have zero weights */
    const int32_t *const bias = c->bias;
    int32_t a0 = bias[o], a1 = bias[rn_min(o + 1, last)], a2 = bias[rn_min(o + 2, last)], a3 = bias[rn_min(o + 3, last)];
    int32_t a4 = 0, a5 = 0, a6 = 0, a7 = 0;
    if (block == 8) a4 = bias[o + 4], a5 = bias[o + 5], a6 = bias[o + 6], a7 = bias[o + 7];
    RN_UNROLL(4)
    for (int32_t i = 0; i < s->in_c; i++, w += block) {
        const int32_t v = x[i];
        a0 += v * w[0], a1 += v * w[1], a2 += v * w[2], a3 += v * w[3];
        if (block == 8) a4 += v * w[4], a5 += v * w[5], a6 += v * w[6], a7 += v * w[7];
    }
    const int32_t sums[8] = {a0, a1, a2, a3, a4, a5, a6, a7};
    for (int32_t i = 0; i < block && o + i <= last; i++) {
        const rn_rv32_channel ch = rn_rv32_prepare(c, q, o + i);
        y[i] = rn_rv32_requantize(sums[i], &ch, q);
    }
}

RN_INLINE void rn_fully_connected_s8_rv32(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                          const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t block = s->out_c % 8 == 0 ? 8 : 4;
    (void)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c, y += s->out_c) {
        for (int32_t o = 0; o < s->out_c; o += block) {
            rn_fully_connected_rv32_block(s, q, c, block, o, x, w + o * s->in_c, y + o);
        }
    }
}

#endif
