/* The emulated system: harts over shared memory, devices, and one virtual time.

   A hart runs freely until it touches a device. Only the hart with the least time may touch one,
   so devices see accesses in the order of time and every run gives the same result. */
#ifndef RN_EMULATOR_SOC_H
#define RN_EMULATOR_SOC_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    MAX_HARTS = 17,
    MAX_MEMORIES = 8,
    BANKS = 64,
    BARRIERS = 8,
    DMA_IDS = 16,
    FILES = 16,
    RANGES = 4096
};
enum { EVENT_DMA = 8, EVENT_TIMER = 10, EVENT_NPU = 12, EVENT_BARRIER = 16, EVENT_MUTEX = 17 };
enum { STACK_POINTER = 2 };
enum { NO_REGISTER = 32 }; /* where writes to x0 go */
#define NEVER UINT64_MAX

typedef struct soc soc;
typedef struct block block;

/* What a run ended with. */
typedef enum { SOC_EXIT, SOC_FAULT, SOC_DEADLOCK, SOC_LIMIT } soc_status;

typedef enum {
    FAULT_NONE,
    FAULT_LOAD,
    FAULT_STORE,
    FAULT_FETCH,
    FAULT_INSTRUCTION,
    FAULT_DEVICE,
    FAULT_DMA,
    FAULT_NPU,
    FAULT_STACK
} fault_kind;

/* Filled in by Python: see soc.py for the meaning of each field. All are 64 bits wide. */
typedef struct {
    uint64_t cores, controller_id;
    uint64_t base; /* of the cluster: L1 at 0, peripherals at 0x200000 behind it */
    uint64_t has_npu, contention, poison, icache_model;
    uint64_t banks, barrier_cycles, device_cycles, wake_cycles;
    uint64_t icache_bytes, icache_ways, icache_line, icache_refill, uncached_fetch;
    uint64_t dma_row_cycles, dma_max_bytes, dma_queue;
    uint64_t quantum, trace_limit;
} soc_config;

typedef struct {
    uint32_t base, size;
    uint32_t core_latency, controller_latency; /* cycles on top of the one of the instruction */
    uint32_t dma_start_in, dma_start_out;      /* cycles before the first byte, to and from L1 */
    uint32_t dma_rate;                         /* bytes in 1,024 cycles; 0: not reached */
    int32_t is_l1;
    uint8_t *bytes;
    uint32_t *block_of; /* index + 1 of the block that starts at a halfword; 0: none yet */
    uint8_t *loop_end;  /* a hardware loop ends at the instruction at this halfword */
} memory;

typedef enum { HART_OFF, HART_RUN, HART_WAIT, HART_IDLE } hart_state;

/* Read by Python; all 64 bits. */
typedef struct {
    uint64_t cycles, instructions, wait_cycles, l1_accesses, l2_accesses, memory_stalls;
    uint64_t contention_cycles, icache_misses, icache_cycles, branch_cycles, barriers;
} hart_stats;

typedef struct {
    uint32_t start, end, count;
} hardware_loop;

typedef struct {
    uint32_t x[33];
    uint32_t pc;
    uint32_t id;    /* mhartid */
    int32_t index;  /* position in soc.harts; cores come first */
    int32_t is_core;
    hart_state state;
    uint64_t now; /* its own time, in cycles of the cluster */
    hart_stats stats;
    uint64_t bank_accesses[BANKS]; /* since the last barrier; config.banks of them are used */
    uint64_t mark;                 /* when the last barrier ended */
    uint64_t wait_start;
    int32_t may_touch;   /* it has the least time: its next device access goes ahead */
    uint64_t free_until; /* end of its quantum */
    hardware_loop loop[2];
    uint32_t event_mask, event_buffer, clear_on_wake;
    uint32_t wait_register; /* gets the events that woke it */
    int32_t *icache_tags; /* [set][way], most recent first */
    uint32_t counter_base[32];
    uint32_t cycle_base, instret_base;
    int32_t layer;
} hart;

typedef struct {
    uint32_t trigger, target, status;
} barrier;

typedef struct {
    uint32_t command, l1, external, count, stride, l1_count, l1_stride, id;
    int32_t hart;
    uint64_t start, end;
    int32_t done; /* its time is over; poisoned transfers wait here for the release of their id */
} transfer;

enum { QUEUE = 1024 };

typedef struct {
    uint32_t words[8];
    int32_t have, need;
} dma_port;

typedef struct {
    uint32_t allocated;
    transfer queue[QUEUE]; /* in the order of their ends */
    int32_t queued;
    uint64_t free_at; /* when the engine has done all that was asked so far */
    dma_port port[MAX_HARTS];
    int32_t current[MAX_HARTS];
    uint64_t bytes_in, bytes_out, busy_cycles, transfers;
} dma_engine;

typedef struct {
    uint32_t reg[24];
    uint64_t queued, start, end;
    int32_t id, started, done;
} npu_job;

typedef struct {
    uint32_t context[2][24];
    int32_t next_context, acquired, next_id, last_id;
    npu_job queue[2];
    int32_t queued;
    uint64_t jobs, busy_cycles, macs, overflows;
} npu_unit;

typedef struct {
    uint32_t config, compare;
    uint32_t base;    /* its value at `started` */
    uint64_t started; /* when it last was set or started */
    int32_t fired;    /* the compare event of this round is out */
} timer_half;

/* One line of the time line: what `unit` did from `start` to `end`; the NPU is one, and its `unit` says how
   long the job was in the queue. */
typedef enum { LOG_WAIT, LOG_DMA_IN, LOG_DMA_OUT, LOG_NPU, LOG_LAYER } log_kind;
typedef struct {
    uint64_t start, end;
    uint32_t kind, unit;
    uint32_t a, b; /* DMA: bytes and id; NPU: job and MACs / 1024; wait: the events that ended it;
                      layer: its number and the instructions of the hart so far */
} log_entry;

/* The stack of a hart. */
typedef struct {
    int32_t hart; /* negative: of any */
    uint32_t low, high, lowest;
} stack_range;

/* Memory that nobody needs after a layer: with `poison` it is filled with rubbish at the next barrier. */
typedef struct {
    int32_t layer;
    uint32_t address, bytes;
} free_range;

struct soc {
    soc_config config;
    memory memories[MAX_MEMORIES];
    int32_t memory_count;
    memory *l1; /* looked up first */
    hart harts[MAX_HARTS];
    int32_t hart_count;
    block **blocks;
    uint32_t block_count, block_room;
    barrier barriers[BARRIERS];
    uint32_t mutexes;
    dma_engine dma;
    npu_unit npu;
    timer_half timer[2];
    uint32_t boot[MAX_HARTS], fetch_enable, cluster_config, end_of_computation;
    uint32_t icache_on;
    FILE *files[FILES];
    int32_t exited, exit_code;
    fault_kind fault;
    uint32_t fault_hart, fault_pc, fault_address, fault_size;
    const char *fault_text;
    free_range ranges[RANGES];
    int32_t range_count;
    int32_t ended_layer; /* 1 + the last layer that core 0 has marked since the last barrier */
    stack_range stacks[MAX_HARTS + 1];
    int32_t stack_count;
    log_entry *log;
    uint64_t log_count;
    void (*console)(const char *text, uint64_t bytes);
};

/* Why a hart stopped running. */
typedef enum { STOP_TURN, STOP_WAIT, STOP_END } stop_reason;

/* core.c */
stop_reason hart_run(soc *s, hart *h);

/* bus.c: a device access at the hart's present time. */
typedef enum { BUS_DONE, BUS_SLEEP, BUS_FAULT } bus_result;
int bus_is_device(const soc *s, uint32_t address);
bus_result bus_load(soc *s, hart *h, uint32_t address, uint32_t *value);
bus_result bus_store(soc *s, hart *h, uint32_t address, uint32_t value);

/* memory.c */
uint8_t *memory_at(const soc *s, uint32_t address, uint32_t bytes);
memory *memory_of(const soc *s, uint32_t address);
int stack_holds(soc *s, const hart *h, uint32_t from, uint32_t to);
void soc_fault(soc *s, const hart *h, fault_kind kind, uint32_t address, uint32_t bytes,
               const char *text);

/* event_unit.c */
bus_result event_unit_load(soc *s, hart *h, uint32_t offset, uint32_t *value);
bus_result event_unit_store(soc *s, hart *h, uint32_t offset, uint32_t value);
void events_raise(soc *s, uint32_t events, uint32_t cores, uint64_t when);

/* contention.c: adds what the cores have lost to each other since the last barrier. */
void contention_resolve(soc *s, uint32_t cores);

/* dma.c */
bus_result dma_load(soc *s, hart *h, uint32_t offset, uint32_t *value);
bus_result dma_store(soc *s, hart *h, uint32_t offset, uint32_t value);
uint64_t dma_next_event(const soc *s);
void dma_advance(soc *s, uint64_t now);

/* npu.c, npu_compute.c, npu_timing.c */
bus_result npu_load(soc *s, hart *h, uint32_t offset, uint32_t *value);
bus_result npu_store(soc *s, hart *h, uint32_t offset, uint32_t value);
uint64_t npu_next_event(const soc *s);
void npu_advance(soc *s, uint64_t now);
void npu_observe(soc *s);
uint64_t npu_cycles(const uint32_t reg[24]);
uint64_t npu_macs(const uint32_t reg[24]);
int npu_compute(soc *s, const uint32_t reg[24]);
void npu_poison(soc *s, const uint32_t reg[24]);

/* timer.c */
uint64_t timer_next_event(const soc *s);
void timer_advance(soc *s, uint64_t now);
bus_result timer_load(soc *s, hart *h, uint32_t offset, uint32_t *value);
bus_result timer_store(soc *s, hart *h, uint32_t offset, uint32_t value);

/* marks.c: core 0 has come to the end of a layer. */
void mark_layer(soc *s, hart *h, int32_t layer, uint64_t now, uint64_t instructions);
/* All cores have met: fills what nobody needs behind the layer that ended last. */
void mark_barrier(soc *s);

/* cluster_control.c */
bus_result control_load(soc *s, hart *h, uint32_t offset, uint32_t *value);
bus_result control_store(soc *s, hart *h, uint32_t offset, uint32_t value);
bus_result icache_store(soc *s, hart *h, uint32_t offset, uint32_t value);

/* simd.c */
uint32_t simd_execute(uint32_t word, uint32_t a, uint32_t b, uint32_t d, int *known);

/* csr.c: 0 if there is no such register. */
int csr_access(soc *s, hart *h, uint32_t number, uint32_t kind, uint32_t operand, uint32_t *old);

/* semihost.c: 0 if there is no such operation. */
int semihost_call(soc *s, hart *h);

/* log.c */
void log_add(soc *s, log_kind kind, uint32_t unit, uint64_t start, uint64_t end, uint32_t a,
             uint32_t b);

#endif
