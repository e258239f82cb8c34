/* The N-EUREKA NPU as cores see it: two contexts of registers, a queue of two jobs (hardware
   processing engine interface: trigger, acquire, status, running job). */
#include "npu.h"

#include <string.h>

enum { TRIGGER = 0x00, ACQUIRE = 0x04, STATUS = 0x0c, RUNNING = 0x10, CLEAR = 0x14, JOB = 0x20,
       REGISTERS = 24 };
#define NO_JOB 0xffffffffu

npu_layer npu_decode(const uint32_t reg[24])
{
    const uint32_t conf = reg[CONF0], pad = reg[PADDING];
    const uint32_t mode = conf >> 5 & 3u;
    npu_layer j = {
        .kernel = mode == 2u ? 1 : 3,
        .depthwise = mode == 1u,
        .weight_bits = (int)(conf & 7u) + 1,
        .output_bits = 8 << (conf >> 21 & 3u),
        .scale_bits = 8 << (conf >> 12 & 3u),
        .number_ko = (int)(reg[NUMBER_KOKI] >> 16),
        .number_ki = (int)(reg[NUMBER_KOKI] & 0xffffu),
        .number_ho = (int)(reg[NUMBER_HOWO] >> 16),
        .number_wo = (int)(reg[NUMBER_HOWO] & 0xffffu),
        .remainder_ko = (int)(reg[REMAINDER_KOKI] >> 16),
        .remainder_ki = (int)(reg[REMAINDER_KOKI] & 0xffffu),
        .remainder_ho = (int)(reg[REMAINDER_HOWO] >> 16),
        .remainder_wo = (int)(reg[REMAINDER_HOWO] & 0xffffu),
        .remainder_hi = (int)(reg[REMAINDER_HIWI] >> 16),
        .remainder_wi = (int)(reg[REMAINDER_HIWI] & 0xffffu),
        .input_signed = (conf >> 26 & 1u) != 0u,
        .quantize = (conf >> 4 & 1u) != 0u,
        .relu = (conf >> 23 & 1u) == 0u,
        .bias = (conf >> 25 & 1u) != 0u,
        .channel_shift = (conf >> 24 & 1u) != 0u,
        .stream_in = (conf >> 14 & 1u) != 0u,
        .prefetch = (conf >> 10 & 1u) != 0u,
        .shift = (int)(conf >> 16 & 31u),
        .pad_top = (int)(pad >> 28),
        .pad_right = (int)(pad >> 24 & 15u),
        .pad_bottom = (int)(pad >> 20 & 15u),
        .pad_left = (int)(pad >> 16 & 15u),
        .pad_value = (uint8_t)pad,
    };
    j.lanes_in = j.kernel == 1 ? LANES : LANES_3X3;
    j.lanes_out = j.depthwise ? LANES_3X3 : LANES;
    /* Not modelled: weight memory, strided and linear modes, 16-bit activations. */
    const int strange_modes = (conf >> 7 & 7u) != 0u || (conf >> 3 & 1u) != 0u || mode == 3u;
    const int sizes = j.number_ko > 0 && j.number_ki > 0 && j.number_ho > 0 && j.number_wo > 0 &&
                      j.remainder_ko <= LANES && j.remainder_ki <= LANES &&
                      j.remainder_ho <= TILE && j.remainder_wo <= TILE &&
                      j.remainder_hi <= IN_TILE && j.remainder_wi <= IN_TILE;
    j.supported = !strange_modes && sizes && j.output_bits != 16 && j.output_bits <= 32 &&
                  j.scale_bits <= 32;
    return j;
}

static int run(soc *s, const npu_job *job)
{
    if (npu_compute(s, job->reg))
        return 1;
    soc_fault(s, NULL, FAULT_NPU, job->reg[OUTFEAT_PTR], 0, "a job reads or writes outside memory");
    return 0;
}

static void begin(soc *s, npu_job *job, uint64_t now)
{
    job->started = 1;
    job->start = now;
    job->end = now + npu_cycles(job->reg);
    s->npu.busy_cycles += job->end - job->start;
    s->npu.macs += npu_macs(job->reg);
    s->npu.jobs++;
    log_add(s, LOG_NPU, (uint32_t)(now - job->queued), job->start, job->end, (uint32_t)job->id,
            (uint32_t)(npu_macs(job->reg) >> 10));
    if (s->config.poison)
        npu_poison(s, job->reg);
    else
        run(s, job);
}

static void drop_first(npu_unit *n)
{
    n->queue[0] = n->queue[1];
    n->queued--;
}

uint64_t npu_next_event(const soc *s)
{
    for (int k = 0; k < s->npu.queued; k++)
        if (!s->npu.queue[k].done)
            return s->npu.queue[k].end;
    return NEVER;
}

/* Somebody knows that what is over is over: with `poison` its result appears only now. */
void npu_observe(soc *s)
{
    npu_unit *n = &s->npu;
    while (n->queued > 0 && n->queue[0].done) {
        if (s->config.poison)
            run(s, &n->queue[0]);
        drop_first(n);
    }
}

void npu_advance(soc *s, uint64_t now)
{
    npu_unit *n = &s->npu;
    for (int k = 0; k < n->queued; k++) {
        npu_job *job = &n->queue[k];
        if (job->done || job->end > now)
            continue;
        job->done = 1;
        const uint64_t end = job->end;
        n->last_id = job->id;
        if (!s->config.poison)
            npu_observe(s);
        else if (n->queued == 2 && !n->queue[1].started)
            npu_observe(s); /* the next job reads what this one has made */
        if (n->queued > 0 && !n->queue[0].started)
            begin(s, &n->queue[0], end);
        events_raise(s, 1u << EVENT_NPU, 0, end);
        k = -1;
    }
}

static int in_use(const npu_unit *n)
{
    int jobs = n->acquired;
    for (int k = 0; k < n->queued; k++)
        jobs += !n->queue[k].done;
    return jobs;
}

bus_result npu_load(soc *s, hart *h, uint32_t offset, uint32_t *value)
{
    npu_unit *n = &s->npu;
    (void)h;
    if (!s->config.has_npu)
        return BUS_FAULT;
    switch (offset) {
    case ACQUIRE:
        if (in_use(n) >= 2 || n->acquired) {
            *value = n->acquired ? (uint32_t)-2 : NO_JOB;
            return BUS_DONE;
        }
        npu_observe(s);
        n->acquired = 1;
        *value = (uint32_t)n->next_id;
        return BUS_DONE;
    case STATUS:
        npu_observe(s);
        *value = in_use(n) == 0 ? 0u : in_use(n) == 1 ? 0x001u : 0x101u;
        return BUS_DONE;
    case RUNNING:
        npu_observe(s);
        *value = n->queued > 0 ? (uint32_t)n->queue[0].id : (uint32_t)n->last_id;
        return BUS_DONE;
    default:
        if (offset < JOB || offset >= JOB + 4u * REGISTERS)
            return BUS_FAULT;
        *value = n->context[n->next_context][(offset - JOB) / 4u];
        return BUS_DONE;
    }
}

static bus_result trigger(soc *s, hart *h)
{
    npu_unit *n = &s->npu;
    npu_observe(s);
    if (n->queued == 2) {
        soc_fault(s, h, FAULT_NPU, TRIGGER, 4, "a third job: acquire one first");
        return BUS_FAULT;
    }
    npu_job *job = &n->queue[n->queued];
    *job = (npu_job){.id = n->next_id, .queued = h->now};
    n->next_id = (n->next_id + 1) & 0xff;
    memcpy(job->reg, n->context[n->next_context], sizeof job->reg);
    n->next_context ^= 1;
    n->acquired = 0;
    if (!npu_decode(job->reg).supported) {
        soc_fault(s, h, FAULT_NPU, TRIGGER, 4, "a job in a mode that is not modelled");
        return BUS_FAULT;
    }
    n->queued++;
    job->end = NEVER;
    if (n->queued == 1)
        begin(s, job, h->now);
    return s->fault == FAULT_NONE ? BUS_DONE : BUS_FAULT;
}

bus_result npu_store(soc *s, hart *h, uint32_t offset, uint32_t value)
{
    npu_unit *n = &s->npu;
    if (!s->config.has_npu)
        return BUS_FAULT;
    if (offset == TRIGGER)
        return trigger(s, h);
    if (offset == CLEAR) {
        memset(n->context, 0, sizeof n->context);
        n->acquired = n->queued = n->next_context = 0;
        return BUS_DONE;
    }
    if (offset < JOB || offset >= JOB + 4u * REGISTERS)
        return BUS_FAULT;
    n->context[n->next_context][(offset - JOB) / 4u] = value;
    return BUS_DONE;
}
