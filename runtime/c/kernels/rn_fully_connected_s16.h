/* Fully connected layer with 16-bit activations: rn_fully_connected_s8_s16, _s16_s8, _s16_s16. */
#ifndef RN_FULLY_CONNECTED_S16_H
#define RN_FULLY_CONNECTED_S16_H

#include "rn_requant_s16.h"

#define RN_FULLY_CONNECTED(name, X, Y, requantize)                                                          \
    RN_INLINE void name(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,       \
                        const X *x, const int8_t *w, Y *y, void *scratch) {                                 \
        (void)scratch;                                                                                      \
        for (int32_t r = 0; r < s->rows; r++, x += s->in_c) {                                               \
            const int8_t *row = w;                                                                          \
            for (int32_t o = 0; o < s->out_c; o++, row += s->in_c) {                                        \
                int32_t acc = c->bias[o];                                                                   \
                for (int32_t i = 0; i < s->in_c; i++) acc += x[i] * row[i];                                 \
                *y++ = requantize(acc, c->multiplier[o], c->shift[o], q);                                   \
            }                                                                                               \
        }                                                                                                   \
    }

RN_FOR_S16(RN_FULLY_CONNECTED, rn_fully_connected)

#endif
