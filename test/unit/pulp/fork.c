/* Each core writes down who it is; CASE chooses what goes wrong, if anything. */
#include "rn_board.h"
#include "rn_cluster.h"

static volatile uint32_t seen[RN_CORES];
static volatile uint32_t *volatile where = seen;

#define DO_NOTHING 0
#define WILD_STORE 1
#define STUCK 2
#define ILLEGAL 3

static void __attribute__((noinline)) write_down(int32_t core)
{
#if CASE == WILD_STORE
    if (core == 2)
        where = (volatile uint32_t *)0x20000000u;
#elif CASE == STUCK
    if (core == 1)
        rn_pulp_wait(1u << 7);
#elif CASE == ILLEGAL
    if (core == 3)
        __asm__ volatile(".word 0xffffffff");
#endif
    where[core] = (uint32_t)core + 1u;
}

int main(void)
{
    uint32_t sum = 0;
    rn_cluster_run(write_down);
    for (uint32_t i = 0; i < RN_CORES; i++)
        sum += seen[i];
    rn_board_print("forked\n");
    return (int)sum;
}
