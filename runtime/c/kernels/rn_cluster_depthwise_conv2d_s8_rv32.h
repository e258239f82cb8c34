/* Depthwise convolution on a cluster, int8, rv32im (and P.MAC where there is Xpulp), any kernel size.
 *
 * Channel by channel, row by row. 3x3 with stride_w = 1: the nine taps are in registers, and along a row every column
 * of three inputs is loaded once and multiplied by all taps, into three sums that are under way. Cores share rows and
 * channels. Rows of padding are read from one byte of in_zero again and again.
 *
 * w: packed with rows = k_h * k_w, cols = 1: the taps of a channel are neighbours.
 * Needs dilation = 1, rounding single, every shift in [33, 54]. No scratch.
 */
#ifndef RN_CLUSTER_DEPTHWISE_CONV2D_S8_RV32_H
#define RN_CLUSTER_DEPTHWISE_CONV2D_S8_RV32_H

#include "rn_cluster_part.h"
#include "rn_rv32.h"

/* A column of three inputs, or of three taps. */
typedef struct {
    int32_t top, middle, bottom;
} rn_cluster_column;

/* Three rows of one channel from column 0 of the input on; rows of padding have a step of 0. */
typedef struct {
    const int8_t *row[3];
    int32_t step[3], zero, in_w;
} rn_cluster_three;

RN_INLINE rn_cluster_column rn_cluster_load_column(const rn_cluster_three *in, int32_t ix) {
    rn_cluster_column r = {in->zero, in->zero, in->zero};
    if (rn_is_below(ix, in->in_w)) {
        r.top = in->row[0][ix * in->step[0]];
        r.middle = in->row[1][ix * in->step[1]];
        r.bottom = in->row[2][ix * in->step[2]];
    }
    return r;
}

RN_INLINE int32_t rn_cluster_mac_column(int32_t acc, rn_cluster_column v, rn_cluster_column taps) {
    acc = rn_xpulp_mac(acc, v.top, taps.top);
    acc = rn_xpulp_mac(acc, v.middle, taps.middle);
    return rn_xpulp_mac(acc, v.bottom, taps.bottom);
}

/* One output row of one channel, stride_w 1. */
RN_INLINE void rn_cluster_depthwise_row_1(const rn_conv2d_shape *s, const rn_requant *q, const rn_rv32_channel *ch,
                                          const rn_cluster_column taps[3], const rn_cluster_three *in, int8_t *y,
                                          int32_t y_step) {
    const int32_t columns = s->out_w + 2, inside = rn_min(s->in_w + s->pad_left, columns);
    const rn_cluster_column v0 = rn_cluster_load_column(in, -s->pad_left);
    const rn_cluster_column v1 = rn_cluster_load_column(in, 1 - s->pad_left);
    int32_t first = rn_cluster_mac_column(rn_cluster_mac_column(ch->bias, v0, taps[0]), v1, taps[1]);
    int32_t second = rn_cluster_mac_column(ch->bias, v1, taps[0]), j = 2;
    if (inside > 2 && s->pad_left <= 2) {
        const int8_t *x0 = in->row[0] + (2 - s->pad_left) * in->step[0];
        const int8_t *x1 = in->row[1] + (2 - s->pad_left) * in->step[1];
        const int8_t *x2 = in->row[2] + (2 - s->pad_left) * in->step[2];
        for (; j < inside; j++, x0 += in->step[0], x1 += in->step[1], x2 += in->step[2], y += y_step) {
            const rn_cluster_column v = {*x0, *x1, *x2};
            const int32_t done = rn_cluster_mac_column(first, v, taps[2]);
            first = rn_cluster_mac_column(second, v, taps[1]);
            second = rn_cluster_mac_column(ch->bias, v, taps[0]);
            *y = rn_rv32_requantize(done, ch, q);
        }
    }
    for (; j < columns; j++, y += y_step) {
        const rn_cluster_column v = rn_cluster_load_column(in, j - s->pad_left);
        *y = rn_rv32_requantize(rn_cluster_mac_column(first, v, taps[2]), ch, q);
        first = rn_cluster_mac_column(second, v, taps[1]);
        second = rn_cluster_mac_column(ch->bias, v, taps[0]);
    }
}

/* The same with any stride_w. */
RN_INLINE void rn_cluster_depthwise_row_n(const rn_conv2d_shape *s, const rn_requant *q, const rn_rv32_channel *ch,
                                          const rn_cluster_column taps[3], const rn_cluster_three *in, int8_t *y,
                                          int32_t y_step) {
    int32_t ix = -s->pad_left;
    for (int32_t ox = 0; ox < s->out_w; ox++, ix += s->stride_w, y += y_step) {
        int32_t acc = rn_cluster_mac_column(ch->bias, rn_cluster_load_column(in, ix), taps[0]);
        acc = rn_cluster_mac_column(acc, rn_cluster_load_column(in, ix + 1), taps[1]);
        acc = rn_cluster_mac_column(acc, rn_cluster_load_column(in, ix + 2), taps[2]);
        *y = rn_rv32_requantize(acc, ch, q);
    }
}

/* Output row oy of one channel of a 3x3 kernel; x, y: the channel in the first pixel. */
RN_INLINE void rn_cluster_depthwise_row_3(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                          const rn_rv32_channel *ch, const int8_t *x, const int8_t *tap, int8_t *y,
                                          int32_t oy) {
    const rn_cluster_column taps[3] = {{tap[0], tap[3], tap[6]}, {tap[1], tap[4], tap[7]}, {tap[2], tap[5], tap[8]}};
    const int8_t zero = (int8_t)s->in_zero;
    rn_cluster_three in = {{&zero, &zero, &zero}, {0, 0, 0}, zero, s->in_w};
    RN_UNROLL(3)
    for (int32_t ky = 0; ky < 3; ky++) {
        const int32_t iy = oy * s->stride_h - s->pad_top + ky;
        if (rn_is_below(iy, s->in_h)) in.row[ky] = x + iy * xp.row, in.step[ky] = xp.pixel;
    }
    if (s->stride_w == 1)
        rn_cluster_depthwise_row_1(s, q, ch, taps, &in, y + oy * yp.row, yp.pixel);
    else
        rn_cluster_depthwise_row_n(s, q, ch, taps, &in, y + oy * yp.row, yp.pixel);
}

/* Output row oy of one channel of any kernel. */
RN_INLINE void rn_cluster_depthwise_row(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                        const rn_rv32_channel *ch, const int8_t *x, const int8_t *w, int8_t *y,
                                        int32_t oy) {
    const int32_t iy = oy * s->stride_h - s->pad_top;
    int8_t *to = y + oy * yp.row;
    int32_t ix = -s->pad_left;
    for (int32_t ox = 0; ox < s->out_w; ox++, ix += s->stride_w, to += yp.pixel) {
        const int8_t *tap = w;
        int32_t acc = ch->bias;
        if (iy >= 0 && iy + s->k_h <= s->in_h && ix >= 0 && ix + s->k_w <= s->in_w) {
            const int8_t *row = x + iy * xp.row + ix * xp.pixel;
            for (int32_t ky = 0; ky < s->k_h; ky++, row += xp.row) {
                const int8_t *from = row;
                RN_UNROLL(8)
                for (int32_t kx = 0; kx < s->k_w; kx++, from += xp.pixel) acc = rn_xpulp_mac(acc, *from, *tap++);
            }
        } else {
            const int32_t left = rn_clamp(-ix, 0, s->k_w), right = rn_clamp(s->in_w - ix, left, s->k_w);
            for (int32_t ky = 0; ky < s->k_h; ky++) {
                const int row = rn_is_below(iy + ky, s->in_h);
                const int8_t *from = x + (row ? (iy + ky) * xp.row + (ix + left) * xp.pixel : 0);
                const int8_t *const inside = tap + (row ? left : 0), *const behind = tap + (row ? right : 0);
                const int8_t *const end = tap + s->k_w;
                while (tap != inside) acc = rn_xpulp_mac(acc, s->in_zero, *tap++);
                for (; tap != behind; from += xp.pixel) acc = rn_xpulp_mac(acc, *from, *tap++);
                while (tap != end) acc = rn_xpulp_mac(acc, s->in_zero, *tap++);
            }
        }
        *to = rn_rv32_requantize(acc, ch, q);
    }
}

RN_INLINE void rn_cluster_depthwise_conv2d_s8_rv32(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp,
                                                   const rn_requant *q, const rn_channels *c, const int8_t *x,
                                                   const int8_t *w, int8_t *y, void *scratch, int32_t core,
                                                   int32_t cores) {
    const rn_split split = rn_cluster_row_split(s->out_h, s->out_c, 8, 1, core, cores);
    (void)scratch;
    for (int32_t o = split.b.from; o < split.b.to; o++) {
        const rn_rv32_channel ch = rn_rv32_prepare(c, q, o);
        for (int32_t oy = split.a.from; oy < split.a.to; oy++) {
            if (s->k_h == 3 && s->k_w == 3)
                rn_cluster_depthwise_row_3(s, xp, yp, q, &ch, x + o, w + 9 * o, y + o, oy);
            else
                rn_cluster_depthwise_row(s, xp, yp, q, &ch, x + o, w + s->k_h * s->k_w * o, y + o, oy);
        }
    }
}

#endif
