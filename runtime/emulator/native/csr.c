/* Control and status registers: machine counters, hart id, RI5CY's performance counters and
   hardware loops. Trap registers are there but nothing traps. */
#include "soc.h"

enum { COUNTER = 0x780, COUNTER_ALL = 0x79f, EVENTS = 0xcc0, MODE = 0xcc1, LOOPS = 0x7b0 };

static uint64_t counter(const hart *h, uint32_t number)
{
    switch (number) {
    case 0:
        return h->now;
    case 1:
        return h->stats.instructions;
    case 2:
        return h->stats.memory_stalls;
    case 4:
        return h->stats.icache_cycles;
    case 16:
        return h->stats.contention_cycles;
    default:
        return 0;
    }
}

static void write_counters(hart *h, uint32_t number, uint32_t value)
{
    for (uint32_t k = 0; k < 32u; k++)
        if (number == COUNTER_ALL || number == COUNTER + k)
            h->counter_base[k] = (uint32_t)counter(h, k) - value;
}

static uint32_t *loop_register(hart *h, uint32_t number)
{
    hardware_loop *loop = &h->loop[(number - LOOPS) / 4u];
    switch ((number - LOOPS) % 4u) {
    case 0:
        return &loop->start;
    case 1:
        return &loop->end;
    default:
        return &loop->count;
    }
}

static int read(hart *h, uint32_t number, uint32_t *value)
{
    if (number >= COUNTER && number < COUNTER_ALL) {
        *value = (uint32_t)counter(h, number - COUNTER) - h->counter_base[number - COUNTER];
        return 1;
    }
    if (number >= LOOPS && number < LOOPS + 7u) {
        *value = *loop_register(h, number);
        return 1;
    }
    switch (number) {
    case 0xb00:
    case 0xc00:
        *value = (uint32_t)h->now - h->cycle_base;
        return 1;
    case 0xb80:
    case 0xc80:
        *value = (uint32_t)(h->now >> 32);
        return 1;
    case 0xb02:
    case 0xc02:
        *value = (uint32_t)h->stats.instructions - h->instret_base;
        return 1;
    case 0xb82:
    case 0xc82:
        *value = (uint32_t)(h->stats.instructions >> 32);
        return 1;
    case 0xf14:
        *value = h->id;
        return 1;
    case 0x300: /* mstatus: machine mode */
        *value = 0x1800;
        return 1;
    case 0x301: /* misa: rv32imc */
        *value = 0x40001104;
        return 1;
    case COUNTER_ALL:
    case EVENTS:
    case MODE:
    case 0x304: /* mie, mtvec, mscratch, mepc, mcause, mtval, mip, mcountinhibit */
    case 0x305:
    case 0x320:
    case 0x340:
    case 0x341:
    case 0x342:
    case 0x343:
    case 0x344:
    case 0xf11:
    case 0xf12:
    case 0xf13:
        *value = 0;
        return 1;
    default:
        return 0;
    }
}

static void write(hart *h, uint32_t number, uint32_t value)
{
    if (number >= COUNTER && number <= COUNTER_ALL)
        write_counters(h, number, value);
    else if (number == 0xb00)
        h->cycle_base = (uint32_t)h->now - value;
    else if (number == 0xb02)
        h->instret_base = (uint32_t)h->stats.instructions - value;
    else if (number >= LOOPS && number < LOOPS + 7u)
        *loop_register(h, number) = value;
}

/* `kind` is funct3: 1 or 5 writes, 2 or 6 sets bits, 3 or 7 clears bits. */
int csr_access(soc *s, hart *h, uint32_t number, uint32_t kind, uint32_t operand, uint32_t *old)
{
    (void)s;
    if (!read(h, number, old))
        return 0;
    switch (kind & 3u) {
    case 1:
        write(h, number, operand);
        break;
    case 2:
        if (operand != 0u)
            write(h, number, *old | operand);
        break;
    default:
        if (operand != 0u)
            write(h, number, *old & ~operand);
    }
    return 1;
}
