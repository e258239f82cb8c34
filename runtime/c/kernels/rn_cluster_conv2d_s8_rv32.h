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

/* What a tap of a pixel takes in the list of runs: 15 cycles, but rn_cluster_pixels_cost counts an eighth of what
 * products take here. */
#define RN_LIST_CYCLES 2

/* Bytes per core. */
RN_INLINE int32_t rn_cluster_conv2d_s8_rv32_scratch(const rn_conv2d_shape *s) { return rn_cluster_runs_bytes(s); }

/* Adds the products of four pixels with one tap of four channels. Products come first: each is used a cycle later. */
RN_INLINE void rn_cluster_rv32_tap(rn_cluster_sums *p0, rn_cluster_sums *p1, rn_cluster_sums *p2, rn_cluster_sums *p3,
                                   int32_t v0, int32_t v1, int32_t v2, int32_t v3, const int8_t *w) {
    RN_UNROLL(4)
    for (int32_t j = 0; j < 4; j++) {
        const int32_t tap = w[j];
        int32_t m0 = v0 * tap, m1 = v1 * tap;
        RN_TOGETHER(m0, m1);
        p0->c[j] += m0, p1->c[j] += m1;
        m0 = v2 * tap, m1 = v3 * tap;
        RN_TOGETHER(m0, m1);
        p2->c[j] += m0, p3->c[j] += m1;
    }
}

/* Sums of four pixels, `distance` bytes apart, by the four channels of a block; the first window is at (iy, ix). */
RN_INLINE void rn_cluster_rv32_four(rn_cluster_sums t[4], const rn_conv2d_shape *s, const rn_cluster_source *in,
                                    int32_t iy, int32_t ix, const int8_t *w, const int32_t *bias) {
    const int32_t distance = s->stride_w * in->pitch.pixel;
    const int32_t taps = in->dense ? 1 : s->k_w, bytes = in->dense ? s->k_w * s->in_c : s->in_c;
    rn_cluster_sums p0 = {{bias[0], bias[1], bias[2], bias[3]}};
    rn_cluster_sums p1 = p0, p2 = p0, p3 = p0;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        if (!rn_is_below(iy + ky, in->in_h)) {
            for (const int8_t *const end = w + 4 * s->k_w * s->in_c; w != end; w += 4) {
                RN_UNROLL(4)
                for (int32_t j = 0; j < 4; j++) {
                    const int32_t m = s->in_zero * w[j];
                    p0.c[j] += m, p1.c[j] += m, p2.c[j] += m, p3.c[j] += m;
                }
            }
            continue;
        }
        const int8_t *x = in->x + (iy + ky) * in->pitch.row + ix * in->pitch.pixel;
        for (int32_t kx = 0; kx < taps; kx++, x += in->pitch.pixel - bytes) {
            RN_UNROLL(2)
            for (int32_t i = 0; i < bytes; i++, x++, w += 4) {
                rn_cluster_rv32_tap(&p0, &p1, &p2, &p3, x[0], x[distance], x[2 * distance], x[3 * distance], w);
            }
        }
    }
    t[0] = p0, t[1] = p1, t[2] = p2, t[3] = p3;
}

/* Sums of two pixels. */
RN_INLINE void rn_cluster_rv32_two(rn_cluster_sums t[2], const rn_cluster_source *in, const rn_tap_run *r, int32_t runs,
                                   const int8_t *w, const int32_t *bias) {
    rn_cluster_sums p0 = {{bias[0], bias[1], bias[2], bias[3]}}, p1 = p0;
    for (; runs > 0; runs--, r++) {
        const int8_t *x0 = rn_cluster_pointer(in, r->x0, r->step0), *x1 = rn_cluster_pointer(in, r->x1, r->step1);
        const int32_t step0 = r->step0, step1 = r->step1;
        for (const int8_t *const end = w + 4 * r->grains; w != end; w += 4, x0 += step0, x1 += step1) {
            const int32_t v0 = *x0, v1 = *x1;
            RN_UNROLL(4)
            for (int32_t j = 0; j < 4; j++) p0.c[j] += v0 * w[j], p1.c[j] += v1 * w[j];
        }
    }
    t[0] = p0, t[1] = p1;
}

/* The blocks of four channels of a core for a unit of pixels; `runs`: of two. */
RN_INLINE void rn_cluster_rv32_blocks(int32_t pixels, const rn_conv2d_shape *s, rn_share blocks, const rn_requant *q,
                                      const rn_channels *c, const rn_cluster_source *in, const rn_cluster_unit *u,
                                      const rn_tap_run *runs, int32_t count, const int8_t *w, int8_t *y) {
    const int32_t k = s->k_h * s->k_w * s->in_c;
    for (int32_t o = 4 * blocks.from; o < 4 * blocks.to; o += 4) {
        RN_OPAQUE(o);
        const int32_t channels = s->out_c % 4 == 0 ? 4 : rn_min(s->out_c - o, 4);
        rn_cluster_copy copy;
        const rn_channels block = rn_cluster_block(c, o, channels, &copy);
        rn_cluster_sums t[4];
        if (pixels == 4)
            rn_cluster_rv32_four(t, s, in, u->iy, u->ix, w + o * k, block.bias);
        else
            rn_cluster_rv32_two(t, in, runs, count, w + o * k, block.bias);
        rn_cluster_store_sums(t, pixels, q, &block, channels, y + u->y + o, u->distance);
    }
}

RN_INLINE void rn_cluster_conv2d_s8_rv32(const rn_conv2d_shape *shape, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                         const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                         void *scratch, int32_t core, int32_t cores) {
    const rn_conv2d_shape flat = rn_cluster_flat(shape, xp, yp), *const s = &flat;
    const int32_t zero = rn_cluster_splat(s->in_zero);
    const rn_channels channels = *c; /* in registers or on the stack, wherever *c is */
    const int32_t words = s->k_h * s->k_w * s->in_c / 4, once = RN_LIST_CYCLES * s->k_h * s->k_w;
    const rn_split split = rn_cluster_conv_split(s->out_h * s->out_w, (s->out_c + 3) / 4, words, once, core, cores);
    const rn_cluster_source in = rn_cluster_source_of(s, xp, x, &zero);
    rn_tap_run *const runs =
        (rn_tap_run *)(void *)rn_cluster_scratch(scratch, rn_cluster_conv2d_s8_rv32_scratch(s), core);
    rn_cluster_pixel at = rn_cluster_pixel_of(s, split.a.from);
    for (int32_t left = split.a.to - split.a.from; left > 0;) {
        const rn_cluster_unit u = rn_cluster_unit_of(s, yp, in.first, in.last, left, &at);
        left -= u.pixels;
        if (u.pixels == 4) {
            rn_cluster_rv32_blocks(4, s, split.b, q, &channels, &in, &u, runs, 0, w, y);
        } else {
            const int32_t count = rn_cluster_two(s, &in, 1, u.iy, u.ix, u.iy1, u.ix1, runs);
            rn_cluster_rv32_blocks(2, s, split.b, q, &channels, &in, &u, runs, count, w, y);
        }
    }
}

#endif
