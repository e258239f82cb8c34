/* SPMD_LATE_WAIT waits for a tile only behind the work on it. SPMD_DEEP is the stack that a core takes, SPMD_L1 the
   bytes of L1 that nobody uses. */
#include "spmd.h"

#include "rn_cluster.h"

#ifndef SPMD_DEEP
#define SPMD_DEEP 16
#endif
#ifndef SPMD_L1
#define SPMD_L1 16
#endif

enum { SPMD_BYTES = 4096, SPMD_TILE = 1024 };
static int8_t spmd_x[SPMD_BYTES];
static int8_t spmd_y[SPMD_BYTES];
static int32_t spmd_token;
__attribute__((section(".bss.l1.spmd"))) static int8_t spmd_tile[SPMD_TILE], spmd_more[SPMD_L1];

const spmd_tensor spmd_inputs[1] = {{"x", SPMD_BYTES}};
const spmd_tensor spmd_outputs[1] = {{"y", SPMD_BYTES}};

static void spmd_load(const int8_t *from)
{
    spmd_token = rn_dma_token();
    rn_dma_in(spmd_token, spmd_tile, from, SPMD_TILE);
#ifndef SPMD_LATE_WAIT
    rn_dma_wait(spmd_token);
#endif
}

static void spmd_store(int8_t *to)
{
#ifdef SPMD_LATE_WAIT
    rn_dma_wait(spmd_token);
#endif
    const int32_t token = rn_dma_token();
    rn_dma_out(token, spmd_tile, to, SPMD_TILE);
    rn_dma_wait(token);
}

static void spmd_layer(int32_t core, const int8_t *from, int8_t *to, int32_t factor, int32_t more)
{
    volatile int8_t deep[SPMD_DEEP];
    for (int32_t at = 0; at < SPMD_BYTES; at += SPMD_TILE) {
        if (core == 0)
            spmd_load(from + at);
        rn_cluster_barrier();
        for (int32_t i = core; i < SPMD_TILE; i += RN_CORES) {
            deep[0] = (int8_t)(spmd_tile[i] * factor + more);
            spmd_tile[i] = deep[0];
        }
        rn_cluster_barrier();
        if (core == 0)
            spmd_store(to + at);
    }
}

static void spmd_cluster(int32_t core)
{
    spmd_layer(core, spmd_x, spmd_y, 2, 0);
    rn_cluster_mark(0);
    rn_cluster_barrier();
    spmd_layer(core, spmd_y, spmd_y, 1, 1);
    rn_cluster_mark(1);
}

void spmd_init(void)
{
    spmd_more[0] = 0;
}

int spmd_run(void)
{
    rn_cluster_run(spmd_cluster);
    return spmd_more[0];
}

void *spmd_input(int index)
{
    return index == 0 ? spmd_x : 0;
}

const void *spmd_output(int index)
{
    return index == 0 ? spmd_y : 0;
}

const char *spmd_layer_name(int index)
{
    return index == 0 ? "twice" : "and one";
}
