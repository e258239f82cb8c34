/* 2-D convolution on a cluster, int8, rv32im: 4 pixels x 4 channels at a time, about 45 instructions per 16 products.
 *
 * As rn_cluster_conv2d_s8_xpulp.h, but with runs of bytes, so windows are read in place for any in_c.
 *
 * w: packed with rows = 4, cols = 1: the weights of four channels for one column are neighbours.
 * Needs groups = 1, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: cores x rn_cluster_conv2d_s8_rv32_scratch(s) bytes, word aligned.
 */
#ifndef RN_CLUSTER_CONV2D_S8_RV32_H
#define RN_CLUSTER_CONV2D_S8_RV32_H

#include "rn_cluster_runs.h"
#include "rn_cluster_store.h"

/* Bytes per core. */
RN_INLINE int32_t rn_cluster_conv2d_s8_rv32_scratch(const rn_conv2d_shape *s) { return rn_cluster_runs_bytes(s); }

/* Sums of four or two (`pixels`, a literal) pixels by the four channels of a block. */
RN_INLINE void rn_cluster_rv32_dot(rn_cluster_sums t[4], int32_t pixels, const rn_cluster_source *in,
                                   const rn_tap_run *r, int32_t runs, const int8_t *w, const int32_t *bias) {
    rn_cluster_sums p0 = {{bias[0], bias[1], bias[2], bias[3]}};
    rn_cluster_sums p1 = p0, p2 = p0, p3 = p0;
    for (; runs > 0; runs--, r++) {
        const int8_t *x0 = rn_cluster_pointer(in, r->x0, r->step0), *x1 = x0, *x2 = x0, *x3 = x0;
        int32_t move0 = r->step0, move1 = r->step1;
        if (pixels == 4) {
            x1 += r->step0, x2 = x1 + r->step0, x3 = x2 + r->step0;
            move0 = move1 = r->step0 != 0;
        } else {
            x1 = rn_cluster_pointer(in, r->x1, r->step1);
        }
        for (const int8_t *const end = w + 4 * r->grains; w != end; w += 4, x0 += move0, x1 += move1) {
            const int32_t v0 = *x0, v1 = *x1, v2 = pixels == 4 ? *x2 : 0, v3 = pixels == 4 ? *x3 : 0;
            if (pixels == 4) x2 += move0, x3 += move0;
            RN_UNROLL(4)
            for (int32_t j = 0; j < 4; j++) {
                const int32_t tap = w[j];
                p0.c[j] += v0 * tap, p1.c[j] += v1 * tap;
                if (pixels == 4) p2.c[j] += v2 * tap, p3.c[j] += v3 * tap;
            }
        }
    }
    t[0] = p0, t[1] = p1, t[2] = p2, t[3] = p3;
}

/* The blocks of four channels of a core, for 4 or 2 (`pixels`, a literal) pixels. */
RN_INLINE void rn_cluster_rv32_blocks(int32_t pixels, int32_t out_c, int32_t k, rn_share blocks, const rn_requant *q,
                                      const rn_channels *c, const rn_cluster_source *in, const rn_tap_run *runs,
                                      int32_t count, const int8_t *w, int8_t *y, int32_t distance) {
    for (int32_t o = 4 * blocks.from; o < 4 * blocks.to; o += 4) {
        const int32_t channels = out_c % 4 == 0 ? 4 : rn_min(out_c - o, 4);
        rn_cluster_copy copy;
        const rn_channels block = rn_cluster_block(c, o, channels, &copy);
        rn_cluster_sums t[4];
        rn_cluster_rv32_dot(t, pixels, in, runs, count, w + o * k, block.bias);
        rn_cluster_store_sums(t, pixels, q, &block, channels, y + o, distance);
    }
}

RN_INLINE void rn_cluster_conv2d_s8_rv32(const rn_conv2d_shape *shape, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                         const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                         void *scratch, int32_t core, int32_t cores) {
    const rn_conv2d_shape flat = rn_cluster_flat(shape, xp, yp), *const s = &flat;
    const int32_t k = s->k_h * s->k_w * s->in_c, zero = rn_cluster_splat(s->in_zero);
    const rn_channels channels = *c; /* in registers or on the stack, wherever *c is */
    const rn_split split = rn_cluster_conv_split(s->out_h * s->out_w, (s->out_c + 3) / 4, core, cores);
    const rn_cluster_source in = rn_cluster_source_of(s, xp, x, &zero);
    rn_tap_run *const runs =
        (rn_tap_run *)(void *)rn_cluster_scratch(scratch, rn_cluster_conv2d_s8_rv32_scratch(s), core);
    rn_cluster_pixel at = rn_cluster_pixel_of(s, split.a.from);
    for (int32_t left = split.a.to - split.a.from; left > 0;) {
        const rn_cluster_unit u = rn_cluster_unit_of(s, yp, in.first, in.last, left, &at);
        left -= u.pixels;
        if (u.pixels == 4) {
            const int32_t count = rn_cluster_four(s, &in, 1, u.iy, u.ix, runs);
            rn_cluster_rv32_blocks(4, s->out_c, k, split.b, q, &channels, &in, runs, count, w, y + u.y, u.distance);
        } else {
            const int32_t count = rn_cluster_two(s, &in, 1, u.iy, u.ix, u.iy1, u.ix1, runs);
            rn_cluster_rv32_blocks(2, s->out_c, k, split.b, q, &channels, &in, runs, count, w, y + u.y, u.distance);
        }
    }
}

#endif
