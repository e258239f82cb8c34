/* y0 = x0 + SMALL_ADD, y1 = sum of x1. The first layer runs a loop of known length, the second is
   empty. -DSMALL_CRASH, SMALL_DEEP, SMALL_HANG and SMALL_FAIL are for the tests of failures. */
#include "small.h"

#include "rn_profile.h"
#include "small_kernel.h"

#ifndef SMALL_LOOPS
#define SMALL_LOOPS 1000
#endif
#ifndef SMALL_ADD
#define SMALL_ADD 1
#endif

static union {
    int8_t bytes[SMALL_ARENA_BYTES];
    int32_t words[SMALL_ARENA_BYTES / 4];
} small_arena;
static int32_t small_runs;
static volatile int32_t small_offset = 7; /* initial data: start-up code must copy it */

static const int32_t small_shape_8[1] = {8};
static const int32_t small_shape_4[1] = {4};
static const int32_t small_shape_1[1] = {1};
const small_tensor small_inputs[2] = {{"x0", 0, 1, small_shape_8, 0.5f, 0, 8},
                                      {"x1", 1, 1, small_shape_4, 1.0f, 0, 16}};
const small_tensor small_outputs[2] = {{"y0", 0, 1, small_shape_8, 0.5f, 0, 8},
                                       {"y1", 1, 1, small_shape_1, 1.0f, 0, 4}};

void small_init(void)
{
    small_runs = small_offset - 7;
}

#ifdef __arm__
/* 3 instructions per iteration */
__attribute__((noinline, naked)) static void small_loop(uint32_t count)
{
    (void)count;
    __asm__ volatile("1: nop\n\tsubs r0, r0, #1\n\tbne 1b\n\tbx lr");
}
#elif defined(__riscv)
__attribute__((noinline, naked)) static void small_loop(uint32_t count)
{
    (void)count;
    __asm__ volatile("1: nop\n\taddi a0, a0, -1\n\tbnez a0, 1b\n\tret");
}
#else
static void small_loop(uint32_t count)
{
    (void)count;
}
#endif

int small_run(void)
{
    small_loop(SMALL_LOOPS);
    RN_PROFILE_LAYER(0);
    RN_PROFILE_LAYER(1);
#ifdef SMALL_CRASH
    *(volatile int32_t *)0xf0000000u = 1;
#endif
#ifdef SMALL_DEEP
    volatile char deep[SMALL_DEEP];
    for (int32_t i = 0; i < SMALL_DEEP; i++)
        deep[i] = 1;
    (void)deep[0];
#endif
#ifdef SMALL_HANG
    for (volatile int32_t i = 0;;)
        (void)i;
#endif
#ifdef SMALL_OVERRUN
    ((volatile int8_t *)small_arena.bytes)[SMALL_ARENA_BYTES + small_runs] = 1;
#endif
    small_kernel_add(8, SMALL_ADD, &small_arena.bytes[0], &small_arena.bytes[32]);
    small_arena.words[10] = small_runs * 0;
    for (int32_t i = 0; i < 4; i++)
        small_arena.words[10] += small_arena.words[4 + i];
    small_runs++;
    RN_PROFILE_LAYER(2);
#ifdef SMALL_FAIL
    return 1;
#else
    return 0;
#endif
}

void *small_input(int index)
{
    return index == 0 ? &small_arena.bytes[0] : &small_arena.bytes[16];
}

const void *small_output(int index)
{
    return index == 0 ? &small_arena.bytes[32] : &small_arena.bytes[40];
}

const char *small_layer_name(int index)
{
    static const char *const names[SMALL_LAYER_COUNT] = {"loop", "empty", "add"};
    return names[index];
}
