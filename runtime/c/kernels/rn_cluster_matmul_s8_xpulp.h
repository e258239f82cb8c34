/* Matrix product of two int8 activations on a cluster, Xpulp: four rows by four columns at a time, 24 instructions per
 * 64 products; shapes and pitches as in rn_cluster_matmul_s8.h.
 *
 * Cores share rows by blocks of four columns. A core brings the columns of a block into words along the depth once for
 * all of its rows: they are neighbours in b. The bias of a column holds what a_zero gives; what b_zero gives follows
 * from the sum of a row, which is computed once for all blocks.
 *
 * Needs rounding single, shift in [33, 54].
 * scratch: cores x rn_cluster_matmul_s8_xpulp_scratch(s) bytes, word aligned.
 */
#ifndef RN_CLUSTER_MATMUL_S8_XPULP_H
#define RN_CLUSTER_MATMUL_S8_XPULP_H

#include "rn_cluster_xpulp.h"
#include "rn_matmul_s8.h"

/* Cycles, by the words of the depth, of a row by a block, and of bringing a block into words (measured). */
#define RN_MATMUL_ROW(words) (6 * (words) + 85)
#define RN_MATMUL_BLOCK(words) (40 * (words) + 40)

/* Bytes per core: the columns of a block, and a number for each row. */
RN_INLINE int32_t rn_cluster_matmul_s8_xpulp_scratch(const rn_matmul_shape *s) {
    return 4 * ((s->depth + 3) & ~3) + 4 * s->rows;
}

/* Up to four bytes, `step` apart, as a word; zeros behind the last one. */
RN_INLINE uint32_t rn_cluster_matmul_word(const int8_t *from, int32_t bytes, int32_t step) {
    if (bytes >= 4) return rn_xpulp_pack(from[0], from[step], from[2 * step], from[3 * step]);
    return rn_xpulp_pack(from[0], bytes > 1 ? from[step] : 0, bytes > 2 ? from[2 * step] : 0, 0);
}

/* A block of b [depth, columns] as words of four bytes of each column in turn, and what a_zero gives. Of an incomplete
 * block the last column repeats. */
RN_INLINE void rn_cluster_matmul_block(const rn_matmul_shape *s, const int8_t *b, int32_t pitch, int32_t columns,
                                       int8_t *to, int32_t bias[4]) {
    int32_t sums[4] = {0};
    const int32_t second = rn_min(1, columns - 1), third = rn_min(2, columns - 1), fourth = columns - 1;
    for (int32_t k = 0; k < s->depth; k += 4, b += 4 * pitch, to += 16) {
        const int32_t bytes = rn_min(s->depth - k, 4);
        const uint32_t words[4] = {
            rn_cluster_matmul_word(b, bytes, pitch), rn_cluster_matmul_word(b + second, bytes, pitch),
            rn_cluster_matmul_word(b + third, bytes, pitch), rn_cluster_matmul_word(b + fourth, bytes, pitch)};
        RN_UNROLL(4)
        for (int32_t j = 0; j < 4; j++) {
            sums[j] = rn_xpulp_sdotsp(sums[j], words[j], 0x01010101u);
            rn_xpulp_store(to + 4 * j, words[j]);
        }
    }
    for (int32_t j = 0; j < 4; j++) bias[j] = s->a_zero * (s->depth * s->b_zero - sums[j]);
}

/* What b_zero gives for each of some rows. */
RN_INLINE void rn_cluster_matmul_rows(const rn_matmul_shape *s, const int8_t *a, int32_t pitch, int32_t rows,
                                      int32_t *to) {
    for (int32_t r = 0; r < rows; r++, a += pitch) {
        int32_t sum = 0, k = 0;
        for (; k + 4 <= s->depth; k += 4) sum = rn_xpulp_sdotsp(sum, rn_xpulp_load(a + k), 0x01010101u);
        for (; k < s->depth; k++) sum += a[k];
        to[r] = s->b_zero * sum;
    }
}

/* 4 or 2 (`count`, a literal) rows, `pitch` apart, by a block of w. */
RN_INLINE void rn_cluster_matmul_unit(int32_t count, int32_t depth, const int8_t *a, int32_t pitch, const int8_t *w,
                                      const int32_t *bias, const int32_t *rows, int32_t next, rn_cluster_sums t[4]) {
    const rn_cluster_source in = {a, a, {0, 0}, 1, 0, 0, 0, 0};
    const int32_t words = depth / 4, rest = depth - 4 * words, x0 = rn_cluster_place(&in, 1, 0);
    const rn_tap_run four = {x0, pitch, 4 - 3 * pitch, words, 0};
    const rn_tap_run two = {x0, 4, 4, words, rn_cluster_place(&in, 1, pitch)};
    if (words == 0) {
        for (int32_t p = 0; p < count; p++)
            for (int32_t j = 0; j < 4; j++) t[p].c[j] = bias[j];
    } else if (count == 4) {
        rn_cluster_dot_4x4(t, &in, &four, 1, w, bias);
    } else {
        rn_cluster_dot_2x4(t, &in, &two, 1, w, bias);
    }
    RN_UNROLL(4)
    for (int32_t p = 0; p < count; p++) {
        const uint32_t last = rest > 0 ? rn_cluster_matmul_word(a + p * pitch + 4 * words, rest, 1) : 0;
        RN_UNROLL(4)
        for (int32_t j = 0; j < 4; j++) {
            if (rest > 0) t[p].c[j] = rn_xpulp_sdotsp(t[p].c[j], last, rn_xpulp_load(w + 16 * words + 4 * j));
            t[p].c[j] -= rows[p * next];
        }
    }
}

RN_INLINE void rn_cluster_matmul_s8_xpulp(const rn_matmul_shape *s, rn_pitch ap, rn_pitch bp, rn_pitch yp,
                                          const rn_requant *q, int32_t multiplier, int32_t shift, const int8_t *a,
                                          const int8_t *b, int8_t *y, void *scratch, int32_t core, int32_t cores) {
    const int32_t words = (s->depth + 3) / 4, blocks = (s->columns + 3) / 4;
    const rn_split split =
        rn_cluster_row_split(s->rows, blocks, RN_MATMUL_ROW(words), RN_MATMUL_BLOCK(words), core, cores);
    const int32_t count = split.a.to - split.a.from;
    int8_t *const w = rn_cluster_scratch(scratch, rn_cluster_matmul_s8_xpulp_scratch(s), core);
    int32_t *const rows = (int32_t *)(void *)(w + 16 * words);
    int32_t bias[4];
    const int32_t multipliers[4] = {multiplier, multiplier, multiplier, multiplier};
    const int8_t shifts[4] = {(int8_t)shift, (int8_t)shift, (int8_t)shift, (int8_t)shift};
    const rn_channels scale = {bias, multipliers, shifts};
    for (int32_t m = 0; m < s->batch; m++) {
        const int8_t *const from = a + m * ap.row + split.a.from * ap.pixel;
        rn_cluster_matmul_rows(s, from, ap.pixel, count, rows);
        for (int32_t block = split.b.from; block < split.b.to; block++) {
            const int32_t columns = rn_min(s->columns - 4 * block, 4);
            const int8_t *x = from;
            int8_t *to = y + m * yp.row + split.a.from * yp.pixel + 4 * block;
            rn_cluster_matmul_block(s, b + m * bp.row + 4 * block, bp.pixel, columns, w, bias);
            for (int32_t r = 0; r < count;) {
                rn_cluster_sums t[4];
                if (r + 4 <= count) {
                    rn_cluster_matmul_unit(4, s->depth, x, ap.pixel, w, bias, rows + r, 1, t);
                    rn_cluster_store_sums(t, 4, q, &scale, columns, to, yp.pixel);
                    r += 4, x += 4 * ap.pixel, to += 4 * yp.pixel;
                } else {
                    const int32_t next = count - r > 1; /* a single row is computed twice */
                    rn_cluster_matmul_unit(2, s->depth, x, next * ap.pixel, w, bias, rows + r, next, t);
                    rn_cluster_store_sums(t, 2, q, &scale, columns, to, next * yp.pixel);
                    r += 2, x += 2 * ap.pixel, to += 2 * yp.pixel;
                }
            }
        }
    }
}

#endif
