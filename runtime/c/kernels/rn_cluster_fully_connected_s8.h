/* Fully connected layer on a cluster, int8, portable C99: x [rows, in_c], w [out_c, in_c], y [rows, out_c].
 *
 * Cores share the outputs evenly. No scratch.
 */
#ifndef RN_CLUSTER_FULLY_CONNECTED_S8_H
#define RN_CLUSTER_FULLY_CONNECTED_S8_H

#include "rn_cluster_part.h"
#include "rn_requant.h"

RN_INLINE void rn_cluster_fully_connected_s8(const rn_fully_connected_shape *s, const rn_requant *q,
                                             const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                                             void *scratch, int32_t core, int32_t cores) {
    const rn_share share = rn_share_of(s->rows * s->out_c, 1, core, cores);
    (void)scratch;
    for (int32_t e = share.from; e < share.to; e++) {
        const int32_t o = e % s->out_c;
        const int8_t *const from = x + e / s->out_c * s->in_c, *const row = w + o * s->in_c;
        int32_t acc = c->bias[o];
        for (int32_t i = 0; i < s->in_c; i++) acc += from[i] * row[i];
        y[e] = rn_requantize(acc, c->multiplier[o], c->shift[o], q);
    }
}

#endif
