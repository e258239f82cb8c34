/* Layer normalization with 16-bit activations: rn_layer_norm_s8_s16, _s16_s8, _s16_s16; see rn_layer_norm_s8.h. */
#ifndef RN_LAYER_NORM_S16_H
#define RN_LAYER_NORM_S16_H

#include "rn_layer_norm_s8.h"

RN_LAYER_NORM(rn_layer_norm_s8_s16, int8_t, int16_t)
RN_LAYER_NORM(rn_layer_norm_s16_s8, int16_t, int8_t)
RN_LAYER_NORM(rn_layer_norm_s16_s16, int16_t, int16_t)

#endif
