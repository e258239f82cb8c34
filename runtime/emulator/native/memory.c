/* Where an address is. */
#include "soc.h"

memory *memory_of(const soc *s, uint32_t address)
{
    for (int k = 0; k < s->memory_count; k++)
        if (address - s->memories[k].base < s->memories[k].size)
            return (memory *)&s->memories[k];
    return NULL;
}

/* Whether a stack pointer that goes down stays in its stack; one outside of all that are known may do
   what it likes. */
int stack_holds(soc *s, const hart *h, uint32_t from, uint32_t to)
{
    for (int k = 0; k < s->stack_count; k++) {
        stack_range *r = &s->stacks[k];
        if ((r->hart >= 0 && r->hart != h->index) || from < r->low || from > r->high)
            continue;
        if (to < r->lowest)
            r->lowest = to;
        return to >= r->low && to <= from;
    }
    return 1;
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
