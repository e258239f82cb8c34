// Means, squares and roots that normalize over the last axis become one op.
// RUN: opt-tool %s -p fuse-layer-norm,dce,remove-unused-globals | filecheck %s

graph.global @two : tensor<f32> = dense<2.0>
graph.global @eps : tensor<f32> = dense<0.25>
graph.global @gamma : tensor<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]>
graph.global @beta : tensor<1x4xf32> = dense<[[5.0, 6.0, 7.0, 8.0]]>
graph.global @rows : tensor<2x1xf32> = dense<[[1.0], [2.0]]>

// CHECK: graph.global @gamma_{{.*}} : tensor<4xf32> = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]>
// CHECK: graph.global @beta_{{.*}} : tensor<4xf32> = dense<[5.000000e+00, 6.000000e+00, 7.000000e+00, 8.000000e+00]>

// PyTorch: (x - mean) / sqrt(variance + epsilon) * gamma + beta.
// CHECK-LABEL: func.func @quotient
// CHECK: %[[N:.*]] = graph.layer_normalization %x, %{{.*}}, %{{.*}} {epsilon = 2.500000e-01 : f32}
// CHECK-NEXT: func.return %[[N]]
func.func @quotient(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %two = graph.constant @two : tensor<f32>
  %eps = graph.constant @eps : tensor<f32>
  %gamma = graph.constant @gamma : tensor<4xf32>
  %beta = graph.constant @beta : tensor<1x4xf32>
  %0 = graph.reduce_mean %x {axes = array<i64: -1>} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %1 = graph.sub %x, %0 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %2 = graph.pow %1, %two : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %3 = graph.reduce_mean %2 {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %4 = graph.add %eps, %3 : (tensor<f32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %5 = graph.sqrt %4 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %6 = graph.div %1, %5 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %7 = graph.mul %6, %gamma : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %8 = graph.add %beta, %7 : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return %8 : tensor<2x4xf32>
}

// TensorFlow: x * s + (beta - mean * s) with s = gamma / sqrt(variance + epsilon).
// CHECK-LABEL: func.func @factored
// CHECK: %[[N:.*]] = graph.layer_normalization %x, %{{.*}}, %{{.*}} {epsilon = 2.500000e-01 : f32}
// CHECK-NEXT: func.return %[[N]]
func.func @factored(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %eps = graph.constant @eps : tensor<f32>
  %gamma = graph.constant @gamma : tensor<4xf32>
  %beta = graph.constant @beta : tensor<1x4xf32>
  %0 = graph.reduce_mean %x {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %1 = graph.sub %x, %0 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %2 = graph.mul %1, %1 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = graph.reduce_mean %2 {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %4 = graph.add %3, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %5 = graph.sqrt %4 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %6 = graph.reciprocal %5 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %7 = graph.mul %6, %gamma : (tensor<2x1xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %8 = graph.mul %x, %7 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %9 = graph.mul %0, %7 : (tensor<2x1xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %10 = graph.sub %beta, %9 : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %11 = graph.add %8, %10 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return %11 : tensor<2x4xf32>
}

// Another axis, and a factor per row: neither is a layer normalization's.
// CHECK-LABEL: func.func @columns
// CHECK-NOT: layer_normalization
// CHECK-LABEL: func.func @row_factor
// CHECK: %[[N:.*]] = graph.layer_normalization
// CHECK: graph.mul %[[N]]
func.func @columns(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %eps = graph.constant @eps : tensor<f32>
  %0 = graph.reduce_mean %x {axes = array<i64: 0>} : (tensor<2x4xf32>) -> tensor<1x4xf32>
  %1 = graph.sub %x, %0 : (tensor<2x4xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
  %2 = graph.mul %1, %1 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = graph.reduce_mean %2 {axes = array<i64: 0>} : (tensor<2x4xf32>) -> tensor<1x4xf32>
  %4 = graph.add %3, %eps : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %5 = graph.sqrt %4 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %6 = graph.div %1, %5 : (tensor<2x4xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
  func.return %6 : tensor<2x4xf32>
}
func.func @row_factor(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %eps = graph.constant @eps : tensor<f32>
  %rows = graph.constant @rows : tensor<2x1xf32>
  %0 = graph.reduce_mean %x {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %1 = graph.sub %x, %0 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %2 = graph.mul %1, %1 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = graph.reduce_mean %2 {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %4 = graph.add %3, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %5 = graph.sqrt %4 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %6 = graph.div %1, %5 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %7 = graph.mul %6, %rows : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  func.return %7 : tensor<2x4xf32>
}
