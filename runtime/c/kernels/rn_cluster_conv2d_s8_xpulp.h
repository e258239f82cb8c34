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

/* Of a row of a gathered window, part of it padding (measured). */
#define RN_GATHER_CYCLES 24

/* Bytes of a window, padded to whole words. */
RN_INLINE int32_t rn_cluster_window(const rn_conv2d_shape *s) { return (s->k_h * s->k_w * s->in_c + 3) & ~3; }

/* Bytes per core: of gathered windows with room for what is copied too much. */
RN_INLINE int32_t rn_cluster_conv2d_s8_xpulp_scratch(const rn_conv2d_shape *s) {
    return s->in_c % 4 == 0 ? rn_cluster_runs_bytes(s) : 4 * rn_cluster_window(s) + 4;
}

/* Copies whole words, up to 3 bytes more than asked for (as C it does not): four loads, then four stores. */
RN_INLINE void rn_cluster_move_words(int8_t *to, const int8_t *from, int32_t bytes) {
#if RN_XPULP_ASM
    RN_UNROLL(4)
    for (int32_t i = 0; i < bytes; i += 16) {
        uint32_t v[4] = {0};
        RN_UNROLL(4)
        for (int32_t j = 0; j < 16; j += 4) {
            if (i + j < bytes) v[j / 4] = rn_xpulp_load(from + i + j);
        }
        RN_UNROLL(4)
        for (int32_t j = 0; j < 16; j += 4) {
            if (i + j < bytes) rn_xpulp_store(to + i + j, v[j / 4]);
        }
    }
#else
    memcpy(to, from, (size_t)bytes);
#endif
}

RN_INLINE void rn_cluster_fill_words(int8_t *to, uint32_t word, int32_t bytes) {
#if RN_XPULP_ASM
    RN_UNROLL(4)
    for (int32_t i = 0; i < bytes; i += 4) rn_xpulp_store(to + i, word);
#else
    memset(to, (int)(word & 255), (size_t)bytes);
#endif
}

RN_INLINE void rn_cluster_move(int8_t *to, const int8_t *from, int32_t bytes) {
    for (; bytes >= 4; bytes -= 4, to += 4, from += 4) rn_xpulp_store(to, rn_xpulp_load(from));
    for (; bytes > 0; bytes--) *to++ = *from++;
}

/* The rows of the window at (iy, ix) one after the other, with their padding. */
RN_INLINE void rn_cluster_gather(const rn_conv2d_shape *s, const rn_cluster_source *in, int32_t iy, int32_t ix,
                                 int8_t *to) {
    const int32_t run = s->k_w * s->in_c, left = rn_max(-ix, 0), taps = rn_min(in->in_w - ix, s->k_w) - left;
    const int32_t moves = in->dense ? 1 : taps, bytes = in->dense ? taps * s->in_c : s->in_c;
    for (int32_t ky = 0; ky < s->k_h; ky++, to += run) {
        const int row = rn_is_below(iy + ky, in->in_h);
        if (!row || taps < s->k_w) rn_cluster_fill_words(to, rn_xpulp_load(in->zero), run);
        if (!row || taps <= 0) continue;
        for (int32_t j = 0; j < moves; j++) {
            const int32_t offset = (iy + ky) * in->pitch.row + (ix + left + j) * in->pitch.pixel;
            rn_cluster_move(to + (left + j) * s->in_c, in->x + offset, bytes);
        }
    }
}

/* The same for a window without padding. A row is overwritten by the next where it is too long, and behind what is
 * read there is at least another row of the input. */
RN_INLINE void rn_cluster_gather_inside(const rn_conv2d_shape *s, const rn_cluster_source *in, const int8_t *from,
                                        int8_t *to) {
    const int32_t run = s->k_w * s->in_c;
    RN_UNROLL(3)
    for (int32_t ky = 0; ky < s->k_h; ky++, from += in->pitch.row, to += run) rn_cluster_move_words(to, from, run);
}

/* Gathers the windows of a unit one after the other; what follows each meets weights of zero. Returns the run. */
RN_INLINE rn_tap_run rn_cluster_gather_unit(const rn_conv2d_shape *s, const rn_cluster_source *in,
                                            const rn_cluster_source *windows, const rn_cluster_unit *u, int32_t k,
                                            int8_t *to) {
    const rn_tap_run four = {rn_cluster_place(windows, 1, 0), k, 4 - 3 * k, k / 4, 0};
    const rn_tap_run two = {four.x0, 4, 4, k / 4, rn_cluster_place(windows, 1, u->pixels == 1 ? 0 : k)};
    const int32_t inside_h = in->in_h - s->k_h, inside_w = in->dense ? in->in_w - s->k_w + 1 : 0;
    int32_t iy = u->iy, ix = u->ix;
    for (int32_t p = 0; p < u->pixels; p++, to += k) {
        if (rn_is_below(iy, rn_max(inside_h, 0)) && rn_is_below(ix, rn_max(inside_w, 0)))
            rn_cluster_gather_inside(s, in, in->x + iy * in->pitch.row + ix * in->pitch.pixel, to);
        else
            rn_cluster_gather(s, in, iy, ix, to);
        iy = u->iy1, ix = u->pixels == 4 ? ix + s->stride_w : u->ix1;
    }
    return u->pixels == 4 ? four : two;
}

/* The blocks of four channels of a core, for 4 or 2 (`pixels`, a literal) pixels. */
RN_INLINE void rn_cluster_conv_blocks(int32_t pixels, int32_t out_c, int32_t k, rn_share blocks, const rn_requant *q,
                                      const rn_channels *c, const rn_cluster_source *in, const rn_tap_run *runs,
                                      int32_t count, const int8_t *w, int8_t *y, int32_t distance) {
    for (int32_t o = 4 * blocks.from; o < 4 * blocks.to; o += 4) {
        RN_OPAQUE(o);
        const int32_t channels = out_c % 4 == 0 ? 4 : rn_min(out_c - o, 4);
        rn_cluster_copy copy;
        const rn_channels block = rn_cluster_block(c, o, channels, &copy);
        rn_cluster_sums t[4];
        if (pixels == 4)
            rn_cluster_dot_4x4(t, in, runs, count, w + o * k, block.bias);
        else
            rn_cluster_dot_2x4(t, in, runs, count, w + o * k, block.bias);
        rn_cluster_store_sums(t, pixels, q, &block, channels, y + o, distance);
    }
}

RN_INLINE void rn_cluster_conv2d_s8_xpulp(const rn_conv2d_shape *shape, rn_pitch xp, rn_pitch yp, const rn_requant *q,
                                          const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                          void *scratch, int32_t core, int32_t cores) {
    const rn_conv2d_shape flat = rn_cluster_flat(shape, xp, yp), *const s = &flat;
    const int in_place = s->in_c % 4 == 0;
    const int32_t k = rn_cluster_window(s), zero = rn_cluster_splat(s->in_zero);
    const rn_channels channels = *c; /* in registers or on the stack, wherever *c is */
    const int32_t gather = in_place ? 0 : RN_GATHER_CYCLES * s->k_h;
    const rn_split split = rn_cluster_conv_split(s->out_h * s->out_w, (s->out_c + 3) / 4, k / 4, gather, core, cores);
    const rn_cluster_source in = rn_cluster_source_of(s, xp, x, &zero);
    int8_t *const own = rn_cluster_scratch(scratch, rn_cluster_conv2d_s8_xpulp_scratch(s), core);
    const rn_cluster_source windows = {own, own, {0, 0}, 1, 0, 0, 0, 0}, *const from = in_place ? &in : &windows;
    rn_tap_run one, *const runs = in_place ? (rn_tap_run *)(void *)own : &one;
    const int32_t first = in_place ? in.first : 0, last = in_place ? in.last : s->out_w;
    rn_cluster_pixel at = rn_cluster_pixel_of(s, split.a.from);
    for (int32_t left = split.a.to - split.a.from, count = 1; left > 0;) {
        const rn_cluster_unit u = rn_cluster_unit_of(s, yp, first, last, left, &at);
        left -= u.pixels;
        if (!in_place) one = rn_cluster_gather_unit(s, &in, &windows, &u, k, own);
        if (u.pixels == 4) {
            if (in_place) count = rn_cluster_four(s, &in, 4, u.iy, u.ix, runs);
            rn_cluster_conv_blocks(4, s->out_c, k, split.b, q, &channels, from, runs, count, w, y + u.y, u.distance);
        } else {
            if (in_place) count = rn_cluster_two(s, &in, 4, u.iy, u.ix, u.iy1, u.ix1, runs);
            rn_cluster_conv_blocks(2, s->out_c, k, split.b, q, &channels, from, runs, count, w, y + u.y, u.distance);
        }
    }
}

#endif
