/* A hand-written model with the C API of emitted ones: two inputs, two outputs, three layers. */
#ifndef SMALL_H
#define SMALL_H

#include <stdint.h>

#define SMALL_INPUT_COUNT 2
#define SMALL_INPUT_0_BYTES 8
#define SMALL_INPUT_1_BYTES 16
#define SMALL_OUTPUT_COUNT 2
#define SMALL_OUTPUT_0_BYTES 8
#define SMALL_OUTPUT_1_BYTES 4
#define SMALL_ARENA_BYTES 64
#define SMALL_LAYER_COUNT 3

typedef struct {
    const char *name;
    int32_t type;
    int32_t rank;
    const int32_t *shape;
    float scale;
    int32_t zero_point;
    int32_t bytes;
} small_tensor;

extern const small_tensor small_inputs[SMALL_INPUT_COUNT];
extern const small_tensor small_outputs[SMALL_OUTPUT_COUNT];

void small_init(void);
int small_run(void);
void *small_input(int index);
const void *small_output(int index);
const char *small_layer_name(int index);

#endif
