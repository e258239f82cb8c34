/* Copies an N-d tensor with its axes permuted; items of 1, 2 or 4 bytes. x and y must not overlap.
 *
 * dims are those of y; strides[i] is the distance in x, in items, between neighbours along y's axis i.
 * (So a slice is a transpose that starts at another x, and a stride of 0 broadcasts.)
 */
#ifndef RN_TRANSPOSE_H
#define RN_TRANSPOSE_H

#include "rn_port.h"

#define RN_MAX_RANK 6

typedef struct {
    int32_t rank, item_bytes;
    int32_t dims[RN_MAX_RANK], strides[RN_MAX_RANK];
} rn_transpose_shape;

/* One run along the last axis. memcpy of a constant size is one load and one store. */
RN_INLINE void rn_gather(int32_t n, int32_t stride, int32_t item_bytes, const char *x, char *y) {
    switch (item_bytes) {
        case 1:
            for (int32_t i = 0; i < n; i++) y[i] = x[i * stride];
            break;
        case 2:
            for (int32_t i = 0; i < n; i++) memcpy(y + i * 2, x + i * stride * 2, 2);
            break;
        default:
            for (int32_t i = 0; i < n; i++) memcpy(y + i * 4, x + i * stride * 4, 4);
            break;
    }
}

RN_INLINE void rn_transpose(const rn_transpose_shape *s, const void *x, void *y) {
    const int32_t last = s->rank - 1;
    int32_t index[RN_MAX_RANK] = {0};
    int32_t from = 0; /* item offset in x of the current run */
    char *to = (char *)y;
    for (;;) {
        int32_t axis = last - 1;
        rn_gather(s->dims[last], s->strides[last], s->item_bytes, (const char *)x + from * s->item_bytes, to);
        to += s->dims[last] * s->item_bytes;
        /* odometer over the other axes */
        while (axis >= 0 && ++index[axis] == s->dims[axis]) {
            from -= (s->dims[axis] - 1) * s->strides[axis];
            index[axis--] = 0;
        }
        if (axis < 0) return;
        from += s->strides[axis];
    }
}

#endif
