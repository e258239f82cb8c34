/* A kernel of your own for the residual add on a cluster: same signature as rn_cluster_add_s8, same bytes.
 *
 * Every core calls it with its number; a, b and y are windows h x w x channels with pitches of their own.
 */
#ifndef MY_CLUSTER_ADD_S8_H
#define MY_CLUSTER_ADD_S8_H

#include "rn_cluster_part.h"

RN_INLINE void my_cluster_add_s8(int32_t h, int32_t w, int32_t channels, rn_pitch ap, rn_pitch bp, rn_pitch yp,
                                 int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift, int32_t lo,
                                 int32_t hi, const int8_t *a, const int8_t *b, int8_t *y, int32_t core,
                                 int32_t cores) {
    for (int32_t row = core; row < h; row += cores) { /* rows in turn: no two cores write the same */
        for (int32_t column = 0; column < w; column++) {
            for (int32_t i = 0; i < channels; i++) {
                const int32_t sum = rn_cluster_byte(a, ap, row, column, i) * multiplier_a +
                                    rn_cluster_byte(b, bp, row, column, i) * multiplier_b + bias;
                y[row * yp.row + column * yp.pixel + i] = (int8_t)rn_clamp(sum >> shift, lo, hi);
            }
        }
    }
}

#endif
