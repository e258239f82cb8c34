/* Semihosting: the debugger or simulator does what we have no device for. Operations and argument
   blocks: Arm, "Semihosting for AArch32 and AArch64". */
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

static inline int32_t rn_semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

__attribute__((noreturn)) static inline void rn_semihost_exit(uint32_t code)
{
    const uint32_t block[2] = {0x20026u /* application exit */, code};
    for (;;)
        rn_semihost(RN_SYS_EXIT_EXTENDED, block);
}

#endif
