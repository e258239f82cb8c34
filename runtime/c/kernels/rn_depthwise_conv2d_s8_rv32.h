/* Depthwise 3x3 convolution, int8, for rv32im: channel by channel, the nine taps in registers.
 *
 * Along a row of outputs every column of three inputs is loaded once: it is the right column of one window,
 * the middle one of the next and the left one of the one after, so it is multiplied by all nine taps into
 * three sums that are under way (stride 2: two columns per output, every other one shared by two windows).
 * About 30 instructions per output, 18 of them the products (with Xpulp 9: P.MAC).
 *
 * w: packed with rows = 9, cols = 1: the nine taps of a channel are neighbours.
 * Needs a 3x3 kernel, stride_w 1 or 2, dilation 1, rounding single, every shift in [33, 54]. With stride 1 and
 * same-size output y may be x: rows are read before they are written.
 * scratch: rn_depthwise_conv2d_s8_rv32_scratch(s) bytes, word aligned.
 */
#ifndef RN_DEPTHWISE_CONV2D_S8_RV32_H
#define RN_DEPTHWISE_CONV2D_S8_RV32_H

#include "rn_rv32.h"

#ifndef RN_DEPTHWISE_RV32_BYTES
#define RN_DEPTHWISE_RV32_BYTES 4096
#endif

RN_INLINE int32_t rn_depthwise_conv2d_s8_rv32_scratch(const rn_conv2d_shape *s) {
    const rn_rv32_plan p = rn_rv32_make_plan(s, RN_DEPTHWISE_RV32_BYTES);
    return rn_rv32_scratch(&p);
}

/* A column of three inputs, or of three taps. */
typedef struct {
    int32_t top, middle, bottom;
} rn_rv32_column;

RN_INLINE rn_rv32_column rn_rv32_load_column(const int8_t *x, int32_t pitch) {
    const rn_rv32_column r = {x[0], x[pitch], x[2 * pitch]};
    return r;
}

RN_INLINE int32_t rn_rv32_mac_column(int32_t acc, rn_rv32_column v, rn_rv32_column taps) {
    acc = rn_xpulp_mac(acc, v.top, taps.top);
    acc = rn_xpulp_mac(acc, v.middle, taps.middle);
    return rn_xpulp_mac(acc, v.bottom, taps.bottom);
}

/* One output row of one channel, stride 1; x: the first window. */
RN_INLINE void rn_depthwise_rv32_row_1(const rn_conv2d_shape *s, const rn_requant *q, const rn_rv32_channel *ch,
                                       const rn_rv32_column taps[3], int32_t pitch, const int8_t *x, int8_t *y) {
    const int32_t c = s->in_c;
    rn_rv32_column v = rn_rv32_load_column(x, pitch);
    int32_t first = rn_rv32_mac_column(ch->bias, v, taps[0]), second;
    x += c;
    v = rn_rv32_load_column(x, pitch);
    first = rn_rv32_mac_column(first, v, taps[1]);
    second = rn_rv32_mac_column(ch->bias, v, taps[0]);
    x += c;
    RN_UNROLL(2)
    for (int32_t left = s->out_w; left > 2; left--, x += c, y += c) {
        v = rn_rv32_load_column(x, pitch);
        const int32_t done = rn_rv32_mac_column(first, v, taps[2]);
        first = rn_rv32_mac_column(second, v, taps[1]);
        second = rn_rv32_mac_column(ch->bias, v, taps[0]);
        *y = rn_rv32_requantize(done, ch, q);
    }
    /* the last two windows begin nothing new */
    v = rn_rv32_load_column(x, pitch);
    first = rn_rv32_mac_column(first, v, taps[2]);
    *y = rn_rv32_requantize(first, ch, q);
    if (s->out_w > 1) {
        second = rn_rv32_mac_column(second, v, taps[1]);
        second = rn_rv32_mac_column(second, rn_rv32_load_column(x + c, pitch), taps[2]);
        y[c] = rn_rv32_requantize(second, ch, q);
    }
}

/* The same with stride 2. */
RN_INLINE void rn_depthwise_rv32_row_2(const rn_conv2d_shape *s, const rn_requant *q, const rn_rv32_channel *ch,
                                       const rn_rv32_column taps[3], int32_t pitch, const int8_t *x, int8_t *y) {
    const int32_t c = s->in_c;
    int32_t sum = rn_rv32_mac_column(ch->bias, rn_rv32_load_column(x, pitch), taps[0]);
    for (int32_t left = s->out_w; left > 0; left--, x += 2 * c, y += c) {
        sum = rn_rv32_mac_column(sum, rn_rv32_load_column(x + c, pitch), taps[1]);
        const rn_rv32_column shared = rn_rv32_load_column(x + 2 * c, pitch);
        const int32_t done = rn_rv32_mac_column(sum, shared, taps[2]);
        sum = rn_rv32_mac_column(ch->bias, shared, taps[0]);
        *y = rn_rv32_requantize(done, ch, q);
    }
}

RN_INLINE void rn_depthwise_conv2d_s8_rv32(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                           const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const rn_rv32_plan p = rn_rv32_make_plan(s, RN_DEPTHWISE_RV32_BYTES);
    const int32_t row = s->out_w * s->out_c;
    for (int32_t oy = 0; oy < s->out_h; oy += p.band) {
        const int32_t band = rn_min(p.band, s->out_h - oy);
        const int8_t *const windows = rn_rv32_windows(s, &p, x, oy, (int8_t *)scratch);
        const int8_t *tap = w;
        for (int32_t o = 0; o < s->in_c; o++, tap += 9) {
            const rn_rv32_channel ch = rn_rv32_prepare(c, q, o);
            const rn_rv32_column taps[3] = {
                {tap[0], tap[3], tap[6]}, {tap[1], tap[4], tap[7]}, {tap[2], tap[5], tap[8]}};
            const int8_t *in = windows + o;
            int8_t *out = y + o;
            for (int32_t r = 0; r < band; r++, in += s->stride_h * p.pitch, out += row) {
                if (s->stride_w == 1)
                    rn_depthwise_rv32_row_1(s, q, &ch, taps, p.pitch, in, out);
                else
                    rn_depthwise_rv32_row_2(s, q, &ch, taps, p.pitch, in, out);
            }
        }
        y += band * row;
    }
}

#endif
