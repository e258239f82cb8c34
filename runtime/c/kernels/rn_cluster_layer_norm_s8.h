/* Layer normalization over the last axis on a cluster, int8, on windows h x w x n; see rn_layer_norm_s8.h.
 *
 * Cores share the rows evenly. constants: n weights, then n biases; s->rows is 1.
 */
#ifndef RN_CLUSTER_LAYER_NORM_S8_H
#define RN_CLUSTER_LAYER_NORM_S8_H

#include "rn_cluster_part.h"
#include "rn_layer_norm_s8.h"

RN_INLINE void rn_cluster_layer_norm_s8(int32_t h, int32_t w, rn_pitch xp, rn_pitch yp, const rn_layer_norm_shape *s,
                                        const int32_t *constants, const int8_t *x, int8_t *y, int32_t core,
                                        int32_t cores) {
    const rn_share rows = rn_share_of(h * w, 1, core, cores);
    for (int32_t i = rows.from; i < rows.to; i++) {
        const int32_t iy = i / w, ix = i % w;
        rn_layer_norm_s8(s, constants, constants + s->n, x + iy * xp.row + ix * xp.pixel,
                         y + iy * yp.row + ix * yp.pixel);
    }
}

#endif
