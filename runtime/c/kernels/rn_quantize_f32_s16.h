/* ONNX QuantizeLinear to int16: y = saturate(round_half_even(x / scale) + zero); see rn_quantize_f32_s8.h. */
#ifndef RN_QUANTIZE_F32_S16_H
#define RN_QUANTIZE_F32_S16_H

#include "rn_port.h"

RN_INLINE void rn_quantize_f32_s16(int32_t n, float scale, int32_t zero, const float *x, int16_t *y) {
    const float lo = (float)(-32768 - zero), hi = (float)(32767 - zero);
    const float magic = 12582912.0f; /* 1.5 * 2^23: the addition rounds */
    for (int32_t i = 0; i < n; i++) {
        float v = x[i] / scale;
        v = v > lo ? v : lo; /* false for NaN */
        v = v < hi ? v : hi;
        y[i] = (int16_t)((int32_t)((v + magic) - magic) + zero);
    }
}

#endif
