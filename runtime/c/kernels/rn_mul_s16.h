/* Product with 16-bit activations: rn_mul_A_B_Y for all types but three times s8; see rn_mul_s8.h. */
#ifndef RN_MUL_S16_H
#define RN_MUL_S16_H

#include "rn_mul_s8.h"
#include "rn_requant_s16.h"

RN_MUL(rn_mul_s8_s8_s16, int8_t, int8_t, int16_t, rn_requantize_s16)
RN_MUL(rn_mul_s8_s16_s8, int8_t, int16_t, int8_t, rn_requantize)
RN_MUL(rn_mul_s8_s16_s16, int8_t, int16_t, int16_t, rn_requantize_s16)
RN_MUL(rn_mul_s16_s8_s8, int16_t, int8_t, int8_t, rn_requantize)
RN_MUL(rn_mul_s16_s8_s16, int16_t, int8_t, int16_t, rn_requantize_s16)
RN_MUL(rn_mul_s16_s16_s8, int16_t, int16_t, int8_t, rn_requantize)
RN_MUL(rn_mul_s16_s16_s16, int16_t, int16_t, int16_t, rn_requantize_s16)

#endif
