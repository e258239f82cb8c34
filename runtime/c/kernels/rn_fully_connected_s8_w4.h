/* Fully connected layer, int8 with 4-bit weights, portable C99: x [rows, in_c], y [rows, out_c].
 *
 * w [out_c, in_c] has two weights in a byte (rn_nibbles.h), each row padded to whole bytes. No scratch.
 */
#ifndef RN_FULLY_CONNECTED_S8_W4_H
#define RN_FULLY_CONNECTED_S8_W4_H

#include "rn_nibbles.h"
#include "rn_requant.h"

RN_INLINE void rn_fully_connected_s8_w4(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                        const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t pairs = s->in_c / 2, bytes = (s->in_c + 1) / 2;
    (void)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c) {
        const int8_t *row = w;
        for (int32_t o = 0; o < s->out_c; o++, row += bytes) {
            int32_t acc = c->bias[o];
            for (int32_t i = 0; i < pairs; i++)
                acc += x[2 * i] * rn_low_nibble(row[i]) + x[2 * i + 1] * rn_high_nibble(row[i]);
            if (pairs < bytes) acc += x[2 * pairs] * rn_low_nibble(row[pairs]);
            *y++ = rn_requantize(acc, c->multiplier[o], c->shift[o], q);
        }
    }
}

#endif
