/* What the test harness (rn_main.c) asks of a board; each board folder implements it. */
#ifndef RN_BOARD_H
#define RN_BOARD_H

#include <stdint.h>

/* Console. */
void rn_board_print(const char *text);

/* Files of the machine that runs us, by whole blocks. A handle is negative on failure; read and
   write return 0 if all bytes were moved. */
int32_t rn_file_open(const char *name, int write);
int32_t rn_file_size(int32_t handle);
int rn_file_read(int32_t handle, void *to, uint32_t bytes);
int rn_file_write(int32_t handle, const void *from, uint32_t bytes);
void rn_file_close(int32_t handle);

/* Calls run() and stores what it returns; the result is the stack that it used, in bytes, or -1
   where that is not measured. */
int32_t rn_stack_run(int (*run)(void), int *status);

#endif
