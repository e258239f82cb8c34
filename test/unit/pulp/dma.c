/* Copies a 2-D window into L1, adds one on all cores, and copies the result back. BROKEN leaves the
   wait for the first transfer out. */
#include "rn_pulp.h"
#include "rn_board.h"

enum { ROW = 32, ROWS = 16, STRIDE = 48 };
static uint8_t source[ROWS * STRIDE], result[ROWS * ROW];
__attribute__((section(".bss.l1.tile"))) static uint8_t tile[ROWS * ROW];

static void add_one(void *argument)
{
    (void)argument;
    for (uint32_t i = rn_pulp_core(); i < sizeof tile; i += RN_PULP_CORES)
        tile[i]++;
}

int main(void)
{
    for (uint32_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 7u);
    RN_PULP_MARK(-1);
    uint32_t id = rn_pulp_dma_id();
    rn_pulp_dma_2d(RN_DMA_TO_L1, tile, source, sizeof tile, ROW, STRIDE);
#ifndef BROKEN
    rn_pulp_dma_wait(id);
#endif
    RN_PULP_MARK(0);
    rn_pulp_fork(add_one, 0);
    RN_PULP_MARK(1);
    id = rn_pulp_dma_id();
    rn_pulp_dma_1d(RN_DMA_FROM_L1, tile, result, sizeof result);
    rn_pulp_wait(1u << RN_EVENT_DMA);
    rn_pulp_dma_wait(id);
    RN_PULP_MARK(2);
    for (uint32_t row = 0; row < ROWS; row++)
        for (uint32_t i = 0; i < ROW; i++)
            if (result[row * ROW + i] != (uint8_t)((row * STRIDE + i) * 7u + 1u))
                return 1;
    rn_board_print("right\n");
    return 0;
}
