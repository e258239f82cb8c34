// Functions on buffers, loops and branches as C.
// RUN: opt-tool %s -p convert-loops-to-c -t c | filecheck %s
// RUN: opt-tool %s -p convert-loops-to-c -t c -o %t.c && gcc -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only %t.c

// CHECK:      #include <math.h>
// CHECK-NEXT: #include <stdbool.h>
// CHECK-NEXT: #include <stdint.h>

// CHECK:      static const float table[6] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
// CHECK-NEXT: static uint8_t net_arena[80] __attribute__((aligned(16)));
graph.global @table : tensor<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]>
graph.global @unused : tensor<1xf32> = dense<1.0>

// A parameter that is only read is const; one that is not used is discarded.
// CHECK:      static void scale(const float *x, float *y, const float *scratch) {
// CHECK-NEXT:     (void)scratch;
// CHECK-NEXT:     for (int32_t i = 0; i < 2; ++i) {
// CHECK-NEXT:         for (int32_t j = 0; j < 3; ++j) {
// CHECK-NEXT:             y[i * 3 + j] = x[i * 3 + j] * table[i * 3 + j];
// CHECK-NEXT:         }
// CHECK-NEXT:     }
// CHECK-NEXT: }
func.func private @scale(%x: memref<2x1x3xf32, "sram">, %y: memref<2x3xf32, "sram">, %scratch: memref<4xf32, "sram">) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  %2 = arith.constant 2 : index
  %3 = arith.constant 3 : index
  %w = memref.get_global @table : memref<2x3xf32>
  scf.for %i = %0 to %2 step %1 {
    scf.for %one_round = %0 to %1 step %1 {
      scf.for %j = %0 to %3 step %1 {
        %a = memref.load %x[%i, %one_round, %j] : memref<2x1x3xf32, "sram">
        %b = memref.load %w[%i, %j] : memref<2x3xf32>
        %c = arith.mulf %a, %b : f32
        memref.store %c, %y[%i, %j] : memref<2x3xf32, "sram">
      }
    }
  }
  func.return
}

// Values carried around a loop live in variables; a swap keeps both.
// CHECK:      int32_t fibonacci(int32_t n) {
// CHECK-NEXT:     int32_t a = 0;
// CHECK-NEXT:     int32_t b = 1;
// CHECK-NEXT:     for (int32_t i = 0; i < n; ++i) {
// CHECK-NEXT:         const int32_t t0 = a;
// CHECK-NEXT:         const int32_t t1 = b;
// CHECK-NEXT:         a = t1;
// CHECK-NEXT:         b = (int32_t)((uint32_t)t0 + (uint32_t)t1);
// CHECK-NEXT:     }
// CHECK-NEXT:     return a;
// CHECK-NEXT: }
func.func @fibonacci(%n: index) -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero, %b = %one) -> (i32, i32) {
    %sum = arith.addi %a, %b : i32
    scf.yield %b, %sum : i32, i32
  }
  func.return %r#0 : i32
}

// CHECK:      float choose(bool up, float x) {
// CHECK-NEXT:     float t0;
// CHECK-NEXT:     if (up) {
// CHECK-NEXT:         t0 = expf(x);
// CHECK-NEXT:     } else {
// CHECK-NEXT:         t0 = x;
// CHECK-NEXT:     }
// CHECK-NEXT:     return t0;
// CHECK-NEXT: }
func.func @choose(%up: i1, %x: f32) -> f32 {
  %r = scf.if %up -> (f32) {
    %e = math.exp %x : f32
    scf.yield %e : f32
  } else {
    scf.yield %x : f32
  }
  func.return %r : f32
}

// A part of a buffer keeps its offset and strides; a small buffer is on the stack.
// CHECK:      void parts(const int8_t *x, int8_t *y, int32_t i) {
// CHECK-NEXT:     int8_t row[4];
// CHECK-NEXT:     row[i] = x[i * 8 + 9];
// CHECK-NEXT:     y[0] = row[i];
// CHECK-NEXT: }
func.func @parts(%x: memref<4x4xi8>, %y: memref<1xi8>, %i: index) {
  %c0 = arith.constant 0 : index
  %row = memref.alloca() : memref<4xi8>
  %shape_only = memref.alloca() : memref<100000xi8>
  %part = memref.subview %x[2, 1] [1, 2] [1, 1] : memref<4x4xi8> to memref<1x2xi8, strided<[4, 1], offset: 9>>
  %part_again = memref.subview %x[2, 1] [1, 1] [2, 1] : memref<4x4xi8> to memref<1x1xi8, strided<[8, 1], offset: 9>>
  %0 = memref.load %part_again[%i, %c0] : memref<1x1xi8, strided<[8, 1], offset: 9>>
  memref.store %0, %row[%i] : memref<4xi8>
  %1 = memref.load %row[%i] : memref<4xi8>
  memref.store %1, %y[%c0] : memref<1xi8>
  func.return
}

// Planned buffers are places in an arena; those of inputs and outputs are parameters.
// CHECK:      void net(float *x, float *output) {
// CHECK-NEXT:     float *const t0 = (float *)net_arena;
// CHECK-NEXT:     float *const t1 = (float *)(net_arena + 64);
// CHECK-NEXT:     scale(x, t0, t1);
// CHECK-NEXT:     scale(t0, output, t1);
// CHECK-NEXT: }
func.func @net() {
  %x = dma.buffer at 0 "input" 0 : memref<2x1x3xf32, "sram">
  %0 = dma.buffer at 0 : memref<2x3xf32, "sram">
  %1 = dma.buffer at 64 : memref<4xf32, "sram">
  %2 = dma.buffer at 32 "output" 0 : memref<2x3xf32, "sram">
  func.call @scale(%x, %0, %1) : (memref<2x1x3xf32, "sram">, memref<2x3xf32, "sram">, memref<4xf32, "sram">) -> ()
  %3 = dma.view %0 : memref<2x3xf32, "sram"> to memref<2x1x3xf32, "sram">
  func.call @scale(%3, %2, %1) : (memref<2x1x3xf32, "sram">, memref<2x3xf32, "sram">, memref<4xf32, "sram">) -> ()
  func.return
}
