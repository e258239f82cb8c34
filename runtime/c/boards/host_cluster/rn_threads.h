/* Threads that live as long as the program. */
#ifndef RN_THREADS_H
#define RN_THREADS_H

void rn_thread_start(void *(*body)(void *), void *argument);

/* Ends the program with a message: the network has asked for what the hardware cannot do. */
void rn_thread_fail(const char *message);

#endif
