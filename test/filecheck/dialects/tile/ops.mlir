// Every op of the tile dialect reads back as it was printed.
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir && opt-tool %t.mlir | diff %t.mlir -
// RUN: opt-tool %s --print-generic | opt-tool - | filecheck %s

// CHECK: tile.group "cluster" near "l1" home "l2" sizes [1, 3, 8, 4] order [0, 1, 2, 3] buffers 2(%x : tensor<
// CHECK-NEXT: ^bb0(%a: tensor<
// CHECK-NEXT: tile.load
// CHECK-NEXT: quant.add
// CHECK-NEXT: tile.store
// CHECK-NEXT: tile.yield
func.func @far(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 3, 8, 4] order [0, 1, 2, 3] buffers 2(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %0 = tile.load %a : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %2 = tile.store %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %2 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// CHECK: tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 3, 1, 2] buffers 1(
// CHECK-NOT: tile.store
func.func @near(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 3, 1, 2] buffers 1(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %1 = quant.add %a, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}
