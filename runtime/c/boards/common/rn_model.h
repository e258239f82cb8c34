/* The model under test by generic names. RN_MODEL is its prefix in C (resnet8), RN_MODEL_MACROS
   the prefix of its macros (RESNET8); both come from the Makefile. */
#ifndef RN_MODEL_H
#define RN_MODEL_H

#define RN_STRING_(text) #text
#define RN_STRING(text) RN_STRING_(text)
#define RN_JOIN_(a, b) a##_##b
#define RN_JOIN(a, b) RN_JOIN_(a, b)

#include RN_STRING(RN_MODEL.h)

#define RN_MODEL_INPUT_COUNT RN_JOIN(RN_MODEL_MACROS, INPUT_COUNT)
#define RN_MODEL_OUTPUT_COUNT RN_JOIN(RN_MODEL_MACROS, OUTPUT_COUNT)
#define RN_MODEL_LAYER_COUNT RN_JOIN(RN_MODEL_MACROS, LAYER_COUNT)

#define rn_model_init RN_JOIN(RN_MODEL, init)
#define rn_model_run RN_JOIN(RN_MODEL, run)
#define rn_model_input RN_JOIN(RN_MODEL, input)
#define rn_model_output RN_JOIN(RN_MODEL, output)
#define rn_model_inputs RN_JOIN(RN_MODEL, inputs)
#define rn_model_outputs RN_JOIN(RN_MODEL, outputs)
#define rn_model_layer_name RN_JOIN(RN_MODEL, layer_name)

#endif
