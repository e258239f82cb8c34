/* Fully connected layer on a cluster, int8, rv32im: one row by four outputs at a time, 14 instructions per 4 products.
 *
 * Cores share the blocks of four outputs of all rows.
 * w: packed with rows = 4, cols = 1. Needs rounding single, every shift in [33, 54]. No scratch.
 */
#ifndef RN_CLUSTER_FULLY_CONNECTED_S8_RV32_H
#define RN_CLUSTER_FULLY_CONNECTED_S8_RV32_H

#include "rn_cluster_part.h"
#include "rn_cluster_store.h"

RN_INLINE void rn_cluster_fully_connected_s8_rv32(const rn_fully_connected_shape *s, const rn_requant *q,
                                                  const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                                  void *scratch, int32_t core, int32_t cores) {
    const int32_t blocks = (s->out_c + 3) / 4;
    const rn_share share = rn_share_of(s->rows * blocks, 1, core, cores);
    const rn_channels all = *c; /* in registers or on the stack, wherever *c is */
    (void)scratch;
    for (int32_t b = share.from; b < share.to; b++) {
        const int32_t row = s->rows == 1 ? 0 : b / blocks, o = 4 * (b - row * blocks);
        const int32_t channels = s->out_c % 4 == 0 ? 4 : rn_min(s->out_c - o, 4);
        const int8_t *from = x + row * s->in_c, *tap = w + o * s->in_c;
        rn_cluster_copy copy;
        const rn_channels block = rn_cluster_block(&all, o, channels, &copy);
        rn_cluster_sums t = {{block.bias[0], block.bias[1], block.bias[2], block.bias[3]}};
        RN_UNROLL(4)
        for (int32_t i = 0; i < s->in_c; i++, tap += 4) {
            const int32_t v = from[i];
            t.c[0] += v * tap[0], t.c[1] += v * tap[1], t.c[2] += v * tap[2], t.c[3] += v * tap[3];
        }
        rn_cluster_store_sums(&t, 1, q, &block, channels, y + row * s->out_c + o, 0);
    }
}

#endif
