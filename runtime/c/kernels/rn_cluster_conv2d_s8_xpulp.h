/* 2-D convolution on a cluster, int8, Xpulp: 4 pixels x 4 channels at a time, 24 instructions per 64 products.
 *
 * A core takes its share of the pixels, in units of four, two or one neighbours, and for each unit its share of
 * the channels. Where in_c is a multiple of 4 windows are read in place (rn_cluster_runs.h): four pixels where none
 * has padding to its left or right, else two. Otherwise a run would not begin at a word, so the windows of up to
 * four pixels are gathered in scratch.
 *
 * w: packed with rows = 4, cols = 4. Needs groups = 1, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: cores x rn_cluster_conv2d_s8_xpulp_scratch(s) bytes, word aligned.
 */
#ifndef RN_CLUSTER_CONV2D_S8_XPULP_H
#define RN_CLUSTER_CONV2D_S8_XPULP_H

#include "rn_cluster_xpulp.h"

/* Bytes of a window, padded to whole words. */
RN_INLINE int32_t rn_cluster_window(const rn_conv2d_shape *s) { return (s->k_h * s->k_w * s->in_c + 3) & ~3; }

/* Bytes per core. */
RN_INLINE int32_t rn_cluster_conv2d_s8_xpulp_scratch(const rn_conv2d_shape *s) {
    if (s->in_c % 4 != 0) return 4 * rn_cluster_window(s);
    return rn_cluster_runs_bytes(s);
}

RN_INLINE int8_t *rn_cluster_move(int8_t *to, const int8_t *from, int32_t bytes) {
    for (; bytes >= 4; bytes -= 4, to += 4, from += 4) rn_xpulp_store(to, rn_xpulp_load(from));
    for (; bytes > 0; bytes--) *to++ = *from++;
    return to;
}

RN_INLINE int8_t *rn_cluster_pad(int8_t *to, uint32_t word, int32_t bytes) {
    for (; bytes >= 4; bytes -= 4, to += 4) rn_xpulp_store(to, word);
    for (; bytes > 0; bytes--) *to++ = (int8_t)word;
    return to;
}

/* The rows of the window at (iy, ix) one after the other. What follows them meets weights of zero. */
RN_INLINE void rn_cluster_gather(const rn_conv2d_shape *s, const rn_cluster_source *in, uint32_t zero, int32_t iy,
                                 int32_t ix, int8_t *to) {
    const int32_t left = rn_clamp(-ix, 0, s->k_w), right = rn_clamp(ix + s->k_w - s->in_w, 0, s->k_w - left);
    const int32_t taps = s->k_w - left - right;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        if (!rn_is_below(iy + ky, s->in_h) || taps == 0) {
            to = rn_cluster_pad(to, zero, s->k_w * s->in_c);
            continue;
        }
        const int8_t *from = in->x + (iy + ky) * in->pitch.row + (ix + left) * in->pitch.pixel;
        if (left > 0) to = rn_cluster_pad(to, zero, left * s->in_c);
        if (in->dense) {
            to = rn_cluster_move(to, from, taps * s->in_c);
        } else {
            for (int32_t j = 0; j < taps; j++, from += in->pitch.pixel) to = rn_cluster_move(to, from, s->in_c);
        }
        if (right > 0) to = rn_cluster_pad(to, zero, right * s->in_c);
    }
}

/* Blocks `from` to `to` - 1 of four channels of 4, 2 or 1 pixels (a literal). */
RN_INLINE void rn_cluster_conv_blocks(int32_t pixels, int32_t out_c, int32_t k, rn_share blocks, const rn_requant *q,
                                      const rn_channels *c, const rn_cluster_source *in, const rn_tap_run *runs,
                                      int32_t count, const int8_t *w, int8_t *const *y) {
    for (int32_t o = 4 * blocks.from; o < 4 * blocks.to; o += 4) {
        const int32_t channels = out_c % 4 == 0 ? 4 : rn_min(out_c - o, 4);
        const int32_t *bias = c->bias + o;
        int32_t last[4];
        rn_cluster_sums t[4];
        if (channels < 4) {
            for (int32_t j = 0; j < 4; j++) last[j] = bias[rn_min(j, channels - 1)];
            bias = last;
        }
        if (pixels == 4)
            rn_cluster_dot_4x4(t, in, runs, count, w + o * k, bias);
        else
            rn_cluster_dot_2x4(t, in, runs, count, w + o * k, bias);
        rn_cluster_store_sums(t, pixels, q, c, o, channels, y);
    }
}

RN_INLINE void rn_cluster_conv2d_s8_xpulp(const rn_conv2d_shape *shape, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                          const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                          void *scratch, int32_t core, int32_t cores) {
    const rn_conv2d_shape flat = rn_cluster_flat(shape, xp, yp), *const s = &flat;
    const int in_place = s->in_c % 4 == 0;
    const int32_t k = rn_cluster_window(s), zero = rn_cluster_splat(s->in_zero);
    const rn_split split = rn_cluster_conv_split(s->out_h * s->out_w, (s->out_c + 3) / 4, core, cores);
    const rn_cluster_source in = rn_cluster_source_of(s, xp, x, &zero);
    int8_t *const own = rn_cluster_scratch(scratch, rn_cluster_conv2d_s8_xpulp_scratch(s), core);
    const rn_cluster_source windows = {own, own, {0, 0}, 1, 0, 0}, *const from = in_place ? &in : &windows;
    rn_tap_run one = {rn_cluster_place(&windows, 1, 0), 0, 0, k / 4, 0};
    rn_tap_run *const runs = in_place ? (rn_tap_run *)(void *)own : &one;
    rn_cluster_pixel at = rn_cluster_pixel_of(s, split.a.from);
    for (int32_t left = split.a.to - split.a.from; left > 0;) {
        int32_t iy[4], ix[4], count = 1;
        int8_t *to[4];
        const int32_t n = in_place ? rn_cluster_unit(&in, at.x, left) : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        for (int32_t p = 0; p < n; p++) {
            rn_cluster_step(s, &at, yp, y, iy + p, ix + p, to + p);
            if (!in_place) rn_cluster_gather(s, &in, (uint32_t)zero, iy[p], ix[p], own + p * k);
        }
        if (n == 4) {
            one.step0 = k, one.step1 = 4 - 3 * k;
            if (in_place) count = rn_cluster_four(s, &in, 4, iy[0], ix[0], runs);
            rn_cluster_conv_blocks(4, s->out_c, k, split.b, q, c, from, runs, count, w, to);
        } else {
            const int32_t p = n - 1; /* a single pixel is its own neighbour */
            to[1] = to[p];
            one.step0 = one.step1 = 4, one.x1 = rn_cluster_place(&windows, 1, p * k);
            if (in_place) count = rn_cluster_two(s, &in, 4, iy[0], ix[0], iy[p], ix[p], runs);
            rn_cluster_conv_blocks(2, s->out_c, k, split.b, q, c, from, runs, count, w, to);
        }
        left -= n;
    }
}

#endif
