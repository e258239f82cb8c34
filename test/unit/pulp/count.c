/* Retired instructions and cycles of a loop whose cost is known: 3 instructions and, with a taken
   branch, 5 cycles; the last branch is not taken. */
#include <stdint.h>

#define MEASURE(counter, before, after, n) \
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\t" \
                     "csrr %0, " counter "\n" \
                     "1:\n\tnop\n\taddi %2, %2, -1\n\tbnez %2, 1b\n\t" \
                     "csrr %1, " counter "\n\t.option pop" \
                     : "=&r"(before), "=&r"(after), "+r"(n))

int main(void)
{
    uint32_t before, after, n = 1000;
    MEASURE("minstret", before, after, n);
    if (after - before != 3000 + 1)
        return 1;
    n = 1000;
    MEASURE("mcycle", before, after, n);
    n = 1000; /* once more: the code is in the cache now */
    MEASURE("mcycle", before, after, n);
    return after - before <= 5000 - 2 + 1 + 10 && after - before >= 5000 - 2 + 1 ? 0 : 2;
}
