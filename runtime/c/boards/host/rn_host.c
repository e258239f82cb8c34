/* The host as a board: files and console are stdio's; the stack is not measured. */
#include "rn_board.h"

#include <stdio.h>

static FILE *rn_files[4];

void rn_board_print(const char *text)
{
    fputs(text, stdout);
}

int32_t rn_file_open(const char *name, int write)
{
    for (int32_t i = 0; i < 4; i++)
        if (rn_files[i] == NULL) {
            rn_files[i] = fopen(name, write ? "wb" : "rb");
            return rn_files[i] == NULL ? -1 : i;
        }
    return -1;
}

int32_t rn_file_size(int32_t handle)
{
    FILE *file = rn_files[handle];
    if (fseek(file, 0, SEEK_END) != 0)
        return -1;
    const long size = ftell(file);
    rewind(file);
    return size > INT32_MAX ? -1 : (int32_t)size;
}

int rn_file_read(int32_t handle, void *to, uint32_t bytes)
{
    return fread(to, 1, bytes, rn_files[handle]) != bytes;
}

int rn_file_write(int32_t handle, const void *from, uint32_t bytes)
{
    return fwrite(from, 1, bytes, rn_files[handle]) != bytes;
}

void rn_file_close(int32_t handle)
{
    fclose(rn_files[handle]);
    rn_files[handle] = NULL;
}

int32_t rn_stack_run(int (*run)(void), int *status)
{
    *status = run();
    return -1;
}
