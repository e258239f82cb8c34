/* Sums of pixels by channels, and how they become bytes: what the fast kernels of a cluster end with. */
#ifndef RN_CLUSTER_STORE_H
#define RN_CLUSTER_STORE_H

#include "rn_rv32.h"

/* Hides where a number comes from. In a loop around assembly that takes all registers, pointers that step along are
 * loaded, stepped and stored again each time; offsets from one number are not. */
#if defined(__GNUC__)
#define RN_OPAQUE(number) __asm__("" : "+r"(number))
#define RN_TOGETHER(a, b) __asm__("" : "+r"(a), "+r"(b)) /* both are there before either is used */
#else
#define RN_OPAQUE(number) ((void)0)
#define RN_TOGETHER(a, b) ((void)0)
#endif

/* Sums of one pixel by four channels. */
typedef struct {
    int32_t c[4];
} rn_cluster_sums;

/* Four bytes from anywhere, and to anywhere: the hardware splits what is not aligned. */
RN_INLINE uint32_t rn_xpulp_load(const int8_t *x) {
    uint32_t v;
#if RN_XPULP_ASM
    __asm__("lw %0, %1" : "=r"(v) : "m"(*(const int8_t(*)[4])x));
#else
    memcpy(&v, x, 4);
#endif
    return v;
}

RN_INLINE void rn_xpulp_store(int8_t *y, uint32_t v) {
#if RN_XPULP_ASM
    __asm__("sw %1, %0" : "=m"(*(int8_t(*)[4])y) : "r"(v));
#else
    memcpy(y, &v, 4);
#endif
}

/* The low bytes of four numbers as a word: PV.PACKLO.B, PV.PACKHI.B. */
RN_INLINE uint32_t rn_xpulp_pack(int32_t b0, int32_t b1, int32_t b2, int32_t b3) {
#if RN_XPULP_ASM
    uint32_t v;
    __asm__(".insn r 0x57, 1, 0x70, %0, %1, %2" : "=r"(v) : "r"(b1), "r"(b0));
    __asm__(".insn r 0x57, 1, 0x6c, %0, %1, %2" : "+r"(v) : "r"(b3), "r"(b2));
    return v;
#else
    return ((uint32_t)b0 & 255) | ((uint32_t)b1 & 255) << 8 | ((uint32_t)b2 & 255) << 16 | (uint32_t)b3 << 24;
#endif
}

/* acc + the products of four bytes: PV.SDOTSP.B */
RN_INLINE int32_t rn_xpulp_sdotsp(int32_t acc, uint32_t a, uint32_t b) {
#if RN_XPULP_ASM
    __asm__(".insn r 0x57, 1, 0x5c, %0, %1, %2" : "+r"(acc) : "r"(a), "r"(b));
    return acc;
#else
    for (int32_t i = 0; i < 32; i += 8) acc += (int8_t)(a >> i) * (int8_t)(b >> i);
    return acc;
#endif
}

/* Four channels of a layer; of an incomplete block a copy in which the last one repeats. */
typedef struct {
    int32_t bias[4], multiplier[4];
    int8_t shift[4];
} rn_cluster_copy;

RN_INLINE rn_channels rn_cluster_block(const rn_channels *c, int32_t o, int32_t channels, rn_cluster_copy *copy) {
    const rn_channels whole = {c->bias + o, c->multiplier + o, c->shift + o};
    const rn_channels part = {copy->bias, copy->multiplier, copy->shift};
    if (channels == 4) return whole;
    for (int32_t j = 0; j < 4; j++) {
        const int32_t from = rn_min(j, channels - 1);
        copy->bias[j] = whole.bias[from];
        copy->multiplier[j] = whole.multiplier[from];
        copy->shift[j] = whole.shift[from];
    }
    return part;
}

/* What requantises a channel: rn_rv32_channel without the bias, with 32 more in the shift (P.ADDNR ignores it). */
typedef struct {
    int32_t multiplier, addend, shift;
} rn_cluster_scale;

RN_INLINE rn_cluster_scale rn_cluster_scale_of(const rn_channels *c, const rn_requant *q, int32_t j) {
    const int32_t shift = c->shift[j];
    const rn_cluster_scale r = {c->multiplier[j], (1 + 2 * q->out_zero) * (1 << ((shift - 1) & 31)), shift};
    return r;
}

RN_INLINE int32_t rn_cluster_requantize(int32_t acc, const rn_cluster_scale *scale, const rn_requant *q) {
    int32_t v = (int32_t)(((int64_t)(acc * (1 << q->acc_shift)) * scale->multiplier) >> 32);
#if RN_XPULP_ASM
    __asm__(".insn r 0x5b, 2, 0x20, %0, %1, %2" : "+r"(v) : "r"(scale->addend), "r"(scale->shift)); /* p.addnr */
#else
    v = (v + scale->addend) >> (scale->shift & 31);
#endif
    return rn_xpulp_clamp(v, q->lo, q->hi);
}

/* Requantises the sums of `pixels` (a literal) pixels and stores their channels, pixel p at y + p * distance. */
RN_INLINE void rn_cluster_store_sums(const rn_cluster_sums *t, int32_t pixels, const rn_requant *q,
                                     const rn_channels *block, int32_t channels, int8_t *y, int32_t distance) {
    int32_t bytes[4][4] = {{0}};
    RN_UNROLL(4)
    for (int32_t j = 0; j < 4; j++) {
        const rn_cluster_scale scale = rn_cluster_scale_of(block, q, j);
        RN_UNROLL(4)
        for (int32_t p = 0; p < pixels; p++) bytes[p][j] = rn_cluster_requantize(t[p].c[j], &scale, q);
    }
    if (channels == 4) {
        RN_UNROLL(4)
        for (int32_t p = 0; p < pixels; p++, y += distance) {
            rn_xpulp_store(y, rn_xpulp_pack(bytes[p][0], bytes[p][1], bytes[p][2], bytes[p][3]));
        }
        return;
    }
    RN_UNROLL(4)
    for (int32_t p = 0; p < pixels; p++, y += distance) {
        y[0] = (int8_t)bytes[p][0];
        if (channels > 1) y[1] = (int8_t)bytes[p][1];
        if (channels > 2) y[2] = (int8_t)bytes[p][2];
    }
}

#endif
