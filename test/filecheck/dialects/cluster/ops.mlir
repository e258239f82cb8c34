// Kernels of all cores, forks, barriers and chunks read back as they were printed.
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir && opt-tool %t.mlir | diff %t.mlir -
// RUN: opt-tool %s --print-generic | opt-tool - | filecheck %s

!x = memref<1x?x?x16x!quant.uniform<i8:f32, 0.5:-3>, strided<[?, 512, 16, 1], offset: ?>, "l1">
!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
!v = memref<1x64x!quant.uniform<i8:f32, 0.5>, "l1">
!a = memref<1x6x8x!quant.uniform<i8:f32, 0.5>, "l1">
!b = memref<1x8x5x!quant.uniform<i8:f32, 0.5>, "l1">
!m = memref<1x6x5x!quant.uniform<i8:f32, 0.5>, "l1">

// CHECK-LABEL: func.func @kernels
func.func @kernels(%x : !x, %y : !y, %v : !v, %c : memref<1x1224xi8, "l1">, %d : memref<1x584xi8, "l1">, %t : memref<1x256xi8, "l1">, %e : memref<1x1024xi8, "l1">, %n : memref<1x64xi8, "l1">, %a : !a, %b : !b, %m : !m, %s : memref<320xi8, "l1">, %top : index, %left : index) {
  // CHECK-NEXT: cluster.fork 8 {
  cluster.fork 8 {
    // CHECK-NEXT: cluster.conv2d ins(%x : memref<1x?x?x16x!quant.uniform<i8:f32, 0.5:-3>, strided<[?, 512, 16, 1], offset: ?>, "l1">) constants(%c : memref<1x1224xi8, "l1">) outs(%y : memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">) scratch(%s : memref<320xi8, "l1">) pads(%top, %left) {window = array<i64: 3, 3, 1, 1, 1, 1>, chunk = #cluster.chunk<8 channels, depth 144, packing #cortexm.packing<2 x 4>>, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>, kernel = "k", groups = 1 : i64}
    cluster.conv2d ins(%x : !x) constants(%c : memref<1x1224xi8, "l1">) outs(%y : !y) scratch(%s : memref<320xi8, "l1">) pads(%top, %left) {window = array<i64: 3, 3, 1, 1, 1, 1>, chunk = #cluster.chunk<8 channels, depth 144, packing #cortexm.packing<2 x 4>>, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>, kernel = "k", groups = 1 : i64}
    // CHECK-NEXT: cluster.barrier
    cluster.barrier
    // CHECK-NEXT: cluster.fully_connected ins(%v : {{.*}}) constants(%d : memref<1x584xi8, "l1">) outs(%v : {{.*}}) {kernel = "k", chunk = #cluster.chunk<8 channels, depth 64, packing #cortexm.packing<4 x 4>>, acc_shift = 1 : i32, rounding = "double", clamp = array<i32: -9, 127>}
    cluster.fully_connected ins(%v : !v) constants(%d : memref<1x584xi8, "l1">) outs(%v : !v) {kernel = "k", chunk = #cluster.chunk<8 channels, depth 64, packing #cortexm.packing<4 x 4>>, acc_shift = 1 : i32, rounding = "double", clamp = array<i32: -9, 127>}
    // CHECK-NEXT: cluster.add ins(%y, %y : {{.*}}) outs(%y : {{.*}}) {kernel = "k", multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 20 : i32, clamp = array<i32: -128, 127>}
    cluster.add ins(%y, %y : !y, !y) outs(%y : !y) {kernel = "k", multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 20 : i32, clamp = array<i32: -128, 127>}
    // CHECK-NEXT: cluster.avg_pool2d ins(%x : {{.*}}) outs(%y : {{.*}}) pads(%top, %left) {kernel = "k", window = array<i64: 8, 8, 8, 8, 1, 1>, multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
    cluster.avg_pool2d ins(%x : !x) outs(%y : !y) pads(%top, %left) {kernel = "k", window = array<i64: 8, 8, 8, 8, 1, 1>, multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
    // CHECK-NEXT: cluster.max_pool2d ins(%x : {{.*}}) outs(%y : {{.*}}) pads(%top, %left) {kernel = "k", window = array<i64: 2, 2, 2, 2, 1, 1>}
    cluster.max_pool2d ins(%x : !x) outs(%y : !y) pads(%top, %left) {kernel = "k", window = array<i64: 2, 2, 2, 2, 1, 1>}
    // CHECK-NEXT: cluster.unfold ins(%x : {{.*}}) outs(%y : {{.*}}) pads(%top, %left) {kernel = "k", window = array<i64: 2, 2, 2, 2, 1, 1>}
    cluster.unfold ins(%x : !x) outs(%y : !y) pads(%top, %left) {kernel = "k", window = array<i64: 2, 2, 2, 2, 1, 1>}
    // CHECK-NEXT: cluster.table ins(%y : {{.*}}) constants(%t : memref<1x256xi8, "l1">) outs(%y : {{.*}}) {kernel = "own", header = "own_kernels.h"}
    cluster.table ins(%y : !y) constants(%t : memref<1x256xi8, "l1">) outs(%y : !y) {kernel = "own", header = "own_kernels.h"}
    // CHECK-NEXT: cluster.softmax ins(%y : {{.*}}) constants(%e : memref<1x1024xi8, "l1">) outs(%y : {{.*}}) {kernel = "k"}
    cluster.softmax ins(%y : !y) constants(%e : memref<1x1024xi8, "l1">) outs(%y : !y) {kernel = "k"}
    // CHECK-NEXT: cluster.layer_norm ins(%y : {{.*}}) constants(%n : memref<1x64xi8, "l1">) outs(%y : {{.*}}) {kernel = "k", epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}
    cluster.layer_norm ins(%y : !y) constants(%n : memref<1x64xi8, "l1">) outs(%y : !y) {kernel = "k", epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}
    // CHECK-NEXT: cluster.matmul ins(%a, %b : {{.*}}) outs(%m : {{.*}}) scratch(%s : {{.*}}) {kernel = "k", multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
    cluster.matmul ins(%a, %b : !a, !b) outs(%m : !m) scratch(%s : memref<320xi8, "l1">) {kernel = "k", multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
    // CHECK-NEXT: cluster.transpose ins(%a : {{.*}}) outs(%b : {{.*}}) {kernel = "k", perm = array<i64: 0, 2, 1>}
    cluster.transpose ins(%a : !a) outs(%b : !b) {kernel = "k", perm = array<i64: 0, 2, 1>}
    // CHECK-NEXT: cluster.copy ins(%v : {{.*}}) outs(%v : {{.*}}) {kernel = "k"}
    cluster.copy ins(%v : !v) outs(%v : !v) {kernel = "k"}
  }
  func.return
}
