// The C text of each kind of op.
// RUN: opt-tool %s -t c | filecheck %s
// RUN: opt-tool %s -t c -o %t.c && gcc -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only -I %S/../../../runtime/c/kernels %t.c

c.file "net.c" {
  // CHECK:      /* First line,
  // CHECK-NEXT:  * second line. */
  // CHECK-NEXT: #include <stdbool.h>
  // CHECK-NEXT: #include <stddef.h>
  // CHECK-NEXT: #include <stdint.h>
  // CHECK-NEXT: #include "rn_port.h"
  c.comment "First line,\nsecond line."
  c.include system "stdbool.h"
  c.include system "stddef.h"
  c.include system "stdint.h"
  c.include "rn_port.h"

  // CHECK:      #define NET_ZERO (-3)
  // CHECK-NEXT: #define NET_SCALE 0.1f
  // CHECK-NEXT: #define NET_NAME "a \"b\""
  c.define @NET_ZERO = -3 : i32
  c.define @NET_SCALE = 0.1 : f32
  c.define @NET_NAME = "a \"b\""

  // CHECK:      typedef enum {
  // CHECK-NEXT:     NET_OK = 0,
  // CHECK-NEXT: } net_status;
  c.enum @net_status {NET_OK = 0 : i32}

  // CHECK:      typedef struct {
  // CHECK-NEXT:     const char *name;
  // CHECK-NEXT:     int32_t shape[2];
  // CHECK-NEXT: } net_tensor;
  c.struct @net_tensor {name = !emitc.ptr<!c.const<!emitc.opaque<"char">>>, shape = !c.array<2 x i32>}

  // CHECK:      const int32_t limits[3] = {INT32_MIN, -1, 2147483647};
  // CHECK-NEXT: const float reals[4] = {0.1f, 1e-10f, -0.0f, 1.6777216e+07f};
  // CHECK-NEXT: uint8_t arena[64] __attribute__((aligned(16)));
  // CHECK-NEXT: const net_tensor tensor = {.name = "x", .shape = {1, 2}};
  // CHECK-NEXT: const net_tensor *const tensors[2] = {&tensor, NULL};
  // CHECK-NEXT: const rn_conv2d_shape shape = {
  // CHECK-NEXT:     .in_h = 32, .in_w = 32, .in_c = 3, .out_h = 32, .out_w = 32, .out_c = 16, .k_h = 3,
  // CHECK-NEXT:     .k_w = 3,
  // CHECK-NEXT: };
  c.global const @limits : !c.array<3 x i32> = dense<[-2147483648, -1, 2147483647]>
  c.global const @reals : !c.array<4 x f32> = dense<[0.1, 1.0e-10, -0.0, 16777216.0]>
  c.global @arena : !c.array<64 x ui8> align 16
  c.global const @tensor : !emitc.opaque<"net_tensor"> = {name = "x", shape = [1 : i32, 2 : i32]}
  c.global const @tensors : !c.array<2 x !emitc.ptr<!c.const<!emitc.opaque<"net_tensor">>>> = [@tensor, #emitc.opaque<"NULL">]
  c.global const @shape : !emitc.opaque<"rn_conv2d_shape"> = {in_h = 32 : i32, in_w = 32 : i32, in_c = 3 : i32, out_h = 32 : i32, out_w = 32 : i32, out_c = 16 : i32, k_h = 3 : i32, k_w = 3 : i32}

  // CHECK:      int32_t precedence(int32_t a, int32_t b, int32_t c) {
  // CHECK-NEXT:     const int32_t t0 = (a << (b & 31)) | (c & ~a);
  // CHECK-NEXT:     return a < b && (b < c || c == (a + b) * c - (a - (b - c))) ? -(-t0) : t0 - -1;
  // CHECK-NEXT: }
  c.func @precedence(%a: i32, %b: i32, %c: i32) -> i32 {
    %m = c.literal 31 : i32
    %n1 = c.literal -1 : i32
    %0 = c.binary %a "+" %b : (i32, i32) -> i32
    %1 = c.binary %0 "*" %c : (i32, i32) -> i32
    %2 = c.binary %b "-" %c : (i32, i32) -> i32
    %3 = c.binary %a "-" %2 : (i32, i32) -> i32
    %4 = c.binary %1 "-" %3 : (i32, i32) -> i32
    %5 = c.binary %b "&" %m : (i32, i32) -> i32
    %6 = c.binary %a "<<" %5 : (i32, i32) -> i32
    %7 = c.unary "~" %a : i32
    %8 = c.binary %c "&" %7 : (i32, i32) -> i32
    %9 = c.binary %6 "|" %8 : (i32, i32) -> i32
    %10 = c.binary %a "<" %b : (i32, i32) -> i1
    %11 = c.binary %b "<" %c : (i32, i32) -> i1
    %12 = c.binary %c "==" %4 : (i32, i32) -> i1
    %13 = c.binary %11 "||" %12 : (i1, i1) -> i1
    %14 = c.binary %10 "&&" %13 : (i1, i1) -> i1
    %15 = c.unary "-" %9 : i32
    %16 = c.unary "-" %15 : i32
    %17 = c.binary %9 "-" %n1 : (i32, i32) -> i32
    %18 = c.conditional %14 ? %16 : %17 : i32
    %unused = c.binary %18 "+" %4 : (i32, i32) -> i32
    c.return %18 : i32
  }

  // CHECK:      int32_t pointers(const rn_conv2d_shape *s, uint8_t *p, int32_t i) {
  // CHECK-NEXT:     p[i] = arena[2];
  // CHECK-NEXT:     return s->in_h + shape.in_w + (int32_t)((const int8_t *)(arena + 16))[i];
  c.func @pointers(%s: !emitc.ptr<!c.const<!emitc.opaque<"rn_conv2d_shape">>>, %p: !emitc.ptr<ui8>, %i: i32) -> i32 {
    %arena = c.get_global @arena : !emitc.ptr<ui8>
    %sixteen = c.literal 16 : i32
    %two = c.literal 2 : i32
    %0 = c.binary %arena "+" %sixteen : (!emitc.ptr<ui8>, i32) -> !emitc.ptr<ui8>
    %q = c.cast %0 : !emitc.ptr<ui8> to !emitc.ptr<!c.const<i8>>
    %1 = c.subscript %arena[%two] : (!emitc.ptr<ui8>, i32) -> !c.lvalue<ui8>
    %2 = c.load %1 : !c.lvalue<ui8> -> ui8
    %3 = c.subscript %p[%i] : (!emitc.ptr<ui8>, i32) -> !c.lvalue<ui8>
    c.assign %3 = %2 : !c.lvalue<ui8>, ui8
    %4 = c.member %s "in_h" : !emitc.ptr<!c.const<!emitc.opaque<"rn_conv2d_shape">>> -> !c.lvalue<!c.const<i32>>
    %5 = c.load %4 : !c.lvalue<!c.const<i32>> -> i32
    %shape = c.get_global @shape : !emitc.ptr<!c.const<!emitc.opaque<"rn_conv2d_shape">>>
    %6 = c.member %shape "in_w" : !emitc.ptr<!c.const<!emitc.opaque<"rn_conv2d_shape">>> -> !c.lvalue<!c.const<i32>>
    %7 = c.load %6 : !c.lvalue<!c.const<i32>> -> i32
    %8 = c.binary %5 "+" %7 : (i32, i32) -> i32
    %9 = c.subscript %q[%i] : (!emitc.ptr<!c.const<i8>>, i32) -> !c.lvalue<!c.const<i8>>
    %10 = c.load %9 : !c.lvalue<!c.const<i8>> -> i8
    %11 = c.cast %10 : i8 to i32
    %12 = c.binary %8 "+" %11 : (i32, i32) -> i32
    c.return %12 : i32
  }

  // A read stays before the write that follows it.
  // CHECK:      void swap(int32_t *a, int32_t *b) {
  // CHECK-NEXT:     const int32_t x = a[0];
  // CHECK-NEXT:     a[0] = b[0];
  // CHECK-NEXT:     b[0] = x;
  // CHECK-NEXT: }
  c.func @swap(%a: !emitc.ptr<i32>, %b: !emitc.ptr<i32>) {
    %zero = c.literal 0 : i32
    %0 = c.subscript %a[%zero] : (!emitc.ptr<i32>, i32) -> !c.lvalue<i32>
    %1 = c.subscript %b[%zero] : (!emitc.ptr<i32>, i32) -> !c.lvalue<i32>
    %x = c.load %0 : !c.lvalue<i32> -> i32
    %y = c.load %1 : !c.lvalue<i32> -> i32
    c.assign %0 = %y : !c.lvalue<i32>, i32
    c.assign %1 = %x : !c.lvalue<i32>, i32
    c.return
  }

  // A bound that reads memory is read once.
  // CHECK:      void loop(int32_t *n, bool up) {
  // CHECK-NEXT:     const int32_t t0 = n[0] * 2;
  // CHECK-NEXT:     for (int32_t i = 0; i < t0; i += 2) {
  // CHECK-NEXT:         if (up) {
  // CHECK-NEXT:             n[0] += i;
  // CHECK-NEXT:         } else {
  // CHECK-NEXT:             n[0] -= i;
  // CHECK-NEXT:         }
  // CHECK-NEXT:     }
  // CHECK-NEXT: }
  c.func @loop(%n: !emitc.ptr<i32>, %up: i1) {
    %zero = c.literal 0 : i32
    %two = c.literal 2 : i32
    %0 = c.subscript %n[%zero] : (!emitc.ptr<i32>, i32) -> !c.lvalue<i32>
    %1 = c.load %0 : !c.lvalue<i32> -> i32
    %2 = c.binary %1 "*" %two : (i32, i32) -> i32
    c.for %i = %zero to %2 step %two : i32 {
      %3 = c.load %0 : !c.lvalue<i32> -> i32
      c.if %up {
        %4 = c.load %0 : !c.lvalue<i32> -> i32
        %5 = c.binary %4 "+" %i : (i32, i32) -> i32
        c.assign %0 = %5 : !c.lvalue<i32>, i32
      } else {
        %4 = c.load %0 : !c.lvalue<i32> -> i32
        %5 = c.binary %4 "-" %i : (i32, i32) -> i32
        c.assign %0 = %5 : !c.lvalue<i32>, i32
      }
    }
    c.return
  }
}
