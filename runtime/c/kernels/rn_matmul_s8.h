/* Matrix product of two int8 activations, portable C99: a [batch, rows, depth], b [batch, depth, columns],
 * y [batch, rows, columns].
 *
 * y = requantize(sum((a - a_zero) * (b - b_zero))): the sum of a row of a takes in what b_zero gives, so that b is
 * multiplied as it is stored. Columns are computed four at a time: they are neighbours in b.
 */
#ifndef RN_MATMUL_S8_H
#define RN_MATMUL_S8_H

#include "rn_requant.h"

typedef struct {
    int32_t batch, rows, depth, columns, a_zero, b_zero;
} rn_matmul_shape;

#define RN_MATMUL(name, A, B, Y, requantize)                                                                          \
    RN_INLINE void name(const rn_matmul_shape *s, const rn_requant *q, int32_t multiplier, int32_t shift, const A *a, \
                        const B *b, Y *y) {                                                                           \
        const int32_t n = s->columns;                                                                                 \
        for (int32_t r = 0; r < s->batch * s->rows; r++, a += s->depth, y += n) {                                     \
            const B *const matrix = b + (size_t)(r / s->rows) * (size_t)(s->depth * n);                               \
            int32_t row = 0, c = 0;                                                                                   \
            for (int32_t k = 0; k < s->depth; k++) row += a[k] - s->a_zero;                                           \
            const int32_t start = -s->b_zero * row;                                                                   \
            for (; c + 4 <= n; c += 4) {                                                                              \
                int32_t sum0 = start, sum1 = start, sum2 = start, sum3 = start;                                       \
                const B *p = matrix + c;                                                                              \
                for (int32_t k = 0; k < s->depth; k++, p += n) {                                                      \
                    const int32_t factor = a[k] - s->a_zero;                                                          \
                    sum0 += factor * p[0], sum1 += factor * p[1];                                                     \
                    sum2 += factor * p[2], sum3 += factor * p[3];                                                     \
                }                                                                                                     \
                y[c] = requantize(sum0, multiplier, shift, q);                                                        \
                y[c + 1] = requantize(sum1, multiplier, shift, q);                                                    \
                y[c + 2] = requantize(sum2, multiplier, shift, q);                                                    \
                y[c + 3] = requantize(sum3, multiplier, shift, q);                                                    \
            }                                                                                                         \
            for (; c < n; c++) {                                                                                      \
                int32_t sum = start;                                                                                  \
                const B *p = matrix + c;                                                                              \
                for (int32_t k = 0; k < s->depth; k++, p += n) sum += (a[k] - s->a_zero) * *p;                        \
                y[c] = requantize(sum, multiplier, shift, q);                                                         \
            }                                                                                                         \
        }                                                                                                             \
    }

RN_MATMUL(rn_matmul_s8, int8_t, int8_t, int8_t, rn_requantize)

#endif
