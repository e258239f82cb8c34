/* Runs an NPU job whose registers and data the test has made: job.bin holds 24 registers, then the
   bytes of L1 from L1_DATA on; out.bin gets them back. JOBS is how often it runs. */
#include "rn_board.h"
#include "rn_npu.h"

#ifndef JOBS
#define JOBS 1
#endif

enum { REGISTERS = 24, BYTES = 0x20000 };
#define L1_DATA ((uint8_t *)0x10010000u)

static uint32_t registers[REGISTERS];

int main(void)
{
    const int32_t in = rn_file_open("job.bin", 0);
    if (in < 0 || rn_file_read(in, registers, sizeof registers) != 0 ||
        rn_file_read(in, L1_DATA, BYTES) != 0)
        return 1;
    int32_t job = rn_npu_acquire();
    for (uint32_t i = 0; i < REGISTERS; i++)
        rn_npu_set(i, registers[i]);
    rn_npu_start();
    /* The same again, asked for while the one before runs, which must end before it. */
    for (int32_t more = 1; more < JOBS; more++) {
        const int32_t next = rn_npu_acquire();
        for (uint32_t i = 0; i < REGISTERS; i++)
            rn_npu_set(i, registers[i]);
        if (rn_npu_has_ended(job))
            return 2;
        rn_npu_start();
        rn_npu_wait(job);
        if (rn_npu_has_ended(next))
            return 3;
        job = next;
    }
    rn_npu_wait(job);
    const int32_t out = rn_file_open("out.bin", 1);
    const int status = rn_file_write(out, L1_DATA, BYTES);
    rn_file_close(out);
    return status;
}
