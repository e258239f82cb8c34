/* 2-D convolution with 16-bit activations, Helium (MVE): rn_conv2d_s8_s16_mve, _s16_s8_mve, _s16_s16_mve.
 *
 * The kernel of rn_conv2d_s8_mve.h with strips of int16: in its scratch sizes in_c counts bytes. Weights are packed 4 x 8
 * for 16-bit inputs, 4 x 16 for int8.
 */
#ifndef RN_CONV2D_S16_MVE_H
#define RN_CONV2D_S16_MVE_H

#include "rn_conv2d_s8_mve.h"

#define RN_CONV2D_MVE(name, X, Y, x_wide, y_wide)                                                         \
    RN_INLINE void name(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const X *x,  \
                        const int8_t *w, Y *y, void *scratch) {                                           \
        rn_conv2d_mve_mixed(s, q, c, x, w, y, scratch, x_wide, y_wide);                                   \
    }

RN_CONV2D_MVE(rn_conv2d_s8_s16_mve, int8_t, int16_t, 0, 1)
RN_CONV2D_MVE(rn_conv2d_s16_s8_mve, int16_t, int8_t, 1, 0)
RN_CONV2D_MVE(rn_conv2d_s16_s16_mve, int16_t, int16_t, 1, 1)

#endif
