// What attention is made of, tile by tile on all cores: windows, chunks of constants, scratch, and the calls in C.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},place-units,tile-network{fuse=false},convert-tile-to-dma' | filecheck %s
// RUN: opt-tool %s -p 'lower-to-cluster{platform=siracusa-cores},lower-to-c' -t c | filecheck %s --check-prefix=C

// CHECK: cluster.transpose ins(%{{.*}} : memref<1x5x3x{{.*}}>) outs(%{{.*}} : memref<1x3x5x{{.*}}>) {kernel = "rn_cluster_transpose_s8", perm = array<i64: 0, 2, 1>}
// CHECK: cluster.matmul ins(%{{.*}}, %{{.*}} : memref<1x4x3x{{.*}}>, memref<1x3x5x{{.*}}>) outs(%[[P:.*]] : memref<1x4x5x{{.*}}>) scratch(%{{.*}} : memref<256xi8, "l1">) {kernel = "rn_cluster_matmul_s8_xpulp", multiplier = 1073741824 : i32, shift = 35 : i32, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
// CHECK: cluster.softmax ins(%[[P]] : {{.*}}) constants(%{{.*}} : memref<1x1024xi8, "l1">) outs(%{{.*}}) {kernel = "rn_cluster_softmax_s8"}
// CHECK: cluster.layer_norm ins(%{{.*}}) constants(%{{.*}} : memref<1x40xi8, "l1">) outs(%{{.*}}) {kernel = "rn_cluster_layer_norm_s8", epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}

// C:      rn_cluster_transpose_s8(1, 3, 5, net_layer_0_transpose_x_pitch, 3,
// C:      .batch = 1, .rows = 4, .depth = 3, .columns = 5, .a_zero = 7, .b_zero = 0,
// C:      rn_cluster_matmul_s8_xpulp(&net_layer_1_matmul_shape,
// C:      rn_cluster_softmax_s8(1, 4, 5, {{.*}},
// C-NEXT: (const int32_t *)(const void *)constants, -128, x, y, core, RN_CORES);
// C:      .rows = 1, .n = 5, .shift = 40, .lo = -128, .hi = 127, .epsilon = 16,
// C:      rn_cluster_layer_norm_s8(1, 4,

graph.global @e : tensor<256xi32> = dense<1000>
graph.global @w : tensor<5xi32> = dense<[1000, 2000, 3000, 4000, 5000]>
graph.global @b : tensor<5xi32> = dense<[1, 2, 3, 4, 5]>

func.func @net(%a: tensor<1x4x3x!quant.uniform<i8:f32, 0.5:7>>, %k: tensor<1x5x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x4x5x!quant.uniform<i8:f32, 0.125>> {
  %b = graph.transpose %k {perm = array<i64: 0, 2, 1>} : (tensor<1x5x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x3x5x!quant.uniform<i8:f32, 0.25>>
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [35], single, [-128, 127]>} : (tensor<1x4x3x!quant.uniform<i8:f32, 0.5:7>>, tensor<1x3x5x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x4x5x!quant.uniform<i8:f32, 0.125>>
  %e = graph.constant @e : tensor<256xi32>
  %1 = quant.softmax %0, %e : (tensor<1x4x5x!quant.uniform<i8:f32, 0.125>>, tensor<256xi32>) -> tensor<1x4x5x!quant.uniform<i8:f32, 0.00390625:-128>>
  %w = graph.constant @w : tensor<5xi32>
  %c = graph.constant @b : tensor<5xi32>
  %2 = quant.layer_norm %1, %w, %c {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4x5x!quant.uniform<i8:f32, 0.00390625:-128>>, tensor<5xi32>, tensor<5xi32>) -> tensor<1x4x5x!quant.uniform<i8:f32, 0.125>>
  func.return %2 : tensor<1x4x5x!quant.uniform<i8:f32, 0.125>>
}
