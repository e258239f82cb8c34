/* The cluster as emitted code sees it, on the registers of a PULP cluster. RN_CORES comes from the
   platform. Only core 0 programs the DMA. */
#ifndef RN_CLUSTER_H
#define RN_CLUSTER_H

#include "rn_pulp.h"

/* All cores run work(core); returns when all have ended. Called by core 0, outside of work. Each core
   has its own stack in L1 there. */
void rn_cluster_run(void (*work)(int32_t core));

/* All cores meet here; what they have written before is seen by all behind it. */
static inline void rn_cluster_barrier(void)
{
    rn_pulp_event_load(0x21cu);
}

/* Where a layer ends (a constant from 0 to 2047): one instruction, for the emulator's report. */
#define rn_cluster_mark(layer) RN_PULP_MARK(layer)

enum {
    RN_DMA_IN = 1 << 17,
    RN_DMA_OUT = 0,
    RN_DMA_INCREMENTAL = 1 << 18,
    RN_DMA_OTHER_2D = 1 << 19,
    RN_DMA_EVENT = 1 << 20,
    RN_DMA_L1_2D = 1 << 23
};

/* A new set of transfers; there are 16, wait for one before you ask for a 17th. All transfers go to
   the set that was asked for last. */
static inline int32_t rn_dma_token(void)
{
    return (int32_t)RN_PULP_REGISTER(RN_PULP_DMA);
}

static inline void rn_dma_copy(uint32_t direction, const void *l1, const void *other, int32_t rows,
                               int32_t row_bytes, int32_t l1_stride, int32_t other_stride)
{
    const uint32_t l1_rows = l1_stride == row_bytes ? 0u : RN_DMA_L1_2D;
    const uint32_t other_rows = other_stride == row_bytes ? 0u : RN_DMA_OTHER_2D;
    RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)(rows * row_bytes) | direction | RN_DMA_INCREMENTAL |
                                    RN_DMA_EVENT | l1_rows | other_rows;
    RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)l1;
    RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)other;
    if (other_rows != 0u) {
        RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)row_bytes;
        RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)other_stride;
    }
    if (l1_rows != 0u) {
        RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)row_bytes;
        RN_PULP_REGISTER(RN_PULP_DMA) = (uint32_t)l1_stride;
    }
}

/* `token` is the one of the last rn_dma_token(). Addresses and sizes are bytes, of any alignment;
   rows * row_bytes is at most the engine's longest transfer (the platform's max_bytes). */
static inline void rn_dma_in(int32_t token, void *l1, const void *other, int32_t bytes)
{
    (void)token;
    rn_dma_copy(RN_DMA_IN, l1, other, 1, bytes, bytes, bytes);
}

static inline void rn_dma_out(int32_t token, const void *l1, void *other, int32_t bytes)
{
    (void)token;
    rn_dma_copy(RN_DMA_OUT, l1, other, 1, bytes, bytes, bytes);
}

static inline void rn_dma_in_2d(int32_t token, void *l1, const void *other, int32_t rows,
                                int32_t row_bytes, int32_t l1_stride, int32_t other_stride)
{
    (void)token;
    rn_dma_copy(RN_DMA_IN, l1, other, rows, row_bytes, l1_stride, other_stride);
}

static inline void rn_dma_out_2d(int32_t token, const void *l1, void *other, int32_t rows,
                                 int32_t row_bytes, int32_t l1_stride, int32_t other_stride)
{
    (void)token;
    rn_dma_copy(RN_DMA_OUT, l1, other, rows, row_bytes, l1_stride, other_stride);
}

/* All transfers of the token have ended; the token is free again. Sleeps until then. */
static inline void rn_dma_wait(int32_t token)
{
    while ((RN_PULP_REGISTER(RN_PULP_DMA + 4u) >> token & 1u) != 0u)
        rn_pulp_wait(1u << RN_EVENT_DMA);
    RN_PULP_REGISTER(RN_PULP_DMA + 4u) = 1u << token;
}

#endif
