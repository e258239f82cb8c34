/* Semihosting: the debugger or simulator does what we have no device for. Operations and argument
   blocks: Arm, "Semihosting for AArch32 and AArch64"; the call itself on RISC-V: "RISC-V Semihosting". */
#ifndef RN_SEMIHOST_H
#define RN_SEMIHOST_H

#include <stdint.h>

enum {
    RN_SYS_OPEN = 0x01,
    RN_SYS_CLOSE = 0x02,
    RN_SYS_WRITE0 = 0x04,
    RN_SYS_WRITE = 0x05,
    RN_SYS_READ = 0x06,
    RN_SYS_FLEN = 0x0c,
    RN_SYS_EXIT_EXTENDED = 0x20
};

#if defined(__riscv)
/* The three instructions are uncompressed and in one page, hence the alignment. */
static inline int32_t rn_semihost(uint32_t operation, const void *argument)
{
    register uint32_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".balign 16\n\t.option push\n\t.option norvc\n\t"
                     "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return (int32_t)a0;
}
#else
static inline int32_t rn_semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}
#endif

static inline uint32_t rn_stack_pointer(void)
{
    uint32_t value;
#if defined(__riscv)
    __asm__ volatile("mv %0, sp" : "=r"(value));
#else
    __asm__ volatile("mov %0, sp" : "=r"(value));
#endif
    return value;
}

__attribute__((noreturn)) static inline void rn_semihost_exit(uint32_t code)
{
    const uint32_t block[2] = {0x20026u /* application exit */, code};
    for (;;)
        rn_semihost(RN_SYS_EXIT_EXTENDED, block);
}

#endif
