/* ONNX QuantizeLinear: y = saturate(round_half_even(x / scale) + zero). NaN gives the lowest value. */
#ifndef RN_QUANTIZE_F32_S8_H
#define RN_QUANTIZE_F32_S8_H

#include "rn_port.h"

RN_INLINE void rn_quantize_f32_s8(int32_t n, float scale, int32_t zero, const float *x, int8_t *y) {
    const float lo = (float)(-128 - zero), hi = (float)(127 - zero);
    /* Adding 1.5 * 2^23 leaves no fraction bits: the addition itself rounds, half to even. This needs
     * no libm; it does need IEEE arithmetic, so never compile it with -ffast-math. */
    const float magic = 12582912.0f;
    for (int32_t i = 0; i < n; i++) {
        float v = x[i] / scale;
        v = v > lo ? v : lo; /* false for NaN */
        v = v < hi ? v : hi;
        y[i] = (int8_t)((int32_t)((v + magic) - magic) + zero);
    }
}

#endif
