/* Test harness: runs the model on every input of input.bin and writes output.bin.
   input.bin holds, for each inference, the bytes of all inputs one after the other; output.bin
   likewise. Then prints what was measured, one fact per line. */
#include "rn_board.h"
#include "rn_mark.h"
#include "rn_model.h"
#include "rn_profile.h"

static int rn_fail(const char *message)
{
    rn_board_print("ERROR ");
    rn_board_print(message);
    rn_board_print("\n");
    return 1;
}

static void rn_print_number(uint64_t value)
{
    char text[21];
    char *digit = &text[20];
    *digit = '\0';
    do {
        *--digit = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    rn_board_print(digit);
}

static void rn_print_fact(const char *name, uint64_t value)
{
    rn_board_print(name);
    rn_board_print(" ");
    rn_print_number(value);
    rn_board_print("\n");
}

#ifdef RN_PROFILE
static int rn_run(void)
{
    rn_profile_start();
    const int status = rn_model_run();
    rn_profile_layer(RN_MODEL_LAYER_COUNT);
    return status;
}

static void rn_print_measured(int32_t stack)
{
    uint64_t total = rn_profile_instructions(RN_MODEL_LAYER_COUNT);
    (void)stack; /* the hooks have their share of it */
    for (int32_t i = 0; i < RN_MODEL_LAYER_COUNT; i++) {
        total += rn_profile_instructions(i);
        rn_board_print("PROFILE ");
        rn_print_number((uint64_t)i);
        rn_board_print(" ");
        rn_print_number(rn_profile_instructions(i));
        rn_board_print(" ");
        rn_board_print(rn_model_layer_name(i));
        rn_board_print("\n");
    }
    rn_print_fact("TOTAL", total);
}
#else
static int rn_run(void)
{
    rn_cluster_mark(RN_MARK_BEGIN);
    const int status = rn_model_run();
    rn_cluster_mark(RN_MARK_END);
    return status;
}

static void rn_print_measured(int32_t stack)
{
    if (stack >= 0)
        rn_print_fact("STACK", (uint64_t)stack);
}
#endif

static int rn_infer(int32_t input, int32_t output, int32_t *stack)
{
    int status = 0;
    for (int i = 0; i < RN_MODEL_INPUT_COUNT; i++)
        if (rn_file_read(input, rn_model_input(i), (uint32_t)rn_model_inputs[i].bytes) != 0)
            return rn_fail("cannot read input.bin");
    const int32_t used = rn_stack_run(rn_run, &status);
    if (used > *stack)
        *stack = used;
    if (status != 0)
        return rn_fail("the model's run function failed");
    for (int i = 0; i < RN_MODEL_OUTPUT_COUNT; i++)
        if (rn_file_write(output, rn_model_output(i), (uint32_t)rn_model_outputs[i].bytes) != 0)
            return rn_fail("cannot write output.bin");
    return 0;
}

int main(void)
{
    int32_t block = 0;
    int32_t stack = -1;
    for (int i = 0; i < RN_MODEL_INPUT_COUNT; i++)
        block += (int32_t)rn_model_inputs[i].bytes;
    const int32_t input = rn_file_open("input.bin", 0);
    if (input < 0)
        return rn_fail("there is no input.bin here");
    const int32_t size = rn_file_size(input);
    if (size <= 0 || size % block != 0)
        return rn_fail("input.bin is not a whole number of inputs");
    const int32_t output = rn_file_open("output.bin", 1);
    if (output < 0)
        return rn_fail("cannot write output.bin here");
#ifdef RN_PROFILE
    rn_profile_init();
#endif
    rn_model_init();
    for (int32_t i = 0; i < size / block; i++)
        if (rn_infer(input, output, &stack) != 0)
            return 1;
    rn_file_close(input);
    rn_file_close(output);
    rn_print_measured(stack);
    rn_print_fact("INFERENCES", (uint64_t)(size / block));
    return 0;
}
