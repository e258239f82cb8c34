/* A job makes its output in tiles of 6x6 pixels and 32 (depthwise: 28) channels, from 8x8 (1x1: 6x6)
   pixels and passes of 28 (1x1: 32) input channels:

     acc = sum over taps and channels of x * (stored weight + weight offset)
     y   = clip((acc * scale + bias) >> shift)

   Stored weights lie bit by bit, in lines of 32 bytes for each output channel and pass (depthwise: for
   each pass). 1x1: words of four channels, in which four bits of each number lie together. 3x3: a
   line for each bit, with one bit for each tap and channel. */
#include "rn_npu_job.h"
#include "rn_threads.h"

#include <string.h>

/* Registers, by number. */
enum {
    WEIGHTS, INPUT, OUTPUT, SCALE, SHIFT, BIAS, INPUT_PIXEL, INPUT_ROW, OUTPUT_PIXEL = 10, OUTPUT_ROW,
    WEIGHTS_BIT, WEIGHTS_CHANNEL, LAST_CHANNELS = 15, LAST_OUTPUTS, LAST_INPUTS, CHANNEL_TILES,
    OUTPUT_TILES, PADDING, WEIGHT_OFFSET, FILTER_MASK, CONFIGURATION
};

enum { DENSE, DEPTHWISE, POINTWISE };
enum { TILE = 6, IN_TILE = 8, LANES = 32, LANES_3X3 = 28, TAPS = 9, LINE = 32, POISON = 0xa5 };

/* Bits of the configuration: those that are always set, and those that may be; shift and number of
   weight bits are fields. */
enum {
    QUANTIZE = 1 << 4, SCALE_32 = 2 << 12, SIGNED_OUTPUT = 1 << 23, CHANNEL_SHIFTS = 1 << 24,
    HAS_BIAS = 1 << 25, SIGNED_INPUT = 1 << 26
};
#define RN_UNKNOWN (~(uint32_t)(0x67 | 1 << 10 | 1 << 15 | 31 << 16 | QUANTIZE | SCALE_32 | \
                                SIGNED_OUTPUT | CHANNEL_SHIFTS | HAS_BIAS | SIGNED_INPUT))

/* `count` tiles of `full` each, but for the last. */
typedef struct {
    int32_t count, full, last;
} rn_tiles;

typedef struct {
    const uint32_t *reg;
    int32_t mode, bits, low, high;
    rn_tiles out_c, in_c, out_h, out_w, in_h, in_w;
} rn_job;

/* An output tile: which one, how much of it there is, and its numbers. */
typedef struct {
    int32_t c, h, w;
    int32_t channels, rows, columns;
    int32_t x[IN_TILE][IN_TILE][LANES];
    int32_t weight[LANES][TAPS][LANES];
    int32_t acc[TILE][TILE][LANES];
} rn_tile;

static int32_t rn_high(uint32_t word)
{
    return (int32_t)(word >> 16);
}

static int32_t rn_low(uint32_t word)
{
    return (int32_t)(word & 0xffffu);
}

static int32_t rn_extent(rn_tiles t, int32_t index)
{
    return index == t.count - 1 && t.last != 0 ? t.last : t.full;
}

static rn_job rn_job_of(const uint32_t *reg)
{
    const uint32_t configuration = reg[CONFIGURATION];
    const int32_t mode = configuration >> 5 & 3u, pointwise = mode == POINTWISE;
    const int32_t is_signed = (configuration & SIGNED_OUTPUT) != 0u;
    const int32_t in_tile = pointwise ? TILE : IN_TILE;
    const rn_job j = {
        .reg = reg,
        .mode = mode,
        .bits = (int32_t)(configuration & 7u) + 1,
        .low = is_signed ? -128 : 0,
        .high = is_signed ? 127 : 255,
        .out_c = {rn_high(reg[CHANNEL_TILES]), mode == DEPTHWISE ? LANES_3X3 : LANES,
                  rn_high(reg[LAST_CHANNELS])},
        .in_c = {rn_low(reg[CHANNEL_TILES]), pointwise ? LANES : LANES_3X3,
                 rn_low(reg[LAST_CHANNELS])},
        .out_h = {rn_high(reg[OUTPUT_TILES]), TILE, rn_high(reg[LAST_OUTPUTS])},
        .out_w = {rn_low(reg[OUTPUT_TILES]), TILE, rn_low(reg[LAST_OUTPUTS])},
        .in_h = {rn_high(reg[OUTPUT_TILES]), in_tile, rn_high(reg[LAST_INPUTS])},
        .in_w = {rn_low(reg[OUTPUT_TILES]), in_tile, rn_low(reg[LAST_INPUTS])},
    };
    if ((configuration & RN_UNKNOWN) != 0u || (configuration & QUANTIZE) == 0u || mode > POINTWISE ||
        reg[FILTER_MASK] != 0u || j.out_c.count <= 0 || j.in_c.count <= 0 || j.out_h.count <= 0 ||
        j.out_w.count <= 0)
        rn_thread_fail("a job of the NPU in a mode that is not modelled");
    return j;
}

/* Whether row (or column) `at` of the input buffer is padding. Behind the input it is what lies from 8 -
   `behind` on. */
static int rn_is_padding(rn_tiles t, int32_t index, int32_t at, uint32_t before, uint32_t behind)
{
    return (index == 0 && at < (int32_t)before) ||
           (index == t.count - 1 && behind > 0u && at >= IN_TILE - (int32_t)behind);
}

static void rn_load_input(const rn_job *j, rn_tile *t, int32_t pass)
{
    const uint32_t *reg = j->reg, padding = j->mode == POINTWISE ? 0u : reg[PADDING];
    const int32_t rows = rn_extent(j->in_h, t->h), columns = rn_extent(j->in_w, t->w);
    const int32_t channels = j->mode == DEPTHWISE ? t->channels : rn_extent(j->in_c, pass);
    const int is_signed = (reg[CONFIGURATION] & SIGNED_INPUT) != 0u;
    const uint32_t first = reg[INPUT] + (uint32_t)(t->h * TILE) * reg[INPUT_ROW] +
                           (uint32_t)(t->w * TILE) * reg[INPUT_PIXEL] +
                           (uint32_t)(pass * j->in_c.full);
    for (int32_t row = 0; row < rows; row++)
        for (int32_t column = 0; column < columns; column++) {
            uint8_t pixel[LANES] = {0};
            if (rn_is_padding(j->in_h, t->h, row, padding >> 28, padding >> 20 & 15u) ||
                rn_is_padding(j->in_w, t->w, column, padding >> 16 & 15u, padding >> 24 & 15u))
                memset(pixel, (int)(padding & 0xffu), (size_t)channels);
            else
                memcpy(pixel, rn_npu_place(first + (uint32_t)row * reg[INPUT_ROW] +
                                           (uint32_t)column * reg[INPUT_PIXEL]), (size_t)channels);
            for (int32_t c = 0; c < LANES; c++)
                t->x[row][column][c] = is_signed ? (int8_t)pixel[c] : pixel[c];
        }
}

static int32_t rn_bit(const uint8_t *line, int32_t at)
{
    return line[at / 8] >> at % 8 & 1;
}

/* Weights of one output channel (depthwise: of all) in a pass. */
static void rn_load_weights(const rn_job *j, rn_tile *t, int32_t lane, int32_t pass)
{
    const uint32_t *reg = j->reg;
    const int32_t pointwise = j->mode == POINTWISE, lines = pointwise ? 1 : j->bits;
    uint32_t at = reg[WEIGHTS] + (uint32_t)(pass * lines * LINE);
    uint8_t line[8][LINE];
    if (j->mode != DEPTHWISE)
        at += (uint32_t)(t->c * LANES + lane) * reg[WEIGHTS_CHANNEL];
    for (int32_t i = 0; i < lines; i++)
        memcpy(line[i], rn_npu_place(at + (uint32_t)i * reg[WEIGHTS_BIT]), LINE);
    for (int32_t tap = 0; tap < (pointwise ? 1 : TAPS); tap++)
        for (int32_t c = 0; c < j->in_c.full; c++) {
            int32_t stored = 0;
            for (int32_t bit = 0; bit < j->bits; bit++)
                stored += (pointwise ? rn_bit(line[0], c / 4 * 32 + bit * 4 + c % 4)
                                     : rn_bit(line[bit], tap * LANES_3X3 + c)) << bit;
            t->weight[lane][tap][c] = stored + (int32_t)reg[WEIGHT_OFFSET];
        }
}

static int32_t rn_dot(const int32_t *x, const int32_t *w)
{
    int32_t sum = 0;
    for (int32_t c = 0; c < LANES; c++)
        sum += x[c] * w[c];
    return sum;
}

static void rn_multiply(const rn_job *j, rn_tile *t)
{
    const int32_t kernel = j->mode == POINTWISE ? 1 : 3;
    for (int32_t row = 0; row < t->rows; row++)
        for (int32_t column = 0; column < t->columns; column++)
            for (int32_t lane = 0; lane < t->channels; lane++)
                for (int32_t tap = 0; tap < kernel * kernel; tap++)
                    t->acc[row][column][lane] +=
                        rn_dot(t->x[row + tap / 3][column + tap % 3], t->weight[lane][tap]);
}

static void rn_multiply_depthwise(rn_tile *t)
{
    for (int32_t row = 0; row < t->rows; row++)
        for (int32_t column = 0; column < t->columns; column++)
            for (int32_t tap = 0; tap < TAPS; tap++)
                for (int32_t c = 0; c < t->channels; c++)
                    t->acc[row][column][c] +=
                        t->x[row + tap / 3][column + tap % 3][c] * t->weight[0][tap][c];
}

static void rn_sum_up(const rn_job *j, rn_tile *t)
{
    memset(t->acc, 0, sizeof t->acc);
    if (j->mode == DEPTHWISE) {
        rn_load_input(j, t, t->c);
        rn_load_weights(j, t, 0, t->c);
        rn_multiply_depthwise(t);
        return;
    }
    for (int32_t pass = 0; pass < j->in_c.count; pass++) {
        rn_load_input(j, t, pass);
        for (int32_t lane = 0; lane < t->channels; lane++)
            rn_load_weights(j, t, lane, pass);
        rn_multiply(j, t);
    }
}

static int32_t rn_in_32_bits(int64_t value)
{
    if (value < INT32_MIN || value > INT32_MAX)
        rn_thread_fail("a number of the NPU that 32 bits do not hold");
    return (int32_t)value;
}

static void rn_quantize(const rn_job *j, rn_tile *t, int32_t lane)
{
    const uint32_t *reg = j->reg, index = (uint32_t)(t->c * j->out_c.full + lane);
    const uint32_t scale_bytes = (reg[CONFIGURATION] & SCALE_32) != 0u ? 4u : 1u;
    int32_t bias = 0, shift = (int32_t)(reg[CONFIGURATION] >> 16 & 31u);
    uint32_t scale = 0u;
    if (scale_bytes == 4u)
        memcpy(&scale, rn_npu_place(reg[SCALE] + 4u * index), 4);
    else
        scale = *(const uint8_t *)rn_npu_place(reg[SCALE] + index);
    if ((reg[CONFIGURATION] & HAS_BIAS) != 0u)
        memcpy(&bias, rn_npu_place(reg[BIAS] + 4u * index), 4);
    if ((reg[CONFIGURATION] & CHANNEL_SHIFTS) != 0u)
        shift = *(const uint8_t *)rn_npu_place(reg[SHIFT] + index) & 31;
    for (int32_t row = 0; row < t->rows; row++)
        for (int32_t column = 0; column < t->columns; column++) {
            int32_t *y = &t->acc[row][column][lane];
            *y = rn_in_32_bits((int64_t)rn_in_32_bits((int64_t)*y * scale) + bias) >> shift;
            *y = *y < j->low ? j->low : *y > j->high ? j->high : *y;
        }
}

/* Where a pixel of the tile goes. */
static uint8_t *rn_output(const rn_job *j, const rn_tile *t, int32_t row, int32_t column)
{
    const uint32_t *reg = j->reg;
    return rn_npu_place(reg[OUTPUT] + (uint32_t)(t->h * TILE + row) * reg[OUTPUT_ROW] +
                        (uint32_t)(t->w * TILE + column) * reg[OUTPUT_PIXEL] +
                        (uint32_t)(t->c * j->out_c.full));
}

static void rn_compute_tile(const rn_job *j, rn_tile *t)
{
    rn_sum_up(j, t);
    for (int32_t lane = 0; lane < t->channels; lane++)
        rn_quantize(j, t, lane);
    for (int32_t row = 0; row < t->rows; row++)
        for (int32_t column = 0; column < t->columns; column++) {
            uint8_t pixel[LANES];
            for (int32_t lane = 0; lane < t->channels; lane++)
                pixel[lane] = (uint8_t)t->acc[row][column][lane];
            memcpy(rn_output(j, t, row, column), pixel, (size_t)t->channels);
        }
}

static void rn_destroy_tile(const rn_job *j, rn_tile *t)
{
    for (int32_t row = 0; row < t->rows; row++)
        for (int32_t column = 0; column < t->columns; column++)
            memset(rn_output(j, t, row, column), POISON, (size_t)t->channels);
}

static void rn_each_tile(const uint32_t *registers, void (*use)(const rn_job *j, rn_tile *t))
{
    static rn_tile t; /* of the one thread that computes jobs */
    const rn_job j = rn_job_of(registers);
    for (t.c = 0; t.c < j.out_c.count; t.c++)
        for (t.h = 0; t.h < j.out_h.count; t.h++)
            for (t.w = 0; t.w < j.out_w.count; t.w++) {
                t.channels = rn_extent(j.out_c, t.c);
                t.rows = rn_extent(j.out_h, t.h);
                t.columns = rn_extent(j.out_w, t.w);
                use(&j, &t);
            }
}

void rn_npu_compute(const uint32_t registers[RN_NPU_REGISTERS])
{
    rn_each_tile(registers, rn_compute_tile);
}

void rn_npu_destroy(const uint32_t registers[RN_NPU_REGISTERS])
{
    rn_each_tile(registers, rn_destroy_tile);
}
