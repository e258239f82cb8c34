/* The multiply loops of convolution and fully connected layers on Helium (MVE).
 *
 * y[p, o] = requantize(bias[o] + sum over k of w[o, k] * x[p, k]), int8 or (half as many products) int16.
 *
 * VMLADAVA adds 16 products to a core register, which must be an even one: eight accumulators fit,
 * as 4 channels x 2 pixels (6 vector loads for 8 multiplies, 128 MACs) or 8 channels x 1 pixel (9).
 * LR is one of the eight, so the loop counts with SUBS/BNE instead of LE, four blocks per round.
 *
 * w is packed 4 rows x 16 columns, zero where the layer has no weight: one pointer streams the 64
 * bytes that a block of 4 channels needs.
 */
#ifndef RN_MATMUL_S8_MVE_H
#define RN_MATMUL_S8_MVE_H

#include "rn_mve.h"

/* In: where to read. Out: the pointers behind what was read, and the sums a (r0 to r6), b (r8 to lr).
 * By value: the odd core registers are all that is left for addresses, and pointers that the loop
 * carries on need no second copy. */
typedef struct {
    const int8_t *w, *s, *t;
    int32x4_t a, b;
} rn_sums_mve;

#ifdef __OPTIMIZE__

/* One block: 16 columns of int8, or 8 of int16 activations. `mac` is vmladav (start from zero) or vmladava (add) of the
 * type, `x` and `w` load a vector of activations and one of weights, in which there are `step` bytes of these. Loads
 * stand between multiplies, so that a core with one load and one multiply pipe overlaps them.
 * 4 channels at w times two pixels at s and t; sums in r0, r2, r4, r6 and r8, r10, r12, lr. */
#define RN_BLOCK_4X2_MVE(mac, x, w, step)   \
    x " %q[a], [%[s]], #16\n\t"             \
    w " %q[u], [%[w]], #" step "\n\t"       \
    mac " r0, %q[a], %q[u]\n\t"             \
    x " %q[b], [%[t]], #16\n\t"             \
    mac " r8, %q[b], %q[u]\n\t"             \
    w " %q[v], [%[w]], #" step "\n\t"       \
    mac " r2, %q[a], %q[v]\n\t"             \
    w " %q[u], [%[w]], #" step "\n\t"       \
    mac " r10, %q[b], %q[v]\n\t"            \
    mac " r4, %q[a], %q[u]\n\t"             \
    w " %q[v], [%[w]], #" step "\n\t"       \
    mac " r12, %q[b], %q[u]\n\t"            \
    mac " r6, %q[a], %q[v]\n\t"             \
    mac " lr, %q[b], %q[v]\n\t"

/* 4 channels at w and 4 channels at t times one pixel at s. */
#define RN_BLOCK_8X1_MVE(mac, x, w, step)   \
    x " %q[a], [%[s]], #16\n\t"             \
    w " %q[u], [%[w]], #" step "\n\t"       \
    mac " r0, %q[a], %q[u]\n\t"             \
    w " %q[v], [%[w]], #" step "\n\t"       \
    mac " r2, %q[a], %q[v]\n\t"             \
    w " %q[u], [%[w]], #" step "\n\t"       \
    mac " r4, %q[a], %q[u]\n\t"             \
    w " %q[v], [%[w]], #" step "\n\t"       \
    mac " r6, %q[a], %q[v]\n\t"             \
    w " %q[u], [%[t]], #" step "\n\t"       \
    mac " r8, %q[a], %q[u]\n\t"             \
    w " %q[v], [%[t]], #" step "\n\t"       \
    mac " r10, %q[a], %q[v]\n\t"            \
    w " %q[u], [%[t]], #" step "\n\t"       \
    mac " r12, %q[a], %q[u]\n\t"            \
    w " %q[b], [%[t]], #" step "\n\t"       \
    mac " lr, %q[a], %q[b]\n\t"

#define RN_S8_4X2_MVE(mac) RN_BLOCK_4X2_MVE(mac ".s8", "vldrb.8", "vldrb.8", "16")
#define RN_S8_8X1_MVE(mac) RN_BLOCK_8X1_MVE(mac ".s8", "vldrb.8", "vldrb.8", "16")
#define RN_S16_4X2_MVE(mac) RN_BLOCK_4X2_MVE(mac ".s16", "vldrh.16", "vldrb.s16", "8")
#define RN_S16_8X1_MVE(mac) RN_BLOCK_8X1_MVE(mac ".s16", "vldrh.16", "vldrb.s16", "8")

#define RN_REPEAT_0(text) ""
#define RN_REPEAT_1(text) text
#define RN_REPEAT_2(text) text text
#define RN_REPEAT_3(text) text text text

/* 1 + more blocks straight, then rounds of four if there are any, then the sums as two vectors. */
#define RN_SUMS_MVE(block, more, at_w, loop, counter)                                     \
    __asm__(block("vmladav") RN_REPEAT_##more(block("vmladava")) loop               \
            "vmov %q[a][2], %q[a][0], r0, r4\n\t"                                         \
            "vmov %q[a][3], %q[a][1], r2, r6\n\t"                                         \
            "vmov %q[b][2], %q[b][0], r8, r12\n\t"                                        \
            "vmov %q[b][3], %q[b][1], r10, lr"                                            \
            : [a] "=&w"(at.a), [b] "=&w"(at.b), [u] "=&w"(u), [v] "=&w"(v),               \
              [w] at_w(at.w), [s] "+r"(at.s), [t] at_w(at.t) counter                      \
            :                                                                             \
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory")

#define RN_FEW_MVE(block, more, at_w) RN_SUMS_MVE(block, more, at_w, "", )

#define RN_MANY_MVE(block, more, at_w)                                                    \
    RN_SUMS_MVE(block, more, at_w,                                                        \
                "1:\n\t" RN_REPEAT_2(RN_REPEAT_2(block("vmladava")))                   \
                "subs %[rounds], #1\n\tbne 1b\n\t",                                       \
                RN_COUNTER_MVE)
#define RN_COUNTER_MVE , [rounds] "+r"(rounds)

#define RN_ALL_BLOCKS_MVE(block, at_w)                 \
    if (blocks <= 4) {                                 \
        switch (blocks) {                              \
            case 1: RN_FEW_MVE(block, 0, at_w); break; \
            case 2: RN_FEW_MVE(block, 1, at_w); break; \
            case 3: RN_FEW_MVE(block, 2, at_w); break; \
            default: RN_FEW_MVE(block, 3, at_w); break; \
        }                                              \
    } else {                                           \
        int32_t rounds = (blocks - 1) / 4;             \
        switch ((blocks - 1) % 4) {                    \
            case 0: RN_MANY_MVE(block, 0, at_w); break; \
            case 1: RN_MANY_MVE(block, 1, at_w); break; \
            case 2: RN_MANY_MVE(block, 2, at_w); break; \
            default: RN_MANY_MVE(block, 3, at_w); break; \
        }                                              \
    }

/* `wide`: activations of int16. */
RN_INLINE rn_sums_mve rn_sums_4x2_mve(int32_t blocks, rn_sums_mve at, int wide) {
    int8x16_t u, v;
    if (wide) {
        RN_ALL_BLOCKS_MVE(RN_S16_4X2_MVE, "+l") /* VLDRB.S16 has a low register */
    } else {
        RN_ALL_BLOCKS_MVE(RN_S8_4X2_MVE, "+r")
    }
    return at;
}

RN_INLINE rn_sums_mve rn_sums_8x1_mve(int32_t blocks, rn_sums_mve at, int wide) {
    int8x16_t u, v;
    if (wide) {
        RN_ALL_BLOCKS_MVE(RN_S16_8X1_MVE, "+l") /* VLDRB.S16 has a low register */
    } else {
        RN_ALL_BLOCKS_MVE(RN_S8_8X1_MVE, "+r")
    }
    return at;
}

#else /* A debug build keeps a frame pointer, and then too few registers are left for the above. */

/* The sum of the products of one vector of activations at x with its weights at w. */
RN_INLINE int32_t rn_vector_mve(int32_t sum, const int8_t *x, const int8_t *w, int wide) {
    if (wide) return vmladavaq_s16(sum, vreinterpretq_s16_s8(vldrbq_s8(x)), vldrbq_s16(w));
    return vmladavaq_s8(sum, vldrbq_s8(x), vldrbq_s8(w));
}

RN_INLINE rn_sums_mve rn_sums_plain_mve(int32_t blocks, rn_sums_mve at, int two_pixels, int wide) {
    const int32_t step = wide ? 8 : 16;
    int32_t sum[8] = {0};
    for (int32_t i = 0; i < blocks; i++, at.s += 16, at.w += 4 * step, at.t += two_pixels ? 16 : 4 * step) {
        for (int32_t r = 0; r < 4; r++) {
            const int8_t *const x = two_pixels ? at.t : at.s, *const w = (two_pixels ? at.w : at.t) + step * r;
            sum[r] = rn_vector_mve(sum[r], at.s, at.w + step * r, wide);
            sum[4 + r] = rn_vector_mve(sum[4 + r], x, w, wide);
        }
    }
    at.a = vldrwq_s32(sum);
    at.b = vldrwq_s32(sum + 4);
    return at;
}

RN_INLINE rn_sums_mve rn_sums_4x2_mve(int32_t blocks, rn_sums_mve at, int wide) {
    return rn_sums_plain_mve(blocks, at, 1, wide);
}
RN_INLINE rn_sums_mve rn_sums_8x1_mve(int32_t blocks, rn_sums_mve at, int wide) {
    return rn_sums_plain_mve(blocks, at, 0, wide);
}

#endif

/* One pixel: the blocks * 16 bytes at x. `x_wide`, `y_wide`: of int16. */
RN_INLINE void rn_matvec_mve(int32_t blocks, int32_t out_c, const rn_requant *q, const rn_channels *c, const int8_t *x,
                             const int8_t *w, int8_t *y, int x_wide, int y_wide) {
    const int32_t quad = (x_wide ? 32 : 64) * blocks; /* bytes of the weights of four channels */
    rn_sums_mve at;
    at.t = w;
    for (int32_t o = 0; o < out_c; o += 8) {
        /* The last of an odd number of quads is its own partner: computed and stored twice. */
        const int32_t partner = o + 4 < out_c ? o + 4 : o;
        at.w = at.t;
        at.s = x;
        if (partner != o) at.t += quad;
        at = rn_sums_8x1_mve(blocks, at, x_wide);
        rn_put_quad_mve(y, at.a, rn_load_quad_mve(c, o, out_c), q, o, out_c, y_wide);
        rn_put_quad_mve(y, at.b, rn_load_quad_mve(c, partner, out_c), q, partner, out_c, y_wide);
    }
}

/* Pixel p is the blocks * 16 bytes at x + p * x_step (bytes), its result is the p-th row of out_c at y. */
RN_INLINE void rn_matmul_mve(int32_t pixels, int32_t blocks, int32_t out_c, int32_t x_step, const rn_requant *q,
                             const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y, int x_wide,
                             int y_wide) {
    const int32_t pairs = pixels / 2, quad = (x_wide ? 32 : 64) * blocks, row = y_wide ? 2 * out_c : out_c;
    for (int32_t o = 0; pairs > 0 && o < out_c; o += 4) {
        const rn_quad_mve k = rn_load_quad_mve(c, o, out_c);
        int8_t *to = y;
        rn_sums_mve at;
        at.w = w + o / 4 * quad;
        at.s = x;
        at.t = x + x_step;
        for (int32_t i = pairs; i > 0; i--) {
            at = rn_sums_4x2_mve(blocks, at, x_wide);
            rn_put_quad_mve(to, at.a, k, q, o, out_c, y_wide);
            rn_put_quad_mve(to + row, at.b, k, q, o, out_c, y_wide);
            at.w -= quad;
            at.s += 2 * x_step - 16 * blocks;
            at.t += 2 * x_step - 16 * blocks;
            to += 2 * row;
        }
    }
    if (pixels % 2 != 0) {
        rn_matvec_mve(blocks, out_c, q, c, x + 2 * pairs * x_step, w, y + 2 * pairs * row, x_wide, y_wide);
    }
}

RN_INLINE void rn_matvec_s8_mve(int32_t blocks, int32_t out_c, const rn_requant *q, const rn_channels *c,
                                const int8_t *x, const int8_t *w, int8_t *y) {
    rn_matvec_mve(blocks, out_c, q, c, x, w, y, 0, 0);
}

RN_INLINE void rn_matmul_s8_mve(int32_t pixels, int32_t blocks, int32_t out_c, int32_t x_step, const rn_requant *q,
                                const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y) {
    rn_matmul_mve(pixels, blocks, out_c, x_step, q, c, x, w, y, 0, 0);
}

#endif
