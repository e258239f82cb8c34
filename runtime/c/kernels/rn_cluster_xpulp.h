/* Inner loops in Xpulp of the rn_cluster_*_xpulp.h kernels, with a C meaning each (see rn_insn_xpulp.h).
 *
 * Hardware loops: lp.setup's immediate is the distance to the last instruction in halfwords, so twice the number of
 * instructions of the body; the outer of two loops is loop 1 and ends at least two instructions behind the inner.
 */
#ifndef RN_CLUSTER_XPULP_H
#define RN_CLUSTER_XPULP_H

#include "rn_cluster_runs.h"
#include "rn_cluster_store.h"

#if RN_XPULP_ASM
#define RN_P_LW(rd, rs, step) ".insn i 0x0b, 2, " rd ", " rs ", " #step "\n\t"         /* p.lw rd, step(rs!) */
#define RN_P_LW_R(rd, rs, step) ".insn r 0x0b, 7, 0x10, " rd ", " rs ", " step "\n\t" /* step: a register */
#define RN_SDOTSP(rd, a, b) ".insn r 0x57, 1, 0x5c, " rd ", " a ", " b "\n\t"         /* pv.sdotsp.b */
#endif

/* Four pixels by four channels: bias and all products of the runs. 24 instructions per 64 products. */
RN_INLINE void rn_cluster_dot_4x4(rn_cluster_sums t[4], const rn_cluster_source *in, const rn_tap_run *r,
                                  int32_t runs, const int8_t *w, const int32_t *bias) {
#if RN_XPULP_ASM
    (void)in;
    int32_t a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3;
    register int32_t n __asm__("t0") = runs;
    register const int32_t *from __asm__("t1") = bias;
    __asm__ volatile(
        ".option push\n\t.option norvc\n\t"
        "lw %[a0], 0(t1)\n\tlw %[a1], 4(t1)\n\tlw %[a2], 8(t1)\n\tlw %[a3], 12(t1)\n\t"
        "mv %[b0], %[a0]\n\tmv %[b1], %[a1]\n\tmv %[b2], %[a2]\n\tmv %[b3], %[a3]\n\t"
        "mv %[c0], %[a0]\n\tmv %[c1], %[a1]\n\tmv %[c2], %[a2]\n\tmv %[c3], %[a3]\n\t"
        "mv %[d0], %[a0]\n\tmv %[d1], %[a1]\n\tmv %[d2], %[a2]\n\tmv %[d3], %[a3]\n\t"
        ".balign 4\n\t"
        ".insn i 0x7b, 4, x1, t0, 62\n\t" /* lp.setup 1: 31 instructions */
        "lw t0, 12(%[r])\n\t"
        "lw a0, 0(%[r])\n\t"
        "lw a1, 4(%[r])\n\t"
        "lw a2, 8(%[r])\n\t"
        ".insn i 0x7b, 4, x0, t0, 48\n\t" /* lp.setup 0: 24 instructions */
        RN_P_LW_R("t0", "a0", "a1") RN_P_LW_R("t1", "a0", "a1") RN_P_LW_R("t2", "a0", "a1")
        RN_P_LW_R("t3", "a0", "a2") RN_P_LW("t4", "%[w]", 4) RN_P_LW("t5", "%[w]", 4)
        RN_SDOTSP("%[a0]", "t0", "t4") RN_SDOTSP("%[b0]", "t1", "t4")
        RN_SDOTSP("%[c0]", "t2", "t4") RN_SDOTSP("%[d0]", "t3", "t4")
        RN_P_LW("t4", "%[w]", 4)
        RN_SDOTSP("%[a1]", "t0", "t5") RN_SDOTSP("%[b1]", "t1", "t5")
        RN_SDOTSP("%[c1]", "t2", "t5") RN_SDOTSP("%[d1]", "t3", "t5")
        RN_P_LW("t5", "%[w]", 4)
        RN_SDOTSP("%[a2]", "t0", "t4") RN_SDOTSP("%[b2]", "t1", "t4")
        RN_SDOTSP("%[c2]", "t2", "t4") RN_SDOTSP("%[d2]", "t3", "t4")
        RN_SDOTSP("%[a3]", "t0", "t5") RN_SDOTSP("%[b3]", "t1", "t5")
        RN_SDOTSP("%[c3]", "t2", "t5") RN_SDOTSP("%[d3]", "t3", "t5")
        "addi %[r], %[r], 20\n\t"
        "nop\n\t"
        ".option pop"
        : [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3), [b0] "=&r"(b0), [b1] "=&r"(b1),
          [b2] "=&r"(b2), [b3] "=&r"(b3), [c0] "=&r"(c0), [c1] "=&r"(c1), [c2] "=&r"(c2), [c3] "=&r"(c3),
          [d0] "=&r"(d0), [d1] "=&r"(d1), [d2] "=&r"(d2), [d3] "=&r"(d3), [r] "+&r"(r), [w] "+&r"(w),
          "+&r"(n), "+&r"(from)
        :
        : "t2", "t3", "t4", "t5", "a0", "a1", "a2", "memory");
    t[0].c[0] = a0, t[0].c[1] = a1, t[0].c[2] = a2, t[0].c[3] = a3;
    t[1].c[0] = b0, t[1].c[1] = b1, t[1].c[2] = b2, t[1].c[3] = b3;
    t[2].c[0] = c0, t[2].c[1] = c1, t[2].c[2] = c2, t[2].c[3] = c3;
    t[3].c[0] = d0, t[3].c[1] = d1, t[3].c[2] = d2, t[3].c[3] = d3;
#else
    for (int32_t p = 0; p < 4; p++) t[p].c[0] = bias[0], t[p].c[1] = bias[1], t[p].c[2] = bias[2], t[p].c[3] = bias[3];
    for (int32_t i = 0; i < runs; i++) {
        const int8_t *x = rn_cluster_pointer(in, r[i].x0, r[i].step0);
        for (int32_t g = 0; g < r[i].grains; g++, w += 16, x += 3 * r[i].step0 + r[i].step1) {
            for (int32_t p = 0; p < 4; p++) {
                const int8_t *const v = x + p * r[i].step0;
                for (int32_t k = 0; k < 4; k++) {
                    t[p].c[0] += v[k] * w[k], t[p].c[1] += v[k] * w[4 + k];
                    t[p].c[2] += v[k] * w[8 + k], t[p].c[3] += v[k] * w[12 + k];
                }
            }
        }
    }
#endif
}

/* Two pixels by four channels: 14 instructions per 32 products. */
RN_INLINE void rn_cluster_dot_2x4(rn_cluster_sums t[2], const rn_cluster_source *in, const rn_tap_run *r,
                                  int32_t runs, const int8_t *w, const int32_t *bias) {
#if RN_XPULP_ASM
    (void)in;
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    int32_t b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    register int32_t n __asm__("t0") = runs;
    __asm__ volatile(
        ".option push\n\t.option norvc\n\t.balign 4\n\t"
        ".insn i 0x7b, 4, x1, t0, 44\n\t" /* lp.setup 1: 22 instructions */
        "lw t0, 12(%[r])\n\t"
        "lw a0, 0(%[r])\n\t"
        "lw a1, 16(%[r])\n\t"
        "lw a2, 4(%[r])\n\t"
        "lw a3, 8(%[r])\n\t"
        ".insn i 0x7b, 4, x0, t0, 28\n\t" /* lp.setup 0: 14 instructions */
        RN_P_LW_R("t0", "a0", "a2") RN_P_LW_R("t1", "a1", "a3") RN_P_LW("t2", "%[w]", 4)
        RN_P_LW("t3", "%[w]", 4) RN_P_LW("t4", "%[w]", 4) RN_P_LW("t5", "%[w]", 4)
        RN_SDOTSP("%[a0]", "t0", "t2") RN_SDOTSP("%[a1]", "t0", "t3")
        RN_SDOTSP("%[a2]", "t0", "t4") RN_SDOTSP("%[a3]", "t0", "t5")
        RN_SDOTSP("%[b0]", "t1", "t2") RN_SDOTSP("%[b1]", "t1", "t3")
        RN_SDOTSP("%[b2]", "t1", "t4") RN_SDOTSP("%[b3]", "t1", "t5")
        "addi %[r], %[r], 20\n\t"
        "nop\n\t"
        ".option pop"
        : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [b0] "+r"(b0), [b1] "+r"(b1), [b2] "+r"(b2),
          [b3] "+r"(b3), [r] "+&r"(r), [w] "+&r"(w), "+&r"(n)
        :
        : "t1", "t2", "t3", "t4", "t5", "a0", "a1", "a2", "a3", "memory");
    t[0].c[0] = a0, t[0].c[1] = a1, t[0].c[2] = a2, t[0].c[3] = a3;
    t[1].c[0] = b0, t[1].c[1] = b1, t[1].c[2] = b2, t[1].c[3] = b3;
#else
    for (int32_t p = 0; p < 2; p++) t[p].c[0] = bias[0], t[p].c[1] = bias[1], t[p].c[2] = bias[2], t[p].c[3] = bias[3];
    for (int32_t i = 0; i < runs; i++) {
        const int8_t *x[2] = {rn_cluster_pointer(in, r[i].x0, r[i].step0), rn_cluster_pointer(in, r[i].x1, r[i].step1)};
        for (int32_t g = 0; g < r[i].grains; g++, w += 16, x[0] += r[i].step0, x[1] += r[i].step1) {
            for (int32_t p = 0; p < 2; p++) {
                for (int32_t k = 0; k < 4; k++) {
                    t[p].c[0] += x[p][k] * w[k], t[p].c[1] += x[p][k] * w[4 + k];
                    t[p].c[2] += x[p][k] * w[8 + k], t[p].c[3] += x[p][k] * w[12 + k];
                }
            }
        }
    }
#endif
}

/* One pixel by four channels: `words` words at x, 9 instructions per 16 products. */
RN_INLINE void rn_cluster_dot_1x4(rn_cluster_sums *t, const int8_t *x, int32_t words, const int8_t *w) {
    rn_xpulp_tile v = {t->c[0], t->c[1], t->c[2], t->c[3], 0, 0, 0, 0};
    rn_xpulp_dot_1x4(&v, x, w, 4 * words);
    t->c[0] = v.x0w0, t->c[1] = v.x0w1, t->c[2] = v.x0w2, t->c[3] = v.x0w3;
}

#endif
