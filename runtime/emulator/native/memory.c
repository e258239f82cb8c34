/* Where an address is. */
#include "soc.h"

memory *memory_of(soc *s, uint32_t address)
{
    for (int k = 0; k < s->memory_count; k++)
        if (address - s->memories[k].base < s->memories[k].size)
            return &s->memories[k];
    return NULL;
}

uint8_t *memory_at(const soc *s, uint32_t address, uint32_t bytes)
{
    for (int k = 0; k < s->memory_count; k++) {
        const memory *m = &s->memories[k];
        const uint32_t offset = address - m->base;
        if (offset < m->size && bytes <= m->size - offset)
            return m->bytes + offset;
    }
    return NULL;
}

/* The first fault is the one that is reported. */
void soc_fault(soc *s, const hart *h, fault_kind kind, uint32_t address, uint32_t bytes,
               const char *text)
{
    if (s->fault != FAULT_NONE)
        return;
    s->fault = kind;
    s->fault_hart = h == NULL ? UINT32_MAX : (uint32_t)h->index;
    s->fault_pc = h == NULL ? 0u : h->pc;
    s->fault_address = address;
    s->fault_size = bytes;
    s->fault_text = text;
}
