/* Addition of two windows h x w x channels of int8 with their own scales on a cluster, Xpulp: four at a time.
 *
 * Numbers and shares as in rn_cluster_add_s8.h. y may be a or b.
 */
#ifndef RN_CLUSTER_ADD_S8_XPULP_H
#define RN_CLUSTER_ADD_S8_XPULP_H

#include "rn_add_s8.h"
#include "rn_cluster_part.h"
#include "rn_insn_xpulp.h"

#if RN_XPULP_ASM
#define RN_P_LB(rd, rs) ".insn i 0x0b, 0, " rd ", %[" rs "], 1\n\t" /* p.lb rd, 1(rs!) */
#define RN_P_MAC(rd, a, b) ".insn r 0x33, 0, 0x21, " rd ", " a ", " b "\n\t"
#define RN_P_ADDN(rd) ".insn r 0x5b, 2, 0x20, " rd ", %[bias], %[shift]\n\t" /* p.addNr: rd = (rd + bias) >> shift */
#define RN_P_MAX(rd) ".insn r 0x33, 6, 0x02, " rd ", " rd ", %[lo]\n\t"
#define RN_P_MIN(rd) ".insn r 0x33, 4, 0x02, " rd ", " rd ", %[hi]\n\t"
#define RN_P_CLIP(rd) ".insn r 0x33, 1, 0x0a, " rd ", " rd ", x8\n\t"
/* Four sums in t0 to t3; `length` is that of the loop, `clamp` what is left to do before they are a word. */
#define RN_XPULP_ADD(length, clamp) \
    __asm__ volatile(".option push\n\t.option norvc\n\t.balign 4\n\t" \
                     ".insn i 0x7b, 4, x0, %[n], " #length "\n\t" /* lp.setup */ \
                     RN_P_LB("t0", "a") RN_P_LB("t1", "a") RN_P_LB("t2", "a") RN_P_LB("t3", "a") \
                     RN_P_LB("t4", "b") RN_P_LB("t5", "b") RN_P_LB("a0", "b") RN_P_LB("a1", "b") \
                     "mul t0, t0, %[ma]\n\tmul t1, t1, %[ma]\n\tmul t2, t2, %[ma]\n\tmul t3, t3, %[ma]\n\t" \
                     RN_P_MAC("t0", "t4", "%[mb]") RN_P_MAC("t1", "t5", "%[mb]") RN_P_MAC("t2", "a0", "%[mb]") \
                     RN_P_MAC("t3", "a1", "%[mb]") RN_P_ADDN("t0") RN_P_ADDN("t1") RN_P_ADDN("t2") RN_P_ADDN("t3") \
                     clamp \
                     ".insn r 0x57, 1, 0x70, t0, t1, t0\n\t" /* pv.packlo.b */ \
                     ".insn r 0x57, 1, 0x6c, t0, t3, t2\n\t" /* pv.packhi.b */ \
                     ".insn s 0x2b, 2, t0, 4(%[y])\n\t"      /* p.sw t0, 4(y!) */ \
                     ".option pop" \
                     : [a] "+&r"(a), [b] "+&r"(b), [y] "+&r"(y) \
                     : [n] "r"(words), [ma] "r"(multiplier_a), [mb] "r"(multiplier_b), [bias] "r"(bias), \
                       [shift] "r"(shift), [lo] "r"(lo), [hi] "r"(hi) \
                     : "t0", "t1", "t2", "t3", "t4", "t5", "a0", "a1", "memory")
#endif

/* rn_add_s8, 27 instructions per 4 elements (31 where the clamp is narrower than int8). */
RN_INLINE void rn_xpulp_add(int32_t n, int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift,
                            int32_t lo, int32_t hi, const int8_t *a, const int8_t *b, int8_t *y) {
#if RN_XPULP_ASM
    const int32_t words = n >> 2;
    if (words > 0) {
        if (lo == -128 && hi == 127) {
            RN_XPULP_ADD(54, RN_P_CLIP("t0") RN_P_CLIP("t1") RN_P_CLIP("t2") RN_P_CLIP("t3"));
        } else {
            RN_XPULP_ADD(62, RN_P_MAX("t0") RN_P_MAX("t1") RN_P_MAX("t2") RN_P_MAX("t3") RN_P_MIN("t0")
                                 RN_P_MIN("t1") RN_P_MIN("t2") RN_P_MIN("t3"));
        }
    }
    n &= 3;
#endif
    rn_add_s8(n, multiplier_a, multiplier_b, bias, shift, lo, hi, a, b, y);
}

RN_INLINE void rn_cluster_add_s8_xpulp(int32_t h, int32_t w, int32_t channels, rn_pitch ap, rn_pitch bp, rn_pitch yp,
                                 int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift, int32_t lo,
                                 int32_t hi, const int8_t *a, const int8_t *b, int8_t *y, int32_t core,
                                 int32_t cores) {
    const int row = rn_has_dense_rows(ap, w) && rn_has_dense_rows(bp, w) && rn_has_dense_rows(yp, w);
    const int pixel = ap.pixel == channels && bp.pixel == channels && yp.pixel == channels;
    const rn_cluster_lines lines = rn_cluster_lines_of(h, w, channels, row, pixel, core, cores);
    const int32_t bytes = lines.to - lines.from;
    for (int32_t i = lines.lines.from; i < lines.lines.to; i++) {
        const int8_t *const from_a = a + rn_cluster_line(&lines, ap, i);
        const int8_t *const from_b = b + rn_cluster_line(&lines, bp, i);
        rn_xpulp_add(bytes, multiplier_a, multiplier_b, bias, shift, lo, hi, from_a, from_b,
                     y + rn_cluster_line(&lines, yp, i));
    }
}

#endif
