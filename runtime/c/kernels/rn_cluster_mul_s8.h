/* Product of a window h x w x channels of int8 and one that may have a single row, column or both, on a cluster.
 *
 * y = requantize((a - a_zero) * (b - b_zero)), see rn_mul_s8.h; where b has a single row (column) its pitch there is 0.
 * y may be a. Cores share the elements evenly. The second kernel rounds half up in the high word of the product:
 * rounding single, shift in [33, 54].
 */
#ifndef RN_CLUSTER_MUL_S8_H
#define RN_CLUSTER_MUL_S8_H

#include "rn_cluster_part.h"
#include "rn_mul_s8.h"
#include "rn_rv32.h"

#define RN_CLUSTER_MUL(name, line)                                                                                     \
    RN_INLINE void name(int32_t h, int32_t w, int32_t channels, rn_pitch ap, rn_pitch bp, rn_pitch yp, int32_t a_zero, \
                        int32_t b_zero, const rn_requant *q, int32_t multiplier, int32_t shift, const int8_t *a,       \
                        const int8_t *b, int8_t *y, int32_t core, int32_t cores) {                                     \
        const int row = rn_has_dense_rows(ap, w) && rn_has_dense_rows(bp, w) && rn_has_dense_rows(yp, w);              \
        const int pixel = ap.pixel == channels && bp.pixel == channels && yp.pixel == channels;                        \
        const rn_cluster_lines lines = rn_cluster_lines_of(h, w, channels, row, pixel, core, cores);                   \
        const rn_mul_shape shape = {1, lines.to - lines.from, 1, a_zero, b_zero};                                      \
        for (int32_t i = lines.lines.from; i < lines.lines.to; i++) {                                                  \
            line(&shape, q, multiplier, shift, a + rn_cluster_line(&lines, ap, i), b + rn_cluster_line(&lines, bp, i), \
                 y + rn_cluster_line(&lines, yp, i));                                                                  \
        }                                                                                                              \
    }

RN_INLINE void rn_mul_line_rv32(const rn_mul_shape *s, const rn_requant *q, int32_t multiplier, int32_t shift,
                                const int8_t *a, const int8_t *b, int8_t *y) {
    const rn_rv32_channel ch = rn_rv32_scale(q, 0, multiplier, shift);
    RN_UNROLL(4)
    for (int32_t i = 0; i < s->middle; i++) {
        y[i] = rn_rv32_requantize((a[i] - s->a_zero) * (b[i] - s->b_zero), &ch, q);
    }
}

RN_CLUSTER_MUL(rn_cluster_mul_s8, rn_mul_s8)
RN_CLUSTER_MUL(rn_cluster_mul_s8_rv32, rn_mul_line_rv32)

#endif
