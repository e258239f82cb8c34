/* Start-up of a PULP system: the controller clears .bss, switches the cluster's instruction cache on
   and starts the cores. Core 0 runs main() on a stack beside .data, the others wait for work. Work runs
   on the cores' stacks in L1, that of core 0 too. */
#include "rn_cluster.h"
#include "rn_semihost.h"

/* From the linker script; the stack of core i ends RN_CORE_STACK_BYTES * i behind that of core 0. */
extern uint32_t rn_bss_start[], rn_bss_end[], rn_core_stack_top[];

int main(void);
void rn_reset(void);
void rn_core_reset(void);
__attribute__((noreturn)) void rn_controller(void);
__attribute__((noreturn)) void rn_core(uint32_t core);

static void (*volatile rn_work)(int32_t core);

__attribute__((naked, section(".vectors"), used)) void rn_reset(void)
{
    __asm__ volatile(".option push\n\t.option norelax\n\t"
                     "la gp, __global_pointer$\n\t"
                     "la sp, rn_controller_stack_top\n\t"
                     ".option pop\n\t"
                     "tail rn_controller");
}

__attribute__((naked, aligned(256), used)) void rn_core_reset(void)
{
    __asm__ volatile(".option push\n\t.option norelax\n\t.option arch, +zicsr\n\t"
                     "la gp, __global_pointer$\n\t"
                     "csrr a0, mhartid\n\t"
                     "andi a0, a0, 31\n\t"
                     "la sp, rn_stack_top\n\t"
                     "beqz a0, 1f\n\t"
                     "la sp, rn_core_stack_top\n\t"
                     "lui t0, %%hi(RN_CORE_STACK_BYTES)\n\t"
                     "addi t0, t0, %%lo(RN_CORE_STACK_BYTES)\n\t"
                     "mul t0, t0, a0\n\t"
                     "add sp, sp, t0\n\t"
                     "1:\n\t"
                     "tail rn_core\n\t"
                     ".option pop" ::);
}

static void rn_sleep(void)
{
    __asm__ volatile("wfi");
}

void rn_controller(void)
{
    for (volatile uint32_t *word = rn_bss_start; word < rn_bss_end; word++)
        *word = 0;
    RN_PULP_REGISTER(RN_PULP_ICACHE) = 0xffffffffu;
    for (uint32_t core = 0; core < RN_CORES; core++)
        RN_PULP_REGISTER(RN_PULP_CONTROL + 0x40u + 4u * core) = (uint32_t)rn_core_reset;
    RN_PULP_REGISTER(RN_PULP_CONTROL + 0x08u) = (1u << RN_CORES) - 1u;
    for (;;)
        rn_sleep();
}

/* A core that came to the barrier before core 0 has set it up would be lost, so core 0 does that
   and only then sends the others their first event. */
static void rn_barrier_init(uint32_t core)
{
    const uint32_t all = (1u << RN_CORES) - 1u, first_event = 1u;
    if (core == 0u) {
        RN_PULP_REGISTER(RN_PULP_EVENTS + 0x200u) = all;
        RN_PULP_REGISTER(RN_PULP_EVENTS + 0x20cu) = all;
        RN_PULP_REGISTER(RN_PULP_EVENTS + 0x100u) = all;
    }
    rn_pulp_wait(first_event);
}

/* Calls work(core) on another stack. */
__attribute__((naked, noinline)) static void rn_call_on(int32_t core, void (*work)(int32_t),
                                                        uint32_t *top)
{
    (void)core;
    (void)work;
    (void)top;
    __asm__ volatile("addi a2, a2, -16\n\t"
                     "sw ra, 12(a2)\n\t"
                     "sw sp, 8(a2)\n\t"
                     "mv sp, a2\n\t"
                     "jalr a1\n\t"
                     "lw ra, 12(sp)\n\t"
                     "lw sp, 8(sp)\n\t"
                     "ret");
}

void rn_cluster_run(void (*work)(int32_t core))
{
    rn_work = work;
    rn_cluster_barrier();
    rn_call_on(0, work, rn_core_stack_top);
    rn_cluster_barrier();
}

void rn_core(uint32_t core)
{
    rn_barrier_init(core);
    if (core == 0u)
        rn_semihost_exit((uint32_t)main());
    for (;;) {
        rn_cluster_barrier();
        rn_work((int32_t)core);
        rn_cluster_barrier();
    }
}
