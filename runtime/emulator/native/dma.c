/* The mchan DMA engine, version 7: a core asks for a transfer id, writes a command word by word,
   and polls the status (or waits for the event) until the id is idle.

   Transfers run one after the other in the order they were asked for. A transfer's bytes move when
   it is asked for; with `poison` its destination is destroyed then, and the bytes move only when it
   is over and its id is released, which ends a wait for it: who has not waited reads rubbish, also
   behind a wait for a later transfer. */
#include "soc.h"

#include <string.h>

enum { COMMAND = 0x0, STATUS = 0x4 };
enum { POISON = 0xa5 };
#define LENGTH(t) ((t)->command & 0x1ffffu)
#define TO_L1 (1u << 17)
#define EXTERNAL_2D (1u << 19)
#define EVENT_LINE (1u << 20)
#define BROADCAST (1u << 22)
#define L1_2D (1u << 23)

/* Offset of byte `at` of a transfer whose rows are `count` bytes, `stride` bytes apart. */
static uint32_t row_offset(int rows, uint32_t at, uint32_t count, uint32_t stride)
{
    return rows ? at / count * stride + at % count : at;
}

static uint32_t run_length(const transfer *t, uint32_t at)
{
    uint32_t run = LENGTH(t) - at;
    if ((t->command & EXTERNAL_2D) != 0u && t->count - at % t->count < run)
        run = t->count - at % t->count;
    if ((t->command & L1_2D) != 0u && t->l1_count - at % t->l1_count < run)
        run = t->l1_count - at % t->l1_count;
    return run;
}

static int is_legal(const soc *s, const transfer *t, const char **why)
{
    *why = "a transfer of no bytes, or of more than the engine's length field";
    if (LENGTH(t) == 0u || LENGTH(t) > s->config.dma_max_bytes)
        return 0;
    *why = "a two-dimensional transfer with rows of no bytes";
    if (((t->command & EXTERNAL_2D) != 0u && t->count == 0u) ||
        ((t->command & L1_2D) != 0u && t->l1_count == 0u))
        return 0;
    *why = "a transfer that leaves its memory";
    for (uint32_t at = 0; at < LENGTH(t); at += run_length(t, at)) {
        const uint32_t run = run_length(t, at);
        const uint32_t l1 =
            t->l1 + row_offset((t->command & L1_2D) != 0u, at, t->l1_count, t->l1_stride);
        const uint32_t external =
            t->external + row_offset((t->command & EXTERNAL_2D) != 0u, at, t->count, t->stride);
        if (l1 - s->l1->base >= s->l1->size || run > s->l1->size - (l1 - s->l1->base) ||
            memory_at(s, external, run) == NULL)
            return 0;
    }
    *why = "a transfer between memories that no engine of the platform joins";
    return memory_of(s, t->external)->dma_rate != 0u;
}

static void move(const soc *s, const transfer *t, int poison)
{
    for (uint32_t at = 0; at < LENGTH(t); at += run_length(t, at)) {
        const uint32_t run = run_length(t, at);
        uint8_t *l1 = memory_at(
            s, t->l1 + row_offset((t->command & L1_2D) != 0u, at, t->l1_count, t->l1_stride), run);
        uint8_t *external = memory_at(
            s, t->external + row_offset((t->command & EXTERNAL_2D) != 0u, at, t->count, t->stride),
            run);
        const int in = (t->command & TO_L1) != 0u;
        if (poison)
            memset(in ? l1 : external, POISON, run);
        else
            memmove(in ? l1 : external, in ? external : l1, run);
    }
}

static uint32_t rows(const transfer *t)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < LENGTH(t); at += run_length(t, at))
        count++;
    return count;
}

static void forget(dma_engine *d, int k)
{
    d->queued--;
    memmove(&d->queue[k], &d->queue[k + 1], (size_t)(d->queued - k) * sizeof *d->queue);
}

/* These ids are released: what was held back moves now. */
static void deliver(soc *s, uint32_t ids)
{
    dma_engine *d = &s->dma;
    for (int k = 0; k < d->queued;)
        if (d->queue[k].done && (ids >> d->queue[k].id & 1u) != 0u) {
            move(s, &d->queue[k], 0);
            forget(d, k);
        } else {
            k++;
        }
}

/* A core that asks for more than the engine's queue holds stands still until there is room. */
static void wait_for_room(const soc *s, hart *h)
{
    const dma_engine *d = &s->dma;
    int active = 0;
    for (int k = d->queued - 1; k >= 0 && !d->queue[k].done; k--)
        if (++active == (int)s->config.dma_queue && d->queue[k].end > h->now)
            h->now = d->queue[k].end;
}

static void start(soc *s, hart *h, transfer t)
{
    dma_engine *d = &s->dma;
    const char *why;
    if (!is_legal(s, &t, &why)) {
        soc_fault(s, h, FAULT_DMA, t.external, LENGTH(&t), why);
        return;
    }
    if (d->queued == QUEUE) {
        soc_fault(s, h, FAULT_DMA, t.external, LENGTH(&t), "more transfers than the queue holds");
        return;
    }
    const soc_config *c = &s->config;
    wait_for_room(s, h);
    const int in = (t.command & TO_L1) != 0u;
    const memory *other = memory_of(s, t.external);
    const uint32_t lines = rows(&t);
    uint64_t data = 0;
    for (uint32_t at = 0; at < LENGTH(&t); at += run_length(&t, at))
        data += (run_length(&t, at) * 1024ull + other->dma_rate - 1u) / other->dma_rate;
    const uint64_t ready = h->now + (in ? other->dma_start_in : other->dma_start_out);
    t.start = h->now;
    t.end = (ready > d->free_at ? ready : d->free_at) + data + (lines - 1u) * c->dma_row_cycles;
    d->busy_cycles += t.end - (d->free_at > t.start ? d->free_at : t.start);
    d->free_at = t.end;
    d->transfers++;
    *(in ? &d->bytes_in : &d->bytes_out) += LENGTH(&t);
    log_add(s, in ? LOG_DMA_IN : LOG_DMA_OUT, 0, t.start, t.end, LENGTH(&t), t.id);
    move(s, &t, (int)c->poison);
    d->queue[d->queued++] = t;
}

uint64_t dma_next_event(const soc *s)
{
    for (int k = 0; k < s->dma.queued; k++)
        if (!s->dma.queue[k].done)
            return s->dma.queue[k].end;
    return NEVER;
}

static int is_active(const dma_engine *d, uint32_t id)
{
    for (int k = 0; k < d->queued; k++)
        if (!d->queue[k].done && d->queue[k].id == id)
            return 1;
    return 0;
}

void dma_advance(soc *s, uint64_t now)
{
    dma_engine *d = &s->dma;
    for (int k = 0; k < d->queued;) {
        transfer t = d->queue[k];
        if (t.done || t.end > now) {
            k++;
            continue;
        }
        d->queue[k].done = 1;
        if (!s->config.poison)
            forget(d, k);
        const uint32_t core = t.hart < (int)s->config.cores ? 1u << t.hart : 0u;
        if ((t.command & EVENT_LINE) != 0u && !is_active(d, t.id))
            events_raise(s, 1u << EVENT_DMA, (t.command & BROADCAST) != 0u ? 0u : core, t.end);
        k = s->config.poison ? k + 1 : k;
    }
}

bus_result dma_load(soc *s, hart *h, uint32_t offset, uint32_t *value)
{
    dma_engine *d = &s->dma;
    if (offset == COMMAND) { /* a new transfer id */
        for (uint32_t id = 0; id < DMA_IDS; id++)
            if ((d->allocated >> id & 1u) == 0u) {
                d->allocated |= 1u << id;
                d->current[h->index] = (int32_t)id;
                *value = id;
                return BUS_DONE;
            }
        soc_fault(s, h, FAULT_DMA, offset, 4, "no transfer id is free: were the others released?");
        return BUS_FAULT;
    }
    if (offset != STATUS)
        return BUS_FAULT;
    uint32_t active = 0;
    for (uint32_t id = 0; id < DMA_IDS; id++)
        active |= (uint32_t)is_active(d, id) << id;
    *value = active | d->allocated << 16;
    return BUS_DONE;
}

bus_result dma_store(soc *s, hart *h, uint32_t offset, uint32_t value)
{
    dma_engine *d = &s->dma;
    if (offset == STATUS) {
        d->allocated &= ~value;
        deliver(s, value);
        return BUS_DONE;
    }
    if (offset != COMMAND)
        return BUS_FAULT;
    dma_port *port = &d->port[h->index];
    if (port->have == 0)
        port->need =
            3 + ((value & EXTERNAL_2D) != 0u ? 2 : 0) + ((value & L1_2D) != 0u ? 2 : 0);
    port->words[port->have++] = value;
    if (port->have < port->need)
        return BUS_DONE;
    const uint32_t *w = port->words;
    transfer t = {.command = w[0], .l1 = w[1], .external = w[2], .hart = h->index};
    w += 3;
    if ((t.command & EXTERNAL_2D) != 0u) {
        t.count = w[0];
        t.stride = w[1];
        w += 2;
    }
    if ((t.command & L1_2D) != 0u) {
        t.l1_count = w[0];
        t.l1_stride = w[1];
    }
    t.id = (uint32_t)d->current[h->index];
    port->have = 0;
    start(s, h, t);
    return s->fault == FAULT_NONE ? BUS_DONE : BUS_FAULT;
}
