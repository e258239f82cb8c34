/* Depthwise 3x3 convolution, int8, for cores with SMLAD: four channels at a time, planar in scratch.
 *
 * SMLAD needs two taps of one channel in one word, but channels-last memory has four channels there. So
 * a band of input rows is turned, for four channels, into one plane of int16 per channel (padding included,
 * every value once: about 1.5 instructions each). Two neighbours of a row are then one word, and with the
 * words (x0, x1) (x2, x3) a kernel row is two multiply-accumulates for the output at x0:
 *     x0 * w0 + x1 * w1,  x2 * w2
 * and with stride 1 two for the output at x1:
 *     x1 * w0,            x2 * w1 + x3 * w2
 * from the weight pairs (w0, w1) and (w1, w2), which stay in registers for all pixels of the band.
 *
 * w: packed with rows = 9, cols = 1: the 9 taps of a channel are contiguous.
 * Needs a 3x3 kernel, channels a multiple of 4, stride_w 1 or 2, dilation 1, rounding single, every
 * shift in [33, 54]. With stride 1 and same-size output y may be x: rows are read before they are written.
 * scratch: rn_depthwise_conv2d_s8_dsp_scratch(s) bytes, word aligned.
 */
#ifndef RN_DEPTHWISE_CONV2D_S8_DSP_H
#define RN_DEPTHWISE_CONV2D_S8_DSP_H

#include "rn_dsp_s16.h"

#ifndef RN_DEPTHWISE_DSP_BYTES
#define RN_DEPTHWISE_DSP_BYTES 4096
#endif

typedef struct {
    int32_t columns;  /* of a scratch row, even */
    int32_t band;     /* output rows */
    int32_t in_band;  /* input rows that a full band needs */
} rn_depthwise_dsp_plan;

RN_INLINE rn_depthwise_dsp_plan rn_depthwise_dsp_make_plan(const rn_conv2d_shape *s) {
    rn_depthwise_dsp_plan p;
    p.columns = (s->stride_w == 1 ? ((s->out_w + 1) & ~1) : s->stride_w * s->out_w) + 2;
    const int32_t fit = RN_DEPTHWISE_DSP_BYTES / (8 * p.columns);
    p.band = rn_clamp((fit - 3) / s->stride_h + 1, 1, s->out_h);
    p.in_band = (p.band - 1) * s->stride_h + 3;
    return p;
}

RN_INLINE int32_t rn_depthwise_conv2d_s8_dsp_scratch(const rn_conv2d_shape *s) {
    const rn_depthwise_dsp_plan p = rn_depthwise_dsp_make_plan(s);
    return 8 * p.columns * p.in_band;
}

/* Two neighbouring pixels, four channels each (int8 or, wide, int16), to one word in each of the four planes. */
RN_INLINE void rn_depthwise_dsp_split(const int8_t *left, const int8_t *right, uint32_t *to, int32_t plane, int wide) {
    if (wide) {
        for (int32_t i = 0; i < 2; i++, to += 2 * plane) {
            const uint32_t l = rn_load4(left + 4 * i), r = rn_load4(right + 4 * i);
            to[0] = rn_pkhbt(l, r);
            to[plane] = rn_pkhtb(l, r);
        }
        return;
    }
    const uint32_t l = rn_load4(left), r = rn_load4(right), low = rn_pkhbt(l, r), high = rn_pkhtb(l, r);
    to[0] = rn_sxtb16(low);
    to[plane] = rn_sxtb16_ror8(low);
    to[2 * plane] = rn_sxtb16(high);
    to[3 * plane] = rn_sxtb16_ror8(high);
}

/* Word i of a row of the planes: columns 2i and 2i + 1 less the padding, either of which may be outside. */
RN_INLINE void rn_depthwise_dsp_edge(const rn_conv2d_shape *s, const int8_t *row, int32_t pixel, int32_t i,
                                     uint32_t *to, int32_t plane, int wide) {
    const uint32_t same = wide ? rn_pair(s->in_zero, s->in_zero) : ((uint32_t)s->in_zero & 0xff) * 0x01010101u;
    const uint32_t zero[2] = {same, same};
    const int32_t ix = 2 * i - s->pad_left;
    const int8_t *const left = ix >= 0 && ix < s->in_w ? row + ix * pixel : (const int8_t *)zero;
    const int8_t *const right = ix + 1 >= 0 && ix + 1 < s->in_w ? row + (ix + 1) * pixel : (const int8_t *)zero;
    rn_depthwise_dsp_split(left, right, to + i, plane, wide);
}

/* Four channels of input row iy, from column -pad_left on; x in bytes. */
RN_INLINE void rn_depthwise_dsp_row(const rn_conv2d_shape *s, int32_t words, const int8_t *x, int32_t iy, uint32_t *to,
                                    int32_t plane, int wide) {
    const int32_t pixel = wide ? 2 * s->in_c : s->in_c;
    int32_t i = 0;
    if (iy < 0 || iy >= s->in_h) {
        const uint32_t zero = rn_pair(s->in_zero, s->in_zero);
        for (; i < words; i++) to[i] = to[i + plane] = to[i + 2 * plane] = to[i + 3 * plane] = zero;
        return;
    }
    /* words [first, last) lie inside the image with both columns */
    const int32_t first = rn_min((s->pad_left + 1) / 2, words);
    const int32_t last = rn_max(first, rn_min((s->in_w + s->pad_left) / 2, words));
    const int8_t *const row = x + iy * s->in_w * pixel;
    for (; i < first; i++) rn_depthwise_dsp_edge(s, row, pixel, i, to, plane, wide);
    if (first < last) {
        const int8_t *from = row + (2 * first - s->pad_left) * pixel;
        RN_UNROLL(4)
        for (; i < last; i++, from += 2 * pixel) rn_depthwise_dsp_split(from, from + pixel, to + i, plane, wide);
    }
    for (; i < words; i++) rn_depthwise_dsp_edge(s, row, pixel, i, to, plane, wide);
}

/* One channel: weight pairs of the three kernel rows, and its requantisation. The assembly below reads
 * this struct by offset. */
typedef struct {
    uint32_t w01_0, w12_0, w01_1, w12_1, w01_2, w12_2; /* at 0 */
    int32_t bias;                                      /* at 24 */
    int32_t multiplier, addend;                        /* at 28 */
    int32_t shift;                                     /* at 36 */
    const uint32_t *end;                               /* at 40: where the assembly stops reading a row */
} rn_depthwise_dsp_channel;

RN_INLINE uint32_t rn_depthwise_dsp_taps(int8_t first, int8_t second) {
    return rn_pkhbt((uint32_t)first, (uint32_t)second);
}

RN_INLINE rn_depthwise_dsp_channel rn_depthwise_dsp_prepare(const rn_channels *c, const rn_requant *q, const int8_t *w,
                                                            int32_t o, int wide) {
    const rn_dsp_channel ch = rn_dsp_prepare_as(c, q, o, wide);
    const rn_depthwise_dsp_channel r = {
        rn_depthwise_dsp_taps(w[0], w[1]), rn_depthwise_dsp_taps(w[1], w[2]), rn_depthwise_dsp_taps(w[3], w[4]),
        rn_depthwise_dsp_taps(w[4], w[5]), rn_depthwise_dsp_taps(w[6], w[7]), rn_depthwise_dsp_taps(w[7], w[8]),
        ch.bias, ch.multiplier, ch.addend, ch.shift, 0};
    return r;
}

/* The output whose window starts at the low half of *x, or (odd) at its high half. */
RN_INLINE int32_t rn_depthwise_dsp_sum(const rn_depthwise_dsp_channel *ch, const uint32_t *x, int32_t pitch, int odd) {
    const uint32_t *const x1 = x + pitch, *const x2 = x1 + pitch;
    int32_t acc = ch->bias;
    if (odd) {
        acc = rn_smlad(x[1], ch->w12_0, rn_smla_hl(x[0], ch->w01_0, acc));
        acc = rn_smlad(x1[1], ch->w12_1, rn_smla_hl(x1[0], ch->w01_1, acc));
        return rn_smlad(x2[1], ch->w12_2, rn_smla_hl(x2[0], ch->w01_2, acc));
    }
    acc = rn_smla_lh(x[1], ch->w12_0, rn_smlad(x[0], ch->w01_0, acc));
    acc = rn_smla_lh(x1[1], ch->w12_1, rn_smlad(x1[0], ch->w01_1, acc));
    return rn_smla_lh(x2[1], ch->w12_2, rn_smlad(x2[0], ch->w01_2, acc));
}

#if RN_DSP_ASM && defined(__OPTIMIZE__)
/* Two outputs: 26 instructions with stride 1, 29 with stride 2, of which 12 multiply. Compilers spill half
 * of the six weight pairs here. r3-r6, r8, r9: weight pairs; r10, r11: sums; r12, lr: input, then constants. */
#define RN_ROW_S1(load, w01, w12, from0, from1)                                     \
    load                                                                            \
    "smlad r10, r12, " w01 ", " from0 "\n\tsmlatb r11, r12, " w01 ", " from1 "\n\t"  \
    "smlabt r10, lr, " w12 ", r10\n\tsmlad r11, lr, " w12 ", r11\n\t"
#define RN_ROW_S2(load, last, w01, w12, from0, from1)                               \
    load                                                                            \
    "smlad r10, r12, " w01 ", " from0 "\n\tsmlad r11, lr, " w01 ", " from1 "\n\t"    \
    last "smlabt r10, lr, " w12 ", r10\n\tsmlabt r11, r12, " w12 ", r11\n\t"
#define RN_SUMS_S1                                                                          \
    "ldr r11, [%[ch], #24]\n\t"                                                             \
    RN_ROW_S1("ldrd r12, lr, [%[x]], #4\n\t", "r3", "r4", "r11", "r11")                     \
    RN_ROW_S1("ldrd r12, lr, [%[x], %[row1]]\n\t", "r5", "r6", "r10", "r11")                \
    RN_ROW_S1("ldrd r12, lr, [%[x], %[row2]]\n\t", "r8", "r9", "r10", "r11")
#define RN_SUMS_S2                                                                                              \
    "ldr r11, [%[ch], #24]\n\t"                                                                                 \
    RN_ROW_S2("ldrd r12, lr, [%[x]], #8\n\t", "ldr r12, [%[x]]\n\t", "r3", "r4", "r11", "r11")                  \
    RN_ROW_S2("ldrd r12, lr, [%[x], %[row1]]\n\t", "ldr r12, [%[x], %[row1] + 8]\n\t", "r5", "r6", "r10", "r11") \
    RN_ROW_S2("ldrd r12, lr, [%[x], %[row2]]\n\t", "ldr r12, [%[x], %[row2] + 8]\n\t", "r8", "r9", "r10", "r11")
/* `bits` and `store`: "8" and "strb", or "16" and "strh". */
#define RN_STORE(bits, store, first, second)                                               \
    "ldrd r12, lr, [%[ch], #28]\n\t"                                                       \
    "smmla r10, r10, r12, lr\n\tsmmla r11, r11, r12, lr\n\tldr r12, [%[ch], #36]\n\t"      \
    "asr r10, r10, r12\n\tasr r11, r11, r12\n\t"                                           \
    "ssat r10, #" bits ", r10, asr #1\n\tssat r11, #" bits ", r11, asr #1\n\t"             \
    store " r10, [%[y], " first "]\n\t" store " r11, [%[y], " second "]\n\t"
#define RN_FOUR(sums, bits, store)                                                       \
    "1:\n\t" sums RN_STORE(bits, store, "#0", "%[c1]") sums RN_STORE(bits, store, "%[c2]", "%[c3]") \
    "add %[y], %[y], %[c4]\n\tldr r12, [%[ch], #40]\n\tcmp %[x], r12\n\tbne 1b"
#define RN_TWO(sums, bits, store) sums RN_STORE(bits, store, "#0", "%[c1]") "add %[y], %[y], %[c2]"
/* The last output of an odd row; the same with both strides. */
#define RN_ONE(bits, store)                                                                          \
    "ldr r10, [%[ch], #24]\n\tldrd r12, lr, [%[x]], #4\n\t"                                          \
    "smlad r10, r12, r3, r10\n\tsmlabt r10, lr, r4, r10\n\tldrd r12, lr, [%[x], %[row1]]\n\t"       \
    "smlad r10, r12, r5, r10\n\tsmlabt r10, lr, r6, r10\n\tldrd r12, lr, [%[x], %[row2]]\n\t"       \
    "smlad r10, r12, r8, r10\n\tsmlabt r10, lr, r9, r10\n\tldrd r12, lr, [%[ch], #28]\n\t"          \
    "smmla r10, r10, r12, lr\n\tldr r12, [%[ch], #36]\n\tasr r10, r10, r12\n\t"                     \
    "ssat r10, #" bits ", r10, asr #1\n\t" store " r10, [%[y]]"
#define RN_OUTPUTS(body, advance)                                                                             \
    __asm__ volatile("ldmia %[ch], {r3, r4, r5, r6, r8, r9}\n\t" body                                         \
                     : [x] "+r"(x), [y] "+r"(y)                                                               \
                     : [ch] "r"(ch), "m"(*ch), [row1] "i"(4 * pitch - (advance)),                              \
                       [row2] "i"(8 * pitch - (advance)), [c1] "i"(step), [c2] "i"(2 * step), [c3] "i"(3 * step), \
                       [c4] "i"(4 * step)                                                                        \
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory")
/* Offsets become immediates: they must be constants, within the reach of LDRD and ADDW. */
#define RN_ROW_ASM(s, q, pitch, wide)                                                                    \
    (__builtin_constant_p(pitch) && __builtin_constant_p((s)->out_c) && 8 * (pitch) <= 1020 &&           \
     ((wide) ? 2 : 1) * (s)->out_c <= 1023 && (q)->acc_shift == 0 &&                                     \
     ((wide) ? (q)->out_zero == 0 && (q)->lo <= -32768 && (q)->hi >= 32767 : (q)->lo <= -128 && (q)->hi >= 127))
#else
#define RN_ROW_ASM(s, q, pitch, wide) 0
#define RN_OUTPUTS(body, advance) (void)step
#endif

#define RN_ROW(bits, store)                                                          \
    do {                                                                             \
        if (s->stride_w == 1) {                                                      \
            ch->end = x + 2 * fours;                                                 \
            if (fours > 0) RN_OUTPUTS(RN_FOUR(RN_SUMS_S1, bits, store), 4);          \
            if (s->out_w & 2) RN_OUTPUTS(RN_TWO(RN_SUMS_S1, bits, store), 4);        \
        } else {                                                                     \
            ch->end = x + 4 * fours;                                                 \
            if (fours > 0) RN_OUTPUTS(RN_FOUR(RN_SUMS_S2, bits, store), 8);          \
            if (s->out_w & 2) RN_OUTPUTS(RN_TWO(RN_SUMS_S2, bits, store), 8);        \
        }                                                                            \
        if (s->out_w & 1) RN_OUTPUTS(RN_ONE(bits, store), 4);                        \
    } while (0)

/* One row of output of one channel, int8 or (wide) int16; x and pitch in words. */
RN_INLINE void rn_depthwise_dsp_out_row(const rn_conv2d_shape *s, const rn_requant *q, rn_depthwise_dsp_channel *ch,
                                        const uint32_t *x, int32_t pitch, void *y, int wide) {
    const rn_dsp_channel scale = {ch->bias, ch->multiplier, ch->shift, ch->addend};
    if (RN_ROW_ASM(s, q, pitch, wide)) {
        const int32_t fours = s->out_w / 4, step = wide ? 2 * s->out_c : s->out_c;
        (void)fours;
        if (wide)
            RN_ROW("16", "strh");
        else
            RN_ROW("8", "strb");
        return;
    }
    for (int32_t i = 0; i < s->out_w; i++) {
        const int odd = s->stride_w == 1 && i % 2 == 1;
        rn_dsp_put(y, i * s->out_c, rn_depthwise_dsp_sum(ch, x, pitch, odd), &scale, q, wide);
        x += s->stride_w == 2 || odd;
    }
}

#undef RN_ROW
#undef RN_ROW_S1
#undef RN_ROW_S2
#undef RN_SUMS_S1
#undef RN_SUMS_S2
#undef RN_STORE
#undef RN_FOUR
#undef RN_TWO
#undef RN_ONE
#undef RN_OUTPUTS
#undef RN_ROW_ASM

/* x is int8 or (x_wide) int16, y likewise. */
RN_INLINE void rn_depthwise_conv2d_dsp_mixed(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                             const void *x, const int8_t *w, void *y, void *scratch, int x_wide,
                                             int y_wide) {
    const rn_depthwise_dsp_plan p = rn_depthwise_dsp_make_plan(s);
    const int32_t words = p.columns / 2, plane = p.in_band * words;
    const int32_t kept = rn_max(3 - s->stride_h, 0); /* rows that the next band shares */
    uint32_t *const planes = (uint32_t *)scratch;
    for (int32_t group = 0; group < s->in_c; group += 4) {
        const int8_t *const in_group = (const int8_t *)rn_at(x, group, x_wide);
        int32_t ready = 0; /* input rows in the planes */
        for (int32_t oy = 0; oy < s->out_h; oy += p.band) {
            const int32_t band = rn_min(p.band, s->out_h - oy);
            const int32_t iy = oy * s->stride_h - s->pad_top;
            for (; ready < (band - 1) * s->stride_h + 3; ready++) {
                rn_depthwise_dsp_row(s, words, in_group, iy + ready, planes + ready * words, plane, x_wide);
            }
            for (int32_t i = 0; i < 4; i++) {
                rn_depthwise_dsp_channel ch = rn_depthwise_dsp_prepare(c, q, w + 9 * (group + i), group + i, y_wide);
                uint32_t *const own = planes + i * plane;
                int32_t at = oy * s->out_w * s->out_c + group + i;
                const uint32_t *in = own;
                for (int32_t r = 0; r < band; r++, at += s->out_w * s->out_c, in += s->stride_h * words) {
                    rn_depthwise_dsp_out_row(s, q, &ch, in, words, rn_at_out(y, at, y_wide), y_wide);
                }
                if (oy + band < s->out_h) {
                    memmove(own, own + band * s->stride_h * words, (size_t)(kept * words * 4));
                }
            }
            ready = kept;
        }
    }
}

RN_INLINE void rn_depthwise_conv2d_s8_dsp(const rn_conv2d_shape *s, const rn_requant *q, const rn_channels *c,
                                          const int8_t *x, const int8_t *w, int8_t *y, void *scratch) {
    rn_depthwise_conv2d_dsp_mixed(s, q, c, x, w, y, scratch, 0, 0);
}

#endif
