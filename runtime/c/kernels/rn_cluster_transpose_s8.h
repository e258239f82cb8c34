/* Another order of the axes of an int8 tensor on a cluster: y [h, w, channels].
 *
 * x_pitch and x_channel: bytes in x from row to row, from pixel to pixel and from channel to channel of y.
 * Cores share the pixels of y evenly.
 */
#ifndef RN_CLUSTER_TRANSPOSE_S8_H
#define RN_CLUSTER_TRANSPOSE_S8_H

#include "rn_cluster_part.h"

RN_INLINE void rn_cluster_transpose_s8(int32_t h, int32_t w, int32_t channels, rn_pitch xp, int32_t x_channel,
                                       rn_pitch yp, const int8_t *x, int8_t *y, int32_t core, int32_t cores) {
    const rn_share pixels = rn_share_of(h * w, 1, core, cores);
    for (int32_t i = pixels.from; i < pixels.to; i++) {
        const int32_t iy = i / w, ix = i % w;
        const int8_t *from = x + iy * xp.row + ix * xp.pixel;
        int8_t *const to = y + iy * yp.row + ix * yp.pixel;
        RN_UNROLL(4)
        for (int32_t j = 0; j < channels; j++, from += x_channel) to[j] = *from;
    }
}

#endif
