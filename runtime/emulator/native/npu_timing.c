/* How long a job takes, from what the datapath does for each output tile of 6x6 pixels: it fills
   its input buffer pixel by pixel, multiplies with one output channel (1x1) or one bit of one
   output channel (3x3) per cycle, scales four channels per cycle, and writes one pixel per cycle.
   The constants are the latencies of pipelines and control as the public cycle-level model of the
   block has them; calibrated with the reference program for 1x1. */
#include "npu.h"

enum {
    LOAD_START = 6, LOAD_END_1X1 = 6, COMPUTE_START_1X1 = 10, COMPUTE_START_3X3 = 6,
    COMPUTE_END_3X3 = 8, OFFSET_DEPTHWISE = 34, SHIFT_CYCLES = 8, SCALE_END = 9, BIAS_CYCLES = 4,
    BIAS_END = 8, STORE_END_1X1 = 3, STREAM_IN_END = 10, JOB_START = 4,
    TILE_START = 9
};

static int load_cycles(const npu_layer *j, int i, int jx)
{
    const int full = j->kernel == 1 ? TILE : IN_TILE;
    const int pixels = npu_extent(i, j->number_ho, j->remainder_hi, full) *
                       npu_extent(jx, j->number_wo, j->remainder_wi, full);
    return LOAD_START + (j->kernel == 1 ? TILE * TILE + LOAD_END_1X1 : pixels);
}

static int compute_cycles(const npu_layer *j, int channels)
{
    if (j->depthwise)
        return OFFSET_DEPTHWISE + j->weight_bits;
    if (j->kernel == 1)
        return COMPUTE_START_1X1 + channels;
    return COMPUTE_START_3X3 + channels * j->weight_bits + COMPUTE_END_3X3;
}

static int finish_cycles(const npu_layer *j, int channels, int pixels)
{
    const int groups = j->output_bits == 32 ? (channels + 7) / 8 : 1;
    int cycles = pixels * groups + (j->kernel == 1 ? STORE_END_1X1 : 0);
    if (j->stream_in)
        cycles += pixels * groups + STREAM_IN_END;
    if (!j->quantize)
        return cycles;
    const int per_word = 32 / j->scale_bits;
    cycles += (channels + per_word - 1) / per_word + SCALE_END;
    cycles += (j->bias ? BIAS_CYCLES : 0) + BIAS_END;
    return cycles + (j->channel_shift ? SHIFT_CYCLES : 0);
}

uint64_t npu_cycles(const uint32_t reg[24])
{
    const npu_layer j = npu_decode(reg);
    const int passes = j.depthwise ? 1 : j.number_ki;
    uint64_t cycles = JOB_START;
    for (int ko = 0; ko < j.number_ko; ko++)
        for (int i = 0; i < j.number_ho; i++)
            for (int x = 0; x < j.number_wo; x++) {
                const int channels = npu_extent(ko, j.number_ko, j.remainder_ko, j.lanes_out);
                const int pixels = npu_extent(i, j.number_ho, j.remainder_ho, TILE) *
                                   npu_extent(x, j.number_wo, j.remainder_wo, TILE);
                const int load = load_cycles(&j, i, x), compute = compute_cycles(&j, channels);
                const int longer = load > compute ? load : compute;
                cycles += (uint64_t)(passes * (j.prefetch ? longer : load + compute));
                cycles += (uint64_t)(TILE_START + finish_cycles(&j, channels, pixels));
            }
    return cycles;
}

uint64_t npu_macs(const uint32_t reg[24])
{
    const npu_layer j = npu_decode(reg);
    const int last_ko = j.remainder_ko != 0 ? j.remainder_ko : j.lanes_out;
    const int last_ki = j.remainder_ki != 0 ? j.remainder_ki : j.lanes_in;
    const int last_ho = j.remainder_ho != 0 ? j.remainder_ho : TILE;
    const int last_wo = j.remainder_wo != 0 ? j.remainder_wo : TILE;
    const uint64_t ko = (uint64_t)((j.number_ko - 1) * j.lanes_out + last_ko);
    const uint64_t ki = j.depthwise ? 1u : (uint64_t)((j.number_ki - 1) * j.lanes_in + last_ki);
    const uint64_t height = (uint64_t)((j.number_ho - 1) * TILE + last_ho);
    const uint64_t width = (uint64_t)((j.number_wo - 1) * TILE + last_wo);
    return height * width * ko * ki * (uint64_t)(j.kernel * j.kernel);
}
