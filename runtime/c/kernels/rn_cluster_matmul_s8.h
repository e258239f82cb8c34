/* Matrix product of two int8 activations on a cluster, portable C99: a [batch, rows, depth], b [batch, depth, columns],
 * y [batch, rows, columns]; the pitches of a matrix and of its rows are `row` and `pixel`.
 *
 * y = requantize(sum((a - a_zero) * (b - b_zero))). Cores share blocks of a row by four columns. No scratch.
 */
#ifndef RN_CLUSTER_MATMUL_S8_H
#define RN_CLUSTER_MATMUL_S8_H

#include "rn_cluster_part.h"
#include "rn_matmul_s8.h"

RN_INLINE void rn_cluster_matmul_s8(const rn_matmul_shape *s, rn_pitch ap, rn_pitch bp, rn_pitch yp,
                                    const rn_requant *q, int32_t multiplier, int32_t shift, const int8_t *a,
                                    const int8_t *b, int8_t *y, void *scratch, int32_t core, int32_t cores) {
    const int32_t blocks = (s->columns + 3) / 4;
    const rn_share share = rn_share_of(s->batch * s->rows * blocks, 1, core, cores);
    (void)scratch;
    for (int32_t i = share.from; i < share.to; i++) {
        const int32_t row = i / blocks, c = i % blocks * 4, matrix = row / s->rows, r = row % s->rows;
        const int32_t columns = rn_min(s->columns - c, 4);
        const int8_t *const from = a + matrix * ap.row + r * ap.pixel, *p = b + matrix * bp.row + c;
        int8_t *const to = y + matrix * yp.row + r * yp.pixel + c;
        int32_t sums[4] = {0};
        for (int32_t k = 0; k < s->depth; k++, p += bp.pixel) {
            const int32_t factor = from[k] - s->a_zero;
            RN_UNROLL(4)
            for (int32_t j = 0; j < 4; j++) {
                if (j < columns) sums[j] += factor * (p[j] - s->b_zero);
            }
        }
        for (int32_t j = 0; j < columns; j++) to[j] = rn_requantize(sums[j], multiplier, shift, q);
    }
}

#endif
