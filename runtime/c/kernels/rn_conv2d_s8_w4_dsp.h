/* 2-D convolution, int8 with 4-bit weights, for cores with SMLAD: rn_conv2d_s8_dsp, but two weights in a byte.
 *
 * Two rows of weights are unpacked to int16 while they go to scratch, for every pixel of a chunk.
 * w: packed with rows = 2, cols = 4, bits = 4, a block in the order [0 1 4 5 2 3 6 7], both rows flipped (sign
 * bit inverted: a weight v is stored as v + 8), column_first where in_c is a multiple of 4; word aligned.
 * Needs groups = 1, dilation = 1, rounding single, every shift in [33, 54].
 * scratch: rn_conv2d_s8_dsp_scratch(s) bytes, word aligned.
 */
#ifndef RN_CONV2D_S8_W4_DSP_H
#define RN_CONV2D_S8_W4_DSP_H

#include "rn_conv2d_s8_dsp.h"

RN_INLINE void rn_conv2d_s8_w4_dsp(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                   const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    rn_conv2d_dsp(s, q, c, x, w, y, scratch, 1);
}

#endif
