/* Cores as threads: they start with the first work and then wait for more. */
#include "rn_cluster.h"
#include "rn_threads.h"

#include <pthread.h>

static pthread_mutex_t rn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rn_opened = PTHREAD_COND_INITIALIZER;
static int32_t rn_arrived;
static uint32_t rn_round;
static void (*rn_work)(int32_t core);

void rn_cluster_barrier(void)
{
    pthread_mutex_lock(&rn_lock);
    const uint32_t round = rn_round;
    if (++rn_arrived == RN_CORES) {
        rn_arrived = 0;
        rn_round++;
        pthread_cond_broadcast(&rn_opened);
    }
    while (rn_round == round)
        pthread_cond_wait(&rn_opened, &rn_lock);
    pthread_mutex_unlock(&rn_lock);
}

static void *rn_core(void *core)
{
    for (;;) {
        rn_cluster_barrier();
        rn_work((int32_t)(intptr_t)core);
        rn_cluster_barrier();
    }
    return NULL;
}

void rn_cluster_run(void (*work)(int32_t core))
{
    static int started;
    for (intptr_t core = 1; !started && core < RN_CORES; core++)
        rn_thread_start(rn_core, (void *)core);
    started = 1;
    rn_work = work;
    rn_cluster_barrier();
    work(0);
    rn_cluster_barrier();
}
