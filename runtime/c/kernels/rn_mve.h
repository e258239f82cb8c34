/* What the Helium (MVE) kernels share: requantisation of four lanes, and lanes from core registers.
 *
 * Only rounding RN_SINGLE and shifts from 33 to 53 are supported; the kernel table checks that.
 * 4 lanes is the natural unit: an i32 accumulator fills a lane, and VMLADAV leaves its sum in a core
 * register, so four of them are moved into one vector before they are requantised together.
 */
#ifndef RN_MVE_H
#define RN_MVE_H

#include <arm_mve.h>

#include "rn_requant.h"

/* {a, b, c, d} with two two-lane moves; gcc 12 would use four one-lane moves. */
RN_INLINE int32x4_t rn_lanes_mve(int32_t a, int32_t b, int32_t c, int32_t d) {
    int32x4_t v;
    __asm__("vmov %q0[2], %q0[0], %1, %3\n\t" /* the first register goes to the lower lane */
            "vmov %q0[3], %q0[1], %2, %4"
            : "=&w"(v)
            : "r"(a), "r"(b), "r"(c), "r"(d));
    return v;
}

/* n bytes of one int8 or (wide) int16, in whole vectors: up to 15 bytes more are written. */
RN_INLINE void rn_fill_mve(int8_t *to, int32_t n, int32_t value, int wide) {
    const int8x16_t v = wide ? vreinterpretq_s8_s16(vdupq_n_s16((int16_t)value)) : vdupq_n_s8((int8_t)value);
    for (; n > 0; n -= 16, to += 16) vstrbq_s8(to, v);
}

/* Requantisation constants of four neighbouring channels; lanes beyond the last channel are 0. */
typedef struct {
    int32x4_t bias, multiplier, shift;
} rn_quad_mve;

RN_INLINE rn_quad_mve rn_load_quad_mve(const rn_channels *c, int32_t first, int32_t out_c) {
    rn_quad_mve k;
    if (out_c % 4 == 0) { /* known at compile time, saves the predicates */
        k.bias = vldrwq_s32(c->bias + first);
        k.multiplier = vldrwq_s32(c->multiplier + first);
        k.shift = vldrbq_s32(c->shift + first);
    } else {
        const mve_pred16_t lanes = vctp32q((uint32_t)(out_c - first));
        k.bias = vldrwq_z_s32(c->bias + first, lanes);
        k.multiplier = vldrwq_z_s32(c->multiplier + first, lanes);
        k.shift = vldrbq_z_s32(c->shift + first, lanes);
    }
    /* VRSHL shifts left by a signed count; VMULH has already shifted right by 32. */
    k.shift = vsubq_s32(vdupq_n_s32(32), k.shift);
    return k;
}

/* The same four channels of one pixel to memory. */
RN_INLINE void rn_store_quad_mve(int8_t *y, int32x4_t v, int32_t first, int32_t out_c) {
    if (out_c % 4 == 0) {
        vstrbq_s32(y, v);
    } else {
        vstrbq_p_s32(y, v, vctp32q((uint32_t)(out_c - first)));
    }
}

/* Clamp to [lo, hi]; the int8 is the low byte of each lane. */
RN_INLINE int32x4_t rn_saturate_mve(int32x4_t v, const rn_requant *q) {
    if (q->lo == INT8_MIN && q->hi == INT8_MAX) {
        /* Two saturating moves need no vectors of constants. In place: the intrinsics would copy. */
        __asm__("vqmovnb.s32 %q0, %q0\n\tvqmovnb.s16 %q0, %q0" : "+w"(v));
        return v;
    }
    return vminq_s32(vmaxq_s32(v, vdupq_n_s32(q->lo)), vdupq_n_s32(q->hi));
}

/* The same for int16. */
RN_INLINE int32x4_t rn_saturate_s16_mve(int32x4_t v, const rn_requant *q) {
    if (q->lo == INT16_MIN && q->hi == INT16_MAX) {
        __asm__("vqmovnb.s32 %q0, %q0" : "+w"(v));
        return v;
    }
    return vminq_s32(vmaxq_s32(v, vdupq_n_s32(q->lo)), vdupq_n_s32(q->hi));
}

/* floor((floor(p / 2^32) + 2^(s-33)) / 2^(s-32)) = floor((p + 2^(s-1)) / 2^s) for every s >= 33:
 * taking the high half first loses nothing, because 2^(s-33) is an integer. */
RN_INLINE int32x4_t rn_scale_mve(int32x4_t acc, rn_quad_mve k, const rn_requant *q) {
    acc = vaddq_s32(acc, k.bias);
    if (q->acc_shift > 0) acc = vqshlq_r_s32(acc, q->acc_shift); /* what saturates here would be clamped anyway */
    return vaddq_n_s32(vrshlq_s32(vmulhq_s32(acc, k.multiplier), k.shift), q->out_zero);
}

RN_INLINE int32x4_t rn_requant_mve(int32x4_t acc, rn_quad_mve k, const rn_requant *q) {
    return rn_saturate_mve(rn_scale_mve(acc, k, q), q);
}

/* Four accumulators of channels `first` on to the row at y, of int8 or (wide) int16. */
RN_INLINE void rn_put_quad_mve(int8_t *y, int32x4_t acc, rn_quad_mve k, const rn_requant *q, int32_t first,
                               int32_t out_c, int wide) {
    if (!wide) {
        rn_store_quad_mve(y + first, rn_requant_mve(acc, k, q), first, out_c);
        return;
    }
    const int32x4_t v = rn_saturate_s16_mve(rn_scale_mve(acc, k, q), q);
    int16_t *const to = (int16_t *)y + first;
    if (out_c % 4 == 0) {
        vstrhq_s32(to, v);
    } else {
        vstrhq_p_s32(to, v, vctp32q((uint32_t)(out_c - first)));
    }
}

/* Four int8 or (wide) int16 as lanes of 32 bits; `at` counts elements. */
RN_INLINE int32x4_t rn_load_lanes_mve(const void *x, int32_t at, mve_pred16_t lanes, int wide) {
    return wide ? vldrhq_z_s32((const int16_t *)x + at, lanes) : vldrbq_z_s32((const int8_t *)x + at, lanes);
}

/* The low halves or bytes of four lanes. */
RN_INLINE void rn_store_lanes_mve(void *y, int32_t at, int32x4_t v, mve_pred16_t lanes, int wide) {
    if (wide)
        vstrhq_p_s32((int16_t *)y + at, v, lanes);
    else
        vstrbq_p_s32((int8_t *)y + at, v, lanes);
}

RN_INLINE int32x4_t rn_requant_as_mve(int32x4_t acc, rn_quad_mve k, const rn_requant *q, int wide) {
    const int32x4_t v = rn_scale_mve(acc, k, q);
    return wide ? rn_saturate_s16_mve(v, q) : rn_saturate_mve(v, q);
}

#endif
