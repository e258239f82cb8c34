/* Runs layers as NPU jobs that rn_npu_conv2d.h makes. layers.bin holds the number of cases, then for each
   a `layer` and bytes of L1; out.bin gets those back, and for each layer the cycles to configure the
   job and from its start to its end, where there is a counter. */
#include "rn_board.h"
#include "rn_npu_conv2d.h"

#ifdef RN_PULP_H
#define CYCLES() rn_pulp_cycles()
#else
#define CYCLES() 0u
#endif

static uint8_t l1[0x20000] __attribute__((aligned(4), section(".bss.l1.data")));

typedef struct {
    rn_npu_mode mode;
    rn_conv2d_shape shape;
    rn_pitch x_pitch, y_pitch;
    rn_npu_constants constants;
    int32_t x, data, y, bytes;
} layer;

static layer l;
static uint32_t cycles[2];

int main(void)
{
    int32_t count;
    const int32_t in = rn_file_open("layers.bin", 0), out = rn_file_open("out.bin", 1);
    if (in < 0 || out < 0 || rn_file_read(in, &count, sizeof count) != 0)
        return 1;
    for (; count > 0; count--) {
        if (rn_file_read(in, &l, sizeof l) != 0 || l.bytes > (int32_t)sizeof l1 ||
            rn_file_read(in, l1, (uint32_t)l.bytes) != 0)
            return 1;
        const uint32_t start = CYCLES();
        const int32_t job = rn_npu_conv2d_configure(
            &l.mode, &l.shape, l.x_pitch, l.y_pitch, &l.constants, (const int8_t *)l1 + l.x,
            l1 + l.data, (int8_t *)l1 + l.y);
        const uint32_t configured = CYCLES();
        rn_npu_start();
        rn_npu_wait(job);
        cycles[0] = configured - start;
        cycles[1] = CYCLES() - configured;
        if (rn_file_write(out, l1, (uint32_t)l.bytes) != 0 || rn_file_write(out, cycles, sizeof cycles) != 0)
            return 1;
    }
    rn_file_close(out);
    return 0;
}
