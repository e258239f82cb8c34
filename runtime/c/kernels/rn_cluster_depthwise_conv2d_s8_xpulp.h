/* Depthwise 3x3 convolution on a cluster, int8, Xpulp: four channels by strips of one or two output columns.
 *
 * A strip is read as four input columns of four channels; the 4 x 4 bytes of a row are transposed to a word of four
 * columns per channel, which goes to scratch, padding included. Then each channel walks down its words: three words
 * and six PV.SDOTSP.B give two neighbouring outputs (the second with the taps shifted by a byte), or three one output
 * where stride_w is not 1. Cores share rows and blocks of four channels.
 *
 * w: packed with rows = 9, cols = 1: the taps of a channel are neighbours.
 * Needs a 3x3 kernel, channels that are a multiple of 4, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: cores x rn_cluster_depthwise_conv2d_s8_xpulp_scratch(s) bytes, word aligned.
 */
#ifndef RN_CLUSTER_DEPTHWISE_CONV2D_S8_XPULP_H
#define RN_CLUSTER_DEPTHWISE_CONV2D_S8_XPULP_H

#include "rn_cluster_part.h"
#include "rn_cluster_store.h"

/* Input rows of a strip that are transposed at a time. */
#ifndef RN_CLUSTER_STRIP_ROWS
#define RN_CLUSTER_STRIP_ROWS 27
#endif

/* Bytes per core. */
RN_INLINE int32_t rn_cluster_depthwise_conv2d_s8_xpulp_scratch(const rn_conv2d_shape *s) {
    return 16 * rn_min((s->out_h - 1) * s->stride_h + 3, RN_CLUSTER_STRIP_ROWS);
}

/* Four columns of an input: column i at x[i], where padding has a step of 0 from row to row. */
typedef struct {
    const int8_t *x[4];
    int32_t step[4];
} rn_cluster_strip;

/* `rows` (at least 1) rows of a strip: words of four columns of channels 0 to 3. 18 instructions per row. */
RN_INLINE void rn_xpulp_transpose(const rn_cluster_strip *in, int32_t rows, int8_t *to) {
    const int8_t *x0 = in->x[0], *x1 = in->x[1], *x2 = in->x[2], *x3 = in->x[3];
#if RN_XPULP_ASM
    const uint32_t low = 0x05010400, high = 0x07030602, upper = 0x07060302;
    __asm__ volatile(".option push\n\t.option norvc\n\t.balign 4\n\t"
                     ".insn i 0x7b, 4, x0, %[n], 36\n\t"                   /* lp.setup: 18 instructions */
                     ".insn r 0x0b, 7, 0x10, t0, %[x0], %[s0]\n\t"         /* p.lw t0, s0(x0!) */
                     ".insn r 0x0b, 7, 0x10, t1, %[x1], %[s1]\n\t"
                     ".insn r 0x0b, 7, 0x10, t2, %[x2], %[s2]\n\t"
                     ".insn r 0x0b, 7, 0x10, t3, %[x3], %[s3]\n\t"
                     "mv t4, t0\n\t"
                     "mv t5, t2\n\t"
                     ".insn r 0x57, 1, 0x64, t4, t1, %[low]\n\t"           /* pv.shuffle2.b */
                     ".insn r 0x57, 1, 0x64, t5, t3, %[low]\n\t"
                     ".insn r 0x57, 1, 0x64, t0, t1, %[high]\n\t"
                     ".insn r 0x57, 1, 0x64, t2, t3, %[high]\n\t"
                     ".insn r 0x57, 0, 0x68, t1, t5, t4\n\t"               /* pv.pack.h */
                     ".insn r 0x57, 0, 0x68, t3, t2, t0\n\t"
                     ".insn r 0x57, 1, 0x64, t4, t5, %[upper]\n\t"
                     ".insn r 0x57, 1, 0x64, t0, t2, %[upper]\n\t"
                     ".insn s 0x2b, 2, t1, 4(%[to])\n\t"                   /* p.sw t1, 4(to!) */
                     ".insn s 0x2b, 2, t4, 4(%[to])\n\t"
                     ".insn s 0x2b, 2, t3, 4(%[to])\n\t"
                     ".insn s 0x2b, 2, t0, 4(%[to])\n\t"
                     ".option pop"
                     : [x0] "+&r"(x0), [x1] "+&r"(x1), [x2] "+&r"(x2), [x3] "+&r"(x3), [to] "+&r"(to)
                     : [n] "r"(rows), [s0] "r"(in->step[0]), [s1] "r"(in->step[1]), [s2] "r"(in->step[2]),
                       [s3] "r"(in->step[3]), [low] "r"(low), [high] "r"(high), [upper] "r"(upper)
                     : "t0", "t1", "t2", "t3", "t4", "t5", "memory");
#else
    for (; rows > 0; rows--, x0 += in->step[0], x1 += in->step[1], x2 += in->step[2], x3 += in->step[3]) {
        for (int32_t i = 0; i < 4; i++, to += 4) to[0] = x0[i], to[1] = x1[i], to[2] = x2[i], to[3] = x3[i];
    }
#endif
}

/* The nine taps of a channel: words of three for the first of two outputs, and for the second a byte further on. */
typedef struct {
    uint32_t first[3], second[3];
} rn_cluster_taps;

RN_INLINE rn_cluster_taps rn_cluster_taps_of(const int8_t *tap) {
    const uint32_t row0 = rn_xpulp_load(tap) << 8, row1 = rn_xpulp_load(tap + 3) << 8;
    const uint32_t row2 = rn_xpulp_load(tap + 5) >> 8; /* the last byte of a layer is the last to be read */
    const rn_cluster_taps r = {{row0 >> 8, row1 >> 8, row2}, {row0, row1, row2 << 8}};
    return r;
}

/* What the walk down a strip needs of its channel. */
typedef struct {
    rn_cluster_taps taps;
    rn_cluster_scale scale;
    int32_t bias;
} rn_cluster_walker;

RN_INLINE int8_t rn_cluster_three_words(const rn_cluster_walker *c, const rn_requant *q, const uint32_t taps[3],
                                        uint32_t v0, uint32_t v1, uint32_t v2) {
    int32_t acc = rn_xpulp_sdotsp(c->bias, v0, taps[0]);
    acc = rn_xpulp_sdotsp(acc, v1, taps[1]);
    return (int8_t)rn_cluster_requantize(rn_xpulp_sdotsp(acc, v2, taps[2]), &c->scale, q);
}

/* `rows` outputs of one channel, one or two (`pair`) next to each other, from its words at v, 16 bytes apart. */
RN_INLINE void rn_cluster_walk(int pair, const rn_cluster_walker *c, const rn_requant *q, const int8_t *v,
                               int32_t stride, int8_t *y, rn_pitch yp, int32_t rows) {
    const uint32_t *const first = c->taps.first, *const second = c->taps.second;
    if (stride <= 2) { /* two rows at a time, which share words */
        for (; rows >= 2; rows -= 2, v += 32 * stride, y += 2 * yp.row) {
            const uint32_t v0 = rn_xpulp_load(v), v1 = rn_xpulp_load(v + 16);
            const uint32_t v2 = rn_xpulp_load(v + 32), v3 = rn_xpulp_load(v + 48);
            const uint32_t next0 = stride == 1 ? v1 : v2, next1 = stride == 1 ? v2 : v3;
            const uint32_t next2 = stride == 1 ? v3 : rn_xpulp_load(v + 64);
            y[0] = rn_cluster_three_words(c, q, first, v0, v1, v2);
            if (pair) y[yp.pixel] = rn_cluster_three_words(c, q, second, v0, v1, v2);
            y[yp.row] = rn_cluster_three_words(c, q, first, next0, next1, next2);
            if (pair) y[yp.row + yp.pixel] = rn_cluster_three_words(c, q, second, next0, next1, next2);
        }
    }
    for (; rows > 0; rows--, v += 16 * stride, y += yp.row) {
        const uint32_t v0 = rn_xpulp_load(v), v1 = rn_xpulp_load(v + 16), v2 = rn_xpulp_load(v + 32);
        y[0] = rn_cluster_three_words(c, q, first, v0, v1, v2);
        if (pair) y[yp.pixel] = rn_cluster_three_words(c, q, second, v0, v1, v2);
    }
}

/* Input rows iy .. iy + rows - 1 of the columns from ix on; x: the first of four channels in the first pixel. */
RN_INLINE void rn_cluster_read_strip(const rn_conv2d_shape *s, rn_pitch xp, const int8_t *x, const int32_t *zero,
                                     int32_t iy, int32_t ix, int32_t rows, int8_t *to) {
    const int32_t from = rn_clamp(-iy, 0, rows), inside = rn_clamp(s->in_h - iy, from, rows) - from;
    int32_t left = from;
    for (; left > 0; left--, to += 16) {
        for (int32_t i = 0; i < 16; i += 4) rn_xpulp_store(to + i, (uint32_t)*zero);
    }
    if (inside > 0) {
        rn_cluster_strip in;
        RN_UNROLL(4)
        for (int32_t i = 0; i < 4; i++) {
            const int column = rn_is_below(ix + i, s->in_w);
            in.x[i] = column ? x + (iy + from) * xp.row + (ix + i) * xp.pixel : (const int8_t *)zero;
            in.step[i] = column ? xp.row : 0;
        }
        rn_xpulp_transpose(&in, inside, to);
    }
    to += 16 * inside;
    for (left = rows - from - inside; left > 0; left--, to += 16) {
        for (int32_t i = 0; i < 16; i += 4) rn_xpulp_store(to + i, (uint32_t)*zero);
    }
}

RN_INLINE void rn_cluster_depthwise_conv2d_s8_xpulp(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp,
                                                    const rn_requant *q, const rn_channels *c, const int8_t *x,
                                                    const int8_t *w, int8_t *y, void *scratch, int32_t core,
                                                    int32_t cores) {
    const int32_t zero = rn_cluster_splat(s->in_zero), most = (RN_CLUSTER_STRIP_ROWS - 3) / s->stride_h + 1;
    const int32_t wide = s->stride_w == 1 ? 2 : 1;
    const rn_channels all = *c; /* in registers or on the stack, wherever *c is */
    const rn_split split = rn_cluster_row_split(s->out_h, s->out_c / 4, 6, 2, core, cores);
    int8_t *const words = rn_cluster_scratch(scratch, rn_cluster_depthwise_conv2d_s8_xpulp_scratch(s), core);
    for (int32_t o = 4 * split.b.from; o < 4 * split.b.to; o += 4) {
        for (int32_t oy = split.a.from; oy < split.a.to; oy += most) {
            const int32_t rows = rn_min(most, split.a.to - oy);
            for (int32_t ox = 0; ox < s->out_w; ox += wide) {
                rn_cluster_read_strip(s, xp, x + o, &zero, oy * s->stride_h - s->pad_top,
                                      ox * s->stride_w - s->pad_left, (rows - 1) * s->stride_h + 3, words);
                const int pair = wide == 2 && ox + 1 < s->out_w;
                int8_t *const to = y + oy * yp.row + ox * yp.pixel + o;
                for (int32_t j = 0; j < 4; j++) {
                    const rn_cluster_walker walker = {rn_cluster_taps_of(w + 9 * (o + j)),
                                                      rn_cluster_scale_of(&all, q, o + j), all.bias[o + j]};
                    if (pair)
                        rn_cluster_walk(1, &walker, q, words + 4 * j, s->stride_h, to + j, yp, rows);
                    else
                        rn_cluster_walk(0, &walker, q, words + 4 * j, s->stride_h, to + j, yp, rows);
                }
            }
        }
    }
}

#endif
