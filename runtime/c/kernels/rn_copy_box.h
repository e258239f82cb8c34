/* Copies a box of one tensor into another (slice, one operand of concat), or pads around it.
 *
 * Items have 1, 2 or 4 bytes. Offsets and strides are in items; strides of x may be negative. x and y must not
 * overlap. The rank is at least 2: whoever makes the struct joins axes that are one run in both tensors.
 */
#ifndef RN_COPY_BOX_H
#define RN_COPY_BOX_H

#include "rn_port.h"

#define RN_BOX_RANK 6

typedef struct {
    int32_t rank, item_bytes, x_offset, y_offset;
    int32_t dims[RN_BOX_RANK], x_strides[RN_BOX_RANK], y_strides[RN_BOX_RANK];
} rn_box;

/* n items; memcpy of a constant size is one load and one store. */
RN_INLINE void rn_copy_items(int32_t n, int32_t item_bytes, int32_t x_stride, int32_t y_stride, const char *x, char *y) {
    if (x_stride == 1 && y_stride == 1) {
        memcpy(y, x, (size_t)(n * item_bytes));
        return;
    }
    switch (item_bytes) {
        case 1:
            for (int32_t i = 0; i < n; i++) y[i * y_stride] = x[i * x_stride];
            break;
        case 2:
            for (int32_t i = 0; i < n; i++) memcpy(y + i * y_stride * 2, x + i * x_stride * 2, 2);
            break;
        default:
            for (int32_t i = 0; i < n; i++) memcpy(y + i * y_stride * 4, x + i * x_stride * 4, 4);
            break;
    }
}

RN_INLINE void rn_copy_box(const rn_box *b, const void *x, void *y) {
    const int32_t run = b->rank - 1, row = b->rank - 2;
    int32_t index[RN_BOX_RANK] = {0};
    const char *from = (const char *)x + b->x_offset * b->item_bytes;
    char *to = (char *)y + b->y_offset * b->item_bytes;
    for (;;) {
        int32_t axis = row - 1;
        for (int32_t r = 0; r < b->dims[row]; r++) {
            rn_copy_items(b->dims[run], b->item_bytes, b->x_strides[run], b->y_strides[run],
                          from + r * b->x_strides[row] * b->item_bytes, to + r * b->y_strides[row] * b->item_bytes);
        }
        /* odometer over the other axes */
        while (axis >= 0 && ++index[axis] == b->dims[axis]) {
            from -= (b->dims[axis] - 1) * b->x_strides[axis] * b->item_bytes;
            to -= (b->dims[axis] - 1) * b->y_strides[axis] * b->item_bytes;
            index[axis--] = 0;
        }
        if (axis < 0) return;
        from += b->x_strides[axis] * b->item_bytes;
        to += b->y_strides[axis] * b->item_bytes;
    }
}

/* All `count` items of y become `value`, then those of the box come from x. Items of 1 or 2 bytes. */
RN_INLINE void rn_pad_box(const rn_box *b, int32_t count, int32_t value, const void *x, void *y) {
    if (b->item_bytes == 1) {
        memset(y, value, (size_t)count);
    } else {
        int16_t *const to = (int16_t *)y;
        for (int32_t i = 0; i < count; i++) to[i] = (int16_t)value;
    }
    rn_copy_box(b, x, y);
}

#endif
