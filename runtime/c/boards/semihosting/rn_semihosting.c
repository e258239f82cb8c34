/* A bare-metal board of the harness: files by semihosting, stack depth by painting. */
#include "rn_board.h"
#include "rn_semihost.h"

#include <string.h>

void rn_board_print(const char *text)
{
    rn_semihost(RN_SYS_WRITE0, text);
}

int32_t rn_file_open(const char *name, int write)
{
    const uint32_t read_binary = 1;
    const uint32_t write_binary = 5;
    const uint32_t block[3] = {(uint32_t)name, write ? write_binary : read_binary,
                               (uint32_t)strlen(name)};
    return rn_semihost(RN_SYS_OPEN, block);
}

int32_t rn_file_size(int32_t handle)
{
    const uint32_t block[1] = {(uint32_t)handle};
    return rn_semihost(RN_SYS_FLEN, block);
}

/* Read and write return the number of bytes that were not moved. */
int rn_file_read(int32_t handle, void *to, uint32_t bytes)
{
    const uint32_t block[3] = {(uint32_t)handle, (uint32_t)to, bytes};
    return rn_semihost(RN_SYS_READ, block) != 0;
}

int rn_file_write(int32_t handle, const void *from, uint32_t bytes)
{
    const uint32_t block[3] = {(uint32_t)handle, (uint32_t)from, bytes};
    return rn_semihost(RN_SYS_WRITE, block) != 0;
}

void rn_file_close(int32_t handle)
{
    const uint32_t block[1] = {(uint32_t)handle};
    rn_semihost(RN_SYS_CLOSE, block);
}

/* From the linker script: the stack grows down from rn_stack_top to rn_stack_limit. */
extern uint32_t rn_stack_limit[];

/* Everything below the stack pointer is painted; the lowest word that lost its paint is the depth.
   The words are volatile so that painting stays a plain loop that needs no stack itself. */
__attribute__((noinline)) int32_t rn_stack_run(int (*run)(void), int *status)
{
    const uint32_t paint = 0xa5c3f00du;
    volatile uint32_t *const top = (volatile uint32_t *)rn_stack_pointer();
    for (volatile uint32_t *word = rn_stack_limit; word < top; word++)
        *word = paint;
    *status = run();
    volatile uint32_t *deepest = rn_stack_limit;
    while (deepest < top && *deepest == paint)
        deepest++;
    if (deepest == rn_stack_limit) {
        rn_board_print("STACK OVERFLOW\n");
        rn_semihost_exit(99);
    }
    return (int32_t)((uint32_t)top - (uint32_t)deepest);
}
