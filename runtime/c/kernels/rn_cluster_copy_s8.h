/* Copies a window of h x w pixels of `channels` bytes on a cluster, e.g. every other pixel of a buffer to a dense one.
 *
 * Cores share the pixels evenly. Words are moved where channels, pitches and addresses are multiples of 4.
 */
#ifndef RN_CLUSTER_COPY_S8_H
#define RN_CLUSTER_COPY_S8_H

#include "rn_cluster_part.h"

/* n bytes; with `words` both ends are word aligned and n is a multiple of 4. */
RN_INLINE void rn_cluster_copy_pixel(int8_t *to, const int8_t *from, int32_t n, int words) {
    if (words) {
        for (int32_t i = 0; i < n; i += 4) {
            int32_t word;
            memcpy(&word, __builtin_assume_aligned(from + i, 4), 4);
            memcpy(__builtin_assume_aligned(to + i, 4), &word, 4);
        }
    } else {
        for (int32_t i = 0; i < n; i++) to[i] = from[i];
    }
}

RN_INLINE void rn_cluster_copy_s8(int32_t h, int32_t w, int32_t channels, rn_pitch xp, rn_pitch yp, const int8_t *x,
                                  int8_t *y, int32_t core, int32_t cores) {
    const rn_share pixels = rn_share_of(h * w, 1, core, cores);
    const uintptr_t all = (uintptr_t)x | (uintptr_t)y | (uintptr_t)(channels | xp.row | xp.pixel | yp.row | yp.pixel);
    const int words = (all & 3u) == 0u;
    int32_t row = pixels.from / w, column = pixels.from - row * w;
    for (int32_t left = pixels.to - pixels.from; left > 0; row++, column = 0) {
        const int32_t run = rn_min(left, w - column);
        const int8_t *from = x + row * xp.row + column * xp.pixel;
        int8_t *to = y + row * yp.row + column * yp.pixel;
        if (words) {
            for (int32_t i = 0; i < run; i++, from += xp.pixel, to += yp.pixel) {
                rn_cluster_copy_pixel(to, from, channels, 1);
            }
        } else {
            for (int32_t i = 0; i < run; i++, from += xp.pixel, to += yp.pixel) {
                rn_cluster_copy_pixel(to, from, channels, 0);
            }
        }
        left -= run;
    }
}

#endif
