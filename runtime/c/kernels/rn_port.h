/* What the kernels need from the compiler, and the structs that all kernels share.
 *
 * Kernels are header only. Emitted code passes every shape as a `static const` struct of literals;
 * a kernel that is inlined into its caller is therefore specialised to its layer: loops get constant
 * bounds, and code for cases that cannot happen disappears. Define RN_INLINE before the first
 * include to choose otherwise (`static` shares one generic instance among all layers: smaller, slower).
 */
#ifndef RN_PORT_H
#define RN_PORT_H

#include <stdint.h>
#include <string.h>

#ifndef RN_INLINE
#if defined(__GNUC__)
#define RN_INLINE static inline __attribute__((always_inline, unused))
#else
#define RN_INLINE static inline
#endif
#endif

/* Unrolls the loop that follows; the compilers that matter here do not do so by themselves at -O2. */
#if defined(__clang__)
#define RN_UNROLL(n) _Pragma("unroll")
#elif defined(__GNUC__)
#define RN_PRAGMA(text) _Pragma(#text)
#define RN_UNROLL(n) RN_PRAGMA(GCC unroll n)
#else
#define RN_UNROLL(n)
#endif

/* Activations are channels-last; bottom and right padding follow from the output size. */
typedef struct {
    int32_t in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w, stride_h, stride_w;
    int32_t dil_h, dil_w, pad_top, pad_left, groups, in_zero;
} rn_conv2d_shape;

typedef struct {
    int32_t rows, in_c, out_c;
} rn_fully_connected_shape;

typedef struct {
    int32_t in_h, in_w, channels, out_h, out_w, k_h, k_w, stride_h, stride_w;
    int32_t pad_top, pad_left, in_zero;
} rn_pool2d_shape;

enum { RN_SINGLE = 0, RN_HALF_EVEN = 1, RN_FLOOR = 2, RN_DOUBLE = 3 };

/* y = clamp(out_zero + round((acc << acc_shift) * multiplier / 2^shift), lo, hi) */
typedef struct {
    int32_t acc_shift, out_zero, lo, hi, rounding;
} rn_requant;

/* Per output channel; each array has out_c entries. */
typedef struct {
    const int32_t *bias, *multiplier;
    const int8_t *shift;
} rn_channels;

/* Bytes from row to row and from pixel to pixel of a tensor or a tile; channels are neighbours. */
typedef struct {
    int32_t row, pixel;
} rn_pitch;

RN_INLINE int32_t rn_min(int32_t a, int32_t b) { return a < b ? a : b; }
RN_INLINE int32_t rn_max(int32_t a, int32_t b) { return a > b ? a : b; }
RN_INLINE int32_t rn_clamp(int32_t v, int32_t lo, int32_t hi) { return rn_min(rn_max(v, lo), hi); }

#endif
