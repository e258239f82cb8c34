/* Depthwise 3x3 convolution with 16-bit activations, for cores with SMLAD: rn_depthwise_conv2d_s8_s16_dsp, _s16_s8_dsp,
 * _s16_s16_dsp; see rn_depthwise_conv2d_s8_dsp.h, whose planes are of int16 anyway.
 */
#ifndef RN_DEPTHWISE_CONV2D_S16_DSP_H
#define RN_DEPTHWISE_CONV2D_S16_DSP_H

#include "rn_depthwise_conv2d_s8_dsp.h"

#define RN_DEPTHWISE_DSP(name, X, Y, x_wide, y_wide)                                                                \
    RN_INLINE void name(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c, const X *x,            \
                        const int8_t *w, Y *y, void *scratch) {                                                     \
        rn_depthwise_conv2d_dsp_mixed(s, q, c, x, w, y, scratch, x_wide, y_wide);                                   \
    }

RN_DEPTHWISE_DSP(rn_depthwise_conv2d_s8_s16_dsp, int8_t, int16_t, 0, 1)
RN_DEPTHWISE_DSP(rn_depthwise_conv2d_s16_s8_dsp, int16_t, int8_t, 1, 0)
RN_DEPTHWISE_DSP(rn_depthwise_conv2d_s16_s16_dsp, int16_t, int16_t, 1, 1)

#endif
