// Parts of the C of a schedule that was written by hand.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-ext},convert-cortexm-to-c' -t c | filecheck %s

// Two calls of one layer with other numbers share a function; two layers do not.
// CHECK:      /* add 'sum': 1x2x4x4, 1x2x4x4 -> 1x2x4x4 */
// CHECK:      static void net_layer_0_sum(int32_t core, const int8_t *a, const int8_t *b, int8_t *y, int32_t h)
// CHECK:          k(h, 4, 4, {{.*}}, 1, 2, 0,
// CHECK-NEXT:         8, -128, 127, a, b, y, core, RN_CORES);
// A kernel of a user comes with the header that declares it; the table is the chunk.
// CHECK:      static void net_layer_1_table(int32_t core, const int8_t *constants, const int8_t *x, int8_t *y)
// CHECK:          own(2, 4, 4, {{.*}}, constants, x, y, core,

// A loop over rows that only core 0 runs needs no barrier inside; copies of three dimensions are such.
// CHECK:      static void net_work(int32_t core) {
// CHECK:          if (core == 0) {
// CHECK:              for (int32_t i = 0; i < 2; ++i) {
// CHECK-NOT:              core == 0
// CHECK:                  rn_dma_in_2d(token, (int8_t *)net_arena_l1 + i * 16, (int8_t *)net_arena + i * 32, 4, 4,
// CHECK-NEXT:                 4, 8);
// CHECK-NEXT:         }
// CHECK-NEXT:         rn_dma_wait(token);
// CHECK-NEXT:     }
// CHECK-NEXT:     rn_cluster_barrier();
// CHECK-NEXT:     net_layer_0_sum(core, (int8_t *)net_arena_l1, (int8_t *)net_arena_l1,
// CHECK-NEXT:         (int8_t *)(net_arena_l1 + 32), 2);
// CHECK-NOT:      core == 0
// CHECK:          net_layer_0_sum(core, {{.*}}, 1);
// CHECK-NEXT:     rn_cluster_mark(0);
// CHECK-NEXT:     rn_cluster_barrier();
// CHECK-NEXT:     net_layer_1_table(core,
// CHECK-NEXT:         (int8_t *)(net_arena_l1 + 64));
// CHECK-NEXT:     rn_cluster_mark(1);

// Constants that do not live beside the code are in a section of their memory.
// CHECK: const int8_t net_table[256] __attribute__((aligned(16), section(".rodata.ext.net"))) = {

!f = memref<1x2x4x8x!quant.uniform<i8:f32, 0.5>, "l2">
!n = memref<1x2x4x4x!quant.uniform<i8:f32, 0.5>, "l1">
!one = memref<1x1x4x4x!quant.uniform<i8:f32, 0.5>, strided<[32, 16, 4, 1]>, "l1">
!fr = memref<1x1x4x4x!quant.uniform<i8:f32, 0.5>, strided<[64, 32, 8, 1], offset: ?>, "l2">
!nr = memref<1x1x4x4x!quant.uniform<i8:f32, 0.5>, strided<[32, 16, 4, 1], offset: ?>, "l1">
graph.global @table : tensor<1x256xi8> = dense<7>
func.func @net() {
  %x = dma.buffer at 0 "input" 0 : !f
  %y = dma.buffer at 64 "output" 0 : !n
  %a = dma.buffer at 0 : !n
  %b = dma.buffer at 32 : !n
  %c = dma.constant @table : memref<1x256xi8, "ext">
  %t1 = dma.buffer at 256 : memref<1x256xi8, "l1">
  cluster.fork 8 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %t = dma.token
    dma.start %c to %t1 on %t : memref<1x256xi8, "ext"> to memref<1x256xi8, "l1">
    scf.for %i = %c0 to %c2 step %c1 {
      %w = memref.subview %x[0, %i, 0, 0][1, 1, 4, 4][1, 1, 1, 1] : !f to !fr
      %v = memref.subview %a[0, %i, 0, 0][1, 1, 4, 4][1, 1, 1, 1] : !n to !nr
      dma.start %w to %v on %t : !fr to !nr
      scf.yield
    }
    dma.wait %t
    cluster.barrier
    cluster.add ins(%a, %a : !n, !n) outs(%b : !n) {kernel = "k", multipliers = array<i32: 1, 2>, bias = 0 : i32, shift = 8 : i32, clamp = array<i32: -128, 127>} loc("sum")
    %v = memref.subview %a[0, 0, 0, 0][1, 1, 4, 4][1, 1, 1, 1] : !n to !one
    %u = memref.subview %b[0, 0, 0, 0][1, 1, 4, 4][1, 1, 1, 1] : !n to !one
    cluster.add ins(%v, %v : !one, !one) outs(%u : !one) {kernel = "k", multipliers = array<i32: 1, 2>, bias = 0 : i32, shift = 8 : i32, clamp = array<i32: -128, 127>} loc("sum")
    cluster.barrier
    cluster.table ins(%b : !n) constants(%t1 : memref<1x256xi8, "l1">) outs(%y : !n) {kernel = "own", header = "own_kernels.h"}
  }
  func.return
}
