/* The counter of retired instructions of a core, minstret; its low 32 bits. */
#ifndef RN_TIMER_H
#define RN_TIMER_H

#include <stdint.h>

static inline void rn_timer_start(void)
{
    /* runs since reset */
}

static inline uint32_t rn_timer_read(void)
{
    uint32_t count;
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\tcsrr %0, minstret\n\t.option pop"
                     : "=r"(count)
                     :
                     : "memory");
    return count;
}

#endif
