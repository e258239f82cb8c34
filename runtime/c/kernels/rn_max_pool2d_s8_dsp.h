/* Max pooling, int8, for cores with SSUB8 and SEL: four channels at a time. Padding never wins. */
#ifndef RN_MAX_POOL2D_S8_DSP_H
#define RN_MAX_POOL2D_S8_DSP_H

#include "rn_dsp.h"
#include "rn_max_pool2d_s8.h"

/* Bytewise signed maximum. */
RN_INLINE uint32_t rn_max_bytes(uint32_t a, uint32_t b) {
#if RN_DSP_ASM
    uint32_t r; /* SSUB8 sets a GE flag where a >= b; SEL picks by them, so the two stay together */
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b) : "cc");
    return r;
#else
    uint32_t r = 0;
    for (int32_t i = 0; i < 32; i += 8) r |= ((uint32_t)rn_max((int8_t)(a >> i), (int8_t)(b >> i)) & 0xff) << i;
    return r;
#endif
}

RN_INLINE uint32_t rn_same_bytes(int32_t v) { return ((uint32_t)v & 0xff) * 0x01010101u; }

RN_INLINE void rn_max_pool2d_s8_dsp(const rn_pool2d_shape *s, int32_t lo, int32_t hi, const int8_t *x, int8_t *y) {
    if (s->channels % 4 != 0) {
        rn_max_pool2d_s8(s, lo, hi, x, y);
        return;
    }
    for (int32_t oy = 0; oy < s->out_h; oy++) {
        const int32_t top = oy * s->stride_h - s->pad_top;
        const int32_t y0 = rn_max(top, 0), y1 = rn_min(top + s->k_h, s->in_h);
        for (int32_t ox = 0; ox < s->out_w; ox++) {
            const int32_t left = ox * s->stride_w - s->pad_left;
            const int32_t x0 = rn_max(left, 0), x1 = rn_min(left + s->k_w, s->in_w);
            for (int32_t i = 0; i < s->channels; i += 4, y += 4) {
                uint32_t best = rn_same_bytes(lo); /* the lower clamp comes for free */
                for (int32_t iy = y0; iy < y1; iy++) {
                    const int8_t *from = x + (iy * s->in_w + x0) * s->channels + i;
                    for (int32_t ix = x0; ix < x1; ix++, from += s->channels) best = rn_max_bytes(best, rn_load4(from));
                }
                /* min(v, hi) = ~max(~v, ~hi) */
                if (hi < 127) best = ~rn_max_bytes(~best, ~rn_same_bytes(hi));
                memcpy(y, &best, 4);
            }
        }
    }
}

#endif
