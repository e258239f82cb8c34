/* What the *_rv32.h and *_xpulp.h kernels share: RISC-V cores with MUL and MULH (rv32im and up).
 *
 * Plain C, but for what Xpulp does in one instruction where there is Xpulp. On cores without SIMD
 * every int8 costs its own load, so what a kernel can save is loads (register tiles) and loop control
 * (constant bounds, offsets in the load instructions).
 * Libraries for small cores copy byte by byte, hence the word copies here.
 */
#ifndef RN_RV32_H
#define RN_RV32_H

#include "rn_insn_xpulp.h"

/* Fast requantisation, rounding `single`, shift in [33, 54]: MULH, ADD, SRA.
 *   y = clamp((hi32(acc * multiplier) + addend) >> (shift - 32)),  addend = (1 + 2 * out_zero) << (shift - 33)
 * which equals floor((p + 2^(shift-1)) / 2^shift) + out_zero for p = acc * multiplier: the low word of p
 * cannot change the floor. shift <= 54 keeps the sum within 32 bits. */
typedef struct {
    int32_t bias, multiplier, addend, shift;
} rn_rv32_channel;

RN_INLINE rn_rv32_channel rn_rv32_scale(const rn_requant *q, int32_t bias, int32_t multiplier, int32_t shift) {
    const rn_rv32_channel r = {bias, multiplier, (1 + 2 * q->out_zero) * (1 << (shift - 33)), shift - 32};
    return r;
}

RN_INLINE rn_rv32_channel rn_rv32_prepare(const rn_channels *c, const rn_requant *q, int32_t o) {
    return rn_rv32_scale(q, c->bias[o], c->multiplier[o], c->shift[o]);
}

/* Channels o .. o + 3; returns how many there are. The partners of a last, incomplete four have zero weights. */
RN_INLINE int32_t rn_rv32_prepare_four(rn_rv32_channel ch[4], const rn_channels *c, const rn_requant *q, int32_t o,
                                       int32_t out_c) {
    const int32_t channels = out_c % 4 == 0 ? 4 : rn_min(out_c - o, 4);
    for (int32_t i = 0; i < 4; i++) ch[i] = rn_rv32_prepare(c, q, o + rn_min(i, channels - 1));
    return channels;
}

RN_INLINE int8_t rn_rv32_requantize(int32_t acc, const rn_rv32_channel *ch, const rn_requant *q) {
    const int32_t high = (int32_t)(((int64_t)(acc * (1 << q->acc_shift)) * ch->multiplier) >> 32);
    return (int8_t)rn_xpulp_clamp((high + ch->addend) >> ch->shift, q->lo, q->hi);
}

RN_INLINE int rn_rv32_is_aligned(const void *p, int32_t bytes) { return (((uintptr_t)p | (uintptr_t)bytes) & 3) == 0; }

/* Keeps memory accesses on their side of it: compilers turn copy loops into calls of memmove otherwise. */
#if defined(__GNUC__)
#define RN_RV32_BARRIER() __asm__ volatile("" ::: "memory")
#else
#define RN_RV32_BARRIER() ((void)0)
#endif

/* memmove for to <= from, or no overlap. */
RN_INLINE void rn_rv32_copy(int8_t *to, const int8_t *from, int32_t bytes) {
    if (rn_rv32_is_aligned(to, bytes) && rn_rv32_is_aligned(from, 0)) {
        int32_t left = bytes;
        for (; left >= 16; left -= 16, to += 16, from += 16) {
            uint32_t v[4];
            memcpy(v, __builtin_assume_aligned(from, 4), 16);
            memcpy(__builtin_assume_aligned(to, 4), v, 16);
            RN_RV32_BARRIER();
        }
        for (; left > 0; left -= 4, to += 4, from += 4) {
            uint32_t v;
            memcpy(&v, __builtin_assume_aligned(from, 4), 4);
            memcpy(__builtin_assume_aligned(to, 4), &v, 4);
            RN_RV32_BARRIER();
        }
        return;
    }
    RN_UNROLL(4)
    for (int32_t i = 0; i < bytes; i++) {
        to[i] = from[i];
        RN_RV32_BARRIER();
    }
}

RN_INLINE void rn_rv32_fill(int8_t *to, int32_t value, int32_t bytes) {
    int32_t i = 0;
    if (rn_rv32_is_aligned(to, bytes)) {
        const uint32_t word = ((uint32_t)value & 0xff) * 0x01010101u;
        RN_UNROLL(4)
        for (; i < bytes; i += 4) {
            memcpy(__builtin_assume_aligned(to + i, 4), &word, 4);
            RN_RV32_BARRIER();
        }
    }
    RN_UNROLL(4)
    for (; i < bytes; i++) {
        to[i] = (int8_t)value;
        RN_RV32_BARRIER();
    }
}

/* A convolution of single pixels is one row of them all. */
RN_INLINE rn_conv2d_shape rn_rv32_flat(const rn_conv2d_shape *s) {
    rn_conv2d_shape f = *s;
    if (s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 && s->pad_left == 0 &&
        s->out_h == s->in_h && s->out_w == s->in_w) {
        f.in_h = f.out_h = 1;
        f.in_w = f.out_w = s->out_h * s->out_w;
    }
    return f;
}

/* How windows are read: straight from the image where there is no padding, else from a band of padded
 * rows in scratch. Constants once inlined. */
typedef struct {
    int32_t direct;
    int32_t pitch;   /* bytes from row to row, of the image or of the band */
    int32_t band;    /* output rows per band */
    int32_t in_band; /* input rows that a full band needs */
} rn_rv32_plan;

RN_INLINE rn_rv32_plan rn_rv32_make_plan(const rn_conv2d_shape *s, int32_t budget) {
    const int32_t columns = (s->out_w - 1) * s->stride_w + s->k_w, rows = (s->out_h - 1) * s->stride_h + s->k_h;
    rn_rv32_plan p;
    p.direct = s->pad_top == 0 && s->pad_left == 0 && columns <= s->in_w && rows <= s->in_h;
    p.pitch = p.direct ? s->in_w * s->in_c : (columns * s->in_c + 3) & ~3;
    p.band = p.direct ? s->out_h : rn_clamp((budget / p.pitch - s->k_h) / s->stride_h + 1, 1, s->out_h);
    p.in_band = (p.band - 1) * s->stride_h + s->k_h;
    return p;
}

RN_INLINE int32_t rn_rv32_scratch(const rn_rv32_plan *p) { return p->direct ? 0 : p->in_band * p->pitch; }

/* Input row iy with its padding. Columns of the image behind the last window are left out. */
RN_INLINE void rn_rv32_row(const rn_conv2d_shape *s, const int8_t *x, int32_t iy, int8_t *to) {
    const int32_t columns = (s->out_w - 1) * s->stride_w + s->k_w;
    if (iy < 0 || iy >= s->in_h) {
        rn_rv32_fill(to, s->in_zero, columns * s->in_c);
        return;
    }
    const int32_t inside = rn_clamp(columns - s->pad_left, 0, s->in_w);
    const int32_t right = columns - s->pad_left - inside;
    if (s->pad_left > 0) rn_rv32_fill(to, s->in_zero, rn_min(s->pad_left, columns) * s->in_c);
    rn_rv32_copy(to + s->pad_left * s->in_c, x + iy * s->in_w * s->in_c, inside * s->in_c);
    if (right > 0) rn_rv32_fill(to + (s->pad_left + inside) * s->in_c, s->in_zero, right * s->in_c);
}

/* The window rows of output rows oy .. oy + band - 1, one after the other. To be called for one band after
 * the other: rows that two bands share are kept. Once it is read, x above the next band's new rows may be
 * overwritten. */
RN_INLINE const int8_t *rn_rv32_windows(const rn_conv2d_shape *s, const rn_rv32_plan *p, const int8_t *x, int32_t oy,
                                        int8_t *scratch) {
    if (p->direct) return x;
    const int32_t kept = oy == 0 ? 0 : rn_max(s->k_h - s->stride_h, 0);
    const int32_t rows = (rn_min(p->band, s->out_h - oy) - 1) * s->stride_h + s->k_h;
    const int32_t iy = oy * s->stride_h - s->pad_top;
    if (kept > 0) rn_rv32_copy(scratch, scratch + p->band * s->stride_h * p->pitch, kept * p->pitch);
    for (int32_t r = kept; r < rows; r++) rn_rv32_row(s, x, iy + r, scratch + r * p->pitch);
    return scratch;
}

#endif
