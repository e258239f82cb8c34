/* Threads that live as long as the program. */
#ifndef RN_THREADS_H
#define RN_THREADS_H

void rn_thread_start(void *(*body)(void *), void *argument);

/* Whether what may be late is late: RN_LATE is in the environment. */
int rn_threads_are_late(void);

/* Ends the program with a message: the network has asked for what the hardware cannot do. */
void rn_thread_fail(const char *message);

#endif
