/* Fully connected layer, int8, for cores with Xpulp: one row by four outputs at a time, 9 instructions per 16
 * products.
 *
 * w: packed with rows = 4, cols = 4. Needs rounding single, every shift in [33, 54]. No scratch.
 */
#ifndef RN_FULLY_CONNECTED_S8_XPULP_H
#define RN_FULLY_CONNECTED_S8_XPULP_H

#include "rn_rv32.h"

RN_INLINE void rn_fully_connected_s8_xpulp(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                           const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t whole = s->in_c & ~3, k = (s->in_c + 3) & ~3;
    (void)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c, y += s->out_c) {
        int8_t last[4] __attribute__((aligned(4))) = {0}; /* the incomplete word at the end of the row */
        for (int32_t i = whole; i < s->in_c; i++) last[i - whole] = x[i];
        for (int32_t o = 0; o < s->out_c; o += 4) {
            rn_rv32_channel ch[4];
            const int32_t channels = rn_rv32_prepare_four(ch, c, q, o, s->out_c);
            rn_xpulp_tile t = {ch[0].bias, ch[1].bias, ch[2].bias, ch[3].bias, 0, 0, 0, 0};
            if (whole > 0) rn_xpulp_dot_1x4(&t, x, w + o * k, whole);
            if (k > whole) rn_xpulp_dot_1x4(&t, last, w + o * k + 4 * whole, 4);
            y[o] = rn_rv32_requantize(t.x0w0, ch, q);
            if (channels > 1) y[o + 1] = rn_rv32_requantize(t.x0w1, ch + 1, q);
            if (channels > 2) y[o + 2] = rn_rv32_requantize(t.x0w2, ch + 2, q);
            if (channels > 3) y[o + 3] = rn_rv32_requantize(t.x0w3, ch + 3, q);
        }
    }
}

#endif
