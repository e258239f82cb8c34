/* Sums of pixels by channels, and how they become bytes: what the fast kernels of a cluster end with. */
#ifndef RN_CLUSTER_STORE_H
#define RN_CLUSTER_STORE_H

#include "rn_rv32.h"

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

/* Requantises the sums of `pixels` (a literal) pixels and stores their channels o .. o + 3 at y[pixel] + o. */
RN_INLINE void rn_cluster_store_sums(const rn_cluster_sums *t, int32_t pixels, const rn_requant *q,
                                     const rn_channels *c, int32_t o, int32_t channels, int8_t *const *y) {
    int32_t bytes[4][4] = {{0}};
    RN_UNROLL(4)
    for (int32_t j = 0; j < 4; j++) {
        const rn_rv32_channel ch = rn_rv32_prepare(c, q, o + rn_min(j, channels - 1));
        RN_UNROLL(4)
        for (int32_t p = 0; p < pixels; p++) bytes[p][j] = rn_rv32_requantize(t[p].c[j], &ch, q);
    }
    RN_UNROLL(4)
    for (int32_t p = 0; p < pixels; p++) {
        int8_t *const to = y[p] + o;
        if (channels == 4) {
            rn_xpulp_store(to, rn_xpulp_pack(bytes[p][0], bytes[p][1], bytes[p][2], bytes[p][3]));
            continue;
        }
        to[0] = (int8_t)bytes[p][0];
        if (channels > 1) to[1] = (int8_t)bytes[p][1];
        if (channels > 2) to[2] = (int8_t)bytes[p][2];
    }
}

#endif
