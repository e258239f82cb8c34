// A schedule of all cores becomes C: one function that every core runs, one for each layer's kernel.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-ext},lower-to-dma,fork-cores,verify-hazards,lower-to-c' -t c | filecheck %s

// Tiles of 1 x 6 pixels out of 8 x 8: a window of up to 2 x 8 pixels of 4 channels, 7 wide in the buffer.
// CHECK: #include "rn_cluster_conv2d_s8_xpulp.h"
// CHECK-NEXT: #include "rn_cluster.h"
// CHECK: static uint8_t net_arena[768] __attribute__((aligned(16)));
// CHECK-NEXT: static uint8_t net_arena_l1[{{[0-9]+}}] __attribute__((aligned(16), section(".bss.l1.net")));

// What is the same in all calls is in constants, the rest are parameters.
// CHECK:      /* conv2d 'conv2d': {{.*}} -> {{.*}} */
// CHECK-NEXT: static const rn_conv2d_shape net_layer_0_conv2d_shape = {
// CHECK-NEXT:     .in_h = 0, .in_w = 0, .in_c = 4, .out_h = 1, .out_w = 0, .out_c = 8,
// CHECK-NEXT:     .k_h = 3, .k_w = 3, .stride_h = 1, .stride_w = 1, .dil_h = 1, .dil_w = 1,
// CHECK-NEXT:     .pad_top = 0, .pad_left = 0, .groups = 1, .in_zero = -3,
// CHECK-NEXT: };
// CHECK-NEXT: static const rn_pitch net_layer_0_conv2d_x_pitch = {.row = 28, .pixel = 4};
// CHECK-NEXT: static const rn_pitch net_layer_0_conv2d_y_pitch = {.row = 48, .pixel = 8};
// CHECK:      static void net_layer_0_conv2d(int32_t core, const int8_t *constants, const int8_t *x, int8_t *y,
// CHECK-NEXT:     void *scratch, int32_t in_h, int32_t in_w, int32_t out_w, int32_t pad_top, int32_t pad_left)
// CHECK:          rn_conv2d_shape shape = net_layer_0_conv2d_shape;
// CHECK-NEXT:     shape.in_h = in_h;
// CHECK-NEXT:     shape.in_w = in_w;
// CHECK-NEXT:     shape.out_w = out_w;
// CHECK-NEXT:     shape.pad_top = pad_top;
// CHECK-NEXT:     shape.pad_left = pad_left;
// 8 x 36 bytes of weights, 8 biases, 8 multipliers, 8 shifts
// CHECK:          channels.bias = (const int32_t *)(const void *)(constants + 288);
// CHECK-NEXT:     channels.multiplier = (const int32_t *)(const void *)(constants + 320);
// CHECK-NEXT:     channels.shift = constants + 352;
// CHECK-NEXT:     rn_cluster_conv2d_s8_xpulp(&shape, {{.*}}, &net_layer_0_conv2d_requant, &channels, x, constants,
// CHECK-NEXT:         y, scratch, core, RN_CORES);

// Core 0 fetches the constants and the first window, 2 rows of 7 pixels from rows of 8, and the second one,
// which arrives while all compute; the barrier is outside its branch.
// CHECK:      static void net_work(int32_t core) {
// CHECK:          if (core == 0) {
// CHECK-NEXT:         const int32_t [[T0:.*]] = rn_dma_token();
// CHECK-NEXT:         token = [[T0]];
// CHECK-NEXT:         rn_dma_in(token, (int8_t *)(net_arena_l1 + [[CHUNK:[0-9]+]]), net_conv2d_constants, 360);
// CHECK-NEXT:         const int32_t [[T1:.*]] = rn_dma_token();
// CHECK-NEXT:         token_1 = [[T1]];
// CHECK-NEXT:         rn_dma_in_2d(token_1, {{.*}}, {{.*}}, 2, 28, 28, 32);
// CHECK-NEXT:         const int32_t [[T2:.*]] = rn_dma_token();
// CHECK-NEXT:         token_2 = [[T2]];
// CHECK-NEXT:         rn_dma_in_2d(token_2, {{.*}}, {{.*}}, 2, 12, 28, 32);
// CHECK-NEXT:         rn_dma_wait(token);
// CHECK-NEXT:         rn_dma_wait(token_1);
// CHECK-NEXT:     }
// CHECK-NEXT:     rn_cluster_barrier();
// CHECK-NEXT:     net_layer_0_conv2d(core, (int8_t *)(net_arena_l1 + [[CHUNK]]), {{.*}}, 2, 7,
// CHECK-NEXT:         6, 1, 1);

// 16 tiles: the first two, the last and the one before it stand alone, tokens go around the loop.
// CHECK:          int32_t [[LOAD:.*]] = token_3;
// CHECK-NEXT:     int32_t [[STORE:.*]] = token_4;
// CHECK-NEXT:     for (int32_t i = 2; i < 15; ++i) {
// CHECK-NEXT:         const int32_t [[L:.*]] = [[LOAD]];
// CHECK-NEXT:         const int32_t [[S:.*]] = [[STORE]];
// CHECK:              if (core == 0) {
// CHECK-NEXT:             rn_dma_wait([[L]]);
// CHECK-NEXT:             rn_dma_wait([[S]]);
// CHECK:              }
// CHECK-NEXT:         rn_cluster_barrier();
// CHECK:              if (core == 0) {
// CHECK-NEXT:             rn_dma_out(token_5, {{.*}} * 8);
// CHECK:                  rn_dma_in_2d(token_6, {{.*}} * 4, 28, 32);
// CHECK-NEXT:         }
// CHECK-NEXT:         net_layer_0_conv2d(core,
// CHECK:              [[LOAD]] = token_6;
// CHECK:          }

// The layer ends with its last kernel.
// CHECK:          net_layer_0_conv2d(core,
// CHECK-NEXT:         2, 0, 0);
// CHECK-NEXT:     rn_cluster_mark(0);
// CHECK:          rn_cluster_barrier();
// CHECK-NEXT:     if (core == 0) {
// CHECK-NEXT:         rn_dma_out(token_6, {{.*}}, 16);
// CHECK-NEXT:         rn_dma_wait(token_5);
// CHECK-NEXT:         rn_dma_wait(token_6);
// CHECK-NEXT:     }
// CHECK-NEXT: }

// CHECK:      int32_t net_run(void) {
// CHECK-NEXT:     rn_cluster_run(net_work);
// CHECK-NEXT:     return 0;
!x = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
!y = tensor<1x8x8x8x!quant.uniform<i8:f32, 0.25>>
!w = tensor<8x3x3x4x!quant.uniform<i8:f32, 0.1>>
!b = tensor<8xi32>
graph.global @w : !w = dense<3>
graph.global @b : !b = dense<77>
func.func @net(%x: !x) -> !y {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 1, 6, 8] order [0, 1, 2, 3] buffers 2(%x : !x) -> !y {
  ^bb0(%a: !x):
    %w = graph.constant @w : !w
    %b = graph.constant @b : !b
    %0 = tile.load %a : !x to !x
    %1 = quant.conv2d %0, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [40], single, [-128, 127]>} : (!x, !w, !b) -> !y
    %2 = tile.store %1 : !y to !y
    tile.yield %2 : !y
  }
  func.return %y : !y
}
