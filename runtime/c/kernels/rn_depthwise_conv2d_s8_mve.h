/* Depthwise 2-D convolution, int8, Helium (MVE): in_c == out_c, kernels up to 8 x 8.
 *
 * x [in_h, in_w, C], y [out_h, out_w, C]; y must not overlap x. w [C, k_h * k_w] row major, that is
 * the matrix [k_h * k_w, C] in blocks of k_h * k_w rows x 1 column.
 *
 * Four input rows are interleaved byte by byte in scratch (VST4): a word is a column of four pixels
 * of one channel. A gather of four words is then a 4 x 4 patch of that channel, and VMLADAV with the
 * weights spread over 16 lanes, zero outside the kernel, is a whole output. Up to 3 x 3 at stride 1,
 * one patch gives 2 x 2 outputs: the same weights, moved right by a word and down by a byte. Kernels
 * above 4 x 4 are the sum of 2 or 4 such blocks.
 *
 * Channels are taken 16 at a time (all of them if C is not a multiple of 16), and as many row groups
 * as fit in 4 KiB, so that the constants of a channel are loaded for many outputs.
 */
#ifndef RN_DEPTHWISE_CONV2D_S8_MVE_H
#define RN_DEPTHWISE_CONV2D_S8_MVE_H

#include "rn_mve.h"

/* How the layer is cut. A group is what `rows` output rows need: `high` times four interleaved rows. */
typedef struct {
    int32_t channels;        /* per block */
    int32_t columns;         /* of a group, padding included */
    int32_t rows;            /* output rows of a group: 2 if patches give 2 x 2 outputs, else 1 */
    int32_t high, wide;      /* patches that cover the kernel */
    int32_t groups, at_once; /* in the image, in scratch */
} rn_depthwise_plan_mve;

RN_INLINE rn_depthwise_plan_mve rn_depthwise_plan_of_mve(const rn_conv2d_shape *s) {
    rn_depthwise_plan_mve p;
    const int square = s->k_h <= 3 && s->k_w <= 3 && s->stride_h == 1 && s->stride_w == 1 && s->dil_h == 1 &&
                       s->dil_w == 1 && s->out_h >= 2 && s->out_w >= 2;
    p.channels = s->in_c % 16 == 0 ? 16 : s->in_c;
    p.rows = square ? 2 : 1;
    p.high = (s->k_h + 3) / 4;
    p.wide = (s->k_w + 3) / 4;
    p.columns = square ? s->out_w + 2 : (s->out_w + 3) / 4 * 4 * s->stride_w + (4 * p.wide - 1) * s->dil_w;
    p.groups = (s->out_h + p.rows - 1) / p.rows;
    p.at_once = rn_max(rn_min(4096 / (p.high * p.columns * p.channels * 4), p.groups), 1);
    return p;
}

/* n bytes of four rows, byte by byte. Writes whole vectors of words: up to 60 bytes more. */
RN_INLINE void rn_interleave_mve(int32_t n, const int8_t *const row[4], const int32_t step[4], int8_t *to) {
    const int8_t *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3];
    int8x16x4_t v;
    for (; n >= 16; n -= 16, to += 64) {
        v.val[0] = vldrbq_s8(r0);
        v.val[1] = vldrbq_s8(r1);
        v.val[2] = vldrbq_s8(r2);
        v.val[3] = vldrbq_s8(r3);
        vst4q_s8(to, v);
        r0 += step[0];
        r1 += step[1];
        r2 += step[2];
        r3 += step[3];
    }
    if (n > 0) {
        const mve_pred16_t lanes = vctp8q((uint32_t)n);
        v.val[0] = vldrbq_z_s8(r0, lanes);
        v.val[1] = vldrbq_z_s8(r1, lanes);
        v.val[2] = vldrbq_z_s8(r2, lanes);
        v.val[3] = vldrbq_z_s8(r3, lanes);
        vst4q_s8(to, v);
    }
}

/* Four input rows from `top` on, of the channels from `first` on. A row outside the image is `zero`,
 * 16 bytes of in_zero, again and again. */
RN_INLINE void rn_depthwise_fill_mve(const rn_conv2d_shape *s, const rn_depthwise_plan_mve *p, int32_t top,
                                     int32_t first, const int8_t *x, const int8_t *zero, int8_t *to) {
    const int32_t width = 4 * p->channels; /* bytes of a column */
    /* A block of 16 channels is one vector per pixel; all channels together are one run of bytes. */
    const int32_t pitch = p->channels == s->in_c ? 16 : s->in_c;
    /* Columns beyond the last window are never filled: they only meet zero weights and unused lanes. */
    const int32_t seen = (s->out_w - 1) * s->stride_w + (s->k_w - 1) * s->dil_w + 1;
    const int32_t left = rn_min(s->pad_left, seen), inside = rn_min(s->in_w, seen - left);
    const int8_t *row[4];
    int32_t step[4];
    for (int32_t i = 0; i < 4; i++) {
        const int32_t iy = top + i * s->dil_h;
        const int within = iy >= 0 && iy < s->in_h;
        row[i] = within ? x + iy * s->in_w * s->in_c + first : zero;
        step[i] = within ? pitch : 0;
    }
    /* Left to right: each piece may write a little into the next one. */
    rn_fill_mve(to, left * width, s->in_zero, 0);
    rn_interleave_mve(inside * p->channels, row, step, to + left * width);
    rn_fill_mve(to + (left + inside) * width, (seen - left - inside) * width, s->in_zero, 0);
}

/* Of one channel. `zero` is the output zero point, shifted to where the scaled sum still has its fraction. */
typedef struct {
    int32_t bias, shift, zero;
    int32x4_t multiplier;
} rn_depthwise_channel_mve;

RN_INLINE rn_depthwise_channel_mve rn_depthwise_channel_of_mve(const rn_channels *c, int32_t channel,
                                                               const rn_requant *q) {
    rn_depthwise_channel_mve k;
    k.bias = c->bias[channel];
    k.shift = 31 - c->shift[channel];
    k.zero = q->out_zero * (1 << -k.shift);
    k.multiplier = vdupq_n_s32(c->multiplier[channel]);
    return k;
}

/* Four outputs of one channel. VQDMLASH is floor(2 * acc * multiplier / 2^32) + zero, so 31 bits of the
 * shift are done; for the rest see rn_requant_mve. */
RN_INLINE int32x4_t rn_depthwise_requant_mve(int32x4_t acc, rn_depthwise_channel_mve k, const rn_requant *q) {
    acc = vaddq_n_s32(acc, k.bias);
    if (q->acc_shift > 0) acc = vqshlq_r_s32(acc, q->acc_shift);
    return rn_saturate_mve(vrshlq_n_s32(vqdmlashq_n_s32(acc, k.multiplier, k.zero), k.shift), q);
}

/* 2 x 2 outputs from the patch at x: sums land in even registers, as VMLADAV wants, then in lanes. */
RN_INLINE int32x4_t rn_depthwise_square_mve(const int8_t *x, uint32x4_t columns, const int8x16_t w[4]) {
    int32x4_t v;
    __asm__("vldrw.32 %q[v], [%[x], %q[columns]]\n\t"
            "vmladav.s8 r0, %q[v], %q[w0]\n\t"
            "vmladav.s8 r2, %q[v], %q[w1]\n\t"
            "vmladav.s8 r4, %q[v], %q[w2]\n\t"
            "vmladav.s8 r6, %q[v], %q[w3]\n\t"
            "vmov %q[v][2], %q[v][0], r0, r4\n\t"
            "vmov %q[v][3], %q[v][1], r2, r6"
            : [v] "=&w"(v)
            : [x] "r"(x), [columns] "w"(columns), [w0] "w"(w[0]), [w1] "w"(w[1]), [w2] "w"(w[2]), [w3] "w"(w[3])
            : "r0", "r2", "r4", "r6", "memory");
    return v;
}

/* 4 x 1 outputs from the patches at x, x + step, ... */
RN_INLINE int32x4_t rn_depthwise_line_mve(const int8_t *x, int32_t step, uint32x4_t columns, int8x16_t w) {
    int32x4_t v;
    __asm__("vldrw.32 %q[v], [%[x], %q[columns]]\n\t"
            "add %[x], %[step]\n\t"
            "vmladav.s8 r0, %q[v], %q[w]\n\t"
            "vldrw.32 %q[v], [%[x], %q[columns]]\n\t"
            "add %[x], %[step]\n\t"
            "vmladav.s8 r2, %q[v], %q[w]\n\t"
            "vldrw.32 %q[v], [%[x], %q[columns]]\n\t"
            "add %[x], %[step]\n\t"
            "vmladav.s8 r4, %q[v], %q[w]\n\t"
            "vldrw.32 %q[v], [%[x], %q[columns]]\n\t"
            "vmladav.s8 r6, %q[v], %q[w]\n\t"
            "vmov %q[v][2], %q[v][0], r0, r4\n\t"
            "vmov %q[v][3], %q[v][1], r2, r6"
            : [v] "=&w"(v), [x] "+r"(x)
            : [step] "r"(step), [columns] "w"(columns), [w] "w"(w)
            : "r0", "r2", "r4", "r6", "memory");
    return v;
}

/* Where the lanes of a vector come from and go to. */
typedef struct {
    uint8x16_t here, right; /* weights of lane 4 * kx + ky, and the same one column to the right */
    uint32x4_t columns;     /* four columns of a patch, bytes */
    uint32x4_t outputs;     /* of a square or a line, bytes */
} rn_depthwise_lanes_mve;

RN_INLINE rn_depthwise_lanes_mve rn_depthwise_lanes_of_mve(const rn_conv2d_shape *s, const rn_depthwise_plan_mve *p) {
    const uint32x4_t index = vidupq_n_u32(0, 1);
    rn_depthwise_lanes_mve l;
    uint8_t from[20] = {0};
    for (int32_t i = 0; i < 16; i++) from[4 + i] = (uint8_t)(i % 4 * s->k_w + i / 4);
    l.here = vldrbq_u8(from + 4);
    l.right = vldrbq_u8(from);
    l.columns = vmulq_n_u32(index, (uint32_t)(4 * p->channels * s->dil_w));
    if (p->rows == 2) { /* 0 1 above 2 3 */
        l.outputs = vmlaq_n_u32(vmulq_n_u32(vshrq_n_u32(index, 1), (uint32_t)(s->out_w * s->out_c)),
                                vandq_u32(index, vdupq_n_u32(1)), (uint32_t)s->out_c);
    } else {
        l.outputs = vmulq_n_u32(index, (uint32_t)s->out_c);
    }
    return l;
}

/* The lanes that have a weight in the patch `down` and `across`; the others are loaded as 0. */
RN_INLINE mve_pred16_t rn_depthwise_used_mve(const rn_conv2d_shape *s, int32_t down, int32_t across) {
    const uint32_t column = (1u << rn_min(s->k_h - 4 * down, 4)) - 1;
    return (mve_pred16_t)(column * (0x1111u & ((1u << 4 * rn_min(s->k_w - 4 * across, 4)) - 1)));
}

/* The weights of one channel. A square: for its four outputs. A line: for the patches of the kernel,
 * rows of two. */
RN_INLINE void rn_depthwise_weights_mve(const rn_conv2d_shape *s, const rn_depthwise_plan_mve *p,
                                        rn_depthwise_lanes_mve l, const int8_t *taps, int8x16_t w[4]) {
    if (p->rows == 2) {
        const mve_pred16_t used = rn_depthwise_used_mve(s, 0, 0);
        w[0] = vldrbq_gather_offset_z_s8(taps, l.here, used);
        w[1] = vldrbq_gather_offset_z_s8(taps, l.right, (mve_pred16_t)(used << 4));
        w[2] = vreinterpretq_s8_s32(vshlq_n_s32(vreinterpretq_s32_s8(w[0]), 8));
        w[3] = vreinterpretq_s8_s32(vshlq_n_s32(vreinterpretq_s32_s8(w[1]), 8));
        return;
    }
    for (int32_t down = 0; down < p->high; down++) {
        for (int32_t across = 0; across < p->wide; across++) {
            w[2 * down + across] = vldrbq_gather_offset_z_s8(taps + 4 * (down * s->k_w + across), l.here,
                                                             rn_depthwise_used_mve(s, down, across));
        }
    }
}

/* Two rows of outputs of one channel, from the words at x to y. */
RN_INLINE void rn_depthwise_squares_mve(const rn_conv2d_shape *s, const rn_requant *q, rn_depthwise_channel_mve k,
                                        rn_depthwise_lanes_mve l, const int8x16_t w[4], int32_t width, const int8_t *x,
                                        int8_t *y) {
#pragma GCC unroll 3
    for (int32_t n = s->out_w / 2; n > 0; n--, x += 2 * width, y += 2 * s->out_c) {
        const int32x4_t acc = rn_depthwise_square_mve(x, l.columns, w);
        vstrbq_scatter_offset_s32(y, l.outputs, rn_depthwise_requant_mve(acc, k, q));
    }
    if (s->out_w % 2 != 0) { /* one column back: the last two columns again */
        const int32x4_t acc = rn_depthwise_square_mve(x - width, l.columns, w);
        vstrbq_scatter_offset_s32(y - s->out_c, l.outputs, rn_depthwise_requant_mve(acc, k, q));
    }
}

/* Four outputs in a row, from all patches of the kernel. */
RN_INLINE int32x4_t rn_depthwise_lines_sum_mve(const rn_conv2d_shape *s, const rn_depthwise_plan_mve *p,
                                               rn_depthwise_lanes_mve l, const int8x16_t w[4], const int8_t *x) {
    const int32_t width = 4 * p->channels, step = s->stride_w * width;
    int32x4_t acc = rn_depthwise_line_mve(x, step, l.columns, w[0]);
    if (p->wide == 2) {
        acc = vaddq_s32(acc, rn_depthwise_line_mve(x + 4 * s->dil_w * width, step, l.columns, w[1]));
    }
    if (p->high == 2) {
        x += p->columns * width;
        acc = vaddq_s32(acc, rn_depthwise_line_mve(x, step, l.columns, w[2]));
        if (p->wide == 2) {
            acc = vaddq_s32(acc, rn_depthwise_line_mve(x + 4 * s->dil_w * width, step, l.columns, w[3]));
        }
    }
    return acc;
}

/* One row of outputs of one channel, from the words at x to y. */
RN_INLINE void rn_depthwise_lines_mve(const rn_conv2d_shape *s, const rn_depthwise_plan_mve *p, const rn_requant *q,
                                      rn_depthwise_channel_mve k, rn_depthwise_lanes_mve l, const int8x16_t w[4],
                                      const int8_t *x, int8_t *y) {
    const int32_t step = 4 * s->stride_w * 4 * p->channels;
    for (int32_t n = s->out_w / 4; n > 0; n--, x += step, y += 4 * s->out_c) {
        const int32x4_t acc = rn_depthwise_lines_sum_mve(s, p, l, w, x);
        vstrbq_scatter_offset_s32(y, l.outputs, rn_depthwise_requant_mve(acc, k, q));
    }
    if (s->out_w % 4 != 0) {
        const mve_pred16_t lanes = vctp32q((uint32_t)(s->out_w % 4));
        const int32x4_t acc = rn_depthwise_lines_sum_mve(s, p, l, w, x);
        vstrbq_scatter_offset_p_s32(y, l.outputs, rn_depthwise_requant_mve(acc, k, q), lanes);
    }
}

/* Scratch: 80 + at_once * high * columns * channels * 4 bytes of the plan. */
RN_INLINE void rn_depthwise_conv2d_s8_mve(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                          const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const rn_depthwise_plan_mve p = rn_depthwise_plan_of_mve(s);
    const rn_depthwise_lanes_mve l = rn_depthwise_lanes_of_mve(s, &p);
    const int32_t width = 4 * p.channels, patch_bytes = p.columns * width, group_bytes = p.high * patch_bytes;
    int8_t *zero = (int8_t *)scratch, *words = zero + 16;
    rn_fill_mve(zero, 16, s->in_zero, 0);
    for (int32_t first = 0; first < s->in_c; first += p.channels) {
        for (int32_t start = 0; start < p.groups; start += p.at_once) {
            const int32_t groups = rn_min(p.at_once, p.groups - start);
            for (int32_t g = 0; g < groups; g++) {
                const int32_t oy = rn_min((start + g) * p.rows, s->out_h - p.rows); /* the last two rows again */
                for (int32_t down = 0; down < p.high; down++) {
                    const int32_t top = oy * s->stride_h - s->pad_top + 4 * down * s->dil_h;
                    rn_depthwise_fill_mve(s, &p, top, first, x, zero, words + g * group_bytes + down * patch_bytes);
                }
            }
            for (int32_t i = 0; i < p.channels; i++) {
                const int32_t channel = first + i;
                const rn_depthwise_channel_mve k = rn_depthwise_channel_of_mve(c, channel, q);
                int8x16_t m[4];
                rn_depthwise_weights_mve(s, &p, l, w + channel * s->k_h * s->k_w, m);
                for (int32_t g = 0; g < groups; g++) {
                    const int32_t oy = rn_min((start + g) * p.rows, s->out_h - p.rows);
                    const int8_t *from = words + g * group_bytes + 4 * i;
                    int8_t *to = y + oy * s->out_w * s->out_c + channel;
                    if (p.rows == 2) {
                        rn_depthwise_squares_mve(s, q, k, l, m, width, from, to);
                    } else {
                        rn_depthwise_lines_mve(s, &p, q, k, l, m, from, to);
                    }
                }
            }
        }
    }
}

#endif
