/* Registers of a PULP cluster: core id, cycle counter, events, instruction cache. Register maps: PULP
   cluster (event unit flex v3, mchan v7) and N-EUREKA, as documented by their public sources. */
#ifndef RN_PULP_H
#define RN_PULP_H

#include <stdint.h>

#define RN_PULP_REGISTER(address) (*(volatile uint32_t *)(address))
#define RN_PULP_CONTROL 0x10200000u
#define RN_PULP_NPU 0x10201000u
#define RN_PULP_ICACHE 0x10201400u
#define RN_PULP_EVENTS 0x10204000u
#define RN_PULP_DMA 0x10204400u

enum {
    RN_EVENT_DMA = 8,
    RN_EVENT_NPU = 12,
    RN_EVENT_BARRIER = 16
};

/* A hint of the ISA that does nothing; the emulator writes down the time. */
#define RN_PULP_MARK(layer) __asm__ volatile("slti x0, x0, %0" ::"i"(layer) : "memory")

static inline uint32_t rn_pulp_core(void)
{
    uint32_t id;
    __asm__(".option push\n\t.option arch, +zicsr\n\tcsrr %0, mhartid\n\t.option pop" : "=r"(id));
    return id & 31u;
}

static inline uint32_t rn_pulp_cycles(void)
{
    uint32_t count;
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\tcsrr %0, mcycle\n\t.option pop"
                     : "=r"(count)
                     :
                     : "memory");
    return count;
}

/* A load from the event unit that sleeps until an event is there (p.elw). */
static inline uint32_t rn_pulp_event_load(uint32_t offset)
{
    uint32_t events;
    __asm__ volatile(".insn i 0x03, 6, %0, %1, 0"
                     : "=r"(events)
                     : "r"(RN_PULP_EVENTS + offset)
                     : "memory");
    return events;
}

/* Sleeps until one of `events` (a mask) has happened, and forgets it. One that came earlier and that
   nobody has waited for counts, so whoever waits for a state looks at it again. Behind it the core
   hears barriers only, as everywhere else. */
static inline void rn_pulp_wait(uint32_t events)
{
    RN_PULP_REGISTER(RN_PULP_EVENTS) = events;
    rn_pulp_event_load(0x3cu);
    RN_PULP_REGISTER(RN_PULP_EVENTS) = 1u << RN_EVENT_BARRIER;
}

#endif
