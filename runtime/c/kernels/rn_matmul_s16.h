/* Matrix product with 16-bit activations, not both operands at once (their products would leave 32 bits):
 * rn_matmul_A_B_Y; see rn_matmul_s8.h. */
#ifndef RN_MATMUL_S16_H
#define RN_MATMUL_S16_H

#include "rn_matmul_s8.h"
#include "rn_requant_s16.h"

RN_MATMUL(rn_matmul_s8_s8_s16, int8_t, int8_t, int16_t, rn_requantize_s16)
RN_MATMUL(rn_matmul_s8_s16_s8, int8_t, int16_t, int8_t, rn_requantize)
RN_MATMUL(rn_matmul_s8_s16_s16, int8_t, int16_t, int16_t, rn_requantize_s16)
RN_MATMUL(rn_matmul_s16_s8_s8, int16_t, int8_t, int8_t, rn_requantize)
RN_MATMUL(rn_matmul_s16_s8_s16, int16_t, int8_t, int16_t, rn_requantize_s16)

#endif
