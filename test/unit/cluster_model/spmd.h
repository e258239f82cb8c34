/* A hand-written model with the C API of emitted ones that runs on all cores: y = 2 * x + 1 in two
   layers, tile by tile. */
#ifndef SPMD_H
#define SPMD_H

#include <stdint.h>

#define SPMD_INPUT_COUNT 1
#define SPMD_OUTPUT_COUNT 1
#define SPMD_LAYER_COUNT 2

typedef struct {
    const char *name;
    int32_t bytes;
} spmd_tensor;

extern const spmd_tensor spmd_inputs[SPMD_INPUT_COUNT];
extern const spmd_tensor spmd_outputs[SPMD_OUTPUT_COUNT];

void spmd_init(void);
int spmd_run(void);
void *spmd_input(int index);
const void *spmd_output(int index);
const char *spmd_layer_name(int index);

#endif
