/* Fully connected layer, int8, for cores with SMLAD: the input row is widened once, then four outputs at a time.
 *
 * Every weight is used once per row, so widening it costs as much as it saves: the weights are unpacked
 * in registers, 18 instructions per 16 multiplications.
 *
 * w: packed with rows = 4, cols = 4; word aligned. Needs rounding single, every shift in [33, 54].
 * scratch: rn_fully_connected_s8_dsp_scratch(s) bytes, word aligned.
 */
#ifndef RN_FULLY_CONNECTED_S8_DSP_H
#define RN_FULLY_CONNECTED_S8_DSP_H

#include "rn_dsp.h"

RN_INLINE int32_t rn_fully_connected_s8_dsp_scratch(const rn_fully_connected_shape *s) {
    return 2 * ((s->in_c + 3) & ~3);
}

/* acc[i] += dot(x, row i of w) over k (a multiple of 4); x widened, w as it is in flash. */
RN_INLINE void rn_mac_1x4(int32_t acc[4], const int16_t *x, const int8_t *w, int32_t k) {
#if RN_DSP_ASM
#define RN_ROW(acc, reg)                                                   \
    "sxtb16 r6, " reg "\n\tsxtb16 " reg ", " reg ", ror #8\n\t"            \
    "smlad %[" acc "], r11, r6, %[" acc "]\n\t"                            \
    "smlad %[" acc "], r12, " reg ", %[" acc "]\n\t"
#define RN_STEP                                                             \
    "ldrd r11, r12, [%[x]], #8\n\tldmia %[w]!, {r8, r9, r10, lr}\n\t"       \
    RN_ROW("a", "r8") RN_ROW("b", "r9") RN_ROW("c", "r10") RN_ROW("d", "lr")
#define RN_STEPS(steps)                                                                                  \
    __asm__ volatile(steps                                                                               \
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x), [w] "+r"(w)      \
                     :                                                                                   \
                     : "r6", "r8", "r9", "r10", "r11", "r12", "lr", "memory")
    int32_t a = acc[0], b = acc[1], c = acc[2], d = acc[3];
    const int16_t *end = x + (k & ~15);
    while (x != end) RN_STEPS(RN_STEP RN_STEP RN_STEP RN_STEP);
    if (k & 8) RN_STEPS(RN_STEP RN_STEP);
    if (k & 4) RN_STEPS(RN_STEP);
#undef RN_STEPS
#undef RN_STEP
#undef RN_ROW
    acc[0] = a;
    acc[1] = b;
    acc[2] = c;
    acc[3] = d;
#else
    for (; k > 0; k -= 4, x += 4, w += 16) {
        for (int32_t i = 0; i < 4; i++) {
            const uint32_t v = rn_load4(w + 4 * i), even = rn_sxtb16(v), odd = rn_sxtb16_ror8(v);
            acc[i] += x[0] * rn_low(even) + x[1] * rn_high(even) + x[2] * rn_low(odd) + x[3] * rn_high(odd);
        }
    }
#endif
}

RN_INLINE void rn_fully_connected_s8_dsp(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                         const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t k = (s->in_c + 3) & ~3;
    int16_t *const wide = (int16_t *)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c, y += s->out_c) {
        int16_t *rest = rn_widen(x, wide, s->in_c & ~3, 0);
        if (s->in_c % 4 != 0) {
            int8_t last[4] = {0};
            memcpy(last, x + (s->in_c & ~3), (size_t)(s->in_c % 4));
            rn_widen(last, rest, 4, 0);
        }
        for (int32_t o = 0; o < s->out_c; o += 4) {
            const int32_t outputs = rn_min(4, s->out_c - o);
            int32_t acc[4] = {0};
            for (int32_t i = 0; i < outputs; i++) acc[i] = c->bias[o + i];
            rn_mac_1x4(acc, wide, w + o * k, k);
            for (int32_t i = 0; i < outputs; i++) {
                const rn_dsp_channel ch = rn_dsp_prepare(c, q, o + i);
                y[o + i] = rn_dsp_requantize(acc[i], &ch, q);
            }
        }
    }
}

#endif
