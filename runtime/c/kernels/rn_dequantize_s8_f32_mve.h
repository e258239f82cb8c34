/* ONNX DequantizeLinear, Helium (MVE with floating point): y = (x - zero) * scale. */
#ifndef RN_DEQUANTIZE_S8_F32_MVE_H
#define RN_DEQUANTIZE_S8_F32_MVE_H

#include "rn_mve.h"

RN_INLINE float32x4_t rn_dequantize_quad_mve(int32x4_t v, float scale, int32_t zero) {
    return vmulq_n_f32(vcvtq_f32_s32(vsubq_n_s32(v, zero)), scale);
}

RN_INLINE void rn_dequantize_s8_f32_mve(int32_t n, float scale, int32_t zero, const int8_t *x, float *y) {
    for (int32_t i = n / 4; i > 0; i--, x += 4, y += 4) {
        vstrwq_f32(y, rn_dequantize_quad_mve(vldrbq_s32(x), scale, zero));
    }
    if (n % 4 != 0) {
        const mve_pred16_t lanes = vctp32q((uint32_t)(n % 4));
        vstrwq_p_f32(y, rn_dequantize_quad_mve(vldrbq_z_s32(x, lanes), scale, zero), lanes);
    }
}

#endif
