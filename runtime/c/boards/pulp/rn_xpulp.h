/* Xpulp (version 2) by .insn: no compiler that Debian has knows it. Encodings: RI5CY user manual. */
#ifndef RN_XPULP_H
#define RN_XPULP_H

#include <stdint.h>

/* sum + the four products of signed bytes. */
static inline int32_t rn_sdotsp4(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__(".insn r 0x57, 1, 0x5c, %0, %1, %2" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

static inline int32_t rn_max(int32_t a, int32_t b)
{
    int32_t result;
    __asm__(".insn r 0x33, 6, 0x02, %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

static inline int32_t rn_min(int32_t a, int32_t b)
{
    int32_t result;
    __asm__(".insn r 0x33, 4, 0x02, %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* Saturates to `bits` bits, signed. */
#define RN_CLIP(result, value, bits) \
    __asm__(".insn r 0x33, 1, 0x0a, %0, %1, x" #bits : "=r"(result) : "r"(value))

/* Loads a word, then moves the pointer on by `step` bytes. */
#define RN_LOAD_STEP(word, pointer, step) \
    __asm__ volatile(".insn i 0x0b, 2, %0, %1, " #step \
                     : "=&r"(word), "+r"(pointer)::"memory")

#endif
