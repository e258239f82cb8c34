/* Semihosting: console, files and exit (Arm, "Semihosting for AArch32 and AArch64"; the RISC-V
   binding uses a0 and a1). Files are those of the folder in which the emulator runs. */
#include "soc.h"

#include <string.h>

enum {
    OPEN = 0x01, CLOSE = 0x02, WRITEC = 0x03, WRITE0 = 0x04, WRITE = 0x05, READ = 0x06,
    ISTTY = 0x09, SEEK = 0x0a, FLEN = 0x0c, ERRNO = 0x13, EXIT = 0x18, EXIT_EXTENDED = 0x20
};
enum { APPLICATION_EXIT = 0x20026, FAILED = -1 };

static uint32_t argument(const soc *s, uint32_t block, int index)
{
    uint32_t value = 0;
    const uint8_t *at = memory_at(s, block + 4u * (uint32_t)index, 4);
    if (at != NULL)
        memcpy(&value, at, 4);
    return value;
}

static void print(soc *s, uint32_t text)
{
    const uint8_t *at;
    uint64_t length = 0;
    while ((at = memory_at(s, text + (uint32_t)length, 1)) != NULL && *at != 0)
        length++;
    if (length != 0u)
        s->console((const char *)memory_at(s, text, (uint32_t)length), length);
}

static int32_t open_file(soc *s, uint32_t block)
{
    static const char *const modes[12] = {"r",  "rb",  "r+", "r+b", "w",  "wb",
                                          "w+", "w+b", "a",  "ab",  "a+", "a+b"};
    char name[1024];
    const uint32_t mode = argument(s, block, 1), length = argument(s, block, 2);
    const uint8_t *at = memory_at(s, argument(s, block, 0), length);
    if (at == NULL || length >= sizeof name || mode >= 12u)
        return FAILED;
    memcpy(name, at, length);
    name[length] = '\0';
    for (int k = 3; k < FILES; k++)
        if (s->files[k] == NULL) {
            s->files[k] = fopen(name, modes[mode]);
            return s->files[k] == NULL ? FAILED : k;
        }
    return FAILED;
}

static FILE *file_of(const soc *s, uint32_t block)
{
    const uint32_t handle = argument(s, block, 0);
    return handle < FILES ? s->files[handle] : NULL;
}

static int32_t close_file(soc *s, uint32_t block)
{
    FILE *file = file_of(s, block);
    if (file == NULL)
        return FAILED;
    s->files[argument(s, block, 0)] = NULL;
    return fclose(file) == 0 ? 0 : FAILED;
}

/* Both return how many bytes were not moved. */
static int32_t move_bytes(soc *s, uint32_t block, int write)
{
    FILE *file = file_of(s, block);
    const uint32_t bytes = argument(s, block, 2);
    uint8_t *at = memory_at(s, argument(s, block, 1), bytes);
    if (file == NULL || at == NULL)
        return (int32_t)bytes;
    return (int32_t)(bytes - (uint32_t)(write ? fwrite(at, 1, bytes, file)
                                              : fread(at, 1, bytes, file)));
}

static int32_t file_length(const soc *s, uint32_t block)
{
    FILE *file = file_of(s, block);
    if (file == NULL)
        return FAILED;
    const long here = ftell(file);
    if (fseek(file, 0, SEEK_END) != 0)
        return FAILED;
    const long length = ftell(file);
    return fseek(file, here, SEEK_SET) == 0 && length <= INT32_MAX ? (int32_t)length : FAILED;
}

static void exit_with(soc *s, int code)
{
    s->exited = 1;
    s->exit_code = code;
}

int semihost_call(soc *s, hart *h)
{
    const uint32_t block = h->x[11];
    int32_t result = 0;
    switch (h->x[10]) {
    case OPEN:
        result = open_file(s, block);
        break;
    case CLOSE:
        result = close_file(s, block);
        break;
    case WRITEC:
        if (memory_at(s, block, 1) != NULL)
            s->console((const char *)memory_at(s, block, 1), 1);
        break;
    case WRITE0:
        print(s, block);
        break;
    case WRITE:
        result = move_bytes(s, block, 1);
        break;
    case READ:
        result = move_bytes(s, block, 0);
        break;
    case ISTTY:
    case ERRNO:
        break;
    case SEEK:
        result = file_of(s, block) != NULL &&
                         fseek(file_of(s, block), (long)argument(s, block, 1), SEEK_SET) == 0
                     ? 0
                     : FAILED;
        break;
    case FLEN:
        result = file_length(s, block);
        break;
    case EXIT:
        exit_with(s, block == APPLICATION_EXIT ? 0 : 1);
        break;
    case EXIT_EXTENDED:
        exit_with(s, argument(s, block, 0) == APPLICATION_EXIT ? (int)argument(s, block, 1) : 1);
        break;
    default:
        return 0;
    }
    h->x[10] = (uint32_t)result;
    return 1;
}
