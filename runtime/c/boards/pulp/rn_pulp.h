/* A PULP cluster: core id, cycle counter, barrier, fork and join, DMA, NPU. Register maps: PULP
   cluster (event unit flex v3, mchan v7) and N-EUREKA, as documented by their public sources. */
#ifndef RN_PULP_H
#define RN_PULP_H

#include <stdint.h>

#ifndef RN_PULP_CORES
#define RN_PULP_CORES 8
#endif

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

/* Where a layer ends: a hint of the ISA that does nothing; the emulator writes down the time. */
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

/* All cores meet here; what they have written before is seen by all behind it. */
static inline void rn_pulp_barrier(void)
{
    rn_pulp_event_load(0x21cu);
}

/* Sleeps until one of `events` (a mask) has happened, and forgets it. One that came earlier and that
   nobody has waited for counts: the end of every NPU job is an event for all cores. */
static inline void rn_pulp_wait(uint32_t events)
{
    RN_PULP_REGISTER(RN_PULP_EVENTS) = events;
    rn_pulp_event_load(0x3cu);
    RN_PULP_REGISTER(RN_PULP_EVENTS) = 1u << RN_EVENT_BARRIER;
}

/* Runs work(argument) on all cores and returns when all have ended; called by core 0. */
void rn_pulp_fork(void (*work)(void *), void *argument);

/* DMA. A transfer belongs to an id, which several may share; ids are few: release them by waiting. */
enum { RN_DMA_TO_L1 = 1 << 17, RN_DMA_FROM_L1 = 0 };

static inline uint32_t rn_pulp_dma_id(void)
{
    return RN_PULP_REGISTER(RN_PULP_DMA);
}

static inline void rn_pulp_dma_1d(uint32_t direction, void *l1, const void *other, uint32_t bytes)
{
    const uint32_t incremental = 1u << 18, event = 1u << 20;
    RN_PULP_REGISTER(RN_PULP_DMA) = bytes | direction | incremental | event;
    RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)l1;
    RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)other;
}

/* Rows of `row` bytes lie `stride` bytes apart in the other memory, and one after the other in L1. */
static inline void rn_pulp_dma_2d(uint32_t direction, void *l1, const void *other, uint32_t bytes,
                                  uint32_t row, uint32_t stride)
{
    const uint32_t incremental = 1u << 18, rows = 1u << 19, event = 1u << 20;
    RN_PULP_REGISTER(RN_PULP_DMA) = bytes | direction | incremental | rows | event;
    RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)l1;
    RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)other;
    RN_PULP_REGISTER(RN_PULP_DMA) = row;
    RN_PULP_REGISTER(RN_PULP_DMA) = stride;
}

static inline void rn_pulp_dma_wait(uint32_t id)
{
    while ((RN_PULP_REGISTER(RN_PULP_DMA + 4u) >> id & 1u) != 0u) {
    }
    RN_PULP_REGISTER(RN_PULP_DMA + 4u) = 1u << id;
}

/* NPU jobs: two may be asked for before the first has ended. */
static inline void rn_pulp_npu_acquire(void)
{
    while ((int32_t)RN_PULP_REGISTER(RN_PULP_NPU + 0x04u) < 0) {
    }
}

static inline void rn_pulp_npu_set(uint32_t number, uint32_t value)
{
    RN_PULP_REGISTER(RN_PULP_NPU + 0x20u + 4u * number) = value;
}

static inline void rn_pulp_npu_start(void)
{
    RN_PULP_REGISTER(RN_PULP_NPU) = 0u;
}

static inline void rn_pulp_npu_wait(void)
{
    while (RN_PULP_REGISTER(RN_PULP_NPU + 0x0cu) != 0u) {
    }
}

#endif
