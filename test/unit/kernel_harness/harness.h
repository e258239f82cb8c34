/* What a generated case needs: see main.c. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdint.h>

#define ALIGNED __attribute__((aligned(16)))

uint32_t ticks(void);

/* Prints "name instructions wrong_bytes first_wrong got expected"; 1 if anything is wrong. */
int report(const char *name, uint32_t elapsed, int32_t n, const void *got, const void *expected);

#endif
