/* The multiply loop of convolution and fully connected layers on Helium (MVE).
 *
 * y[p, o] = requantize(bias[o] + sum over k of w[o, k] * x[p, k]), int8.
 *
 * VMLADAVA adds 16 products to a core register, which must be an even one: eight accumulators fit,
 * as 4 channels x 2 pixels. That is 6 vector loads for 8 multiplies (128 MACs). LR is one of the
 * eight, so the loop counts with SUBS/BNE instead of LE, four blocks per round.
 */
#ifndef RN_MATMUL_S8_MVE_H
#define RN_MATMUL_S8_MVE_H

#include "rn_mve.h"

/* One block: 16 columns of 4 channels (w, 64 bytes) times 16 bytes of two pixels. `mac` is
 * vmladav (start from zero) or vmladava (add). Loads stand between multiplies, so that a core with
 * one load and one multiply pipe overlaps them. */
#define RN_BLOCK_MVE(mac)                   \
    "vldrb.8 %q[a], [%[x0]], #16\n\t"       \
    "vldrb.8 %q[u], [%[w]], #16\n\t"        \
    mac " r0, %q[a], %q[u]\n\t"             \
    "vldrb.8 %q[b], [%[x1]], #16\n\t"       \
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

#define RN_ADD_BLOCK_MVE RN_BLOCK_MVE("vmladava.s8")
#define RN_ADD_0_BLOCKS_MVE ""
#define RN_ADD_1_BLOCKS_MVE RN_ADD_BLOCK_MVE
#define RN_ADD_2_BLOCKS_MVE RN_ADD_BLOCK_MVE RN_ADD_BLOCK_MVE
#define RN_ADD_3_BLOCKS_MVE RN_ADD_2_BLOCKS_MVE RN_ADD_BLOCK_MVE
#define RN_ADD_4_BLOCKS_MVE RN_ADD_2_BLOCKS_MVE RN_ADD_2_BLOCKS_MVE

/* A straight start of 1 + extra blocks, then `loop`, then the sums as two vectors. */
#define RN_TILE_MVE(extra, loop)                                                          \
    __asm__(RN_BLOCK_MVE("vmladav.s8") RN_ADD_##extra##_BLOCKS_MVE loop                   \
            "vmov %q[a][2], %q[a][0], r0, r4\n\t"                                         \
            "vmov %q[a][3], %q[a][1], r2, r6\n\t"                                         \
            "vmov %q[b][2], %q[b][0], r8, r12\n\t"                                        \
            "vmov %q[b][3], %q[b][1], r10, lr"                                            \
            : [a] "=&w"(*a), [b] "=&w"(*b), [u] "=&w"(u), [v] "=&w"(v), [w] "+r"(w),      \
              [x0] "+r"(x0), [x1] "+r"(x1), [rounds] "+r"(rounds)                         \
            :                                                                             \
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory")

#define RN_ROUNDS_MVE "1:\n\t" RN_ADD_4_BLOCKS_MVE "subs %[rounds], #1\n\tbne 1b\n\t"

/* a and b: sums of 4 channels for the pixels x0 and x1 over blocks * 16 columns. */
RN_INLINE void rn_tile_s8_mve(int32_t blocks, const int8_t *w, const int8_t *x0, const int8_t *x1,
                              int32x4_t *a, int32x4_t *b) {
    int8x16_t u, v;
    int32_t rounds = (blocks - 1) / 4;
    if (rounds == 0) {
        switch (blocks) {
            case 1: RN_TILE_MVE(0, ""); break;
            case 2: RN_TILE_MVE(1, ""); break;
            case 3: RN_TILE_MVE(2, ""); break;
            default: RN_TILE_MVE(3, ""); break;
        }
    } else {
        switch ((blocks - 1) % 4) {
            case 0: RN_TILE_MVE(0, RN_ROUNDS_MVE); break;
            case 1: RN_TILE_MVE(1, RN_ROUNDS_MVE); break;
            case 2: RN_TILE_MVE(2, RN_ROUNDS_MVE); break;
            default: RN_TILE_MVE(3, RN_ROUNDS_MVE); break;
        }
    }
}

/* Pixel p is the depth = blocks * 16 bytes at x + p * x_step, its result is at y + p * out_c.
 * w is packed 4 rows x 16 columns, zero where the layer has no weight. */
RN_INLINE void rn_matmul_s8_mve(int32_t pixels, int32_t blocks, int32_t out_c, int32_t x_step, const rn_requant *q,
                                const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y) {
    for (int32_t o = 0; o < out_c; o += 4, w += 64 * blocks) {
        const mve_pred16_t lanes = vctp32q((uint32_t)(out_c - o));
        const rn_quad_mve k = rn_load_quad_mve(c, o, lanes);
        const int8_t *x0 = x;
        int8_t *y0 = y + o;
        for (int32_t p = 0; p < pixels; p += 2) {
            /* The last of an odd number of pixels is its own partner: computed and stored twice. */
            const int32_t alone = pixels % 2 != 0 && p == pixels - 1;
            const int8_t *x1 = alone ? x0 : x0 + x_step;
            int8_t *y1 = alone ? y0 : y0 + out_c;
            int32x4_t a, b;
            rn_tile_s8_mve(blocks, w, x0, x1, &a, &b);
            a = rn_requant_mve(a, k, q);
            b = rn_requant_mve(b, k, q);
            if (out_c % 4 == 0) {
                vstrbq_s32(y0, a);
                vstrbq_s32(y1, b);
            } else {
                vstrbq_p_s32(y0, a, lanes);
                vstrbq_p_s32(y1, b, lanes);
            }
            x0 += 2 * x_step;
            y0 += 2 * out_c;
        }
    }
}

#endif
