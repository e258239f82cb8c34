/* Windows of neighbouring output pixels as lists of runs, for convolutions that read the input in place.
 *
 * A run is a stretch of contiguous taps of all pixels of a unit: a whole row of the window (k_w * in_c bytes) where
 * pixels are dense, else a tap. Where a pixel has padding its run reads one word of in_zero again and again, so no
 * padded copy of the input is needed. Runs are counted in `grain`s: bytes, or words of 4.
 */
#ifndef RN_CLUSTER_RUNS_H
#define RN_CLUSTER_RUNS_H

#include "rn_cluster_part.h"
#include "rn_insn_xpulp.h"

/* Four pixels: pixel i at x0 + i * step0; then x0 moves on by 3 * step0 + step1.
 * Two pixels: at x0 and x1, which move on by step0 and step1. A step of 0 means padding. */
typedef struct {
    int32_t x0, step0, step1, grains, x1; /* for x0 and x1 see rn_cluster_place */
} rn_tap_run;

/* The input and what pads it. `zero`: four bytes of in_zero. */
typedef struct {
    const int8_t *x, *zero;
    rn_pitch pitch;
    int32_t dense;       /* a row of a window is one run */
    int32_t first, last; /* output columns first .. last - 1 have no padding to the left or right */
    int32_t in_h, in_w;
} rn_cluster_source;

RN_INLINE rn_cluster_source rn_cluster_source_of(const rn_conv2d_shape *s, rn_pitch xp, const int8_t *x,
                                                 const int32_t *zero) {
    const int32_t room = s->in_w + s->pad_left - s->k_w;
    rn_cluster_source r = {x, (const int8_t *)zero, xp, xp.pixel == s->in_c || s->k_w == 1, 0, 0, s->in_h, s->in_w};
    r.first = rn_min((s->pad_left + s->stride_w - 1) / s->stride_w, s->out_w);
    r.last = room < 0 ? 0 : rn_min(room / s->stride_w + 1, s->out_w);
    return r;
}

/* A place of the input as 32 bits: what assembly takes is the address, else it is the offset from in->x, so that hosts
 * with wider addresses use the same scratch. */
RN_INLINE int32_t rn_cluster_place(const rn_cluster_source *in, int inside, int32_t offset) {
#if RN_XPULP_ASM
    return (int32_t)(inside ? in->x + offset : in->zero);
#else
    (void)in;
    return inside ? offset : 0;
#endif
}

RN_INLINE const int8_t *rn_cluster_pointer(const rn_cluster_source *in, int32_t place, int32_t step) {
    return step == 0 ? in->zero : in->x + place;
}

/* Bytes for the list of a unit: at most one run per tap. */
RN_INLINE int32_t rn_cluster_runs_bytes(const rn_conv2d_shape *s) {
    return s->k_h * s->k_w * (int32_t)sizeof(rn_tap_run);
}

/* Four pixels of a row without padding to the left or right, the first window at (iy, ix). Returns the runs. */
RN_INLINE int32_t rn_cluster_four(const rn_conv2d_shape *s, const rn_cluster_source *in, int32_t grain, int32_t iy,
                                  int32_t ix, rn_tap_run *runs) {
    const int32_t distance = s->stride_w * in->pitch.pixel, taps = in->dense ? 1 : s->k_w;
    const int32_t grains = (in->dense ? s->k_w * s->in_c : s->in_c) / grain;
    rn_tap_run *r = runs;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        const int inside = rn_is_below(iy + ky, s->in_h);
        int32_t from = (iy + ky) * in->pitch.row + ix * in->pitch.pixel;
        for (int32_t j = 0; j < taps; j++, r++, from += in->pitch.pixel) {
            r->x0 = rn_cluster_place(in, inside, from);
            r->step0 = inside ? distance : 0;
            r->step1 = inside ? grain - 3 * distance : 0;
            r->grains = grains;
        }
    }
    return (int32_t)(r - runs);
}

/* Two pixels anywhere, their windows at (iy0, ix0) and (iy1, ix1). Neighbouring taps that are alike are one run. */
RN_INLINE int32_t rn_cluster_two(const rn_conv2d_shape *s, const rn_cluster_source *in, int32_t grain, int32_t iy0,
                                 int32_t ix0, int32_t iy1, int32_t ix1, rn_tap_run *runs) {
    const int32_t tap = s->in_c / grain;
    rn_tap_run *r = runs;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        const int row0 = rn_is_below(iy0 + ky, s->in_h), row1 = rn_is_below(iy1 + ky, s->in_h);
        const int32_t x0 = (iy0 + ky) * in->pitch.row, x1 = (iy1 + ky) * in->pitch.row;
        int before = -1;
        for (int32_t kx = 0; kx < s->k_w; kx++) {
            const int in0 = row0 && rn_is_below(ix0 + kx, s->in_w), in1 = row1 && rn_is_below(ix1 + kx, s->in_w);
            if (in->dense && before == 2 * in0 + in1) {
                r[-1].grains += tap;
                continue;
            }
            before = 2 * in0 + in1;
            r->x0 = rn_cluster_place(in, in0, x0 + (ix0 + kx) * in->pitch.pixel);
            r->x1 = rn_cluster_place(in, in1, x1 + (ix1 + kx) * in->pitch.pixel);
            r->step0 = in0 ? grain : 0;
            r->step1 = in1 ? grain : 0;
            r->grains = tap;
            r++;
        }
    }
    return (int32_t)(r - runs);
}

/* Cycles of n pixels by four channels of `words` words: units of four, and of two for the rest (measured). */
RN_INLINE int32_t rn_cluster_pixels_cost(int32_t n, int32_t words) {
    return (n >> 2) * (24 * words + 220) + (((n & 3) + 1) >> 1) * (14 * words + 150);
}

/* Pixels by blocks of four channels: cores are split so that the slowest has the least to do. `once` are the cycles
 * that a pixel takes once for all channels. Where all is the same, more shares of pixels: lists of runs are made once. */
RN_INLINE rn_split rn_cluster_conv_split(int32_t pixels, int32_t blocks, int32_t words, int32_t once, int32_t core,
                                         int32_t cores) {
    int32_t best = 1, least = INT32_MAX;
    RN_UNROLL(5)
    for (int32_t parts = 1; parts <= cores; parts *= 2) {
        const int32_t share = (pixels + cores / parts - 1) / (cores / parts);
        const int32_t cost = rn_cluster_pixels_cost(share, words) * ((blocks + parts - 1) / parts) + share * once;
        if (cost < least) least = cost, best = parts;
    }
    return rn_split_of(pixels, 1, blocks, best, core, cores);
}

/* A convolution of single pixels over dense windows is one row of them all. */
RN_INLINE rn_conv2d_shape rn_cluster_flat(const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp) {
    rn_conv2d_shape f = *s;
    if (s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 && s->pad_left == 0 &&
        s->out_h == s->in_h && s->out_w == s->in_w && xp.row == s->in_w * xp.pixel && yp.row == s->out_w * yp.pixel) {
        f.in_h = f.out_h = 1;
        f.in_w = f.out_w = s->out_h * s->out_w;
    }
    return f;
}

/* An output pixel. */
typedef struct {
    int32_t y, x;
} rn_cluster_pixel;

RN_INLINE rn_cluster_pixel rn_cluster_pixel_of(const rn_conv2d_shape *s, int32_t index) {
    const rn_cluster_pixel r = {index / s->out_w, index % s->out_w};
    return r;
}

/* The next unit of neighbouring pixels: how many they are, their windows and outputs. */
typedef struct {
    int32_t pixels;       /* 4 in one row, 2 anywhere, or 1 */
    int32_t iy, ix;       /* window of the first */
    int32_t iy1, ix1;     /* of the second of two; a single one is its own neighbour */
    int32_t y, distance; /* offsets: of the first output, and from one to the next */
} rn_cluster_unit;

/* `left` pixels are to go from `at` on, which moves behind the unit. Four are in columns `first` to `last` - 1. */
RN_INLINE rn_cluster_unit rn_cluster_unit_of(const rn_conv2d_shape *s, rn_pitch yp, int32_t first, int32_t last,
                                             int32_t left, rn_cluster_pixel *at) {
    rn_cluster_unit u = {1, 0, 0, 0, 0, 0, 0};
    u.iy = u.iy1 = at->y * s->stride_h - s->pad_top;
    u.ix = u.ix1 = at->x * s->stride_w - s->pad_left;
    u.y = at->y * yp.row + at->x * yp.pixel;
    if (left >= 4 && at->x >= first && at->x + 4 <= last) {
        u.pixels = 4;
        u.distance = yp.pixel;
        at->x += 4;
    } else {
        at->x++;
    }
    if (at->x == s->out_w) at->x = 0, at->y++;
    if (u.pixels == 4 || left == 1) return u;
    u.pixels = 2;
    u.iy1 = at->y * s->stride_h - s->pad_top;
    u.ix1 = at->x * s->stride_w - s->pad_left;
    u.distance = at->y * yp.row + at->x * yp.pixel - u.y;
    if (++at->x == s->out_w) at->x = 0, at->y++;
    return u;
}

#endif
