/* What emitted code does with cluster and DMA, on one source for emulator and threads: windows in and
   out through double buffers while all cores compute. LATE_WAIT_IN and LATE_WAIT_OUT wait only behind the
   computation that needs it before, NO_BARRIER leaves one out. Exit code 0 if all bytes are right. */
#include "rn_board.h"
#include "rn_cluster.h"

#ifndef LATE_WAIT_IN
#define LATE_WAIT_IN 0
#endif
#ifndef LATE_WAIT_OUT
#define LATE_WAIT_OUT 0
#endif
#ifndef REPEAT
#define REPEAT 40 /* work for each byte */
#endif

enum {
    STRIPES = 12,
    ROWS = 4,
    ROW = 24,        /* bytes of a window's row */
    WIDTH = 40,      /* from row to row in the far memory */
    PITCH = 28,      /* from row to row in L1 */
    FIRST = 8        /* column of the window */
};
static int8_t source[STRIPES * ROWS * WIDTH], result[STRIPES * ROWS * WIDTH];
__attribute__((section(".bss.l1.hal"))) static int8_t in[2][ROWS * PITCH], out[2][ROWS * PITCH];
__attribute__((section(".bss.l1.sums"))) static int32_t sums[RN_CORES];

static int8_t *window(int8_t *image, int32_t stripe)
{
    return image + stripe * ROWS * WIDTH + FIRST;
}

static int32_t fetch(int32_t stripe)
{
    const int32_t token = rn_dma_token();
    rn_dma_in_2d(token, in[stripe & 1], window(source, stripe), ROWS, ROW, PITCH, WIDTH);
    return token;
}

static int8_t compute(int8_t value)
{
    for (int32_t i = 0; i < REPEAT; i++)
        value = (int8_t)(value * 3 + 1);
    return value;
}

static void work(int32_t core)
{
    int32_t input = core == 0 ? fetch(0) : 0, output[2] = {-1, -1};
    for (int32_t stripe = 0; stripe < STRIPES; stripe++) {
        const int32_t half = stripe & 1;
        if (core == 0 && !LATE_WAIT_IN)
            rn_dma_wait(input);
        if (core == 0 && !LATE_WAIT_OUT && output[half] >= 0)
            rn_dma_wait(output[half]);
#ifndef NO_BARRIER
        rn_cluster_barrier();
#endif
        const int32_t next = core == 0 && stripe + 1 < STRIPES ? fetch(stripe + 1) : -1;
        for (int32_t i = core; i < ROWS * ROW; i += RN_CORES)
            out[half][i / ROW * PITCH + i % ROW] = compute(in[half][i / ROW * PITCH + i % ROW]);
        rn_cluster_barrier();
        if (core == 0 && LATE_WAIT_IN)
            rn_dma_wait(input);
        if (core == 0 && LATE_WAIT_OUT && output[half] >= 0)
            rn_dma_wait(output[half]);
        input = next;
        if (core == 0) {
            output[half] = rn_dma_token();
            rn_dma_out_2d(output[half], out[half], window(result, stripe), ROWS, ROW, PITCH, WIDTH);
        }
        rn_cluster_mark(0);
    }
    for (int32_t half = 0; core == 0 && half < 2; half++)
        rn_dma_wait(output[half]);
    sums[core] += core + 1;
}

/* Sixteen tokens at once, each with several transfers; in and out again, one- and two-dimensional. */
__attribute__((section(".bss.l1.many"))) static int8_t many[16 * 3 * 8];
static int8_t again[16 * 3 * 8];

static void tokens(int32_t core)
{
    int32_t token[16];
    for (int32_t k = 0; core == 0 && k < 16; k++) {
        token[k] = rn_dma_token();
        for (int32_t part = 0; part < 3; part++)
            rn_dma_in(token[k], many + (k * 3 + part) * 8, source + (k * 3 + part) * 8, 8);
    }
    for (int32_t k = 15; core == 0 && k >= 0; k--)
        rn_dma_wait(token[k]);
    if (core == 0) {
        token[0] = rn_dma_token();
        rn_dma_out(token[0], many, again, 9); /* of any alignment */
        rn_dma_out_2d(token[0], many + 9, again + 9, 3, 5, 5, 5);
        rn_dma_out_2d(token[0], many + 24, again + 24, 15, 24, 24, 24);
        rn_dma_wait(token[0]);
    }
}

static int is_right(void)
{
    for (int32_t i = 0; i < STRIPES * ROWS * WIDTH; i++) {
        const int32_t column = i % WIDTH;
        const int inside = column >= FIRST && column < FIRST + ROW;
        if (result[i] != (inside ? compute(source[i]) : 55))
            return 0;
    }
    for (uint32_t i = 0; i < sizeof again; i++)
        if (again[i] != source[i])
            return 0;
    return 1;
}

int main(void)
{
    for (int32_t i = 0; i < STRIPES * ROWS * WIDTH; i++) {
        source[i] = (int8_t)(i * 7 + i / 256);
        result[i] = 55;
    }
    for (int32_t i = 0; i < RN_CORES; i++)
        sums[i] = 0;
    for (int32_t run = 1; run <= 3; run++) {
        rn_cluster_run(work);
        for (int32_t i = 0; i < RN_CORES; i++)
            if (sums[i] != run * (i + 1))
                return 2;
    }
    rn_cluster_run(tokens);
    if (!is_right())
        return 1;
    rn_board_print("right\n");
    return 0;
}
