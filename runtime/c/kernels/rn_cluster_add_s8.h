/* Addition of two windows h x w x channels of int8 with their own scales on a cluster, portable C99.
 *
 * y = clamp((a * multiplier_a + b * multiplier_b + bias) >> shift, lo, hi), see rn_add_s8.h. y may be a or b.
 * Cores share the elements evenly.
 */
#ifndef RN_CLUSTER_ADD_S8_H
#define RN_CLUSTER_ADD_S8_H

#include "rn_add_s8.h"
#include "rn_cluster_part.h"

RN_INLINE void rn_cluster_add_s8(int32_t h, int32_t w, int32_t channels, rn_pitch ap, rn_pitch bp, rn_pitch yp,
                                 int32_t multiplier_a, int32_t multiplier_b, int32_t bias, int32_t shift, int32_t lo,
                                 int32_t hi, const int8_t *a, const int8_t *b, int8_t *y, int32_t core,
                                 int32_t cores) {
    const int row = rn_has_dense_rows(ap, w) && rn_has_dense_rows(bp, w) && rn_has_dense_rows(yp, w);
    const int pixel = ap.pixel == channels && bp.pixel == channels && yp.pixel == channels;
    const rn_cluster_lines lines = rn_cluster_lines_of(h, w, channels, row, pixel, core, cores);
    const int32_t bytes = lines.to - lines.from;
    for (int32_t i = lines.lines.from; i < lines.lines.to; i++) {
        const int8_t *const from_a = a + rn_cluster_line(&lines, ap, i);
        const int8_t *const from_b = b + rn_cluster_line(&lines, bp, i);
        rn_add_s8(bytes, multiplier_a, multiplier_b, bias, shift, lo, hi, from_a, from_b,
                  y + rn_cluster_line(&lines, yp, i));
    }
}

#endif
