/* The peripherals of the cluster by address (PULP cluster memory map: control, timer, event unit,
   accelerator and DMA from 0x200000 on; each core's own ports to event unit and DMA at 0x204000). */
#include "soc.h"

enum { PERIPHERALS = 0x200000, TEST_AND_SET = 0x100000 };

typedef bus_result load_function(soc *s, hart *h, uint32_t offset, uint32_t *value);
typedef bus_result store_function(soc *s, hart *h, uint32_t offset, uint32_t value);

static bus_result icache_load(soc *s, hart *h, uint32_t offset, uint32_t *value)
{
    (void)h;
    (void)offset;
    *value = s->icache_on;
    return BUS_DONE;
}

typedef struct {
    uint32_t offset, size;
    int cores_only;
    load_function *load;
    store_function *store;
} device;

static const device devices[] = {
    {0x0000, 0x400, 0, control_load, control_store},
    {0x0400, 0x400, 0, timer_load, timer_store},
    {0x1000, 0x400, 0, npu_load, npu_store},
    {0x1400, 0x400, 0, icache_load, icache_store},
    {0x1800, 0x400, 0, dma_load, dma_store},
    {0x4000, 0x400, 1, event_unit_load, event_unit_store},
    {0x4400, 0x400, 1, dma_load, dma_store},
};

static const device *find(const soc *s, uint32_t address, uint32_t *offset)
{
    const uint32_t at = address - (uint32_t)s->config.base - PERIPHERALS;
    for (size_t k = 0; k < sizeof devices / sizeof *devices; k++)
        if (at - devices[k].offset < devices[k].size) {
            *offset = at - devices[k].offset;
            return &devices[k];
        }
    return NULL;
}

/* The L1 again: a load there also sets the word to all ones. */
static uint8_t *test_and_set_word(const soc *s, uint32_t address)
{
    const uint32_t offset = address - (uint32_t)s->config.base - TEST_AND_SET;
    return offset < s->l1->size ? s->l1->bytes + (offset & ~3u) : NULL;
}

int bus_is_device(const soc *s, uint32_t address)
{
    uint32_t offset;
    return find(s, address, &offset) != NULL || test_and_set_word(s, address) != NULL;
}

bus_result bus_load(soc *s, hart *h, uint32_t address, uint32_t *value)
{
    uint32_t offset = 0;
    const device *d = find(s, address, &offset);
    if (d == NULL) {
        uint32_t *word = (uint32_t *)(void *)test_and_set_word(s, address);
        *value = *word;
        *word = ~0u;
        return BUS_DONE;
    }
    return d->cores_only && !h->is_core ? BUS_FAULT : d->load(s, h, offset, value);
}

bus_result bus_store(soc *s, hart *h, uint32_t address, uint32_t value)
{
    uint32_t offset = 0;
    const device *d = find(s, address, &offset);
    if (d == NULL) {
        *(uint32_t *)(void *)test_and_set_word(s, address) = value;
        return BUS_DONE;
    }
    return d->cores_only && !h->is_core ? BUS_FAULT : d->store(s, h, offset, value);
}
