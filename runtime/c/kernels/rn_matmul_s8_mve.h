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
            : [a] "=&w"(t.a), [b] "=&w"(t.b), [u] "=&w"(u), [v] "=&w"(v),                 \
              [w] "+r"(t.w), [x0] "+r"(t.x0), [x1] "+r"(t.x1), [rounds] "+r"(rounds)      \
            :                                                                             \
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory")

#define RN_ROUNDS_MVE "1:\n\t" RN_ADD_4_BLOCKS_MVE "subs %[rounds], #1\n\tbne 1b\n\t"

/* In: where to read. Out: read pointers behind what was read; a and b, the sums of 4 channels for
 * the pixels x0 and x1. By value: six odd core registers are all that is left for addresses, and
 * loop-carried pointers need no second copy. */
typedef struct {
    const int8_t *w, *x0, *x1;
    int32x4_t a, b;
} rn_tile_mve;

RN_INLINE rn_tile_mve rn_tile_s8_mve(int32_t blocks, rn_tile_mve t) {
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
    return t;
}

/* Pixel p is the blocks * 16 bytes at x + p * x_step, its result is at y + p * out_c.
 * w is packed 4 rows x 16 columns, zero where the layer has no weight. */
RN_INLINE void rn_matmul_s8_mve(int32_t pixels, int32_t blocks, int32_t out_c, int32_t x_step, const rn_requant *q,
                                const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y) {
    /* A lone pixel is its own partner: computed twice, stored twice to the same place. */
    const int32_t x_pair = pixels > 1 ? x_step : 0, y_pair = pixels > 1 ? out_c : 0;
    rn_tile_mve t;
    t.w = w;
    for (int32_t o = 0; o < out_c; o += 4) {
        const rn_quad_mve k = rn_load_quad_mve(c, o, out_c);
        int8_t *to = y + o;
        t.x0 = x;
        t.x1 = x + x_pair;
        for (int32_t left = pixels; left > 0; left -= 2) {
            if (pixels % 2 != 0 && pixels > 1 && left == 1) { /* the last pair overlaps the one before */
                t.x0 -= x_step;
                t.x1 -= x_step;
                to -= out_c;
            }
            t = rn_tile_s8_mve(blocks, t);
            rn_store_quad_mve(to, rn_requant_mve(t.a, k, q), o, out_c);
            rn_store_quad_mve(to + y_pair, rn_requant_mve(t.b, k, q), o, out_c);
            t.w -= 64 * blocks;
            t.x0 += 2 * x_step - 16 * blocks;
            t.x1 += 2 * x_step - 16 * blocks;
            to += 2 * out_c;
        }
        t.w += 64 * blocks;
    }
}

#endif
