/* Copies a window of h x w pixels of `channels` bytes on a cluster, e.g. every other row or pixel of a buffer to a
 * dense one.
 *
 * Cores share the bytes of rows without gaps, else the pixels. Words are moved where channels, pitches and addresses
 * are multiples of 4.
 */
#ifndef RN_CLUSTER_COPY_S8_H
#define RN_CLUSTER_COPY_S8_H

#include "rn_cluster_part.h"
#include "rn_insn_xpulp.h"

/* `words` words from one aligned address to another: by fours, as a word comes only a cycle after its load. */
RN_INLINE void rn_cluster_copy_words(int8_t *to, const int8_t *from, int32_t words) {
#if RN_XPULP_ASM
    if (words >= 8) {
        __asm__ volatile(".option push\n\t.option norvc\n\t.balign 4\n\t"
                         ".insn i 0x7b, 4, x0, %[n], 16\n\t"   /* lp.setup: the last instruction is 16 * 2 bytes on */
                         ".insn i 0x0b, 2, t0, %[from], 4\n\t" /* p.lw t0, 4(from!) */
                         ".insn i 0x0b, 2, t1, %[from], 4\n\t"
                         ".insn i 0x0b, 2, t2, %[from], 4\n\t"
                         ".insn i 0x0b, 2, t3, %[from], 4\n\t"
                         ".insn s 0x2b, 2, t0, 4(%[to])\n\t" /* p.sw t0, 4(to!) */
                         ".insn s 0x2b, 2, t1, 4(%[to])\n\t"
                         ".insn s 0x2b, 2, t2, 4(%[to])\n\t"
                         ".insn s 0x2b, 2, t3, 4(%[to])\n\t"
                         ".option pop"
                         : [from] "+&r"(from), [to] "+&r"(to)
                         : [n] "r"(words >> 2)
                         : "t0", "t1", "t2", "t3", "memory");
        words &= 3;
    }
#endif
    int32_t w[4];
    for (; words >= 4; words -= 4, from += 16, to += 16) {
        memcpy(w, __builtin_assume_aligned(from, 4), 16);
        memcpy(__builtin_assume_aligned(to, 4), w, 16);
    }
    for (; words > 0; words--, from += 4, to += 4) {
        memcpy(w, __builtin_assume_aligned(from, 4), 4);
        memcpy(__builtin_assume_aligned(to, 4), w, 4);
    }
}

RN_INLINE void rn_cluster_copy_bytes(int8_t *to, const int8_t *from, int32_t n, int aligned) {
    if (aligned) {
        rn_cluster_copy_words(to, from, n >> 2);
    } else {
        for (int32_t i = 0; i < n; i++) to[i] = from[i];
    }
}

RN_INLINE void rn_cluster_copy_s8(int32_t h, int32_t w, int32_t channels, rn_pitch xp, rn_pitch yp, const int8_t *x,
                                  int8_t *y, int32_t core, int32_t cores) {
    const uintptr_t all = (uintptr_t)x | (uintptr_t)y | (uintptr_t)(channels | xp.row | xp.pixel | yp.row | yp.pixel);
    const int aligned = (all & 3u) == 0u;
    if (xp.pixel == channels && yp.pixel == channels) {
        const int row = rn_has_dense_rows(xp, w) && rn_has_dense_rows(yp, w);
        const rn_cluster_lines lines = rn_cluster_lines_of(h, w, channels, row, 1, core, cores);
        for (int32_t i = lines.lines.from; i < lines.lines.to; i++) {
            rn_cluster_copy_bytes(y + rn_cluster_line(&lines, yp, i), x + rn_cluster_line(&lines, xp, i),
                                  lines.to - lines.from, aligned);
        }
        return;
    }
    const rn_share pixels = rn_share_of(h * w, 1, core, cores);
    int32_t row = pixels.from / w, column = pixels.from - row * w;
    for (int32_t left = pixels.to - pixels.from; left > 0; row++, column = 0) {
        const int32_t run = rn_min(left, w - column);
        const int8_t *from = x + row * xp.row + column * xp.pixel;
        int8_t *to = y + row * yp.row + column * yp.pixel;
        for (int32_t i = 0; i < run; i++, from += xp.pixel, to += yp.pixel) {
            rn_cluster_copy_bytes(to, from, channels, aligned);
        }
        left -= run;
    }
}

#endif
