/* Runs layers as NPU jobs that rn_npu_conv2d.h makes. layers.bin holds the number of cases, then for each
   a `layer` and the bytes of L1 from L1_DATA on; out.bin gets those back, and for each layer the
   cycles to configure the job and from its start to its end. */
#include "rn_board.h"
#include "rn_npu_conv2d.h"

#define L1_DATA ((uint8_t *)0x10010000u)

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
        if (rn_file_read(in, &l, sizeof l) != 0 || rn_file_read(in, L1_DATA, l.bytes) != 0)
            return 1;
        const uint32_t start = rn_pulp_cycles();
        const int32_t job = rn_npu_conv2d_configure(
            &l.mode, &l.shape, l.x_pitch, l.y_pitch, &l.constants, (const int8_t *)L1_DATA + l.x,
            L1_DATA + l.data, (int8_t *)L1_DATA + l.y);
        const uint32_t configured = rn_pulp_cycles();
        rn_npu_start();
        rn_npu_wait(job);
        cycles[0] = configured - start;
        cycles[1] = rn_pulp_cycles() - configured;
        if (rn_file_write(out, L1_DATA, l.bytes) != 0 || rn_file_write(out, cycles, sizeof cycles) != 0)
            return 1;
    }
    rn_file_close(out);
    return 0;
}
