/* Xpulp instructions beside plain C; returns the number of the first that is wrong. */
#include "rn_xpulp.h"

#define INSTRUCTION(funct3, funct7, result, a, b) \
    __asm__(".insn r 0x57, " #funct3 ", " #funct7 ", %0, %1, %2" : "=r"(result) : "r"(a), "r"(b))

static int32_t dot(uint32_t a, uint32_t b)
{
    int32_t sum = 0;
    for (int i = 0; i < 32; i += 8)
        sum += (int8_t)(a >> i) * (int8_t)(b >> i);
    return sum;
}

static uint32_t loop_sum(const uint32_t *words, uint32_t count)
{
    uint32_t sum = 0, word = 0;
    __asm__ volatile(".insn i 0x7b, 4, x0, %3, 4\n\t" /* lp.setup 0: the loop ends 8 bytes on */
                     ".insn i 0x0b, 2, %1, %2, 4\n\t"
                     ".option push\n\t.option norvc\n\tadd %0, %0, %1\n\t.option pop"
                     : "+r"(sum), "=&r"(word), "+r"(words)
                     : "r"(count)
                     : "memory");
    return sum;
}

int main(void)
{
    static const uint32_t words[5] = {1, 20, 300, 4000, 50000};
    const uint32_t *pointer = words;
    uint32_t a = 0x80ff017fu, b = 0x7f02fe80u, result;
    int32_t clipped;
    if (rn_sdotsp4(a, b, 1000) != 1000 + dot(a, b))
        return 1;
    RN_LOAD_STEP(result, pointer, 8);
    if (result != 1 || pointer != words + 2)
        return 2;
    if (rn_max(-3, 2) != 2 || rn_min(-3, 2) != -3)
        return 3;
    RN_CLIP(clipped, 1000, 8);
    if (clipped != 127)
        return 4;
    RN_CLIP(clipped, -1000, 8);
    if (clipped != -128)
        return 5;
    if (loop_sum(words, 5) != 54321)
        return 6;
    INSTRUCTION(1, 0x00, result, a, b); /* pv.add.b */
    if (result != 0xff01ffffu)
        return 7;
    INSTRUCTION(1, 0x18, result, a, b); /* pv.max.b */
    if (result != 0x7f02017fu)
        return 8;
    INSTRUCTION(0, 0x68, result, a, b); /* pv.pack.h */
    if (result != 0x017ffe80u)
        return 9;
    INSTRUCTION(1, 0x60, result, a, 0x00010203u); /* pv.shuffle.b */
    if (result != 0x7f01ff80u)
        return 10;
    return 0;
}
