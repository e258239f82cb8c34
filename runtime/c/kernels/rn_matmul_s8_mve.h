/* The multiply loops of convolution and fully connected layers on Helium (MVE).
 *
 * y[p, o] = requantize(bias[o] + sum over k of w[o, k] * x[p, k]), int8.
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

/* One block: 16 columns. `mac` is vmladav (start from zero) or vmladava (add). Loads stand between
 * multiplies, so that a core with one load and one multiply pipe overlaps them.
 * 4 channels at w times two pixels at s and t; sums in r0, r2, r4, r6 and r8, r10, r12, lr. */
#define RN_BLOCK_4X2_MVE(mac)               \
    "vldrb.8 %q[a], [%[s]], #16\n\t"        \
    "vldrb.8 %q[u], [%[w]], #16\n\t"        \
    mac " r0, %q[a], %q[u]\n\t"             \
    "vldrb.8 %q[b], [%[t]], #16\n\t"        \
    mac " r8, %q[b], %q[u]\n\t"             \
    "vldrb.8 %q[v], [%[w]], #16\n\t"        \
    mac " r2, %q[a], %q[v]\n\t"             \
    "vldrb.8 %q[u], [%[w]], #16\n\t"        \
    mac " r10, %q[b], %q[v]\n\t"            \
    mac " r4, %q[a], %q[u]\n\t"             \
    "vldrb.8 %q[v], [%[w]], #16\n\t"        \
    mac " r12, %q[b], %q[u]\n\t"            \
    mac " r6, %q[a], %q[v]\n\t"             \
    mac " lr, %q[b], %q[v]\n\t"

/* 4 channels at w and 4 channels at t times one pixel at s. */
#define RN_BLOCK_8X1_MVE(mac)               \
    "vldrb.8 %q[a], [%[s]], #16\n\t"        \
    "vldrb.8 %q[u], [%[w]], #16\n\t"        \
    mac " r0, %q[a], %q[u]\n\t"             \
    "vldrb.8 %q[v], [%[w]], #16\n\t"        \
    mac " r2, %q[a], %q[v]\n\t"             \
    "vldrb.8 %q[u], [%[w]], #16\n\t"        \
    mac " r4, %q[a], %q[u]\n\t"             \
    "vldrb.8 %q[v], [%[w]], #16\n\t"        \
    mac " r6, %q[a], %q[v]\n\t"             \
    "vldrb.8 %q[u], [%[t]], #16\n\t"        \
    mac " r8, %q[a], %q[u]\n\t"             \
    "vldrb.8 %q[v], [%[t]], #16\n\t"        \
    mac " r10, %q[a], %q[v]\n\t"            \
    "vldrb.8 %q[u], [%[t]], #16\n\t"        \
    mac " r12, %q[a], %q[u]\n\t"            \
    "vldrb.8 %q[b], [%[t]], #16\n\t"        \
    mac " lr, %q[a], %q[b]\n\t"

#define RN_REPEAT_0(text) ""
#define RN_REPEAT_1(text) text
#define RN_REPEAT_2(text) text text
#define RN_REPEAT_3(text) text text text

/* 1 + more blocks straight, then rounds of four if there are any, then the sums as two vectors. */
#define RN_SUMS_MVE(block, more, loop, counter)                                           \
    __asm__(block("vmladav.s8") RN_REPEAT_##more(block("vmladava.s8")) loop               \
            "vmov %q[a][2], %q[a][0], r0, r4\n\t"                                         \
            "vmov %q[a][3], %q[a][1], r2, r6\n\t"                                         \
            "vmov %q[b][2], %q[b][0], r8, r12\n\t"                                        \
            "vmov %q[b][3], %q[b][1], r10, lr"                                            \
            : [a] "=&w"(at.a), [b] "=&w"(at.b), [u] "=&w"(u), [v] "=&w"(v),               \
              [w] "+r"(at.w), [s] "+r"(at.s), [t] "+r"(at.t) counter                      \
            :                                                                             \
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory")

#define RN_FEW_MVE(block, more) RN_SUMS_MVE(block, more, "", )

#define RN_MANY_MVE(block, more)                                                          \
    RN_SUMS_MVE(block, more,                                                              \
                "1:\n\t" RN_REPEAT_2(RN_REPEAT_2(block("vmladava.s8")))                   \
                "subs %[rounds], #1\n\tbne 1b\n\t",                                       \
                RN_COUNTER_MVE)
#define RN_COUNTER_MVE , [rounds] "+r"(rounds)

#define RN_ALL_BLOCKS_MVE(block)                       \
    if (blocks <= 4) {                                 \
        switch (blocks) {                              \
            case 1: RN_FEW_MVE(block, 0); break;       \
            case 2: RN_FEW_MVE(block, 1); break;       \
            case 3: RN_FEW_MVE(block, 2); break;       \
            default: RN_FEW_MVE(block, 3); break;      \
        }                                              \
    } else {                                           \
        int32_t rounds = (blocks - 1) / 4;             \
        switch ((blocks - 1) % 4) {                    \
            case 0: RN_MANY_MVE(block, 0); break;      \
            case 1: RN_MANY_MVE(block, 1); break;      \
            case 2: RN_MANY_MVE(block, 2); break;      \
            default: RN_MANY_MVE(block, 3); break;     \
        }                                              \
    }

RN_INLINE rn_sums_mve rn_sums_4x2_mve(int32_t blocks, rn_sums_mve at) {
    int8x16_t u, v;
    RN_ALL_BLOCKS_MVE(RN_BLOCK_4X2_MVE)
    return at;
}

RN_INLINE rn_sums_mve rn_sums_8x1_mve(int32_t blocks, rn_sums_mve at) {
    int8x16_t u, v;
    RN_ALL_BLOCKS_MVE(RN_BLOCK_8X1_MVE)
    return at;
}

#else /* A debug build keeps a frame pointer, and then too few registers are left for the above. */

RN_INLINE rn_sums_mve rn_sums_plain_mve(int32_t blocks, rn_sums_mve at, int two_pixels) {
    int32_t sum[8] = {0};
    for (int32_t i = 0; i < blocks; i++, at.s += 16, at.w += 64, at.t += two_pixels ? 16 : 64) {
        for (int32_t r = 0; r < 4; r++) {
            const int8x16_t s = vldrbq_s8(at.s), w = vldrbq_s8(at.w + 16 * r);
            const int8x16_t t = vldrbq_s8(two_pixels ? at.t : at.t + 16 * r);
            sum[r] = vmladavaq_s8(sum[r], s, w);
            sum[4 + r] = vmladavaq_s8(sum[4 + r], t, two_pixels ? w : s);
        }
    }
    at.a = vldrwq_s32(sum);
    at.b = vldrwq_s32(sum + 4);
    return at;
}

RN_INLINE rn_sums_mve rn_sums_4x2_mve(int32_t blocks, rn_sums_mve at) { return rn_sums_plain_mve(blocks, at, 1); }
RN_INLINE rn_sums_mve rn_sums_8x1_mve(int32_t blocks, rn_sums_mve at) { return rn_sums_plain_mve(blocks, at, 0); }

#endif

/* One pixel: the blocks * 16 bytes at x. */
RN_INLINE void rn_matvec_s8_mve(int32_t blocks, int32_t out_c, const rn_requant *q, const rn_channels *c,
                                const int8_t *x, const int8_t *w, int8_t *y) {
    rn_sums_mve at;
    at.t = w;
    for (int32_t o = 0; o < out_c; o += 8) {
        /* The last of an odd number of quads is its own partner: computed and stored twice. */
        const int32_t partner = o + 4 < out_c ? o + 4 : o;
        at.w = at.t;
        at.s = x;
        if (partner != o) at.t += 64 * blocks;
        at = rn_sums_8x1_mve(blocks, at);
        rn_store_quad_mve(y + o, rn_requant_mve(at.a, rn_load_quad_mve(c, o, out_c), q), o, out_c);
        rn_store_quad_mve(y + partner, rn_requant_mve(at.b, rn_load_quad_mve(c, partner, out_c), q), partner, out_c);
    }
}

/* Pixel p is the blocks * 16 bytes at x + p * x_step, its result is at y + p * out_c. */
RN_INLINE void rn_matmul_s8_mve(int32_t pixels, int32_t blocks, int32_t out_c, int32_t x_step, const rn_requant *q,
                                const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y) {
    const int32_t pairs = pixels / 2;
    for (int32_t o = 0; pairs > 0 && o < out_c; o += 4) {
        const rn_quad_mve k = rn_load_quad_mve(c, o, out_c);
        int8_t *to = y + o;
        rn_sums_mve at;
        at.w = w + o * 16 * blocks;
        at.s = x;
        at.t = x + x_step;
        for (int32_t i = pairs; i > 0; i--) {
            at = rn_sums_4x2_mve(blocks, at);
            rn_store_quad_mve(to, rn_requant_mve(at.a, k, q), o, out_c);
            rn_store_quad_mve(to + out_c, rn_requant_mve(at.b, k, q), o, out_c);
            at.w -= 64 * blocks;
            at.s += 2 * x_step - 16 * blocks;
            at.t += 2 * x_step - 16 * blocks;
            to += 2 * out_c;
        }
    }
    if (pixels % 2 != 0) rn_matvec_s8_mve(blocks, out_c, q, c, x + 2 * pairs * x_step, w, y + 2 * pairs * out_c);
}

#endif
