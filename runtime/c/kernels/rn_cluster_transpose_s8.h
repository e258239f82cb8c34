/* The last two axes of an int8 tensor change places on a cluster: y [h, w, channels], x [h, channels, w].
 *
 * Cores share the rows of y evenly.
 */
#ifndef RN_CLUSTER_TRANSPOSE_S8_H
#define RN_CLUSTER_TRANSPOSE_S8_H

#include "rn_cluster_part.h"

RN_INLINE void rn_cluster_transpose_s8(int32_t h, int32_t w, int32_t channels, rn_pitch xp, rn_pitch yp,
                                       const int8_t *x, int8_t *y, int32_t core, int32_t cores) {
    const rn_share rows = rn_share_of(h * w, 1, core, cores);
    for (int32_t i = rows.from; i < rows.to; i++) {
        const int32_t iy = i / w, ix = i % w;
        const int8_t *from = x + iy * xp.row + ix;
        int8_t *const to = y + iy * yp.row + ix * yp.pixel;
        RN_UNROLL(4)
        for (int32_t j = 0; j < channels; j++, from += xp.pixel) to[j] = *from;
    }
}

#endif
