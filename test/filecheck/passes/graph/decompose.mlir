// Ops are said by simpler ones; `rules` chooses.
// RUN: opt-tool %s -p decompose | filecheck %s
// RUN: opt-tool %s -p "decompose{rules=hard-swish}" | filecheck %s --check-prefix=SWISH
// RUN: not opt-tool %s -p "decompose{rules=all}" 2>&1 | filecheck %s --check-prefix=UNKNOWN

// UNKNOWN: unknown rule 'all', known are global-average-pool, spatial-mean

// CHECK-LABEL: func.func @pools
// CHECK-NEXT: graph.average_pool %x {kernel_shape = array<i64: 4, 5>
// CHECK-NEXT: graph.average_pool %x {kernel_shape = array<i64: 4, 5>
// CHECK-NEXT: graph.reshape %{{.*}} : (tensor<1x2x1x1xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: graph.reduce_mean %x {axes = array<i64: 1>}
// SWISH-LABEL: func.func @pools
// SWISH-NEXT: graph.global_average_pool
func.func @pools(%x: tensor<1x2x4x5xf32>) -> (tensor<1x2x1x1xf32>, tensor<1x2xf32>, tensor<1x1x4x5xf32>) {
  %0 = graph.global_average_pool %x : (tensor<1x2x4x5xf32>) -> tensor<1x2x1x1xf32>
  %1 = graph.reduce_mean %x {axes = array<i64: 2, 3>, keepdims = false} : (tensor<1x2x4x5xf32>) -> tensor<1x2xf32>
  %2 = graph.reduce_mean %x {axes = array<i64: 1>} : (tensor<1x2x4x5xf32>) -> tensor<1x1x4x5xf32>
  func.return %0, %1, %2 : tensor<1x2x1x1xf32>, tensor<1x2xf32>, tensor<1x1x4x5xf32>
}

// CHECK-LABEL: func.func @sequence
// CHECK-NEXT: graph.reshape %x : (tensor<1x2x9xf32>) -> tensor<1x2x1x9xf32>
// CHECK-NEXT: graph.reshape %w : (tensor<3x2x3xf32>) -> tensor<3x2x1x3xf32>
// CHECK-NEXT: graph.conv %{{.*}} {strides = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 0>, dilations = array<i64: 1, 1>}
// CHECK-NEXT: graph.reshape %{{.*}} -> tensor<1x3x4xf32>
func.func @sequence(%x: tensor<1x2x9xf32>, %w: tensor<3x2x3xf32>) -> tensor<1x3x4xf32> {
  %0 = graph.conv %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 0>, dilations = array<i64: 1>} : (tensor<1x2x9xf32>, tensor<3x2x3xf32>) -> tensor<1x3x4xf32>
  func.return %0 : tensor<1x3x4xf32>
}

// CHECK-LABEL: func.func @swish
// CHECK-NEXT: graph.hard_swish
// SWISH-LABEL: func.func @swish
// SWISH-NEXT: %[[G:.*]] = graph.hard_sigmoid %x {alpha = 0.166666672 : f32, beta = 5.000000e-01 : f32}
// SWISH-NEXT: graph.mul %x, %[[G]]
func.func @swish(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %0 = graph.hard_swish %x : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %0 : tensor<1x4xf32>
}
