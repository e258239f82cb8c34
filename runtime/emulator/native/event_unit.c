/* The event unit as a core sees it through its own port: event mask and buffer, sleeping until an
   event, software events, barriers, mutexes (PULP event unit flex v3, register map). */
#include "soc.h"

enum {
    MASK = 0x00, MASK_AND = 0x04, MASK_OR = 0x08, BUFFER = 0x1c, BUFFER_MASKED = 0x20,
    BUFFER_CLEAR = 0x28, WAIT = 0x38, WAIT_CLEAR = 0x3c, MUTEX = 0xc0, SOFTWARE = 0x100,
    BARRIER = 0x200, BARRIER_SIZE = 0x20
};
enum { TRIGGER_MASK = 0x00, STATUS = 0x04, SUMMARY = 0x08, TARGET_MASK = 0x0c, TRIGGER = 0x10,
       TRIGGER_SELF = 0x14, TRIGGER_WAIT = 0x18, TRIGGER_WAIT_CLEAR = 0x1c };

static void wake(soc *s, hart *h, uint64_t when)
{
    const uint32_t events = h->event_buffer & h->event_mask;
    h->x[h->wait_register] = events;
    h->event_buffer &= ~h->clear_on_wake;
    h->state = HART_RUN;
    when += s->config.wake_cycles;
    if (when > h->now)
        h->now = when;
    h->stats.wait_cycles += h->now - h->wait_start;
    log_add(s, LOG_WAIT, (uint32_t)h->index, h->wait_start, h->now, events, 0);
    if ((events >> EVENT_NPU & 1u) != 0u)
        npu_observe(s);
}

/* Sets `events` in the buffers of the cores (none named: all) and wakes those that wait for them. */
void events_raise(soc *s, uint32_t events, uint32_t cores, uint64_t when)
{
    for (int k = 0; k < s->hart_count; k++) {
        hart *h = &s->harts[k];
        if (!h->is_core || (cores != 0u && (cores >> k & 1u) == 0u))
            continue;
        h->event_buffer |= events;
        if (h->state == HART_WAIT && (h->event_buffer & h->event_mask) != 0u)
            wake(s, h, when);
    }
}

static bus_result sleep_until_event(soc *s, hart *h, int clear)
{
    h->clear_on_wake = clear ? h->event_mask : 0u;
    h->state = HART_WAIT;
    h->wait_start = h->now;
    if ((h->event_buffer & h->event_mask) != 0u)
        wake(s, h, h->now);
    return BUS_SLEEP;
}

/* Opens a barrier that all have reached: everyone goes on when the last one has come. */
static void check_barrier(soc *s, barrier *b)
{
    if (b->status != b->trigger || b->trigger == 0u)
        return;
    b->status = 0;
    contention_resolve(s, b->trigger);
    uint64_t last = 0;
    for (int k = 0; k < s->hart_count; k++)
        if ((b->trigger >> k & 1u) != 0u && s->harts[k].now > last)
            last = s->harts[k].now;
    last += s->config.barrier_cycles;
    mark_barrier(s);
    events_raise(s, 1u << EVENT_BARRIER, b->target, last);
    for (int k = 0; k < s->hart_count; k++)
        if ((b->trigger >> k & 1u) != 0u)
            s->harts[k].mark = s->harts[k].now;
}

static bus_result reach_barrier(soc *s, hart *h, barrier *b, int clear)
{
    b->status |= 1u << h->index;
    h->stats.barriers++;
    h->clear_on_wake = clear ? h->event_mask : 0u;
    h->wait_start = h->now;
    h->state = HART_WAIT;
    check_barrier(s, b);
    if (h->state == HART_WAIT && (h->event_buffer & h->event_mask) != 0u)
        wake(s, h, h->now);
    return BUS_SLEEP;
}

static bus_result barrier_load(soc *s, hart *h, uint32_t offset, uint32_t *value)
{
    barrier *b = &s->barriers[offset / BARRIER_SIZE];
    switch (offset % BARRIER_SIZE) {
    case TRIGGER_MASK:
        *value = b->trigger;
        return BUS_DONE;
    case STATUS:
        *value = b->status;
        return BUS_DONE;
    case TARGET_MASK:
        *value = b->target;
        return BUS_DONE;
    case SUMMARY:
        *value = 0;
        for (int k = 0; k < BARRIERS; k++)
            *value |= s->barriers[k].status;
        return BUS_DONE;
    case TRIGGER_WAIT:
        return reach_barrier(s, h, b, 0);
    case TRIGGER_WAIT_CLEAR:
        return reach_barrier(s, h, b, 1);
    default:
        return BUS_FAULT;
    }
}

static bus_result barrier_store(soc *s, hart *h, uint32_t offset, uint32_t value)
{
    barrier *b = &s->barriers[offset / BARRIER_SIZE];
    switch (offset % BARRIER_SIZE) {
    case TRIGGER_MASK:
        b->trigger = value;
        break;
    case STATUS:
        b->status = value;
        break;
    case TARGET_MASK:
        b->target = value;
        break;
    case TRIGGER:
        b->status |= value;
        break;
    case TRIGGER_SELF:
        b->status |= 1u << h->index;
        break;
    default:
        return BUS_FAULT;
    }
    check_barrier(s, b);
    return BUS_DONE;
}

/* A mutex that is free is taken; else the core polls: the real one would sleep. */
static bus_result mutex_load(soc *s, uint32_t number, uint32_t *value)
{
    *value = s->mutexes >> number & 1u;
    s->mutexes |= 1u << number;
    return BUS_DONE;
}

bus_result event_unit_load(soc *s, hart *h, uint32_t offset, uint32_t *value)
{
    if (offset >= BARRIER && offset < BARRIER + BARRIERS * BARRIER_SIZE)
        return barrier_load(s, h, offset - BARRIER, value);
    if (offset >= MUTEX && offset < MUTEX + 0x40)
        return mutex_load(s, (offset - MUTEX) / 4u, value);
    switch (offset) {
    case MASK:
        *value = h->event_mask;
        return BUS_DONE;
    case BUFFER:
        *value = h->event_buffer;
        return BUS_DONE;
    case BUFFER_MASKED:
        *value = h->event_buffer & h->event_mask;
        return BUS_DONE;
    case WAIT:
        return sleep_until_event(s, h, 0);
    case WAIT_CLEAR:
        return sleep_until_event(s, h, 1);
    default:
        return BUS_FAULT;
    }
}

bus_result event_unit_store(soc *s, hart *h, uint32_t offset, uint32_t value)
{
    if (offset >= BARRIER && offset < BARRIER + BARRIERS * BARRIER_SIZE)
        return barrier_store(s, h, offset - BARRIER, value);
    if (offset >= SOFTWARE && offset < SOFTWARE + 0x20) {
        events_raise(s, 1u << (offset - SOFTWARE) / 4u, value, h->now);
        return BUS_DONE;
    }
    if (offset >= MUTEX && offset < MUTEX + 0x40) {
        s->mutexes &= ~(1u << (offset - MUTEX) / 4u);
        return BUS_DONE;
    }
    switch (offset) {
    case MASK:
        h->event_mask = value;
        return BUS_DONE;
    case MASK_AND:
        h->event_mask &= ~value;
        return BUS_DONE;
    case MASK_OR:
        h->event_mask |= value;
        return BUS_DONE;
    case BUFFER_CLEAR:
        h->event_buffer &= ~value;
        return BUS_DONE;
    default:
        return BUS_FAULT;
    }
}
