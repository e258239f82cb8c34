#ifndef SMALL_PORT_H
#define SMALL_PORT_H
#include <stdint.h>
#define SMALL_INLINE static inline
#endif
