/* What the kernels with 16-bit activations share on cores with SMLAD; see rn_dsp.h.
 *
 * Activations of 16 bits need no widening, so weights keep their natural order: the packings of these kernels put
 * the bytes 0 2 1 3 of each group of four into one word, which SXTB16 turns into the pairs (0, 1) (2, 3).
 * Needs rounding single, every shift in [33, 54].
 */
#ifndef RN_DSP_S16_H
#define RN_DSP_S16_H

#include "rn_dsp.h"

/* saturate16(v / 2) */
RN_INLINE int32_t rn_ssat16_half(int32_t v) {
#if RN_DSP_ASM
    int32_t r;
    __asm__("ssat %0, #16, %1, asr #1" : "=r"(r) : "r"(v));
    return r;
#else
    return rn_clamp(v >> 1, -32768, 32767);
#endif
}

RN_INLINE int32_t rn_ssat16(int32_t v) {
#if RN_DSP_ASM
    int32_t r;
    __asm__("ssat %0, #16, %1" : "=r"(r) : "r"(v));
    return r;
#else
    return rn_clamp(v, -32768, 32767);
#endif
}

RN_INLINE int32_t rn_dsp_limit_s16(int32_t v, int32_t lo, int32_t hi) {
    if (lo > -32768) v = rn_max(v, lo);
    if (hi < 32767) v = rn_min(v, hi);
    return v;
}

/* As rn_dsp_prepare, but the zero point is added last: it may be too large for the addend. */
RN_INLINE rn_dsp_channel rn_dsp_prepare_s16(const rn_channels *c, int32_t o) {
    const int32_t shift = c->shift[o] - 33;
    const rn_dsp_channel r = {c->bias[o], c->multiplier[o], shift, 1 << shift};
    return r;
}

RN_INLINE int16_t rn_dsp_requantize_s16(int32_t acc, const rn_dsp_channel *ch, const rn_requant *q) {
    const int32_t scaled = rn_smmla(acc * (1 << q->acc_shift), ch->multiplier, ch->addend) >> ch->shift;
    if (q->out_zero == 0) return (int16_t)rn_dsp_limit_s16(rn_ssat16_half(scaled), q->lo, q->hi);
    return (int16_t)rn_clamp((scaled >> 1) + q->out_zero, q->lo, q->hi);
}

/* One value to element `at` of y, int8 or (wide) int16. `ch` is of rn_dsp_prepare_as. */
RN_INLINE void rn_dsp_put(void *y, int32_t at, int32_t acc, const rn_dsp_channel *ch, const rn_requant *q, int wide) {
    if (wide)
        ((int16_t *)y)[at] = rn_dsp_requantize_s16(acc, ch, q);
    else
        ((int8_t *)y)[at] = rn_dsp_requantize(acc, ch, q);
}

RN_INLINE rn_dsp_channel rn_dsp_prepare_as(const rn_channels *c, const rn_requant *q, int32_t o, int wide) {
    return wide ? rn_dsp_prepare_s16(c, o) : rn_dsp_prepare(c, q, o);
}

/* The element behind `elements` int8 or (wide) int16. */
RN_INLINE const void *rn_at(const void *p, int32_t elements, int wide) {
    return (const int8_t *)p + (wide ? 2 * elements : elements);
}

RN_INLINE void *rn_at_out(void *p, int32_t elements, int wide) { return (int8_t *)p + (wide ? 2 * elements : elements); }

#endif
