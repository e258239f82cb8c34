/* What cores lose to each other at the banks of the L1.

   Harts run one after the other, so their accesses are not interleaved cycle by cycle. At a
   barrier the number of accesses of each core to each bank since the one before is known. Of two
   accesses to one bank in one cycle one waits; with the others' accesses spread evenly over their
   time, an access meets that of another core with the probability of the other's rate at the bank,
   and is the one to wait half of the time. No bank serves more than one access per cycle. */
#include "soc.h"

static uint64_t active_cycles(const hart *h)
{
    const uint64_t cycles = h->now - h->mark;
    return cycles == 0u ? 1u : cycles;
}

/* What the busiest bank needs beyond the longest time that a core has had, for the share of it that
   `h` has asked for. */
static uint64_t serial_cycles(const soc *s, uint32_t cores, const hart *h, int bank)
{
    uint64_t total = 0, most = 1, longest = 0;
    for (int k = 0; k < s->hart_count; k++) {
        const hart *other = &s->harts[k];
        if ((cores >> k & 1u) == 0u)
            continue;
        total += other->bank_accesses[bank];
        if (other->bank_accesses[bank] > most)
            most = other->bank_accesses[bank];
        if (active_cycles(other) > longest)
            longest = active_cycles(other);
    }
    return total <= longest ? 0u : (total - longest) * h->bank_accesses[bank] / most;
}

static uint64_t lost_cycles(const soc *s, uint32_t cores, const hart *h)
{
    double expected = 0.0;
    uint64_t bound = 0;
    for (int bank = 0; bank < (int)s->config.banks; bank++) {
        double rate = 0.0;
        for (int k = 0; k < s->hart_count; k++) {
            const hart *other = &s->harts[k];
            if ((cores >> k & 1u) != 0u && other != h)
                rate += (double)other->bank_accesses[bank] / (double)active_cycles(other);
        }
        expected += (double)h->bank_accesses[bank] * rate / 2.0;
        const uint64_t serial = serial_cycles(s, cores, h, bank);
        if (serial > bound)
            bound = serial;
    }
    const uint64_t statistical = (uint64_t)(expected + 0.5);
    return statistical > bound ? statistical : bound;
}

void contention_resolve(soc *s, uint32_t cores)
{
    uint64_t lost[MAX_HARTS] = {0};
    if (s->config.contention)
        for (int k = 0; k < s->hart_count; k++)
            if ((cores >> k & 1u) != 0u)
                lost[k] = lost_cycles(s, cores, &s->harts[k]);
    for (int k = 0; k < s->hart_count; k++) {
        hart *h = &s->harts[k];
        if ((cores >> k & 1u) == 0u)
            continue;
        h->now += lost[k];
        h->wait_start += lost[k];
        h->stats.contention_cycles += lost[k];
        for (int bank = 0; bank < (int)s->config.banks; bank++) {
            h->stats.l1_accesses += h->bank_accesses[bank];
            h->bank_accesses[bank] = 0;
        }
    }
}
