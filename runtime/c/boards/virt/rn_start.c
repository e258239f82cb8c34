/* Start-up of one RISC-V hart in machine mode: reset, memory protection, and a trap handler that says
   where the program was. CSRs: The RISC-V Instruction Set Manual, volume II. */
#include "rn_semihost.h"

#include <stdint.h>

/* -march=rv32imc with zicsr would choose other libraries, so only the assembler hears of it. */
#define RN_CSR_READ(name, value) \
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\tcsrr %0, " name "\n\t.option pop" : "=r"(value))
#define RN_CSR_WRITE(name, value) \
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\tcsrw " name ", %0\n\t.option pop" ::"r"(value) : "memory")
#define RN_CSR_SET(name, bits) \
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\tcsrs " name ", %0\n\t.option pop" ::"r"(bits) : "memory")

/* From the linker script. */
extern uint32_t rn_stack_limit[], rn_stack_top[];
extern uint32_t rn_data_load[], rn_data_start[], rn_data_end[], rn_bss_start[], rn_bss_end[];

int main(void);
void rn_reset(void);
void rn_trap(void);
__attribute__((noreturn)) void rn_start(void);
__attribute__((noreturn)) void rn_trap_report(const uint32_t *stack_pointer, uint32_t return_address);

/* The first instructions: other harts, if there are any, sleep. */
__attribute__((naked, section(".vectors"), used)) void rn_reset(void)
{
    __asm__ volatile(".option push\n\t.option norelax\n\t.option arch, +zicsr\n\t"
                     "la gp, __global_pointer$\n\t"
                     "la sp, rn_stack_top\n\t"
                     "csrr t0, mhartid\n\t"
                     "beqz t0, 2f\n"
                     "1:\n\twfi\n\tj 1b\n"
                     "2:\n\ttail rn_start\n\t"
                     ".option pop");
}

/* The stack may be what is broken, so the report starts on a fresh one. */
__attribute__((naked, aligned(4))) void rn_trap(void)
{
    __asm__ volatile("mv a0, sp\n\tmv a1, ra\n\tla sp, rn_stack_top\n\ttail rn_trap_report");
}

/* What is below the stack (code and constants) may not be written, not even in machine mode: entry 0
   reaches from address 0 to the stack limit (TOP), locked, read and execute. */
static void rn_protect_code(void)
{
    const uint32_t locked = 0x80u;
    const uint32_t top_of_range = 0x08u;
    const uint32_t read_execute = 0x05u;
    RN_CSR_WRITE("pmpaddr0", (uint32_t)rn_stack_limit >> 2);
    RN_CSR_WRITE("pmpcfg0", locked | top_of_range | read_execute);
}

/* Word by word: the start of both sections, and their sizes, are multiples of a word. */
void rn_start(void)
{
    const uint32_t *from = rn_data_load;
    RN_CSR_WRITE("mtvec", rn_trap);
    for (volatile uint32_t *word = rn_data_start; word < rn_data_end; word++)
        *word = *from++;
    for (volatile uint32_t *word = rn_bss_start; word < rn_bss_end; word++)
        *word = 0;
    rn_protect_code();
#ifdef RN_RVV
    RN_CSR_SET("mstatus", 1u << 9); /* VS: vectors are on */
#endif
    rn_semihost_exit((uint32_t)main());
}

static void rn_print_register(const char *name, uint32_t value)
{
    char text[] = "=0x00000000";
    for (int i = 10; i > 2; i--, value >>= 4)
        text[i] = "0123456789abcdef"[value & 15u];
    rn_semihost(RN_SYS_WRITE0, name);
    rn_semihost(RN_SYS_WRITE0, text);
}

void rn_trap_report(const uint32_t *stack_pointer, uint32_t return_address)
{
    uint32_t cause, pc, address;
    RN_CSR_READ("mcause", cause);
    RN_CSR_READ("mepc", pc);
    RN_CSR_READ("mtval", address);
    if (stack_pointer < rn_stack_limit || address - ((uint32_t)rn_stack_limit - 4096u) < 4096u) {
        rn_semihost(RN_SYS_WRITE0, "STACK OVERFLOW");
    } else {
        rn_semihost(RN_SYS_WRITE0, "HARD FAULT");
    }
    rn_print_register(" pc", pc);
    rn_print_register(" lr", return_address);
    rn_print_register(" mcause", cause);
    rn_print_register(" address", address);
    rn_semihost(RN_SYS_WRITE0, "\n");
    rn_semihost_exit(99);
}
