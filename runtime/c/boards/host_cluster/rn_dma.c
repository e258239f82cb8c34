/* The DMA as a thread that does one transfer after the other, in the order they were asked for.

   Nothing but the end of a token's transfers is told to core 0, and only to who waits for that token:
   semaphores go one way (a mutex around the queue would order everything before the next transfer
   behind the last one, and hide a missing wait from a race detector). */
#define _POSIX_C_SOURCE 200112L

#include "rn_cluster.h"
#include "rn_threads.h"

#include <sched.h>
#include <semaphore.h>
#include <string.h>

enum { RN_TOKENS = 16, RN_QUEUE = 64, RN_POISON = 0xa5 };

typedef struct {
    int8_t *to;
    const int8_t *from;
    int32_t token, rows, row_bytes, to_stride, from_stride;
} rn_transfer;

/* Of core 0: tokens in use, the one that transfers go to, and how many of each are to be waited for. */
static uint32_t rn_used;
static int32_t rn_current = -1, rn_asked[RN_TOKENS];

/* A ring: core 0 fills it at rn_tail, the DMA empties it at rn_head, which only says that there is
   room. */
static rn_transfer rn_ring[RN_QUEUE];
static uint32_t rn_tail, rn_head;
static sem_t rn_filled, rn_ended[RN_TOKENS];

static void rn_copy(const rn_transfer *t)
{
    for (int32_t row = 0; row < t->rows; row++)
        memcpy(t->to + (intptr_t)row * t->to_stride, t->from + (intptr_t)row * t->from_stride,
               (size_t)t->row_bytes);
}

static void rn_down(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
        /* a signal came in between */
    }
}

/* Ring entries are read and written without ordering core 0 behind the DMA. */
static rn_transfer rn_take(rn_transfer *slot)
{
    rn_transfer t;
    __atomic_load(&slot->to, &t.to, __ATOMIC_RELAXED);
    __atomic_load(&slot->from, &t.from, __ATOMIC_RELAXED);
    __atomic_load(&slot->token, &t.token, __ATOMIC_RELAXED);
    __atomic_load(&slot->rows, &t.rows, __ATOMIC_RELAXED);
    __atomic_load(&slot->row_bytes, &t.row_bytes, __ATOMIC_RELAXED);
    __atomic_load(&slot->to_stride, &t.to_stride, __ATOMIC_RELAXED);
    __atomic_load(&slot->from_stride, &t.from_stride, __ATOMIC_RELAXED);
    return t;
}

static void rn_put(rn_transfer *slot, rn_transfer t)
{
    __atomic_store(&slot->to, &t.to, __ATOMIC_RELAXED);
    __atomic_store(&slot->from, &t.from, __ATOMIC_RELAXED);
    __atomic_store(&slot->token, &t.token, __ATOMIC_RELAXED);
    __atomic_store(&slot->rows, &t.rows, __ATOMIC_RELAXED);
    __atomic_store(&slot->row_bytes, &t.row_bytes, __ATOMIC_RELAXED);
    __atomic_store(&slot->to_stride, &t.to_stride, __ATOMIC_RELAXED);
    __atomic_store(&slot->from_stride, &t.from_stride, __ATOMIC_RELAXED);
}

static void *rn_engine(void *unused)
{
    for (;;) {
        rn_down(&rn_filled);
        const uint32_t head = __atomic_load_n(&rn_head, __ATOMIC_RELAXED);
        const rn_transfer t = rn_take(&rn_ring[head % RN_QUEUE]);
        rn_copy(&t);
        sem_post(&rn_ended[t.token]);
        __atomic_store_n(&rn_head, head + 1u, __ATOMIC_RELAXED);
    }
    return unused;
}

static void rn_post(rn_transfer t)
{
    while (rn_tail - __atomic_load_n(&rn_head, __ATOMIC_RELAXED) == RN_QUEUE)
        sched_yield();
    rn_put(&rn_ring[rn_tail % RN_QUEUE], t);
    rn_tail++;
    rn_asked[t.token]++;
    sem_post(&rn_filled);
}

/* What was asked for and not waited for, where transfers are late. */
enum { RN_LATE = 4096 };
static rn_transfer rn_late[RN_LATE];
static int32_t rn_late_count;
static int rn_is_late;

static void rn_start(rn_transfer t)
{
    if (!rn_is_late) {
        rn_post(t);
        return;
    }
    for (int32_t row = 0; row < t.rows; row++)
        memset(t.to + (intptr_t)row * t.to_stride, RN_POISON, (size_t)t.row_bytes);
    if (rn_late_count == RN_LATE)
        rn_thread_fail("too many transfers that nobody waits for");
    rn_late[rn_late_count++] = t;
}

static void rn_release(int32_t token)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < rn_late_count; i++)
        if (rn_late[i].token == token)
            rn_post(rn_late[i]);
        else
            rn_late[kept++] = rn_late[i];
    rn_late_count = kept;
}

int32_t rn_dma_token(void)
{
    static int started;
    if (!started) {
        sem_init(&rn_filled, 0, 0);
        for (int32_t i = 0; i < RN_TOKENS; i++)
            sem_init(&rn_ended[i], 0, 0);
        rn_is_late = rn_threads_are_late();
        rn_thread_start(rn_engine, NULL);
        started = 1;
    }
    for (int32_t token = 0; token < RN_TOKENS; token++)
        if ((rn_used >> token & 1u) == 0u) {
            rn_used |= 1u << token;
            return rn_current = token;
        }
    rn_thread_fail("no DMA token is free: were the others waited for?");
    return -1;
}

static void rn_check(int32_t token, int32_t rows, int32_t row_bytes)
{
    if (token != rn_current || (rn_used >> token & 1u) == 0u)
        rn_thread_fail("a transfer for a DMA token that is not the last one");
    if (rows <= 0 || row_bytes <= 0)
        rn_thread_fail("a transfer of no bytes");
}

void rn_dma_in_2d(int32_t token, void *l1, const void *other, int32_t rows, int32_t row_bytes,
                  int32_t l1_stride, int32_t other_stride)
{
    rn_check(token, rows, row_bytes);
    rn_start((rn_transfer){l1, other, token, rows, row_bytes, l1_stride, other_stride});
}

void rn_dma_out_2d(int32_t token, const void *l1, void *other, int32_t rows, int32_t row_bytes,
                   int32_t l1_stride, int32_t other_stride)
{
    rn_check(token, rows, row_bytes);
    rn_start((rn_transfer){other, l1, token, rows, row_bytes, other_stride, l1_stride});
}

void rn_dma_in(int32_t token, void *l1, const void *other, int32_t bytes)
{
    rn_dma_in_2d(token, l1, other, 1, bytes, bytes, bytes);
}

void rn_dma_out(int32_t token, const void *l1, void *other, int32_t bytes)
{
    rn_dma_out_2d(token, l1, other, 1, bytes, bytes, bytes);
}

void rn_dma_wait(int32_t token)
{
    if (token < 0 || token >= RN_TOKENS || (rn_used >> token & 1u) == 0u)
        rn_thread_fail("a wait for a DMA token that is not in use");
    rn_release(token);
    for (; rn_asked[token] > 0; rn_asked[token]--)
        rn_down(&rn_ended[token]);
    rn_used &= ~(1u << token);
}
