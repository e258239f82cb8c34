/* Fully connected layer, int8, for cores with SMLAD: 14 instructions per 16 multiplications.
 *
 * A weight is used once per row, so unpacking it is not shared by anything, and SXTB16 for each half of
 * each word would be a third of the work. Instead a word holds two weights of an even output e (low bytes,
 * stored as u = e + 128) and two of the next, odd output o (high bytes, signed). As two int16 it reads
 * u + 256 * o. With one unpacking, of the low bytes, both dot products come out:
 *     low   = sum x * u                 SMLAD with UXTB16(word)
 *     whole = sum x * (u + 256 * o)     SMLAD with the word as it is
 *     even  = low - 128 * sum x
 *     odd   = (whole - low) / 256
 * `whole` may wrap around, but a sum modulo 2^32 still gives `odd` modulo 2^24: exact for up to
 * RN_FULLY_CONNECTED_DSP_BLOCK columns, since 480 * 128 * 128 < 2^23. Longer rows take several blocks.
 *
 * w: packed with rows = 2, cols = 8, the block in the order [0 8 2 10 | 1 9 3 11 | 4 12 6 14 | 5 13 7 15],
 * the even row of each block flipped (sign bit inverted); word aligned.
 * Needs rounding single, every shift in [33, 54].
 * scratch: rn_fully_connected_s8_dsp_scratch(s) bytes, word aligned.
 */
#ifndef RN_FULLY_CONNECTED_S8_DSP_H
#define RN_FULLY_CONNECTED_S8_DSP_H

#include "rn_dsp.h"

#define RN_FULLY_CONNECTED_DSP_BLOCK 480 /* a multiple of the 32 columns of the inner loop */

RN_INLINE int32_t rn_fully_connected_s8_dsp_scratch(const rn_fully_connected_shape *s) {
    return 2 * ((s->in_c + 7) & ~7);
}

/* Adds the dot products `low` and `whole` over k columns (a multiple of 8). */
RN_INLINE void rn_mac_low_whole(int32_t *low_sum, int32_t *whole_sum, const int16_t *x, const int8_t *w, int32_t k) {
#if RN_DSP_ASM
#define RN_PAIR(x, w)                                                             \
    "uxtb16 lr, " w "\n\tsmlad %[whole], " x ", " w ", %[whole]\n\t"              \
    "smlad %[low], " x ", lr, %[low]\n\t"
#define RN_STEP                                                                   \
    "ldmia %[x]!, {r4, r5, r6, r8}\n\tldmia %[w]!, {r9, r10, r11, r12}\n\t"       \
    RN_PAIR("r4", "r9") RN_PAIR("r5", "r10") RN_PAIR("r6", "r11") RN_PAIR("r8", "r12")
#define RN_STEPS(steps)                                                                          \
    __asm__ volatile(steps                                                                       \
                     : [low] "+r"(low), [whole] "+r"(whole), [x] "+r"(x), [w] "+r"(w)            \
                     :                                                                           \
                     : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "memory")
    int32_t low = *low_sum, whole = *whole_sum;
    const int16_t *end = x + (k & ~31);
    while (x != end) RN_STEPS(RN_STEP RN_STEP RN_STEP RN_STEP);
    if (k & 16) RN_STEPS(RN_STEP RN_STEP);
    if (k & 8) RN_STEPS(RN_STEP);
    *low_sum = low;
    *whole_sum = whole;
#undef RN_STEPS
#undef RN_STEP
#undef RN_PAIR
#else
    uint32_t low = (uint32_t)*low_sum, whole = (uint32_t)*whole_sum; /* unsigned: `whole` wraps around */
    for (; k > 0; k -= 2, x += 2, w += 4) {
        for (int32_t i = 0; i < 2; i++) {
            const int32_t u = (uint8_t)w[2 * i], word = u + 256 * w[2 * i + 1];
            low += (uint32_t)(x[i] * u);
            whole += (uint32_t)(x[i] * word);
        }
    }
    *low_sum = (int32_t)low;
    *whole_sum = (int32_t)whole;
#endif
}

/* Widens a row, pads it with zeros to a multiple of 8, and returns its sum. */
RN_INLINE int32_t rn_fully_connected_dsp_row(const int8_t *x, int32_t in_c, int16_t *wide) {
    const int32_t whole = in_c & ~3, padded = (in_c + 7) & ~7;
    int16_t *to = rn_widen(x, wide, whole, 0);
    int32_t sum = 0;
    if (in_c > whole) {
        int8_t last[4] = {0};
        memcpy(last, x + whole, (size_t)(in_c - whole));
        to = rn_widen(last, to, 4, 0);
    }
    if (to < wide + padded) rn_fill_wide(to, 0, 4);
    RN_UNROLL(4)
    for (int32_t i = 0; i < padded; i += 2) sum = rn_smlad(rn_load4(wide + i), 0x00010001u, sum);
    return sum;
}

/* The dot products of a widened row with two rows of weights; the even one has 128 times the row's sum in it. */
RN_INLINE void rn_fully_connected_dsp_pair(const rn_fully_connected_shape *s, const int16_t *wide, const int8_t *w,
                                           int32_t *even, int32_t *odd) {
    const int32_t k = (s->in_c + 7) & ~7;
    *even = *odd = 0;
    for (int32_t i = 0; i < k; i += RN_FULLY_CONNECTED_DSP_BLOCK) {
        int32_t low = 0, whole = 0;
        rn_mac_low_whole(&low, &whole, wide + i, w + 2 * i, rn_min(k - i, RN_FULLY_CONNECTED_DSP_BLOCK));
        *even += low;
        *odd += (int32_t)((uint32_t)whole - (uint32_t)low) >> 8;
    }
}

RN_INLINE void rn_fully_connected_s8_dsp(const rn_fully_connected_shape *s, const rn_requant *q, const rn_channels *c,
                                         const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    const int32_t k = (s->in_c + 7) & ~7;
    int16_t *const wide = (int16_t *)scratch;
    for (int32_t r = 0; r < s->rows; r++, x += s->in_c, y += s->out_c) {
        const int32_t offset = 128 * rn_fully_connected_dsp_row(x, s->in_c, wide);
        for (int32_t o = 0; o < s->out_c; o += 2) {
            int32_t even, odd;
            rn_fully_connected_dsp_pair(s, wide, w + o * k, &even, &odd);
            const rn_dsp_channel ch = rn_dsp_prepare(c, q, o);
            y[o] = rn_dsp_requantize(ch.bias - offset + even, &ch, q);
            if (o + 1 < s->out_c) {
                const rn_dsp_channel next = rn_dsp_prepare(c, q, o + 1);
                y[o + 1] = rn_dsp_requantize(odd + next.bias, &next, q);
            }
        }
    }
}

#endif
