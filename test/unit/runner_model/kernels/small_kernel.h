#ifndef SMALL_KERNEL_H
#define SMALL_KERNEL_H
#include "small_port.h"

SMALL_INLINE void small_kernel_add(int32_t n, int32_t value, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < n; i++)
        y[i] = (int8_t)(x[i] + value);
}
#endif
