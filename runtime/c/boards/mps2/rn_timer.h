/* The 32-bit CMSDK APB timer of the MPS2 boards: counts down at RN_TIMER_HZ. */
#ifndef RN_TIMER_H
#define RN_TIMER_H

#include <stdint.h>

static inline volatile uint32_t *rn_timer_register(uint32_t offset)
{
    return (volatile uint32_t *)(RN_TIMER_ADDRESS + offset);
}

static inline void rn_timer_start(void)
{
    *rn_timer_register(0x0) = 0; /* CTRL: off */
    *rn_timer_register(0x8) = 0xffffffffu; /* RELOAD */
    *rn_timer_register(0x4) = 0xffffffffu; /* VALUE */
    *rn_timer_register(0x0) = 1; /* CTRL: on */
}

static inline uint32_t rn_timer_read(void)
{
    __asm__ volatile("" ::: "memory");
    const uint32_t ticks = 0xffffffffu - *rn_timer_register(0x4);
    __asm__ volatile("" ::: "memory");
    return ticks;
}

#endif
