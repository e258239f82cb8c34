/* What the rn_cluster_*.h kernels share: windows of tensors in L1, and who computes what.
 *
 * Every core calls the same kernel with its own number; the share of a core follows from `core` and `cores`
 * alone, shares do not overlap, and there is no barrier inside a kernel. Per core scratch is a slice of one block.
 */
#ifndef RN_CLUSTER_PART_H
#define RN_CLUSTER_PART_H

#include "rn_port.h"

typedef struct {
    int32_t from, to;
} rn_share;

/* The part-th of `parts` shares of n things, in multiples of `unit`; the last shares may be smaller or empty. */
RN_INLINE rn_share rn_share_of(int32_t n, int32_t unit, int32_t part, int32_t parts) {
    const int32_t units = (n + unit - 1) / unit, size = (units + parts - 1) / parts * unit;
    const rn_share r = {rn_min(part * size, n), rn_min((part + 1) * size, n)};
    return r;
}

RN_INLINE int8_t *rn_cluster_scratch(void *scratch, int32_t bytes, int32_t core) {
    return (int8_t *)scratch + core * bytes;
}

/* Shares of a layer of a x b things: of the parts * parts that there are, those of this core. */
typedef struct {
    rn_share a, b;
} rn_split;

/* `b_parts` of the cores share the second dimension, cores / b_parts the first; cores beyond that get nothing. */
RN_INLINE rn_split rn_split_of(int32_t a, int32_t a_unit, int32_t b, int32_t b_parts, int32_t core, int32_t cores) {
    const int32_t a_parts = cores / b_parts, a_part = core / b_parts;
    rn_split r = {{0, 0}, rn_share_of(b, 1, core % b_parts, b_parts)};
    if (a_part < a_parts) r.a = rn_share_of(a, a_unit, a_part, a_parts);
    return r;
}

/* Rows by channels (or blocks of them): cores are split so that the slowest has the least to do. A row costs `row`, and
 * each share of rows costs `halo` in addition. Where that is the same, more shares of rows. */
RN_INLINE rn_split rn_cluster_row_split(int32_t rows, int32_t blocks, int32_t row, int32_t halo, int32_t core,
                                        int32_t cores) {
    int32_t best = 1, least = INT32_MAX;
    RN_UNROLL(5)
    for (int32_t parts = 1; parts <= cores; parts *= 2) {
        const int32_t share = (rows + cores / parts - 1) / (cores / parts);
        const int32_t cost = (row * share + halo) * ((blocks + parts - 1) / parts);
        if (cost < least) least = cost, best = parts;
    }
    return rn_split_of(rows, 1, blocks, best, core, cores);
}

/* A word of four bytes that are the same. */
RN_INLINE int32_t rn_cluster_splat(int32_t byte) { return (int32_t)(((uint32_t)byte & 255) * 0x01010101u); }

RN_INLINE int rn_is_below(int32_t i, int32_t n) { return (uint32_t)i < (uint32_t)n; }

/* An output of h x w x channels in the order of dense memory. */
typedef struct {
    int32_t y, x, channel;
} rn_cluster_output;

RN_INLINE rn_cluster_output rn_cluster_output_of(int32_t index, int32_t w, int32_t channels) {
    const int32_t pixel = index / channels;
    const rn_cluster_output r = {pixel / w, pixel % w, index % channels};
    return r;
}

RN_INLINE void rn_cluster_next_output(rn_cluster_output *at, int32_t w, int32_t channels) {
    if (++at->channel < channels) return;
    at->channel = 0;
    if (++at->x < w) return;
    at->x = 0, at->y++;
}

/* What an elementwise kernel walks over: h x w lines of contiguous bytes, as long as the windows allow. A core gets
 * the bytes from `from` to `to` - 1 (multiples of 4, but for the end) of the lines of its share. */
typedef struct {
    int32_t w, from, to;
    rn_share lines;
} rn_cluster_lines;

/* `row`: whether the rows of all windows follow one another without a gap, `pixel`: their pixels. */
RN_INLINE rn_cluster_lines rn_cluster_lines_of(int32_t h, int32_t w, int32_t channels, int row, int pixel,
                                               int32_t core, int32_t cores) {
    const int32_t bytes = pixel ? (row ? h * w * channels : w * channels) : channels;
    const int32_t lines = pixel ? (row ? 1 : h) : h * w;
    const rn_split split = rn_cluster_row_split(lines, (bytes + 3) / 4, 1, 0, core, cores);
    const rn_cluster_lines r = {pixel ? 1 : w, rn_min(4 * split.b.from, bytes), rn_min(4 * split.b.to, bytes), split.a};
    return r;
}

RN_INLINE int32_t rn_cluster_line(const rn_cluster_lines *lines, rn_pitch p, int32_t line) {
    return line / lines->w * p.row + line % lines->w * p.pixel + lines->from;
}

RN_INLINE int rn_has_dense_rows(rn_pitch p, int32_t w) { return p.row == w * p.pixel; }

RN_INLINE int8_t rn_cluster_byte(const int8_t *x, rn_pitch p, int32_t iy, int32_t ix, int32_t channel) {
    return x[iy * p.row + ix * p.pixel + channel];
}

#endif
