/* Cluster control: boot addresses and fetch enable of the cores; instruction cache control. */
#include "soc.h"

#include <string.h>

enum { EOC = 0x00, FETCH_ENABLE = 0x08, CONFIG = 0x18, BOOT = 0x40 };
enum { ICACHE_ENABLE = 0x00 };

bus_result control_load(soc *s, hart *h, uint32_t offset, uint32_t *value)
{
    (void)h;
    if (offset >= BOOT && offset < BOOT + 4u * MAX_HARTS) {
        *value = s->boot[(offset - BOOT) / 4u];
        return BUS_DONE;
    }
    switch (offset) {
    case EOC:
        *value = s->end_of_computation;
        return BUS_DONE;
    case FETCH_ENABLE:
        *value = s->fetch_enable;
        return BUS_DONE;
    case CONFIG:
        *value = s->cluster_config;
        return BUS_DONE;
    default:
        return BUS_FAULT;
    }
}

static void enable(soc *s, uint32_t cores, uint64_t now)
{
    for (int k = 0; k < s->hart_count; k++) {
        hart *h = &s->harts[k];
        if (!h->is_core || (cores >> k & 1u) == 0u || h->state != HART_OFF)
            continue;
        h->state = HART_RUN;
        h->pc = s->boot[k];
        h->now = h->mark = now;
    }
    s->fetch_enable |= cores;
}

bus_result control_store(soc *s, hart *h, uint32_t offset, uint32_t value)
{
    if (offset >= BOOT && offset < BOOT + 4u * MAX_HARTS) {
        s->boot[(offset - BOOT) / 4u] = value;
        return BUS_DONE;
    }
    switch (offset) {
    case EOC:
        s->end_of_computation = value;
        return BUS_DONE;
    case FETCH_ENABLE:
        enable(s, value, h->now);
        return BUS_DONE;
    case CONFIG:
        s->cluster_config = value;
        return BUS_DONE;
    default:
        return BUS_FAULT;
    }
}

/* Any write but the one that enables empties the cache. */
bus_result icache_store(soc *s, hart *h, uint32_t offset, uint32_t value)
{
    (void)h;
    if (offset == ICACHE_ENABLE) {
        s->icache_on = value;
        return BUS_DONE;
    }
    const size_t lines = (size_t)(s->config.icache_bytes / s->config.icache_line);
    for (int k = 0; k < s->hart_count; k++)
        memset(s->harts[k].icache_tags, 0xff, lines * sizeof(int32_t));
    return BUS_DONE;
}
