/* The Armv7E-M DSP instructions that the *_dsp.h kernels are made of (Cortex-M4, M7, M33, ...).
 *
 * Where the compiler has no DSP extension (a host under sanitizers), every helper has a C meaning,
 * so the very same kernels run there. A "pair" is two int16 in one word, low half first. "Widened"
 * means: a group of four int8 [0 1 2 3] became the two pairs (0, 2) (1, 3), which is what SXTB16
 * gives for free. Activations and weights are widened alike, so dot products do not notice.
 */
#ifndef RN_DSP_H
#define RN_DSP_H

#include "rn_requant.h"

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && defined(__thumb2__)
#define RN_DSP_ASM 1
#include <arm_acle.h>
#else
#define RN_DSP_ASM 0
#endif

/* Loads and stores of one word at any address: LDR and STR on these cores. */
RN_INLINE uint32_t rn_load4(const void *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

RN_INLINE int32_t rn_low(uint32_t pair) { return (int16_t)(pair & 0xffff); }
RN_INLINE int32_t rn_high(uint32_t pair) { return (int16_t)(pair >> 16); }
RN_INLINE uint32_t rn_pair(int32_t low, int32_t high) { return ((uint32_t)low & 0xffff) | (uint32_t)high << 16; }

/* Bytes 0 and 2, sign extended. */
RN_INLINE uint32_t rn_sxtb16(uint32_t v) {
#if RN_DSP_ASM
    uint32_t r;
    __asm__("sxtb16 %0, %1" : "=r"(r) : "r"(v));
    return r;
#else
    return rn_pair((int8_t)v, (int8_t)(v >> 16));
#endif
}

/* Bytes 1 and 3, sign extended. */
RN_INLINE uint32_t rn_sxtb16_ror8(uint32_t v) {
#if RN_DSP_ASM
    uint32_t r;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(v));
    return r;
#else
    return rn_pair((int8_t)(v >> 8), (int8_t)(v >> 24));
#endif
}

/* (low half of a, low half of b) */
RN_INLINE uint32_t rn_pkhbt(uint32_t a, uint32_t b) {
#if RN_DSP_ASM
    uint32_t r;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(r) : "r"(a), "r"(b));
    return r;
#else
    return (a & 0xffff) | b << 16;
#endif
}

/* (high half of a, high half of b) */
RN_INLINE uint32_t rn_pkhtb(uint32_t a, uint32_t b) {
#if RN_DSP_ASM
    uint32_t r;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(r) : "r"(b), "r"(a));
    return r;
#else
    return a >> 16 | (b & 0xffff0000u);
#endif
}

/* acc + a.low * b.low + a.high * b.high */
RN_INLINE int32_t rn_smlad(uint32_t a, uint32_t b, int32_t acc) {
#if RN_DSP_ASM
    int32_t r;
    __asm__("smlad %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(acc));
    return r;
#else
    return acc + rn_low(a) * rn_low(b) + rn_high(a) * rn_high(b);
#endif
}

/* acc + one product; _lh: a.low * b.high, _hl: a.high * b.low */
#if RN_DSP_ASM
#define RN_DSP_SMLA(name, op, left, right)                                                   \
    RN_INLINE int32_t name(uint32_t a, uint32_t b, int32_t acc) {                            \
        int32_t r;                                                                           \
        __asm__(op " %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(acc));                  \
        return r;                                                                            \
    }
#else
#define RN_DSP_SMLA(name, op, left, right) \
    RN_INLINE int32_t name(uint32_t a, uint32_t b, int32_t acc) { return acc + left(a) * right(b); }
#endif
RN_DSP_SMLA(rn_smla_lh, "smlabt", rn_low, rn_high)
RN_DSP_SMLA(rn_smla_hl, "smlatb", rn_high, rn_low)
#undef RN_DSP_SMLA

/* Fast requantisation, rounding `single`, shift in [33, 54]:
 *   t = addend + hi32(acc * multiplier), addend = (1 + 2 * out_zero) << (shift - 33)
 *   y = saturate8((t >> (shift - 33)) >> 1)
 * which equals floor((p + 2^(shift-1)) / 2^shift) + out_zero for p = acc * multiplier, because
 * floor((floor(p / 2^(shift-1)) + 1) / 2) = floor((p + 2^(shift-1)) / 2^shift).
 * shift <= 54 keeps t within 32 bits. */
typedef struct {
    int32_t bias, multiplier, shift, addend;
} rn_dsp_channel;

RN_INLINE rn_dsp_channel rn_dsp_prepare(const rn_channels *c, const rn_requant *q, int32_t o) {
    rn_dsp_channel r;
    r.bias = c->bias[o];
    r.multiplier = c->multiplier[o];
    r.shift = c->shift[o] - 33;
    r.addend = (1 + 2 * q->out_zero) * (1 << r.shift);
    return r;
}

RN_INLINE int32_t rn_ssat8(int32_t v) {
#if RN_DSP_ASM
    int32_t r;
    __asm__("ssat %0, #8, %1" : "=r"(r) : "r"(v));
    return r;
#else
    return rn_clamp(v, -128, 127);
#endif
}

/* saturate8(v / 2) */
RN_INLINE int32_t rn_ssat8_half(int32_t v) {
#if RN_DSP_ASM
    int32_t r;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(r) : "r"(v));
    return r;
#else
    return rn_clamp(v >> 1, -128, 127);
#endif
}

/* addend + hi32(a * b) */
RN_INLINE int32_t rn_smmla(int32_t a, int32_t b, int32_t addend) {
#if RN_DSP_ASM
    int32_t r;
    __asm__("smmla %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(addend));
    return r;
#else
    return addend + (int32_t)(((int64_t)a * b) >> 32);
#endif
}

/* Clamps an int8 value; lo and hi are literals, so that the plain int8 range costs nothing. */
RN_INLINE int32_t rn_dsp_limit(int32_t v, int32_t lo, int32_t hi) {
    if (lo > -128) v = rn_max(v, lo);
    if (hi < 127) v = rn_min(v, hi);
    return v;
}

RN_INLINE int8_t rn_dsp_requantize(int32_t acc, const rn_dsp_channel *ch, const rn_requant *q) {
    const int32_t scaled = rn_smmla(acc * (1 << q->acc_shift), ch->multiplier, ch->addend);
    return (int8_t)rn_dsp_limit(rn_ssat8_half(scaled >> ch->shift), q->lo, q->hi);
}

/* Widens `count` (a multiple of 4) int8 to int16; `to` is word aligned. `aligned`: so is `from`. */
RN_INLINE int16_t *rn_widen(const int8_t *from, int16_t *to, int32_t count, int aligned) {
    int32_t left = count;
#if RN_DSP_ASM
/* r4, r6, r9, r11 hold the words as they come; each becomes two neighbours of the stored list. */
#define RN_WIDEN_16(load)                                                                            \
    __asm__ volatile(load                                                                            \
                     "sxtb16 r3, r4\n\tsxtb16 r4, r4, ror #8\n\t"                                    \
                     "sxtb16 r5, r6\n\tsxtb16 r6, r6, ror #8\n\t"                                    \
                     "sxtb16 r8, r9\n\tsxtb16 r9, r9, ror #8\n\t"                                    \
                     "sxtb16 r10, r11\n\tsxtb16 r11, r11, ror #8\n\t"                                \
                     "stmia %[to]!, {r3-r6, r8-r11}"                                                 \
                     : [from] "+r"(from), [to] "+r"(to)                                              \
                     :                                                                               \
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "memory")
    for (; left >= 16; left -= 16) {
        if (aligned)
            RN_WIDEN_16("ldmia %[from]!, {r4, r6, r9, r11}\n\t");
        else /* only LDR works at odd addresses */
            RN_WIDEN_16("ldr r4, [%[from]], #4\n\tldr r6, [%[from]], #4\n\t"
                        "ldr r9, [%[from]], #4\n\tldr r11, [%[from]], #4\n\t");
    }
#undef RN_WIDEN_16
#else
    (void)aligned;
#endif
    RN_UNROLL(4)
    for (; left > 0; left -= 4, from += 4, to += 4) {
        const uint32_t v = rn_load4(from), even = rn_sxtb16(v), odd = rn_sxtb16_ror8(v);
        memcpy(__builtin_assume_aligned(to, 4), &even, 4);
        memcpy(__builtin_assume_aligned(to + 2, 4), &odd, 4);
    }
    return to;
}

/* The pair a - b, each half for itself. */
RN_INLINE uint32_t rn_ssub16(uint32_t a, uint32_t b) {
#if RN_DSP_ASM
    uint32_t r;
    __asm__("ssub16 %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
    return r;
#else
    return rn_pair(rn_low(a) - rn_low(b), rn_high(a) - rn_high(b));
#endif
}

/* Widens `count` (a multiple of 8) 4-bit weights, stored as value + 8, a word for two groups of four: the pair
 * j of the eight that come out is in the halves j and j + 4 of the word. Both are word aligned. */
RN_INLINE int16_t *rn_widen_nibbles(const int8_t *from, int16_t *to, int32_t count) {
    const uint32_t mask = 0x000f000fu, eight = 0x00080008u;
    RN_UNROLL(2)
    for (int32_t i = 0; i < count; i += 8, from += 4, to += 8) {
        const uint32_t v = rn_load4(from);
        const uint32_t wide[4] = {rn_ssub16(v & mask, eight), rn_ssub16(v >> 4 & mask, eight),
                                  rn_ssub16(v >> 8 & mask, eight), rn_ssub16(v >> 12 & mask, eight)};
        memcpy(__builtin_assume_aligned(to, 4), wide, 16);
    }
    return to;
}

/* Fills `count` (a multiple of 4) int16. */
RN_INLINE int16_t *rn_fill_wide(int16_t *to, int32_t value, int32_t count) {
    const uint32_t pair = rn_pair(value, value);
    for (int32_t i = 0; i < count; i += 2) memcpy(__builtin_assume_aligned(to + i, 4), &pair, 4);
    return to + count;
}

/* Two output channels as a tile needs them. In memory, because the loop has no registers to spare: one
 * LDM fetches the first six words. */
typedef struct {
    int32_t multiplier0, addend0, shift0, multiplier1, addend1, shift1;
    int32_t bias0, bias1;
} rn_dsp_channel_pair;

RN_INLINE rn_dsp_channel_pair rn_dsp_prepare_pair(const rn_channels *c, const rn_requant *q, int32_t o0, int32_t o1) {
    const rn_dsp_channel a = rn_dsp_prepare(c, q, o0), b = rn_dsp_prepare(c, q, o1);
    const rn_dsp_channel_pair r = {a.multiplier, a.addend, a.shift, b.multiplier, b.addend, b.shift, a.bias, b.bias};
    return r;
}

/* Two pixels by two channels. */
typedef struct {
    int32_t x0w0, x0w1, x1w0, x1w1;
} rn_tile_2x2;

/* Accumulators to int8 values, as rn_dsp_requantize. */
RN_INLINE void rn_requantize_2x2(rn_tile_2x2 *t, const rn_dsp_channel_pair *ch, const rn_requant *q) {
#if RN_DSP_ASM
    if (q->acc_shift == 0 && q->lo <= -128 && q->hi >= 127) {
        __asm__("ldmia %[ch], {r8, r9, r10, r11, r12, lr}\n\t"
                "smmla %[a], %[a], r8, r9\n\tsmmla %[b], %[b], r11, r12\n\t"
                "smmla %[c], %[c], r8, r9\n\tsmmla %[d], %[d], r11, r12\n\t"
                "asr %[a], %[a], r10\n\tasr %[b], %[b], lr\n\tasr %[c], %[c], r10\n\tasr %[d], %[d], lr\n\t"
                "ssat %[a], #8, %[a], asr #1\n\tssat %[b], #8, %[b], asr #1\n\t"
                "ssat %[c], #8, %[c], asr #1\n\tssat %[d], #8, %[d], asr #1"
                : [a] "+r"(t->x0w0), [b] "+r"(t->x0w1), [c] "+r"(t->x1w0), [d] "+r"(t->x1w1)
                : [ch] "r"(ch), "m"(*ch)
                : "r8", "r9", "r10", "r11", "r12", "lr");
        return;
    }
#endif
    const rn_dsp_channel c0 = {ch->bias0, ch->multiplier0, ch->shift0, ch->addend0};
    const rn_dsp_channel c1 = {ch->bias1, ch->multiplier1, ch->shift1, ch->addend1};
    t->x0w0 = rn_dsp_requantize(t->x0w0, &c0, q);
    t->x0w1 = rn_dsp_requantize(t->x0w1, &c1, q);
    t->x1w0 = rn_dsp_requantize(t->x1w0, &c0, q);
    t->x1w1 = rn_dsp_requantize(t->x1w1, &c1, q);
}

/* Dot products of two widened activation windows with two widened weight rows, the rows interleaved
 * in groups of four. k is a multiple of 4. */
RN_INLINE void rn_mac_2x2(rn_tile_2x2 *acc, const int16_t *x0, const int16_t *x1, const int16_t *w, int32_t k) {
#if RN_DSP_ASM
/* 4 steps of k: 11 instructions for 16 multiplications. Compilers do not find the multiple loads. */
#define RN_STEP                                                        \
    "ldmia %[w]!, {r8, r9, r10, lr}\n\t"                               \
    "ldrd r11, r12, [%[x0]], #8\n\t"                                   \
    "smlad %[a], r11, r8, %[a]\n\tsmlad %[b], r11, r10, %[b]\n\t"      \
    "smlad %[a], r12, r9, %[a]\n\tsmlad %[b], r12, lr, %[b]\n\t"       \
    "ldrd r11, r12, [%[x1]], #8\n\t"                                   \
    "smlad %[c], r11, r8, %[c]\n\tsmlad %[d], r11, r10, %[d]\n\t"      \
    "smlad %[c], r12, r9, %[c]\n\tsmlad %[d], r12, lr, %[d]\n\t"
#define RN_STEPS(steps)                                                                                    \
    __asm__ volatile(steps                                                                                 \
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x0] "+r"(x0), [x1] "+r"(x1),  \
                       [w] "+r"(w)                                                                         \
                     :                                                                                     \
                     : "r8", "r9", "r10", "r11", "r12", "lr", "memory")
    int32_t a = acc->x0w0, b = acc->x0w1, c = acc->x1w0, d = acc->x1w1;
    const int16_t *end = x0 + (k & ~31);
    while (x0 != end) RN_STEPS(RN_STEP RN_STEP RN_STEP RN_STEP RN_STEP RN_STEP RN_STEP RN_STEP);
    if (k & 16) RN_STEPS(RN_STEP RN_STEP RN_STEP RN_STEP);
    if (k & 8) RN_STEPS(RN_STEP RN_STEP);
    if (k & 4) RN_STEPS(RN_STEP);
#undef RN_STEPS
#undef RN_STEP
    acc->x0w0 = a;
    acc->x0w1 = b;
    acc->x1w0 = c;
    acc->x1w1 = d;
#else
    for (int32_t i = 0; i < k; i++) {
        const int16_t w0 = w[i / 4 * 8 + i % 4], w1 = w[i / 4 * 8 + 4 + i % 4];
        acc->x0w0 += x0[i] * w0;
        acc->x0w1 += x0[i] * w1;
        acc->x1w0 += x1[i] * w0;
        acc->x1w1 += x1[i] * w1;
    }
#endif
}

#endif
