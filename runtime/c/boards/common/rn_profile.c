/* Exact instruction counts from the board's timer: under QEMU's -icount shift=N each instruction
   takes 2^N ns of virtual time, so ticks are instructions up to a known factor. The timer has 32
   bits: at 32 MHz and N = 7 one layer may take a billion instructions. */
#ifdef RN_PROFILE

#include "rn_profile.h"

#include "rn_model.h"
#include "rn_timer.h"

static uint64_t rn_counts[RN_MODEL_LAYER_COUNT + 1];
static uint32_t rn_mark;
static uint32_t rn_overhead;

/* An interval of ticks is off by less than one tick and an instruction takes more than two, so
   rounding gives the exact number. */
static uint32_t rn_ticks_to_instructions(uint32_t ticks)
{
    const uint64_t per_tick = 1000000000u;
    const uint64_t per_instruction = (uint64_t)RN_TIMER_HZ << RN_ICOUNT_SHIFT;
    return (uint32_t)((ticks * per_tick + per_instruction / 2) / per_instruction);
}

/* The second reading of the timer is the last thing that a hook does: its own work is not counted,
   only the way out of one hook and into the next, which is rn_overhead. */
__attribute__((noinline)) void rn_profile_layer(int32_t layer)
{
    const uint32_t ticks = rn_timer_read() - rn_mark;
    if (layer >= 0 && layer <= RN_MODEL_LAYER_COUNT)
        rn_counts[layer] += rn_ticks_to_instructions(ticks) - rn_overhead;
    rn_mark = rn_timer_read();
}

/* Ends with the hook itself, so that the way out is the same for the first layer as for the others. */
__attribute__((noinline)) void rn_profile_start(void)
{
    for (int32_t i = 0; i <= RN_MODEL_LAYER_COUNT; i++)
        rn_counts[i] = 0;
    rn_profile_layer(-1);
}

void rn_profile_init(void)
{
    rn_timer_start();
    rn_overhead = 0;
    rn_profile_start();
    rn_profile_layer(0);
    rn_profile_start();
    rn_profile_layer(0);
    rn_profile_layer(0);
    rn_overhead = (uint32_t)rn_counts[0] / 2u;
}

uint64_t rn_profile_instructions(int32_t layer)
{
    return rn_counts[layer];
}

#else
typedef int rn_profile_is_off;
#endif
