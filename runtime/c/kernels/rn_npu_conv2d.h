/* 2-D convolution as a job of the N-EUREKA NPU: dense and depthwise 3x3 of strides 1 and 2, 1x1 of any stride.
 *
 * y = clip((acc * scale + bias) >> shift), channels by channels. A job reads `constants`: weights, bias, scale and
 * shift of its channels in one block whose parts lie where rn_npu_constants says. What is padding is s->in_zero;
 * padding behind the input follows from the output's size. A 3x3 kernel of stride 2 makes all outputs: those between
 * the rows (pixels) of y go between them, so that they lie two rows (pixels) apart, and are not wanted. Only core 0
 * programs the NPU. Register map: public documentation of the block. The board's rn_npu.h has rn_npu_acquire, _set,
 * _start and _wait.
 */
#ifndef RN_NPU_CONV2D_H
#define RN_NPU_CONV2D_H

#include "rn_npu.h"
#include "rn_port.h"

enum { RN_NPU_DENSE = 0, RN_NPU_DEPTHWISE = 1, RN_NPU_POINTWISE = 2 };
enum { RN_NPU_TILE = 6, RN_NPU_IN_TILE = 8, RN_NPU_LINE = 32 };

/* What all jobs of a layer share; `configuration` is the register CONFIG0. */
typedef struct {
    int32_t kind, weight_bits;
    uint32_t configuration;
} rn_npu_mode;

/* Where bias, scale and shift lie behind the weights, in bytes. */
typedef struct {
    int32_t bias, scale, shift;
} rn_npu_constants;

/* n things in tiles of `full`: how many tiles, and how much is in the last. */
typedef struct {
    int32_t count, last;
} rn_npu_tiles;

RN_INLINE rn_npu_tiles rn_npu_tiles_of(int32_t n, int32_t full) {
    const int32_t before = (n - 1) / full;
    const rn_npu_tiles t = {before + 1, n - before * full};
    return t;
}

RN_INLINE uint32_t rn_npu_pair(int32_t high, int32_t low) { return (uint32_t)high << 16 | (uint32_t)low; }

/* Padding behind an input of n rows (columns) in the last of the tiles `t` of outputs: what the tile reads and is
 * not there, counted from the end of the input buffer. */
RN_INLINE int32_t rn_npu_padding(rn_npu_tiles t, int32_t before, int32_t n) {
    const int32_t there = before + n - (t.count - 1) * RN_NPU_TILE;
    return there < t.last + 2 ? RN_NPU_IN_TILE - there : 0;
}

/* The registers that depend on the layer alone: sizes and pitches in channels, modes. */
RN_INLINE void rn_npu_conv2d_layer(const rn_npu_mode *m, const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp) {
    const int pointwise = m->kind == RN_NPU_POINTWISE;
    const int32_t lanes_in = pointwise ? 32 : 28, bits = pointwise ? 1 : m->weight_bits;
    rn_npu_set(6, (uint32_t)(pointwise ? s->stride_w * xp.pixel : xp.pixel));
    rn_npu_set(7, (uint32_t)(pointwise ? s->stride_h * xp.row : xp.row));
    rn_npu_set(8, 0);
    rn_npu_set(9, RN_NPU_LINE);
    rn_npu_set(10, (uint32_t)(pointwise ? yp.pixel : yp.pixel / s->stride_w));
    rn_npu_set(11, (uint32_t)(pointwise ? yp.row : yp.row / s->stride_h));
    rn_npu_set(12, RN_NPU_LINE);
    rn_npu_set(13, (uint32_t)(RN_NPU_LINE * bits * rn_npu_tiles_of(s->in_c, lanes_in).count));
    rn_npu_set(14, 0);
    rn_npu_set(21, (uint32_t)-(1 << (m->weight_bits - 1)));
    rn_npu_set(22, 0);
    rn_npu_set(23, m->configuration);
}

/* The registers that differ from tile to tile. */
RN_INLINE void rn_npu_conv2d_tile(const rn_npu_mode *m, const rn_conv2d_shape *s, rn_pitch xp,
                                  const rn_npu_constants *c, const int8_t *x, const void *constants, int8_t *y) {
    const int pointwise = m->kind == RN_NPU_POINTWISE;
    const rn_npu_tiles ko = rn_npu_tiles_of(s->out_c, m->kind == RN_NPU_DEPTHWISE ? 28 : 32);
    const rn_npu_tiles ki = rn_npu_tiles_of(s->in_c, pointwise ? 32 : 28);
    const rn_npu_tiles h = rn_npu_tiles_of(pointwise ? s->out_h : (s->out_h - 1) * s->stride_h + 1, RN_NPU_TILE);
    const rn_npu_tiles w = rn_npu_tiles_of(pointwise ? s->out_w : (s->out_w - 1) * s->stride_w + 1, RN_NPU_TILE);
    const int32_t halo = pointwise ? 0 : 2;
    const int32_t bottom = pointwise ? 0 : rn_npu_padding(h, s->pad_top, s->in_h);
    const int32_t right = pointwise ? 0 : rn_npu_padding(w, s->pad_left, s->in_w);
    const uint32_t data = (uint32_t)rn_npu_address(constants);
    rn_npu_set(0, data);
    rn_npu_set(1, (uint32_t)rn_npu_address(x) - (uint32_t)(s->pad_top * xp.row + s->pad_left * xp.pixel));
    rn_npu_set(2, (uint32_t)rn_npu_address(y));
    rn_npu_set(3, data + (uint32_t)c->scale);
    rn_npu_set(4, data + (uint32_t)c->shift);
    rn_npu_set(5, data + (uint32_t)c->bias);
    rn_npu_set(15, rn_npu_pair(ko.last, ki.last));
    rn_npu_set(16, rn_npu_pair(h.last, w.last));
    rn_npu_set(17, rn_npu_pair(h.last + halo, w.last + halo));
    rn_npu_set(18, rn_npu_pair(ko.count, ki.count));
    rn_npu_set(19, rn_npu_pair(h.count, w.count));
    rn_npu_set(20, (uint32_t)s->pad_top << 28 | (uint32_t)right << 24 | (uint32_t)bottom << 20 |
                       (uint32_t)s->pad_left << 16 | ((uint32_t)s->in_zero & 0xffu));
}

/* A job that waits for rn_npu_start(); may be asked for while the one before runs. Returns its number. */
RN_INLINE int32_t rn_npu_conv2d_configure(const rn_npu_mode *m, const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp,
                                          const rn_npu_constants *c, const int8_t *x, const void *constants,
                                          int8_t *y) {
    const int32_t job = rn_npu_acquire();
    rn_npu_conv2d_layer(m, s, xp, yp);
    rn_npu_conv2d_tile(m, s, xp, c, x, constants, y);
    return job;
}

/* Starts the job; rn_npu_wait(its number) returns when it has ended. */
RN_INLINE int32_t rn_npu_conv2d(const rn_npu_mode *m, const rn_conv2d_shape *s, rn_pitch xp, rn_pitch yp,
                                const rn_npu_constants *c, const int8_t *x, const void *constants, int8_t *y) {
    const int32_t job = rn_npu_conv2d_configure(m, s, xp, yp, c, x, constants, y);
    rn_npu_start();
    return job;
}

#endif
