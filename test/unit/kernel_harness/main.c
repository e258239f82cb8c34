/* Common part of the generated kernel tests: runs all cases, compares their bytes, prints a line each.
 * On a host it prints through stdio; on QEMU (-DBARE) through semihosting, with instruction counts. */
#include "harness.h"

#if defined(BARE) && defined(__riscv)
/* The board code of the runtime starts us and ends the run. */
#include "rn_semihost.h"
#include "rn_timer.h"
static void start_timer(void) { rn_timer_start(); }
uint32_t ticks(void) { return rn_timer_read(); }
static uint32_t instructions(uint32_t t) { return t; }
static void put(const char *s) { rn_semihost(RN_SYS_WRITE0, s); }
#elif defined(BARE)
/* CMSDK timer 0 of the MPS2 boards counts down at TIMER_HZ; under `-icount shift=6` one instruction
 * takes 64 ns of virtual time, so ticks are instructions. */
#define TIMER ((volatile uint32_t *)0x40000000u)
#define TIMER_HZ 25000000u
static void start_timer(void) {
    TIMER[2] = 0xffffffffu;
    TIMER[1] = 0xffffffffu;
    TIMER[0] = 1;
}
uint32_t ticks(void) { return 0xffffffffu - TIMER[1]; }
static uint32_t instructions(uint32_t t) {
    return (uint32_t)(((uint64_t)t * 1000000000u + TIMER_HZ * 32ull) / (TIMER_HZ * 64ull));
}
static void semihost(int op, const void *arg) {
    register int r0 __asm__("r0") = op;
    register const void *r1 __asm__("r1") = arg;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}
static void put(const char *s) { semihost(0x04, s); }
static void leave(int status) {
    const uint32_t block[2] = {0x20026u, (uint32_t)status};
    semihost(0x20, block);
    for (;;) {}
}
int main(void);
static void reset(void) {
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* FPU and MVE on */
    __asm__ volatile("dsb\n\tisb");
    leave(main());
}
static void fault(void) {
    put("FAULT\n");
    leave(99);
}
extern uint32_t __stack_top[];
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))__stack_top, reset, fault, fault, fault, fault, fault, fault,
    0, 0, 0, fault, fault, 0, fault, fault};
#else
#include <stdio.h>
static void start_timer(void) {}
uint32_t ticks(void) { return 0; }
static uint32_t instructions(uint32_t t) { return t; }
static void put(const char *s) { fputs(s, stdout); }
#endif

static void put_number(int32_t v) {
    char text[12], *p = text + 11;
    uint32_t u = v < 0 ? -(uint32_t)v : (uint32_t)v;
    *p = 0;
    do *--p = (char)('0' + u % 10);
    while ((u /= 10) != 0);
    if (v < 0) *--p = '-';
    put(p);
}

int report(const char *name, uint32_t elapsed, int32_t n, const void *got, const void *expected) {
    const int8_t *g = (const int8_t *)got, *e = (const int8_t *)expected;
    int32_t wrong = 0, first = 0;
    for (int32_t i = n - 1; i >= 0; i--) {
        if (g[i] != e[i]) wrong++, first = i;
    }
    put(name);
    const int32_t fields[5] = {(int32_t)instructions(elapsed), wrong, first, n ? g[first] : 0, n ? e[first] : 0};
    for (int i = 0; i < 5; i++) put(" "), put_number(fields[i]);
    put("\n");
    return wrong != 0;
}

/* Generated: CASES(X) expands X(index) for every case. */
#include "cases.inc"

#define DECLARE(index) int check_##index(void);
#define CALL(index) wrong += check_##index();
CASES(DECLARE)

int main(void) {
    int wrong = 0;
    start_timer();
    CASES(CALL)
    return wrong != 0;
}
