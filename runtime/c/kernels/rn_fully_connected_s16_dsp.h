/* Fully connected layer with 16-bit activations, for cores with SMLAD: rn_fully_connected_s8_s16_dsp, _s16_s8_dsp and
 * _s16_s16_dsp.
 *
 * int8 inputs: the kernel of rn_fully_connected_s8_dsp.h with its weights and scratch. 16-bit inputs are as wide as
 * what that one packs two weights into, so here two rows of weights are widened as they come: 18 instructions per
 * 16 multiplications.
 * w: for 16-bit inputs packed with rows = 2, cols = 8, the block in the order
 * [0 2 1 3 | 8 10 9 11 | 4 6 5 7 | 12 14 13 15]; word aligned.
 * scratch: rn_fully_connected_s16_dsp_scratch(s) bytes for 16-bit inputs, word aligned: a row, where it has no
 * multiple of 8 columns.
 */
#ifndef RN_FULLY_CONNECTED_S16_DSP_H
#define RN_FULLY_CONNECTED_S16_DSP_H

#include "rn_dsp_s16.h"
#include "rn_fully_connected_s8_dsp.h"

RN_INLINE int32_t rn_fully_connected_s16_dsp_scratch(const rn_fully_connected_shape *s) {
    return s->in_c % 8 == 0 ? 0 : 2 * ((s->in_c + 7) & ~7);
}

/* Adds the dot products of x with two rows of weights over k columns (a multiple of 8). */
RN_INLINE void rn_mac_1x2_s16(int32_t *first, int32_t *second, const int16_t *x, const int8_t *w, int32_t k) {
#if RN_DSP_ASM
#define RN_GROUP(x0, x1, r0, r1)                                                                       \
    "sxtb16 lr, " r0 "\n\tsxtb16 " r0 ", " r0 ", ror #8\n\t"                                            \
    "smlad %[a], " x0 ", lr, %[a]\n\tsmlad %[a], " x1 ", " r0 ", %[a]\n\t"                              \
    "sxtb16 lr, " r1 "\n\tsxtb16 " r1 ", " r1 ", ror #8\n\t"                                            \
    "smlad %[b], " x0 ", lr, %[b]\n\tsmlad %[b], " x1 ", " r1 ", %[b]\n\t"
#define RN_STEP                                                                                        \
    "ldmia %[x]!, {r4, r5, r6, r8}\n\tldmia %[w]!, {r9, r10, r11, r12}\n\t"                            \
    RN_GROUP("r4", "r5", "r9", "r10") RN_GROUP("r6", "r8", "r11", "r12")
#define RN_STEPS(steps)                                                                                \
    __asm__ volatile(steps                                                                             \
                     : [a] "+r"(a), [b] "+r"(b), [x] "+r"(x), [w] "+r"(w)                              \
                     :                                                                                 \
                     : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "memory")
    int32_t a = *first, b = *second;
    const int16_t *end = x + (k & ~31);
    while (x != end) RN_STEPS(RN_STEP RN_STEP RN_STEP RN_STEP);
    if (k & 16) RN_STEPS(RN_STEP RN_STEP);
    if (k & 8) RN_STEPS(RN_STEP);
    *first = a;
    *second = b;
#undef RN_STEPS
#undef RN_STEP
#undef RN_GROUP
#else
    static const uint8_t order[4] = {0, 2, 1, 3}; /* where column i of four is */
    for (; k > 0; k -= 4, x += 4, w += 8) {
        for (int32_t i = 0; i < 4; i++) {
            *first += x[i] * w[order[i]];
            *second += x[i] * w[4 + order[i]];
        }
    }
#endif
}

RN_INLINE void rn_fully_connected_s16_dsp_wide(const rn_fully_connected_shape *s, const rn_requant *q,
                                               const rn_channels *c, const int16_t *x, const int8_t *w, void *y,
                                               void *scratch, int y_wide) {
    const int32_t k = (s->in_c + 7) & ~7;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c) {
        const int16_t *row = x;
        if (s->in_c != k) {
            int16_t *const copy = (int16_t *)scratch;
            memcpy(copy, x, (size_t)(2 * s->in_c));
            memset(copy + s->in_c, 0, (size_t)(2 * (k - s->in_c)));
            row = copy;
        }
        for (int32_t o = 0; o < s->out_c; o += 2) {
            const int both = o + 1 < s->out_c;
            const rn_dsp_channel c0 = rn_dsp_prepare_as(c, q, o, y_wide);
            const rn_dsp_channel c1 = rn_dsp_prepare_as(c, q, o + both, y_wide);
            int32_t first = c0.bias, second = c1.bias;
            rn_mac_1x2_s16(&first, &second, row, w + o * k, k);
            rn_dsp_put(y, r * s->out_c + o, first, &c0, q, y_wide);
            if (both) rn_dsp_put(y, r * s->out_c + o + 1, second, &c1, q, y_wide);
        }
    }
}

RN_INLINE void rn_fully_connected_s16_s8_dsp(const rn_fully_connected_shape *s, const rn_requant *q,
                                             const rn_channels *c, const int16_t *x, const int8_t *w, int8_t *y,
                                             void *scratch) {
    rn_fully_connected_s16_dsp_wide(s, q, c, x, w, y, scratch, 0);
}

RN_INLINE void rn_fully_connected_s16_s16_dsp(const rn_fully_connected_shape *s, const rn_requant *q,
                                              const rn_channels *c, const int16_t *x, const int8_t *w, int16_t *y,
                                              void *scratch) {
    rn_fully_connected_s16_dsp_wide(s, q, c, x, w, y, scratch, 1);
}

RN_INLINE void rn_fully_connected_s8_s16_dsp(const rn_fully_connected_shape *s, const rn_requant *q,
                                             const rn_channels *c, const int8_t *x, const int8_t *w, int16_t *y,
                                             void *scratch) {
    const int32_t k = (s->in_c + 7) & ~7;
    int16_t *const wide = (int16_t *)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c, y += s->out_c) {
        const int32_t offset = 128 * rn_fully_connected_dsp_row(x, s->in_c, wide);
        for (int32_t o = 0; o < s->out_c; o += 2) {
            int32_t even, odd;
            rn_fully_connected_dsp_pair(s, wide, w + o * k, &even, &odd);
            const rn_dsp_channel ch = rn_dsp_prepare_s16(c, o);
            y[o] = rn_dsp_requantize_s16(ch.bias - offset + even, &ch, q);
            if (o + 1 < s->out_c) {
                const rn_dsp_channel next = rn_dsp_prepare_s16(c, o + 1);
                y[o + 1] = rn_dsp_requantize_s16(odd + next.bias, &next, q);
            }
        }
    }
}

#endif
