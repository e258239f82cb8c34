/* Copies a 2-D window into L1, adds one on all cores, and copies the result back. BROKEN leaves the
   wait for the first transfer out. */
#include "rn_board.h"
#include "rn_cluster.h"

enum { ROW = 32, ROWS = 16, STRIDE = 48 };
static uint8_t source[ROWS * STRIDE], result[ROWS * ROW];
__attribute__((section(".bss.l1.tile"))) static uint8_t tile[ROWS * ROW];

static void add_one(int32_t core)
{
    for (uint32_t i = (uint32_t)core; i < sizeof tile; i += RN_CORES)
        tile[i]++;
}

int main(void)
{
    for (uint32_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 7u);
    rn_cluster_mark(-1);
    int32_t token = rn_dma_token();
    rn_dma_in_2d(token, tile, source, ROWS, ROW, ROW, STRIDE);
#ifndef BROKEN
    rn_dma_wait(token);
#endif
    rn_cluster_mark(0);
    rn_cluster_run(add_one);
    rn_cluster_mark(1);
    token = rn_dma_token();
    rn_dma_out(token, tile, result, sizeof result);
    rn_dma_wait(token);
    rn_cluster_mark(2);
    for (uint32_t row = 0; row < ROWS; row++)
        for (uint32_t i = 0; i < ROW; i++)
            if (result[row * ROW + i] != (uint8_t)((row * STRIDE + i) * 7u + 1u))
                return 1;
    rn_board_print("right\n");
    return 0;
}
