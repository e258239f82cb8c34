/* The cluster as emitted code sees it, on a machine with threads: cores are threads, and the DMA is
   one that copies while they compute, so that sanitizers see what runs at the same time. RN_CORES
   comes from the platform.

   With RN_LATE in the environment transfers are as late as they may be: the destination is destroyed
   when one is asked for, and source and destination are touched when the token is waited for. */
#ifndef RN_CLUSTER_H
#define RN_CLUSTER_H

#include <stdint.h>

/* All cores run work(core); returns when all have ended. Called by core 0, outside of work. */
void rn_cluster_run(void (*work)(int32_t core));

/* All cores meet here; what they have written before is seen by all behind it. */
void rn_cluster_barrier(void);

/* Where a layer ends. */
#define rn_cluster_mark(layer) ((void)0)

/* Only core 0 calls these. A new set of transfers; there are 16, wait for one before you ask for a
   17th. All transfers go to the set that was asked for last. */
int32_t rn_dma_token(void);
void rn_dma_in(int32_t token, void *l1, const void *other, int32_t bytes);
void rn_dma_out(int32_t token, const void *l1, void *other, int32_t bytes);
void rn_dma_in_2d(int32_t token, void *l1, const void *other, int32_t rows, int32_t row_bytes,
                  int32_t l1_stride, int32_t other_stride);
void rn_dma_out_2d(int32_t token, const void *l1, void *other, int32_t rows, int32_t row_bytes,
                   int32_t l1_stride, int32_t other_stride);
/* All transfers of the token have ended; the token is free again. */
void rn_dma_wait(int32_t token);

#endif
