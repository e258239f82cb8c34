/* Start-up of any Cortex-M with an FPU or MVE: vector table, reset, and a fault handler that says
   where the program was. Registers: Armv7-M and Armv8-M architecture reference manuals. */
#include "rn_semihost.h"

#include <stdint.h>
#include <string.h>

#define RN_CCR (*(volatile uint32_t *)0xe000ed14u)
#define RN_CFSR (*(volatile uint32_t *)0xe000ed28u)
#define RN_BFAR (*(volatile uint32_t *)0xe000ed38u)
#define RN_CPACR (*(volatile uint32_t *)0xe000ed88u)

/* From the linker script. */
extern uint32_t rn_stack_limit[], rn_stack_top[];
extern uint32_t rn_data_load[], rn_data_start[], rn_data_end[], rn_bss_start[], rn_bss_end[];

int main(void);
void rn_reset(void);
void rn_fault(void);
void rn_fault_report(const uint32_t *frame);

void rn_reset(void)
{
    RN_CPACR |= 0xfu << 20; /* coprocessors 10 and 11: FPU and MVE */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#if __ARM_ARCH >= 8
    __asm__ volatile("msr msplim, %0" ::"r"(rn_stack_limit));
#endif
#if defined(__ARM_FEATURE_MVE)
    RN_CCR |= 1u << 19; /* low-overhead loops */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    memcpy(rn_data_start, rn_data_load, (uint32_t)rn_data_end - (uint32_t)rn_data_start);
    memset(rn_bss_start, 0, (uint32_t)rn_bss_end - (uint32_t)rn_bss_start);
    rn_semihost_exit((uint32_t)main());
}

/* The stack may be what is broken, so the report starts on a fresh one. */
__attribute__((naked)) void rn_fault(void)
{
    __asm__ volatile("mov r0, sp\n\t"
                     "ldr r1, =rn_stack_top\n\t"
                     "mov sp, r1\n\t"
                     "b rn_fault_report");
}

static void rn_print_register(const char *name, uint32_t value)
{
    char text[] = "=0x00000000";
    for (int i = 10; i > 2; i--, value >>= 4)
        text[i] = "0123456789abcdef"[value & 15u];
    rn_semihost(RN_SYS_WRITE0, name);
    rn_semihost(RN_SYS_WRITE0, text);
}

/* frame: r0-r3, r12, lr, pc, xpsr as the core has pushed them. */
__attribute__((noreturn)) void rn_fault_report(const uint32_t *frame)
{
    const uint32_t cfsr = RN_CFSR;
    const uint32_t stacking = (1u << 4) | (1u << 12) | (1u << 20); /* MSTKERR, STKERR, STKOF */
    if ((cfsr & stacking) != 0u || frame < rn_stack_limit || frame + 8 > rn_stack_top) {
        rn_semihost(RN_SYS_WRITE0, "STACK OVERFLOW");
    } else {
        rn_semihost(RN_SYS_WRITE0, "HARD FAULT");
        rn_print_register(" pc", frame[6]);
        rn_print_register(" lr", frame[5]);
    }
    rn_print_register(" cfsr", cfsr);
    if ((cfsr & (1u << 15)) != 0u) /* BFARVALID */
        rn_print_register(" address", RN_BFAR);
    rn_semihost(RN_SYS_WRITE0, "\n");
    rn_semihost_exit(99);
}

/* The initial stack pointer, then reset and the exceptions. */
typedef union {
    uint32_t *stack;
    void (*handler)(void);
} rn_vector;

__attribute__((section(".vectors"), used)) const rn_vector rn_vectors[16] = {
    {.stack = rn_stack_top},  {.handler = rn_reset}, {.handler = rn_fault}, {.handler = rn_fault},
    {.handler = rn_fault},    {.handler = rn_fault}, {.handler = rn_fault}, {.handler = rn_fault},
    {.handler = rn_fault},    {.handler = rn_fault}, {.handler = rn_fault}, {.handler = rn_fault},
    {.handler = rn_fault},    {.handler = rn_fault}, {.handler = rn_fault}, {.handler = rn_fault}};
