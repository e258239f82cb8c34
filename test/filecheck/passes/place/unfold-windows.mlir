// A convolution that the NPU has no kernel for becomes a 1x1 one over its windows, where that takes fewer cycles.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},unfold-windows' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},unfold-windows' --remarks=all 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-rv32},unfold-windows' | filecheck %s --check-prefix=PLAIN

!x = tensor<1x49x10x1x!quant.uniform<i8:f32, 0.5:-3>>
!w = tensor<64x10x4x1x!quant.uniform<i8:f32, 0.1>>
!y = tensor<1x25x5x64x!quant.uniform<i8:f32, 0.5:-3>>
graph.global @w : !w = dense<3>
graph.global @b : tensor<64xi32> = dense<77>
graph.global @w3 : tensor<16x3x3x3x!quant.uniform<i8:f32, 0.1>> = dense<3>
graph.global @b3 : tensor<16xi32> = dense<77>
graph.global @w5 : tensor<64x5x5x64x!quant.uniform<i8:f32, 0.1>> = dense<3>

// REMARK: remark: passed: unfold-windows: {{[0-9]+}} cycles over unfolded windows, {{[0-9]+}} as it is
// REMARK-NOT: remark:

// CHECK-LABEL: func.func @unfolds
// CHECK: %[[X:.*]] = quant.unfold %x {kernel = array<i64: 10, 4>, strides = array<i64: 2, 2>, pads = array<i64: 4, 1, 5, 1>, layout = "nhwc"} : {{.*}} -> tensor<1x25x5x40x
// CHECK: quant.conv2d %[[X]], {{.*}}strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>,
// CHECK-SAME: tensor<64x1x1x40x{{.*}} -> tensor<1x25x5x64x
// PLAIN-NOT: quant.unfold
func.func @unfolds(%x: !x) -> !y {
  %w = graph.constant @w : !w
  %b = graph.constant @b : tensor<64xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 2, 2>, pads = array<i64: 4, 1, 5, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[5325], [24], single, [-128, 127]>} : (!x, !w, tensor<64xi32>) -> !y
  func.return %y : !y
}

// The NPU has 3x3 kernels.
// CHECK-LABEL: func.func @dense
// CHECK-NOT: quant.unfold
func.func @dense(%x: tensor<1x32x32x3x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x32x32x16x!quant.uniform<i8:f32, 0.5:-3>> {
  %w = graph.constant @w3 : tensor<16x3x3x3x!quant.uniform<i8:f32, 0.1>>
  %b = graph.constant @b3 : tensor<16xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[5325], [24], single, [-128, 127]>} : (tensor<1x32x32x3x!quant.uniform<i8:f32, 0.5:-3>>, tensor<16x3x3x3x!quant.uniform<i8:f32, 0.1>>, tensor<16xi32>) -> tensor<1x32x32x16x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %y : tensor<1x32x32x16x!quant.uniform<i8:f32, 0.5:-3>>
}

// Windows of 1,600 bytes for 32 x 32 pixels do not fit the near memory.
// CHECK-LABEL: func.func @large
// CHECK-NOT: quant.unfold
func.func @large(%x: tensor<1x32x32x64x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x32x32x64x!quant.uniform<i8:f32, 0.5:-3>> {
  %w = graph.constant @w5 : tensor<64x5x5x64x!quant.uniform<i8:f32, 0.1>>
  %b = graph.constant @b : tensor<64xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 2, 2, 2, 2>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[5325], [24], single, [-128, 127]>} : (tensor<1x32x32x64x!quant.uniform<i8:f32, 0.5:-3>>, tensor<64x5x5x64x!quant.uniform<i8:f32, 0.1>>, tensor<64xi32>) -> tensor<1x32x32x64x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %y : tensor<1x32x32x64x!quant.uniform<i8:f32, 0.5:-3>>
}
