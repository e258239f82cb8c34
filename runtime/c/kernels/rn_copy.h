/* Plain data movement: copies, rows of a larger tensor (concat, slice, pad), fills. */
#ifndef RN_COPY_H
#define RN_COPY_H

#include "rn_port.h"

RN_INLINE void rn_copy(int32_t bytes, const void *x, void *y) { memcpy(y, x, (size_t)bytes); }

/* `rows` runs of `bytes`; x and y advance by their own pitch (in bytes) from run to run. */
RN_INLINE void rn_copy_rows(int32_t rows, int32_t bytes, int32_t x_pitch, int32_t y_pitch, const void *x, void *y) {
    const char *from = (const char *)x;
    char *to = (char *)y;
    for (int32_t r = 0; r < rows; r++) memcpy(to + r * y_pitch, from + r * x_pitch, (size_t)bytes);
}

RN_INLINE void rn_fill(int32_t bytes, int32_t value, void *y) { memset(y, value, (size_t)bytes); }

#endif
