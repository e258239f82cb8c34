/* A job of the N-EUREKA NPU: its registers taken apart. Names as in the register map of the public
   N-EUREKA documentation (github.com/pulp-platform/neureka, pulp-nnx). */
#ifndef RN_EMULATOR_NPU_H
#define RN_EMULATOR_NPU_H

#include "soc.h"

enum {
    WEIGHTS_PTR, INFEAT_PTR, OUTFEAT_PTR, SCALE_PTR, SCALE_SHIFT_PTR, SCALE_BIAS_PTR,
    INFEAT_D0, INFEAT_D1, INFEAT_D2, OUTFEAT_D0, OUTFEAT_D1, OUTFEAT_D2, WEIGHTS_D0, WEIGHTS_D1,
    WEIGHTS_D2, REMAINDER_KOKI, REMAINDER_HOWO, REMAINDER_HIWI, NUMBER_KOKI, NUMBER_HOWO, PADDING,
    WEIGHT_OFFSET, FILTER_MASK, CONF0
};

enum { TILE = 6, IN_TILE = 8, LANES = 32, LANES_3X3 = 28 };

typedef struct {
    int kernel;         /* 1 or 3 */
    int depthwise;
    int weight_bits, output_bits, scale_bits;
    int number_ko, number_ki, number_ho, number_wo;
    int remainder_ko, remainder_ki, remainder_ho, remainder_wo, remainder_hi, remainder_wi;
    int lanes_in, lanes_out; /* channels of a tile */
    int input_signed, quantize, relu, bias, channel_shift, stream_in, prefetch, shift;
    int pad_top, pad_right, pad_bottom, pad_left;
    uint8_t pad_value;
    int supported;
} npu_layer;

npu_layer npu_decode(const uint32_t reg[24]);

/* The size of a tile: all of `full`, or what is left for the last one. */
static inline int npu_extent(int index, int number, int remainder, int full)
{
    return index == number - 1 && remainder != 0 ? remainder : full;
}

#endif
