/* What a job computes: for each tile of 6x6 output pixels and 32 (depthwise: 28) channels

     acc = sum over taps and channels of x * (w + weight offset), in 32 bits
     y   = clip((acc * scale + bias) >> shift)

   Weights lie bit by bit. 1x1: 32 bytes for each output channel and 32 input channels, in words of
   four channels with all eight bits. 3x3: 32 bytes for each bit, with one bit for each tap and each
   of 28 channels. Layout and arithmetic: pulp-nnx (weight encoder and functional model). */
#include "npu.h"

#include <string.h>

typedef struct {
    soc *s;
    const uint32_t *reg;
    npu_layer j;
    int ko, i, x; /* the tile */
    int ok;
    int32_t in[IN_TILE][IN_TILE][LANES];
    int64_t acc[TILE][TILE][LANES];
    int32_t weight[9][LANES];
} tile;

static uint8_t *at(tile *t, uint32_t address, uint32_t bytes)
{
    static uint8_t nothing[32];
    uint8_t *found = memory_at(t->s, address, bytes);
    if (found == NULL)
        t->ok = 0;
    return found == NULL ? nothing : found;
}

static int channels_out(const tile *t)
{
    return npu_extent(t->ko, t->j.number_ko, t->j.remainder_ko, t->j.lanes_out);
}

static int channels_in(const tile *t, int ki)
{
    return npu_extent(ki, t->j.number_ki, t->j.remainder_ki, t->j.lanes_in);
}

/* Explicit padding at the borders of the tensor. On the right and at the bottom it replaces what is
   behind 8 minus the padding; what is missing of a smaller last tile is zero whatever the padding
   value is. */
static int is_padding(const tile *t, int row, int column, int rows, int columns)
{
    const npu_layer *j = &t->j;
    if (j->kernel == 1)
        return 0;
    return (t->i == 0 && row < j->pad_top) || (t->x == 0 && column < j->pad_left) ||
           (t->i == j->number_ho - 1 && j->pad_bottom > 0 && row >= IN_TILE - j->pad_bottom &&
            row < rows) ||
           (t->x == j->number_wo - 1 && j->pad_right > 0 && column >= IN_TILE - j->pad_right &&
            column < columns);
}

static void load_input(tile *t, int ki)
{
    const npu_layer *j = &t->j;
    const int full = j->kernel == 1 ? TILE : IN_TILE;
    const int rows = npu_extent(t->i, j->number_ho, j->remainder_hi, full);
    const int columns = npu_extent(t->x, j->number_wo, j->remainder_wi, full);
    const int channels = channels_in(t, ki);
    const uint32_t base = t->reg[INFEAT_PTR] + (uint32_t)(t->i * TILE) * t->reg[INFEAT_D1] +
                          (uint32_t)(t->x * TILE) * t->reg[INFEAT_D0] +
                          (uint32_t)(ki * j->lanes_in);
    memset(t->in, 0, sizeof t->in);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            uint8_t padding[LANES];
            const uint8_t *pixel = padding;
            if (is_padding(t, row, column, rows, columns))
                memset(padding, j->pad_value, sizeof padding);
            else
                pixel = at(t, base + (uint32_t)row * t->reg[INFEAT_D1] +
                                  (uint32_t)column * t->reg[INFEAT_D0], (uint32_t)channels);
            for (int c = 0; c < channels; c++)
                t->in[row][column][c] = j->input_signed ? (int8_t)pixel[c] : pixel[c];
        }
}

static void add_bit(tile *t, const uint8_t *bits, int position, int tap, int channel, int bit)
{
    if ((bits[position / 8] >> position % 8 & 1u) != 0u)
        t->weight[tap][channel] += 1 << bit;
}

/* Weights of output channel `lane` (depthwise: of all channels) for input channels `ki`. */
static void load_weights(tile *t, int lane, int ki)
{
    const npu_layer *j = &t->j;
    const int taps = j->kernel * j->kernel;
    for (int tap = 0; tap < taps; tap++)
        for (int c = 0; c < LANES; c++)
            t->weight[tap][c] = (int32_t)t->reg[WEIGHT_OFFSET];
    const uint32_t line = LANES;
    uint32_t address = t->reg[WEIGHTS_PTR];
    if (j->kernel == 1) {
        address += (uint32_t)(t->ko * LANES * j->number_ki + ki) * line;
        const uint8_t *bits = at(t, address + (uint32_t)lane * t->reg[WEIGHTS_D1], line);
        for (int c = 0; c < LANES; c++)
            for (int bit = 0; bit < j->weight_bits; bit++)
                add_bit(t, bits, c / 4 * 32 + bit * 4 + c % 4, 0, c, bit);
        return;
    }
    address += (uint32_t)(((j->depthwise ? 0 : t->ko * LANES * j->number_ki) + ki) *
                          j->weight_bits) * line;
    for (int bit = 0; bit < j->weight_bits; bit++) {
        const uint8_t *bits = at(t, address + (uint32_t)lane * t->reg[WEIGHTS_D1] +
                                        (uint32_t)bit * t->reg[WEIGHTS_D0], line);
        for (int tap = 0; tap < 9; tap++)
            for (int c = 0; c < LANES_3X3; c++)
                add_bit(t, bits, tap * LANES_3X3 + c, tap, c, bit);
    }
    for (int tap = 0; tap < 9; tap++)
        if ((t->reg[FILTER_MASK] >> tap & 1u) != 0u)
            memset(t->weight[tap], 0, sizeof t->weight[tap]);
}

static void multiply(tile *t, int lane, int channels)
{
    for (int row = 0; row < TILE; row++)
        for (int column = 0; column < TILE; column++) {
            int32_t sum = 0;
            for (int tap = 0; tap < t->j.kernel * t->j.kernel; tap++) {
                const int32_t *x = t->in[row + tap / 3][column + tap % 3];
                for (int c = 0; c < channels; c++)
                    sum += x[c] * t->weight[tap][c];
            }
            int64_t *acc = &t->acc[row][column][lane];
            *acc = (int32_t)((uint32_t)*acc + (uint32_t)sum);
        }
}

static void multiply_depthwise(tile *t, int channels)
{
    for (int row = 0; row < TILE; row++)
        for (int column = 0; column < TILE; column++)
            for (int tap = 0; tap < 9; tap++)
                for (int c = 0; c < channels; c++)
                    t->acc[row][column][c] +=
                        t->in[row + tap / 3][column + tap % 3][c] * t->weight[tap][c];
}

static uint32_t scale_of(tile *t, int lane)
{
    const uint32_t bytes = (uint32_t)t->j.scale_bits / 8u;
    uint32_t scale = 0;
    const uint32_t index = (uint32_t)(t->ko * t->j.lanes_out + lane);
    memcpy(&scale, at(t, t->reg[SCALE_PTR] + index * bytes, bytes), bytes);
    return scale;
}

/* The product and the sum with the bias must stay within 32 bits; if one does not it wraps, and the
   report says how often. */
static int32_t wrap(tile *t, int64_t value)
{
    if (value != (int32_t)value)
        t->s->npu.overflows++;
    return (int32_t)value;
}

static void quantize(tile *t, int lane)
{
    const npu_layer *j = &t->j;
    const uint32_t index = (uint32_t)(t->ko * j->lanes_out + lane);
    const uint32_t scale = scale_of(t, lane);
    int32_t bias = 0;
    int shift = j->shift;
    if (j->bias)
        memcpy(&bias, at(t, t->reg[SCALE_BIAS_PTR] + 4u * index, 4), 4);
    if (j->channel_shift)
        shift = *at(t, t->reg[SCALE_SHIFT_PTR] + index, 1) & 31;
    const int64_t low = j->relu ? 0 : j->output_bits == 8 ? -128 : INT32_MIN;
    const int64_t high = j->output_bits == 32 ? INT32_MAX : j->relu ? 255 : 127;
    for (int row = 0; row < TILE; row++)
        for (int column = 0; column < TILE; column++) {
            int64_t value = wrap(t, t->acc[row][column][lane] * (int64_t)scale);
            value = wrap(t, value + bias) >> shift;
            t->acc[row][column][lane] = value < low ? low : value > high ? high : value;
        }
}

/* Calls `use` for each output word of the tile. */
static void each_output(tile *t, void (*use)(tile *t, uint8_t *to, int64_t *acc))
{
    const npu_layer *j = &t->j;
    const int rows = npu_extent(t->i, j->number_ho, j->remainder_ho, TILE);
    const int columns = npu_extent(t->x, j->number_wo, j->remainder_wo, TILE);
    const uint32_t bytes = (uint32_t)j->output_bits / 8u;
    const uint32_t base = t->reg[OUTFEAT_PTR] + (uint32_t)(t->i * TILE) * t->reg[OUTFEAT_D2] +
                          (uint32_t)(t->x * TILE) * t->reg[OUTFEAT_D1] +
                          (uint32_t)(t->ko * j->lanes_out) * bytes;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            for (int lane = 0; lane < channels_out(t); lane++) {
                const uint32_t word = bytes == 4u ? (uint32_t)(lane / 8) * t->reg[OUTFEAT_D0] +
                                                        (uint32_t)(lane % 8) * 4u
                                                  : (uint32_t)lane;
                use(t, at(t, base + (uint32_t)row * t->reg[OUTFEAT_D2] +
                                 (uint32_t)column * t->reg[OUTFEAT_D1] + word, bytes),
                    &t->acc[row][column][lane]);
            }
}

static void store(tile *t, uint8_t *to, int64_t *acc)
{
    const int32_t value = (int32_t)*acc;
    memcpy(to, &value, (size_t)t->j.output_bits / 8u);
}

static void stream_in(tile *t, uint8_t *to, int64_t *acc)
{
    int32_t value;
    (void)t;
    memcpy(&value, to, 4);
    *acc = value;
}

static void poison(tile *t, uint8_t *to, int64_t *acc)
{
    (void)acc;
    memset(to, 0xa5, (size_t)t->j.output_bits / 8u);
}

static void compute_tile(tile *t)
{
    memset(t->acc, 0, sizeof t->acc);
    if (t->j.stream_in && t->j.output_bits == 32)
        each_output(t, stream_in);
    if (t->j.depthwise) {
        load_input(t, t->ko);
        load_weights(t, 0, t->ko);
        multiply_depthwise(t, channels_out(t));
    } else {
        for (int ki = 0; ki < t->j.number_ki; ki++) {
            load_input(t, ki);
            for (int lane = 0; lane < channels_out(t); lane++) {
                load_weights(t, lane, ki);
                multiply(t, lane, channels_in(t, ki));
            }
        }
    }
    for (int lane = 0; t->j.quantize && lane < channels_out(t); lane++)
        quantize(t, lane);
    each_output(t, store);
}

static int each_tile(soc *s, const uint32_t reg[24], int poisoned)
{
    tile t = {.s = s, .reg = reg, .j = npu_decode(reg), .ok = 1};
    for (t.ko = 0; t.ko < t.j.number_ko; t.ko++)
        for (t.i = 0; t.i < t.j.number_ho; t.i++)
            for (t.x = 0; t.x < t.j.number_wo && t.ok; t.x++)
                if (poisoned)
                    each_output(&t, poison);
                else
                    compute_tile(&t);
    return t.ok;
}

int npu_compute(soc *s, const uint32_t reg[24])
{
    return each_tile(s, reg, 0);
}

void npu_poison(soc *s, const uint32_t reg[24])
{
    if (!(reg[CONF0] >> 14 & 1u)) /* a job that streams in needs what is there */
        each_tile(s, reg, 1);
}
