/* Softmax over the last axis on a cluster, int8 in, int8 out with scale 1/256, on windows h x w x n; see
 * rn_softmax_s8.h. Cores share the rows evenly.
 */
#ifndef RN_CLUSTER_SOFTMAX_S8_H
#define RN_CLUSTER_SOFTMAX_S8_H

#include "rn_cluster_part.h"
#include "rn_softmax_s8.h"

RN_INLINE void rn_cluster_softmax_s8(int32_t h, int32_t w, int32_t n, rn_pitch xp, rn_pitch yp,
                                     const int32_t exp_table[256], int32_t out_zero, const int8_t *x, int8_t *y,
                                     int32_t core, int32_t cores) {
    const rn_share rows = rn_share_of(h * w, 1, core, cores);
    for (int32_t i = rows.from; i < rows.to; i++) {
        const int32_t iy = i / w, ix = i % w;
        rn_softmax_s8(1, n, exp_table, out_zero, x + iy * xp.row + ix * xp.pixel, y + iy * yp.row + ix * yp.pixel);
    }
}

#endif
