/* Fully connected layer on a cluster, int8, Xpulp: one row by four outputs at a time, 9 instructions per 16 products.
 *
 * Cores share the blocks of four outputs of all rows.
 * w: packed with rows = 4, cols = 4. Needs rounding single, every shift in [33, 54]. No scratch.
 */
#ifndef RN_CLUSTER_FULLY_CONNECTED_S8_XPULP_H
#define RN_CLUSTER_FULLY_CONNECTED_S8_XPULP_H

#include "rn_cluster_part.h"
#include "rn_cluster_xpulp.h"

RN_INLINE void rn_cluster_fully_connected_s8_xpulp(const rn_fully_connected_shape *s, const rn_requant *q,
                                                   const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                                   void *scratch, int32_t core, int32_t cores) {
    const int32_t whole = s->in_c & ~3, k = (s->in_c + 3) & ~3, blocks = (s->out_c + 3) / 4;
    const rn_share share = rn_share_of(s->rows * blocks, 1, core, cores);
    const rn_channels all = *c; /* in registers or on the stack, wherever *c is */
    (void)scratch;
    for (int32_t b = share.from; b < share.to; b++) {
        const int32_t row = s->rows == 1 ? 0 : b / blocks, o = 4 * (b - row * blocks);
        const int32_t channels = s->out_c % 4 == 0 ? 4 : rn_min(s->out_c - o, 4);
        const int8_t *const from = x + row * s->in_c;
        rn_cluster_copy copy;
        const rn_channels block = rn_cluster_block(&all, o, channels, &copy);
        rn_cluster_sums t = {{block.bias[0], block.bias[1], block.bias[2], block.bias[3]}};
        if (whole > 0) rn_cluster_dot_1x4(&t, from, whole / 4, w + o * k);
        if (k > whole) {
            int8_t last[4] __attribute__((aligned(4))) = {0}; /* the incomplete word at the end of the row */
            for (int32_t i = whole; i < s->in_c; i++) last[i - whole] = from[i];
            rn_cluster_dot_1x4(&t, last, 1, w + o * k + 4 * whole);
        }
        rn_cluster_store_sums(&t, 1, q, &block, channels, y + row * s->out_c + o, 0);
    }
}

#endif
