/* The system counter of the SSE-300: RN_TIMER_ADDRESS is its control frame, the count is read
   through system timer 0, whose frame is 1 MiB below. Counts up at RN_TIMER_HZ. */
#ifndef RN_TIMER_H
#define RN_TIMER_H

#include <stdint.h>

static inline void rn_timer_start(void)
{
    *(volatile uint32_t *)RN_TIMER_ADDRESS = 1; /* CNTCR: enable */
}

static inline uint32_t rn_timer_read(void)
{
    __asm__ volatile("" ::: "memory");
    const uint32_t ticks = *(volatile uint32_t *)(RN_TIMER_ADDRESS - 0x100000u);
    __asm__ volatile("" ::: "memory");
    return ticks;
}

#endif
