/* What the *_rvv.h kernels share: a tile of four rows by sixteen channels, for RISC-V cores with integer vectors
 * (Zve32x, VLEN of at least 128).
 *
 * Compilers differ in their intrinsics, so the tile is assembly (-DRN_RVV), which only the assembler has to know.
 * Otherwise it has a C meaning, so that the very same kernels run on a host under sanitizers.
 */
#ifndef RN_RVV_H
#define RN_RVV_H

#include "rn_rv32.h"

#if defined(RN_RVV) && defined(__riscv) && defined(__GNUC__)
#define RN_RVV_ASM 1
#else
#define RN_RVV_ASM 0
#endif

#if defined(__riscv_vector)
#define RN_RVV_CLOBBERS                                                                                             \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", \
        "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
#else
#define RN_RVV_CLOBBERS /* a compiler without vectors keeps nothing in them */
#endif

enum { RN_RVV_CHANNELS = 16 };

/* One to four rows of the input, k bytes each, and of the output. Where there are fewer than four, the last repeats. */
typedef struct {
    const int8_t *x[4];
    int8_t *y[4];
} rn_rvv_rows;

RN_INLINE rn_rvv_rows rn_rvv_rows_of(const int8_t *x, int32_t x_pitch, int8_t *y, int32_t y_pitch, int32_t rows) {
    rn_rvv_rows r;
    for (int32_t p = 0; p < 4; p++) {
        const int32_t from = rn_min(p, rows - 1);
        r.x[p] = x + from * x_pitch, r.y[p] = y + from * y_pitch;
    }
    return r;
}

#if RN_RVV_ASM
/* Requantises the sums in `acc` and stores them at `to`; e32, m4 before and behind. */
#define RN_RVV_STORE(acc, to)                                                                       \
    "vsll.vx " acc ", " acc ", %[up]\n\t"                                                           \
    "vmulh.vv " acc ", " acc ", v20\n\t"                                                            \
    "vadd.vv " acc ", " acc ", v28\n\t"                                                             \
    "vsra.vv " acc ", " acc ", v24\n\t"                                                             \
    "vmax.vx " acc ", " acc ", %[lo]\n\t"                                                           \
    "vmin.vx " acc ", " acc ", %[hi]\n\t"                                                           \
    "vsetvli zero, %[n], e16, m2, ta, ma\n\tvnsrl.wi v0, " acc ", 0\n\t"                            \
    "vsetvli zero, %[n], e8, m1, ta, ma\n\tvnsrl.wi v2, v0, 0\n\tlw t0, " to "(%[rows])\n\t"        \
    "vse8.v v2, (t0)\n\tvsetvli zero, %[n], e32, m4, ta, ma\n\t"
#endif

/* Channels 0 .. n - 1 (at most 16) of four rows: y = requantised bias + x * w. Per column one load and one extension
 * of the weights and four VWMACC.VX. w: blocks of 16 channels, column by column. */
RN_INLINE void rn_rvv_tile(const rn_rvv_rows *rows, int32_t k, int32_t n, const rn_requant *q, const rn_channels *c,
                           const int8_t *w) {
#if RN_RVV_ASM
    const int8_t *x0 = rows->x[0], *x1 = rows->x[1], *x2 = rows->x[2], *x3 = rows->x[3];
    const int8_t *const end = x0 + k;
    const int32_t zero = 1 + 2 * q->out_zero, lo = q->lo, hi = q->hi, up = q->acc_shift;
    __asm__ volatile(".option push\n\t.option arch, +zve32x, +zvl128b\n\t"
                     "vsetvli zero, %[n], e32, m4, ta, ma\n\t"
                     "vle32.v v4, (%[bias])\n\tvmv.v.v v8, v4\n\tvmv.v.v v12, v4\n\tvmv.v.v v16, v4\n\t"
                     "vsetvli zero, %[n], e16, m2, ta, ma\n\t"
                     "1:\n\t"
                     "vle8.v v1, (%[w])\n\t"
                     "lb t0, 0(%[x0])\n\tlb t1, 0(%[x1])\n\tlb t2, 0(%[x2])\n\tlb t3, 0(%[x3])\n\t"
                     "addi %[x0], %[x0], 1\n\taddi %[x1], %[x1], 1\n\t"
                     "addi %[x2], %[x2], 1\n\taddi %[x3], %[x3], 1\n\taddi %[w], %[w], 16\n\t"
                     "vsext.vf2 v2, v1\n\t"
                     "vwmacc.vx v4, t0, v2\n\tvwmacc.vx v8, t1, v2\n\t"
                     "vwmacc.vx v12, t2, v2\n\tvwmacc.vx v16, t3, v2\n\t"
                     "bne %[x0], %[end], 1b\n\t"
                     "vsetvli zero, %[n], e32, m4, ta, ma\n\t"
                     "vle32.v v20, (%[multiplier])\n\t"
                     "vle8.v v0, (%[shift])\n\tvsext.vf4 v24, v0\n\t"
                     "vadd.vi v28, v24, -1\n\tvmv.v.x v0, %[zero]\n\tvsll.vv v28, v0, v28\n\t"
                     RN_RVV_STORE("v4", "16") RN_RVV_STORE("v8", "20")
                     RN_RVV_STORE("v12", "24") RN_RVV_STORE("v16", "28")
                     ".option pop"
                     : [x0] "+&r"(x0), [x1] "+&r"(x1), [x2] "+&r"(x2), [x3] "+&r"(x3), [w] "+&r"(w)
                     : [rows] "r"(rows), [end] "r"(end), [n] "r"(n), [bias] "r"(c->bias),
                       [multiplier] "r"(c->multiplier), [shift] "r"(c->shift), [zero] "r"(zero), [lo] "r"(lo),
                       [hi] "r"(hi), [up] "r"(up)
                     : RN_RVV_CLOBBERS "t0", "t1", "t2", "t3", "memory");
#else
    for (int32_t p = 0; p < 4; p++) {
        for (int32_t i = 0; i < n; i++) {
            const rn_rv32_channel ch = rn_rv32_prepare(c, q, i);
            int32_t acc = ch.bias;
            for (int32_t j = 0; j < k; j++) acc += rows->x[p][j] * w[RN_RVV_CHANNELS * j + i];
            rows->y[p][i] = rn_rv32_requantize(acc, &ch, q);
        }
    }
#endif
}

/* All channels of up to four rows. */
RN_INLINE void rn_rvv_rows_by_channels(const int8_t *x, int32_t x_pitch, int8_t *y, int32_t y_pitch, int32_t rows,
                                       int32_t k, int32_t out_c, const rn_requant *q, const rn_channels *c,
                                       const int8_t *w) {
    for (int32_t o = 0; o < out_c; o += RN_RVV_CHANNELS) {
        const rn_rvv_rows r = rn_rvv_rows_of(x, x_pitch, y + o, y_pitch, rows);
        const rn_channels block = {c->bias + o, c->multiplier + o, c->shift + o};
        rn_rvv_tile(&r, k, rn_min(out_c - o, RN_RVV_CHANNELS), q, &block, w + o * k);
    }
}

#endif
