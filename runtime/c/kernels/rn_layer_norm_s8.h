/* Layer normalization over the last axis in integers: x, y [rows, n], n up to 2^15; portable C99.
 *
 * With s = sum(x), d = n x - s and w = n sum(x^2) - s^2 the normalized elements are d / sqrt(w + epsilon): what scale
 * and zero point x has does not matter. They have 20 fraction bits here; weight[i] and bias[i] 2^(shift - 14) bring
 * them to the result, which is shifted down by shift, 14 to 44, and rounded half up. epsilon is at least 1.
 */
#ifndef RN_LAYER_NORM_S8_H
#define RN_LAYER_NORM_S8_H

#include "rn_port.h"

typedef struct {
    int32_t rows, n, shift, lo, hi;
    int64_t epsilon;
} rn_layer_norm_shape;

/* floor(sqrt(v)), a binary digit at a time, for v below 2^62. */
RN_INLINE uint32_t rn_square_root(uint64_t v) {
    uint64_t root = 0;
    for (uint64_t one = (uint64_t)1 << 60; one != 0; one >>= 2) {
        const uint64_t tried = root + one;
        root >>= 1;
        if (v >= tried) v -= tried, root += one;
    }
    return (uint32_t)root;
}

#define RN_LAYER_NORM(name, X, Y)                                                                                   \
    RN_INLINE void name(const rn_layer_norm_shape *s, const int32_t *weight, const int32_t *bias, const X *x, Y *y) { \
        for (int32_t r = 0; r < s->rows; r++, x += s->n, y += s->n) {                                               \
            int32_t sum = 0, up = 0;                                                                                \
            int64_t squares = 0;                                                                                    \
            for (int32_t i = 0; i < s->n; i++) sum += x[i], squares += (int32_t)x[i] * x[i];                        \
            uint64_t t = (uint64_t)(s->n * squares - (int64_t)sum * sum + s->epsilon);                              \
            while (t < (uint64_t)1 << 60) t <<= 2, up++;                                                            \
            const uint32_t reciprocal = (uint32_t)(((uint64_t)1 << 61) / rn_square_root(t));                        \
            const int64_t half = (int64_t)1 << (40 - up), middle = (int64_t)1 << (s->shift - 1);                    \
            for (int32_t i = 0; i < s->n; i++) {                                                                    \
                const int32_t d = s->n * x[i] - sum;                                                                \
                const int32_t u = (int32_t)((d * (int64_t)reciprocal + half) >> (41 - up));                         \
                const int64_t v = (int64_t)u * weight[i] + bias[i] * ((int64_t)1 << (s->shift - 14));               \
                const int64_t rounded = (v + middle) >> s->shift;                                                   \
                y[i] = (Y)(rounded < s->lo ? s->lo : rounded > s->hi ? s->hi : rounded);                            \
            }                                                                                                       \
        }                                                                                                           \
    }

RN_LAYER_NORM(rn_layer_norm_s8, int8_t, int8_t)

#endif
