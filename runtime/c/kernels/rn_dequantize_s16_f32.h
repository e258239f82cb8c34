/* ONNX DequantizeLinear: y = (x - zero) * scale. */
#ifndef RN_DEQUANTIZE_S16_F32_H
#define RN_DEQUANTIZE_S16_F32_H

#include "rn_port.h"

RN_INLINE void rn_dequantize_s16_f32(int32_t n, float scale, int32_t zero, const int16_t *x, float *y) {
    for (int32_t i = 0; i < n; i++) y[i] = (float)(x[i] - zero) * scale;
}

#endif
