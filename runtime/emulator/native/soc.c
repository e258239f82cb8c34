/* Making, loading and running the system; what Python calls. */
#include "block.h"

#include <stdlib.h>
#include <string.h>

soc *soc_new(const soc_config *config, void (*console)(const char *, uint64_t));
int soc_add_memory(soc *s, const uint32_t *numbers);
int soc_add_stack(soc *s, int hart, uint32_t low, uint32_t high);
uint32_t soc_stack_used(const soc *s, int index);
int soc_write(soc *s, uint32_t address, const uint8_t *bytes, uint32_t count);
int soc_read(const soc *s, uint32_t address, uint8_t *bytes, uint32_t count);
int soc_add_free_range(soc *s, int layer, uint32_t address, uint32_t bytes);
void soc_start(soc *s, uint32_t pc);
int soc_run(soc *s, uint64_t limit);
void soc_free(soc *s);
void soc_hart_stats(const soc *s, int index, uint64_t *to);
void soc_summary(const soc *s, uint64_t *to);
uint64_t soc_log(const soc *s, const log_entry **to);
const char *soc_fault_text(const soc *s);
void soc_hart_state(const soc *s, int index, uint32_t *to);

static void *cleared(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL)
        abort();
    return memory;
}

soc *soc_new(const soc_config *config, void (*console)(const char *, uint64_t))
{
    soc *s = cleared(sizeof *s);
    s->config = *config;
    s->console = console;
    s->hart_count = (int32_t)config->cores + 1;
    const size_t lines = (size_t)(config->icache_bytes / config->icache_line);
    for (int k = 0; k < s->hart_count; k++) {
        hart *h = &s->harts[k];
        h->index = k;
        h->is_core = k < (int)config->cores;
        h->id = h->is_core ? (uint32_t)k : (uint32_t)config->controller_id;
        h->layer = -1;
        h->icache_tags = cleared(lines * sizeof(int32_t));
        memset(h->icache_tags, 0xff, lines * sizeof(int32_t));
    }
    return s;
}

/* `numbers`: the first eight fields of a memory. */
int soc_add_memory(soc *s, const uint32_t *numbers)
{
    if (s->memory_count == MAX_MEMORIES)
        return 0;
    memory *m = &s->memories[s->memory_count++];
    const uint32_t size = numbers[1];
    *m = (memory){.base = numbers[0], .size = size, .core_latency = numbers[2],
                  .controller_latency = numbers[3], .dma_start_in = numbers[4],
                  .dma_start_out = numbers[5], .dma_rate = numbers[6],
                  .is_l1 = (int32_t)numbers[7], .bytes = cleared(size + 8u),
                  .block_of = cleared((size / 2u + 1u) * sizeof(uint32_t)),
                  .loop_end = cleared(size / 2u + 1u)};
    if (m->is_l1)
        s->l1 = m;
    if (s->config.poison)
        memset(m->bytes, 0xa5, size);
    return 1;
}

/* The stack of a hart, or of all if its number is negative. */
int soc_add_stack(soc *s, int hart, uint32_t low, uint32_t high)
{
    if (s->stack_count == MAX_HARTS + 1)
        return 0;
    s->stacks[s->stack_count++] = (stack_range){hart, low, high, high};
    return 1;
}

uint32_t soc_stack_used(const soc *s, int index)
{
    return s->stacks[index].high - s->stacks[index].lowest;
}

int soc_write(soc *s, uint32_t address, const uint8_t *bytes, uint32_t count)
{
    uint8_t *to = memory_at(s, address, count);
    if (to != NULL)
        memcpy(to, bytes, count);
    return to != NULL;
}

int soc_read(const soc *s, uint32_t address, uint8_t *bytes, uint32_t count)
{
    const uint8_t *from = memory_at(s, address, count);
    if (from != NULL)
        memcpy(bytes, from, count);
    return from != NULL;
}

int soc_add_free_range(soc *s, int layer, uint32_t address, uint32_t bytes)
{
    if (s->range_count == RANGES || memory_at(s, address, bytes) == NULL)
        return 0;
    s->ranges[s->range_count++] = (free_range){layer, address, bytes};
    return 1;
}

void soc_start(soc *s, uint32_t pc)
{
    hart *controller = &s->harts[s->config.cores];
    controller->pc = pc;
    controller->state = HART_RUN;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static hart *least(soc *s)
{
    hart *found = NULL;
    for (int k = 0; k < s->hart_count; k++) {
        hart *h = &s->harts[k];
        if (h->state == HART_RUN && (found == NULL || h->now < found->now))
            found = h;
    }
    return found;
}

static int cores_wait(const soc *s)
{
    for (int k = 0; k < s->hart_count; k++)
        if (s->harts[k].state == HART_WAIT)
            return 1;
    return 0;
}

/* Those that still sleep when the program ends have slept until then. */
static void end_waits(soc *s)
{
    uint64_t end = 0;
    for (int k = 0; k < s->hart_count; k++)
        if (s->harts[k].now > end)
            end = s->harts[k].now;
    for (int k = 0; k < s->hart_count; k++) {
        hart *h = &s->harts[k];
        if (h->state != HART_WAIT)
            continue;
        h->stats.wait_cycles += end - h->wait_start;
        h->now = end;
        log_add(s, LOG_WAIT, (uint32_t)k, h->wait_start, end, 0, 0);
    }
}

int soc_run(soc *s, uint64_t limit)
{
    while (!s->exited && s->fault == FAULT_NONE) {
        hart *h = least(s);
        const uint64_t event =
            earlier(dma_next_event(s), earlier(npu_next_event(s), timer_next_event(s)));
        if (event != NEVER && (h == NULL ? cores_wait(s) : event <= h->now)) {
            dma_advance(s, event);
            npu_advance(s, event);
            timer_advance(s, event);
            continue;
        }
        if (h == NULL)
            return SOC_DEADLOCK;
        if (h->now >= limit)
            return SOC_LIMIT;
        h->may_touch = 1;
        h->free_until = earlier(h->now + s->config.quantum, limit);
        hart_run(s, h);
        h->may_touch = 0;
    }
    if (s->fault != FAULT_NONE)
        return SOC_FAULT;
    end_waits(s);
    return SOC_EXIT;
}

/* Fields of hart_stats in their order; what was not yet resolved at a barrier is added. */
void soc_hart_stats(const soc *s, int index, uint64_t *to)
{
    hart_stats stats = s->harts[index].stats;
    stats.cycles = s->harts[index].now;
    for (int bank = 0; bank < BANKS; bank++)
        stats.l1_accesses += s->harts[index].bank_accesses[bank];
    memcpy(to, &stats, sizeof stats);
}

void soc_hart_state(const soc *s, int index, uint32_t *to)
{
    const hart *h = &s->harts[index];
    const uint32_t found[4] = {(uint32_t)h->state, h->pc, h->x[1], (uint32_t)h->layer};
    memcpy(to, found, sizeof found);
}

void soc_summary(const soc *s, uint64_t *to)
{
    const uint64_t found[] = {
        (uint64_t)s->exit_code, (uint64_t)s->fault,    s->fault_hart,     s->fault_pc,
        s->fault_address,       s->fault_size,         s->dma.bytes_in,   s->dma.bytes_out,
        s->dma.busy_cycles,     s->dma.transfers,      s->npu.jobs,       s->npu.busy_cycles,
        s->npu.macs,            s->npu.overflows,
    };
    memcpy(to, found, sizeof found);
}

uint64_t soc_log(const soc *s, const log_entry **to)
{
    *to = s->log;
    return s->log_count;
}

const char *soc_fault_text(const soc *s)
{
    return s->fault_text == NULL ? "" : s->fault_text;
}

void soc_free(soc *s)
{
    for (uint32_t k = 0; k < s->block_count; k++)
        free(s->blocks[k]);
    for (int k = 0; k < s->memory_count; k++) {
        free(s->memories[k].bytes);
        free(s->memories[k].block_of);
        free(s->memories[k].loop_end);
    }
    for (int k = 0; k < s->hart_count; k++)
        free(s->harts[k].icache_tags);
    for (int k = 0; k < FILES; k++)
        if (s->files[k] != NULL)
            fclose(s->files[k]);
    free(s->blocks);
    free(s->log);
    free(s);
}
