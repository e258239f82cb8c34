/* Fully connected layer, int8 with 4-bit weights, for cores with SMLAD: 20 instructions per 16 multiplications.
 *
 * A weight v is stored as u = v + 8, so that one AND takes two of them, as int16, out of a word:
 *     sum x * v = sum x * u - 8 * sum x
 * A word holds eight weights of one output; two outputs go together and share what is read of x.
 *
 * w: packed with rows = 2, cols = 8, bits = 4, each row of a block in the order [0 1 4 5 2 3 6 7], both rows
 * flipped (sign bit inverted); word aligned.
 * Needs rounding single, every shift in [33, 54].
 * scratch: rn_fully_connected_s8_dsp_scratch(s) bytes, word aligned.
 */
#ifndef RN_FULLY_CONNECTED_S8_W4_DSP_H
#define RN_FULLY_CONNECTED_S8_W4_DSP_H

#include "rn_fully_connected_s8_dsp.h"

/* Adds the sums of x * u of two rows over k columns (a multiple of 8). */
RN_INLINE void rn_mac_nibbles(int32_t *sum0, int32_t *sum1, const int16_t *x, const int8_t *w, int32_t k) {
    const uint32_t mask = 0x000f000fu;
#if RN_DSP_ASM
#define RN_PAIR(x, shift)                                                                            \
    "and r11, %[mask], r9" shift "\n\tand r12, %[mask], r10" shift "\n\t"                            \
    "smlad %[a], " x ", r11, %[a]\n\tsmlad %[b], " x ", r12, %[b]\n\t"
#define RN_STEP                                                                                      \
    "ldmia %[x]!, {r4, r5, r6, r8}\n\tldrd r9, r10, [%[w]], #8\n\t"                                 \
    RN_PAIR("r4", "") RN_PAIR("r5", ", lsr #4") RN_PAIR("r6", ", lsr #8") RN_PAIR("r8", ", lsr #12")
#define RN_STEPS(steps)                                                                              \
    __asm__ volatile(steps                                                                           \
                     : [a] "+r"(a), [b] "+r"(b), [x] "+r"(x), [w] "+r"(w)                            \
                     : [mask] "r"(mask)                                                              \
                     : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "memory")
    int32_t a = *sum0, b = *sum1;
    const int16_t *end = x + (k & ~31);
    while (x != end) RN_STEPS(RN_STEP RN_STEP RN_STEP RN_STEP);
    if (k & 16) RN_STEPS(RN_STEP RN_STEP);
    if (k & 8) RN_STEPS(RN_STEP);
    *sum0 = a;
    *sum1 = b;
#undef RN_STEPS
#undef RN_STEP
#undef RN_PAIR
#else
    for (; k > 0; k -= 8, x += 8, w += 8) {
        const uint32_t v0 = rn_load4(w), v1 = rn_load4(w + 4);
        for (int32_t i = 0; i < 4; i++) {
            *sum0 = rn_smlad(rn_load4(x + 2 * i), v0 >> 4 * i & mask, *sum0);
            *sum1 = rn_smlad(rn_load4(x + 2 * i), v1 >> 4 * i & mask, *sum1);
        }
    }
#endif
}

RN_INLINE void rn_fully_connected_s8_w4_dsp(const rn_fully_connected_shape *s, const rn_requant *q,
                                            const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                            void *scratch) {
    const int32_t k = (s->in_c + 7) & ~7;
    int16_t *const wide = (int16_t *)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c, y += s->out_c) {
        const int32_t offset = 8 * rn_fully_connected_dsp_row(x, s->in_c, wide);
        for (int32_t o = 0; o < s->out_c; o += 2) {
            int32_t first = c->bias[o] - offset, second = -offset;
            rn_mac_nibbles(&first, &second, wide, w + o * k / 2, k);
            const rn_dsp_channel ch = rn_dsp_prepare(c, q, o);
            y[o] = rn_dsp_requantize(first, &ch, q);
            if (o + 1 < s->out_c) {
                const rn_dsp_channel next = rn_dsp_prepare(c, q, o + 1);
                y[o + 1] = rn_dsp_requantize(second + next.bias, &next, q);
            }
        }
    }
}

#endif
