// What `canonicalize` makes simpler, and what it leaves.
// RUN: opt-tool %s -p canonicalize | filecheck %s

// CHECK-LABEL: func.func @clip_is_relu
// CHECK-NEXT: %0 = graph.relu %x
// CHECK-NEXT: func.return %0
func.func @clip_is_relu(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = graph.clip %x {min = 0.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = graph.relu %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %1 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @clips
// CHECK-NEXT: graph.clip %x {min = 0.000000e+00 : f32, max = 4.000000e+00 : f32}
// CHECK-NEXT: func.return
func.func @clips(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = graph.clip %x {min = -1.0 : f32, max = 4.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = graph.clip %0 {min = 0.0 : f32, max = 6.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %1 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @there_and_back
// CHECK-NEXT: func.return %x
func.func @there_and_back(%x: tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> {
  %0 = graph.transpose %x {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x2x3x4xf32>) -> tensor<1x3x4x2xf32>
  %1 = graph.transpose %0 {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x3x4x2xf32>) -> tensor<1x2x3x4xf32>
  %2 = graph.reshape %1 : (tensor<1x2x3x4xf32>) -> tensor<24xf32>
  %3 = graph.reshape %2 : (tensor<24xf32>) -> tensor<1x2x3x4xf32>
  func.return %3 : tensor<1x2x3x4xf32>
}

// CHECK-LABEL: func.func @one_channel
// CHECK-NEXT: graph.reshape %x : (tensor<1x1x3x4xi8>) -> tensor<1x3x4x1xi8>
func.func @one_channel(%x: tensor<1x1x3x4xi8>) -> tensor<1x3x4x1xi8> {
  %0 = graph.transpose %x {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x1x3x4xi8>) -> tensor<1x3x4x1xi8>
  func.return %0 : tensor<1x3x4x1xi8>
}

// CHECK-LABEL: func.func @padding
// CHECK-NEXT: graph.conv %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>
func.func @padding(%x: tensor<1x2x8x8xf32>, %w: tensor<4x2x3x3xf32>) -> tensor<1x4x4x4xf32> {
  %0 = graph.pad %x {pads = array<i64: 0, 0, 0, 0, 0, 0, 1, 1>} : (tensor<1x2x8x8xf32>) -> tensor<1x2x9x9xf32>
  %1 = graph.conv %0, %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x9x9xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x4x4xf32>
  func.return %1 : tensor<1x4x4x4xf32>
}

// A maximum does not ignore zeros as it ignores its own padding.
// CHECK-LABEL: func.func @maximum
// CHECK-NEXT: graph.pad
// CHECK-NEXT: graph.max_pool
func.func @maximum(%x: tensor<1x2x8x8xf32>) -> tensor<1x2x4x4xf32> {
  %0 = graph.pad %x {pads = array<i64: 0, 0, 0, 0, 0, 0, 1, 1>} : (tensor<1x2x8x8xf32>) -> tensor<1x2x9x9xf32>
  %1 = graph.max_pool %0 {kernel_shape = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x9x9xf32>) -> tensor<1x2x4x4xf32>
  func.return %1 : tensor<1x2x4x4xf32>
}
