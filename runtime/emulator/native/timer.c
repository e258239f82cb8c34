/* The cluster's timer: two 32-bit counters with compare events (PULP timer unit). */
#include "soc.h"

enum { CONFIG = 0x00, COUNT = 0x08, COMPARE = 0x10, START = 0x18, RESET = 0x20 };
enum { ENABLED = 1, RESET_NOW = 2, INTERRUPT = 4, CLEAR_ON_COMPARE = 16, ONE_SHOT = 32 };

static uint32_t count(const timer_half *t, uint64_t now)
{
    return t->base + ((t->config & ENABLED) != 0u ? (uint32_t)(now - t->started) : 0u);
}

static void set(timer_half *t, uint64_t now, uint32_t value)
{
    t->base = value;
    t->started = now;
    t->fired = 0;
}

static uint64_t compare_time(const timer_half *t)
{
    if ((t->config & ENABLED) == 0u || (t->config & INTERRUPT) == 0u || t->fired ||
        t->compare < t->base)
        return NEVER;
    return t->started + (t->compare - t->base);
}

uint64_t timer_next_event(const soc *s)
{
    const uint64_t a = compare_time(&s->timer[0]), b = compare_time(&s->timer[1]);
    return a < b ? a : b;
}

void timer_advance(soc *s, uint64_t now)
{
    for (uint32_t k = 0; k < 2u; k++) {
        timer_half *t = &s->timer[k];
        const uint64_t when = compare_time(t);
        if (when > now)
            continue;
        t->fired = 1;
        if ((t->config & CLEAR_ON_COMPARE) != 0u)
            set(t, when + 1u, 0);
        if ((t->config & ONE_SHOT) != 0u) {
            set(t, when, t->compare);
            t->config &= ~(uint32_t)ENABLED;
        }
        events_raise(s, 1u << (EVENT_TIMER + k), 0, when);
    }
}

bus_result timer_load(soc *s, hart *h, uint32_t offset, uint32_t *value)
{
    const timer_half *t = &s->timer[offset >> 2 & 1u];
    switch (offset & ~4u) {
    case CONFIG:
        *value = t->config;
        return BUS_DONE;
    case COUNT:
        *value = count(t, h->now);
        return BUS_DONE;
    case COMPARE:
        *value = t->compare;
        return BUS_DONE;
    default:
        return BUS_FAULT;
    }
}

bus_result timer_store(soc *s, hart *h, uint32_t offset, uint32_t value)
{
    timer_half *t = &s->timer[offset >> 2 & 1u];
    switch (offset & ~4u) {
    case CONFIG:
        set(t, h->now, (value & RESET_NOW) != 0u ? 0u : count(t, h->now));
        t->config = value & ~(uint32_t)RESET_NOW;
        return BUS_DONE;
    case COUNT:
        set(t, h->now, value);
        return BUS_DONE;
    case COMPARE:
        t->compare = value;
        t->fired = 0;
        return BUS_DONE;
    case START:
        set(t, h->now, count(t, h->now));
        t->config |= ENABLED;
        return BUS_DONE;
    case RESET:
        set(t, h->now, 0);
        return BUS_DONE;
    default:
        return BUS_FAULT;
    }
}
