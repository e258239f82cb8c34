/* Runs the instructions of fuzz.inc on the registers of `state` and writes them to out.bin. x1 keeps
   the way back and x2 points to `scratch`, 64 bytes that the instructions may load and store. */
#include "rn_board.h"

#include <stdint.h>

uint32_t state[32] = {
#include "fuzz_state.inc"
};
uint32_t scratch[16];
void fuzz(void);

__asm__(".text\n.globl fuzz\nfuzz:\n"
        "la x31, state\nsw x1, 4(x31)\nsw x2, 8(x31)\nsw x3, 12(x31)\nsw x4, 16(x31)\n"
        "sw x8, 0(x31)\nla x2, scratch\n"
        "lw x5, 20(x31)\nlw x6, 24(x31)\nlw x7, 28(x31)\nlw x8, 32(x31)\nlw x9, 36(x31)\n"
        "lw x10, 40(x31)\nlw x11, 44(x31)\nlw x12, 48(x31)\nlw x13, 52(x31)\nlw x14, 56(x31)\n"
        "lw x15, 60(x31)\n"
        ".globl fuzz_begin\nfuzz_begin:\n"
        ".include \"fuzz.inc\"\n"
        ".globl fuzz_end\nfuzz_end:\n"
        "la x31, state\nsw x5, 20(x31)\nsw x6, 24(x31)\nsw x7, 28(x31)\nsw x9, 36(x31)\n"
        "sw x10, 40(x31)\nsw x11, 44(x31)\nsw x12, 48(x31)\nsw x13, 52(x31)\nsw x14, 56(x31)\n"
        "sw x15, 60(x31)\nsw x8, 32(x31)\n"
        "lw x8, 0(x31)\nlw x1, 4(x31)\nlw x2, 8(x31)\nret\n");

int main(void)
{
    for (int i = 0; i < 16; i++)
        scratch[i] = (uint32_t)i * 0x01234567u;
    /* s1 (x9) is kept here, as the compiler may have something in it */
    __asm__ volatile("addi sp, sp, -16\n\tsw s1, 0(sp)\n\tcall fuzz\n\t"
                     "lw s1, 0(sp)\n\taddi sp, sp, 16" ::
                         : "ra", "t0", "t1", "t2", "t6", "a0", "a1", "a2", "a3", "a4", "a5",
                           "memory");
    const int32_t out = rn_file_open("out.bin", 1);
    const int status = rn_file_write(out, &state[5], 44) + rn_file_write(out, scratch, 64);
    rn_file_close(out);
    return status;
}
