/* The Xpulp (version 2) instructions that kernels are made of, for RI5CY and its family.
 *
 * No compiler of a distribution knows them, so they are written as .insn; encodings: RI5CY user manual. Without
 * -DRN_XPULP every helper has a C meaning, so that the very same kernels run on a host under sanitizers.
 */
#ifndef RN_INSN_XPULP_H
#define RN_INSN_XPULP_H

#include "rn_requant.h"

#if defined(RN_XPULP) && defined(__riscv) && defined(__GNUC__)
#define RN_XPULP_ASM 1
#else
#define RN_XPULP_ASM 0
#endif

/* acc + a * b: P.MAC */
RN_INLINE int32_t rn_xpulp_mac(int32_t acc, int32_t a, int32_t b) {
#if RN_XPULP_ASM
    __asm__(".insn r 0x33, 0, 0x21, %0, %1, %2" : "+r"(acc) : "r"(a), "r"(b));
    return acc;
#else
    return acc + a * b;
#endif
}

/* P.CLIP for the whole range of int8, else P.MAX and P.MIN where they have something to do. */
RN_INLINE int32_t rn_xpulp_clamp(int32_t v, int32_t lo, int32_t hi) {
#if RN_XPULP_ASM
    int32_t r = v;
    if (lo == -128 && hi == 127) {
        __asm__(".insn r 0x33, 1, 0x0a, %0, %1, x8" : "=r"(r) : "r"(v));
        return r;
    }
    __asm__(".insn r 0x33, 6, 0x02, %0, %1, %2" : "=r"(r) : "r"(v), "r"(lo));
    __asm__(".insn r 0x33, 4, 0x02, %0, %1, %2" : "=r"(r) : "r"(r), "r"(hi));
    return r;
#else
    return rn_clamp(v, lo, hi);
#endif
}

/* Sums of two pixels (x0, x1) by four channels. */
typedef struct {
    int32_t x0w0, x0w1, x0w2, x0w3, x1w0, x1w1, x1w2, x1w3;
} rn_xpulp_tile;

/* Adds k products (a multiple of 4, at least 4) to each sum; w: words of the four channels in turn. A
 * hardware loop of 6 loads with post-increment and 8 PV.SDOTSP.B: 14 instructions per 32 products. */
RN_INLINE void rn_xpulp_dot_2x4(rn_xpulp_tile *t, const int8_t *x0, const int8_t *x1, const int8_t *w, int32_t k) {
#if RN_XPULP_ASM
    int32_t a = t->x0w0, b = t->x0w1, c = t->x0w2, d = t->x0w3;
    int32_t e = t->x1w0, f = t->x1w1, g = t->x1w2, h = t->x1w3;
    __asm__ volatile(".option push\n\t.option norvc\n\t.balign 4\n\t"
                     ".insn i 0x7b, 4, x0, %[n], 28\n\t" /* lp.setup: the last instruction is 28 * 2 bytes on */
                     ".insn i 0x0b, 2, t0, %[x0], 4\n\t" /* p.lw t0, 4(x0!) */
                     ".insn i 0x0b, 2, t1, %[x1], 4\n\t"
                     ".insn i 0x0b, 2, t2, %[w], 4\n\t"
                     ".insn i 0x0b, 2, t3, %[w], 4\n\t"
                     ".insn i 0x0b, 2, t4, %[w], 4\n\t"
                     ".insn i 0x0b, 2, t5, %[w], 4\n\t"
                     ".insn r 0x57, 1, 0x5c, %[a], t0, t2\n\t" /* pv.sdotsp.b */
                     ".insn r 0x57, 1, 0x5c, %[b], t0, t3\n\t"
                     ".insn r 0x57, 1, 0x5c, %[c], t0, t4\n\t"
                     ".insn r 0x57, 1, 0x5c, %[d], t0, t5\n\t"
                     ".insn r 0x57, 1, 0x5c, %[e], t1, t2\n\t"
                     ".insn r 0x57, 1, 0x5c, %[f], t1, t3\n\t"
                     ".insn r 0x57, 1, 0x5c, %[g], t1, t4\n\t"
                     ".insn r 0x57, 1, 0x5c, %[h], t1, t5\n\t"
                     ".option pop"
                     : [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c), [d] "+&r"(d), [e] "+&r"(e), [f] "+&r"(f),
                       [g] "+&r"(g), [h] "+&r"(h), [x0] "+&r"(x0), [x1] "+&r"(x1), [w] "+&r"(w)
                     : [n] "r"(k / 4)
                     : "t0", "t1", "t2", "t3", "t4", "t5", "memory");
    t->x0w0 = a, t->x0w1 = b, t->x0w2 = c, t->x0w3 = d;
    t->x1w0 = e, t->x1w1 = f, t->x1w2 = g, t->x1w3 = h;
#else
    for (int32_t i = 0; i < k; i++) {
        const int8_t *const at = w + i / 4 * 16 + i % 4;
        t->x0w0 += x0[i] * at[0], t->x0w1 += x0[i] * at[4], t->x0w2 += x0[i] * at[8], t->x0w3 += x0[i] * at[12];
        t->x1w0 += x1[i] * at[0], t->x1w1 += x1[i] * at[4], t->x1w2 += x1[i] * at[8], t->x1w3 += x1[i] * at[12];
    }
#endif
}

/* The same for x0 alone: 9 instructions per 16 products. */
RN_INLINE void rn_xpulp_dot_1x4(rn_xpulp_tile *t, const int8_t *x0, const int8_t *w, int32_t k) {
#if RN_XPULP_ASM
    int32_t a = t->x0w0, b = t->x0w1, c = t->x0w2, d = t->x0w3;
    __asm__ volatile(".option push\n\t.option norvc\n\t.balign 4\n\t"
                     ".insn i 0x7b, 4, x0, %[n], 18\n\t"
                     ".insn i 0x0b, 2, t0, %[x0], 4\n\t"
                     ".insn i 0x0b, 2, t2, %[w], 4\n\t"
                     ".insn i 0x0b, 2, t3, %[w], 4\n\t"
                     ".insn i 0x0b, 2, t4, %[w], 4\n\t"
                     ".insn i 0x0b, 2, t5, %[w], 4\n\t"
                     ".insn r 0x57, 1, 0x5c, %[a], t0, t2\n\t"
                     ".insn r 0x57, 1, 0x5c, %[b], t0, t3\n\t"
                     ".insn r 0x57, 1, 0x5c, %[c], t0, t4\n\t"
                     ".insn r 0x57, 1, 0x5c, %[d], t0, t5\n\t"
                     ".option pop"
                     : [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c), [d] "+&r"(d), [x0] "+&r"(x0), [w] "+&r"(w)
                     : [n] "r"(k / 4)
                     : "t0", "t2", "t3", "t4", "t5", "memory");
    t->x0w0 = a, t->x0w1 = b, t->x0w2 = c, t->x0w3 = d;
#else
    for (int32_t i = 0; i < k; i++) {
        const int8_t *const at = w + i / 4 * 16 + i % 4;
        t->x0w0 += x0[i] * at[0], t->x0w1 += x0[i] * at[4], t->x0w2 += x0[i] * at[8], t->x0w3 += x0[i] * at[12];
    }
#endif
}

#endif
