/* What the Helium (MVE) kernels share: requantisation of four lanes, and lanes from core registers.
 *
 * Only rounding RN_SINGLE and shifts >= 33 are supported; the kernel table checks that.
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

/* Requantisation constants of four neighbouring channels; lanes beyond the last channel are 0. */
typedef struct {
    int32x4_t bias, multiplier, shift;
} rn_quad_mve;

RN_INLINE rn_quad_mve rn_load_quad_mve(const rn_channels *c, int32_t first, mve_pred16_t lanes) {
    rn_quad_mve k;
    k.bias = vldrwq_z_s32(c->bias + first, lanes);
    k.multiplier = vldrwq_z_s32(c->multiplier + first, lanes);
    /* VRSHL shifts left by a signed count; VMULH has already shifted right by 32. */
    k.shift = vsubq_s32(vdupq_n_s32(32), vldrbq_z_s32(c->shift + first, lanes));
    return k;
}

/* floor((floor(p / 2^32) + 2^(s-33)) / 2^(s-32)) = floor((p + 2^(s-1)) / 2^s) for every s >= 33:
 * taking the high half first loses nothing, because 2^(s-33) is an integer. */
RN_INLINE int32x4_t rn_requant_mve(int32x4_t acc, rn_quad_mve k, const rn_requant *q) {
    acc = vaddq_s32(acc, k.bias);
    if (q->acc_shift > 0) acc = vshlq_r_s32(acc, q->acc_shift);
    acc = vrshlq_s32(vmulhq_s32(acc, k.multiplier), k.shift);
    acc = vaddq_n_s32(acc, q->out_zero);
    if (q->lo == INT8_MIN && q->hi == INT8_MAX) { /* two saturating moves, no constants to hold */
        const int16x8_t half = vqmovnbq_s32(vreinterpretq_s16_s32(acc), acc);
        return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s16(half), half));
    }
    acc = vmaxq_s32(acc, vdupq_n_s32(q->lo));
    return vminq_s32(acc, vdupq_n_s32(q->hi));
}

#endif
