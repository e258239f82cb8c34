/* ONNX QuantizeLinear, Helium (MVE with floating point); see rn_quantize_f32_s8.h. */
#ifndef RN_QUANTIZE_F32_S8_MVE_H
#define RN_QUANTIZE_F32_S8_MVE_H

#include "rn_mve.h"

/* Helium has no vector division, and a product with 1 / scale would round twice. But the lanes of q0
 * are the scalar registers s0 to s3, so the vector is divided where it is. */
RN_INLINE float32x4_t rn_divide_mve(float32x4_t v, float by) {
    register float32x4_t lanes __asm__("q0") = v;
    __asm__("vdiv.f32 s0, s0, %1\n\t"
            "vdiv.f32 s1, s1, %1\n\t"
            "vdiv.f32 s2, s2, %1\n\t"
            "vdiv.f32 s3, s3, %1"
            : "+w"(lanes)
            : "t"(by));
    return lanes;
}

RN_INLINE int32x4_t rn_quantize_quad_mve(float32x4_t v, float scale, int32_t zero) {
    v = vmaxnmq_f32(rn_divide_mve(v, scale), vdupq_n_f32((float)(-128 - zero))); /* a NaN loses */
    v = vminnmq_f32(v, vdupq_n_f32((float)(127 - zero)));
    return vaddq_n_s32(vcvtnq_s32_f32(v), zero); /* vcvtn: half to even */
}

RN_INLINE void rn_quantize_f32_s8_mve(int32_t n, float scale, int32_t zero, const float *x, int8_t *y) {
    for (int32_t i = n / 4; i > 0; i--, x += 4, y += 4) {
        vstrbq_s32(y, rn_quantize_quad_mve(vldrwq_f32(x), scale, zero));
    }
    if (n % 4 != 0) {
        const mve_pred16_t lanes = vctp32q((uint32_t)(n % 4));
        vstrbq_p_s32(y, rn_quantize_quad_mve(vldrwq_z_f32(x, lanes), scale, zero), lanes);
    }
}

#endif
