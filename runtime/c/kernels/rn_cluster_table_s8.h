/* Any int8 function of one int8 on a cluster: y[i] = table[x[i] + 128] on windows h x w x channels. y may be x.
 *
 * Cores share the elements evenly.
 */
#ifndef RN_CLUSTER_TABLE_S8_H
#define RN_CLUSTER_TABLE_S8_H

#include "rn_cluster_part.h"

RN_INLINE void rn_cluster_table_s8(int32_t h, int32_t w, int32_t channels, rn_pitch xp, rn_pitch yp,
                                   const int8_t table[256], const int8_t *x, int8_t *y, int32_t core, int32_t cores) {
    const int row = rn_has_dense_rows(xp, w) && rn_has_dense_rows(yp, w);
    const rn_cluster_lines lines =
        rn_cluster_lines_of(h, w, channels, row, xp.pixel == channels && yp.pixel == channels, core, cores);
    for (int32_t i = lines.lines.from; i < lines.lines.to; i++) {
        const int8_t *const from = x + rn_cluster_line(&lines, xp, i), *const middle = table + 128;
        int8_t *const to = y + rn_cluster_line(&lines, yp, i);
        RN_UNROLL(4)
        for (int32_t j = 0; j < lines.to - lines.from; j++) to[j] = middle[from[j]];
    }
}

#endif
