/* Fully connected layer, int8, portable C99: x [rows, in_c], w [out_c, in_c], y [rows, out_c]. No scratch. */
#ifndef RN_FULLY_CONNECTED_S8_H
#define RN_FULLY_CONNECTED_S8_H

#include "rn_requant.h"

RN_INLINE void rn_fully_connected_s8(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                     const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c) {
        const int8_t *row = w;
        for (int32_t o = 0; o < s->out_c; o++, row += s->in_c) {
            int32_t acc = c->bias[o];
            for (int32_t i = 0; i < s->in_c; i++) acc += x[i] * row[i];
            *y++ = rn_requantize(acc, c->multiplier[o], c->shift[o], q);
        }
    }
}

#endif
