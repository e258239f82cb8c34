/* The NPU as a thread that does one job after the other, in the order they were started.

   Core 0 gets to know the end of a job only where it waits for it or a later one: neither the registers
   nor the room for another job order it behind the NPU, which would hide a missing wait from a race
   detector (compare rn_dma.c). */
#define _POSIX_C_SOURCE 200112L

#include "rn_npu.h"
#include "rn_npu_job.h"
#include "rn_threads.h"

#include <semaphore.h>
#include <stddef.h>
#include <time.h>

/* More jobs than RN_ENDS that nobody has waited for share semaphores. */
enum { RN_CONTEXTS = 2, RN_ENDS = 64 };

/* Job n has the registers n % RN_CONTEXTS: core 0 writes them, the NPU reads them. */
static uint32_t rn_registers[RN_CONTEXTS][RN_NPU_REGISTERS];

/* Of core 0: how many jobs were started, whether another one is acquired, and for each semaphore the
   last job whose end it told. */
static int32_t rn_jobs, rn_acquired, rn_known[RN_ENDS];

/* Of the NPU: how many jobs have ended, which only says that there is room. */
static int32_t rn_done;
static sem_t rn_started, rn_ended[RN_ENDS];

static void rn_down(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
        /* a signal came in between */
    }
}

/* Where jobs are late: how many core 0 has let end. */
static int rn_is_late;
static int32_t rn_released;
static sem_t rn_release;

static void rn_let_end(int32_t jobs)
{
    for (; rn_is_late && rn_released < jobs; rn_released++)
        sem_post(&rn_release);
}

static void *rn_engine(void *unused)
{
    for (int32_t job = 0;; job++) {
        uint32_t registers[RN_NPU_REGISTERS];
        rn_down(&rn_started);
        for (int32_t i = 0; i < RN_NPU_REGISTERS; i++)
            registers[i] = __atomic_load_n(&rn_registers[job % RN_CONTEXTS][i], __ATOMIC_RELAXED);
        if (rn_is_late) {
            rn_npu_destroy(registers);
            rn_down(&rn_release);
        }
        rn_npu_compute(registers);
        sem_post(&rn_ended[job % RN_ENDS]);
        __atomic_store_n(&rn_done, job + 1, __ATOMIC_RELEASE);
    }
    return unused;
}

static void rn_begin(void)
{
    rn_is_late = rn_threads_are_late();
    sem_init(&rn_started, 0, 0);
    sem_init(&rn_release, 0, 0);
    for (int32_t i = 0; i < RN_ENDS; i++) {
        sem_init(&rn_ended[i], 0, 0);
        rn_known[i] = i - RN_ENDS;
    }
    rn_thread_start(rn_engine, NULL);
}

int32_t rn_npu_acquire(void)
{
    static const struct timespec a_moment = {0, 20000};
    static int begun;
    if (!begun)
        rn_begin();
    begun = 1;
    if (rn_acquired)
        rn_thread_fail("a job of the NPU was acquired and not started");
    rn_acquired = 1;
    rn_let_end(rn_jobs - RN_CONTEXTS + 1);
    while (rn_jobs - __atomic_load_n(&rn_done, __ATOMIC_RELAXED) >= RN_CONTEXTS)
        nanosleep(&a_moment, NULL);
    return rn_jobs;
}

void rn_npu_set(uint32_t number, uint32_t value)
{
    if (!rn_acquired || number >= RN_NPU_REGISTERS)
        rn_thread_fail("a register of no job of the NPU");
    __atomic_store_n(&rn_registers[rn_jobs % RN_CONTEXTS][number], value, __ATOMIC_RELAXED);
}

void rn_npu_start(void)
{
    if (!rn_acquired)
        rn_thread_fail("a job of the NPU was started and not acquired");
    rn_acquired = 0;
    rn_jobs++;
    sem_post(&rn_started);
}

void rn_npu_wait(int32_t job)
{
    const int32_t end = job % RN_ENDS;
    if (job < 0 || job >= rn_jobs)
        rn_thread_fail("a wait for a job of the NPU that was not started");
    rn_let_end(job + 1);
    for (; rn_known[end] < job; rn_known[end] += RN_ENDS)
        rn_down(&rn_ended[end]);
}

/* Addresses are counted from here: a pointer has more than 32 bits. */
static char rn_origin;

int32_t rn_npu_address(const void *place)
{
    const intptr_t distance = (intptr_t)place - (intptr_t)&rn_origin;
    if (distance < INT32_MIN || distance > INT32_MAX)
        rn_thread_fail("an address that is too far away for the NPU");
    return (int32_t)distance;
}

void *rn_npu_place(uint32_t address)
{
    return (void *)((intptr_t)&rn_origin + (int32_t)address);
}
