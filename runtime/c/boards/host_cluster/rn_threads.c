#include "rn_threads.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

void rn_thread_fail(const char *message)
{
    fflush(stdout);
    fprintf(stderr, "ERROR %s\n", message);
    abort();
}

int rn_threads_are_late(void)
{
    return getenv("RN_LATE") != NULL;
}

void rn_thread_start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument) != 0)
        rn_thread_fail("cannot start a thread");
    pthread_detach(thread);
}
