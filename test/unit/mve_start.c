/* Start-up and semihosting for the Helium kernel tests on QEMU's mps3-an547. */
#include <stdint.h>

int main(void);

__attribute__((noinline)) int semihost(int op, const void *arg) {
    register int r0 __asm__("r0") = op;
    register const void *r1 __asm__("r1") = arg;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

__attribute__((noreturn)) static void stop(uint32_t code) {
    const uint32_t arg[2] = {0x20026, code}; /* ADP_Stopped_ApplicationExit */
    for (;;) semihost(0x20, arg);
}

static void fault(void) { stop(99); }

static void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: FPU and MVE on */
    *(volatile uint32_t *)0xE000ED14 |= 1u << 19;   /* CCR.LOB: low-overhead loops on */
    *(volatile uint32_t *)0x58100000 = 1;           /* system counter on, read at 0x58000000 */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    stop((uint32_t)main());
}

extern uint32_t stack_top[];
__attribute__((section(".vectors"), used)) const void *const vectors[16] = {
    stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault};
