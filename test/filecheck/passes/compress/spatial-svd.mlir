// A 3x3 window of rank 1 as a column and a row: [1, 2, 3]^T [1, 0, 2], each with the root of the
// singular value. The bias goes to the second one. Windows that are no 3x3 stay, with the reason.
// RUN: opt-tool %s -p spatial-svd{rank=1},remove-unused-globals --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p spatial-svd{ratio=1.0} --remarks=all 2>&1 | filecheck %s --check-prefix=STAY
// RUN: not opt-tool %s -p spatial-svd{rank=4} 2>&1 | filecheck %s --check-prefix=RANK
// RUN: not opt-tool %s -p spatial-svd{ratio=1.5} 2>&1 | filecheck %s --check-prefix=RATIO

// CHECK-DAG: remark: passed: spatial-svd [square]: rank 1 of 3: 108 -> 108 macs; 1x4x6 values between
// CHECK-DAG: remark: missed: spatial-svd [row]: its window is 1 x 3 already; weight-svd may split it
// CHECK-DAG: remark: missed: spatial-svd [dense]: it has no window of two dimensions; weight-svd may split it
// CHECK-DAG: remark: missed: spatial-svd [depthwise]: it has 2 groups: each is a small matrix of its own
// STAY-NOT: remark
// STAY: graph.conv {{.*}}tensor<1x1x3x3xf32>
// RANK: error: {{.*}}graph.conv (node 'square'): rank 4 is above 3, which is exact already; give a lower rank, or a ratio
// RATIO: error: {{.*}}spatial-svd: ratio: a ratio is above 0 and at most 1 (all of the layer), not 1.5

graph.global @w : tensor<1x1x3x3xf32> = dense<[[[[1.0, 0.0, 2.0], [2.0, 0.0, 4.0], [3.0, 0.0, 6.0]]]]>
graph.global @b : tensor<1xf32> = dense<[5.0]>
graph.global @r : tensor<2x1x1x3xf32> = dense<1.0>
graph.global @d : tensor<2x1x3x3xf32> = dense<1.0>
graph.global @m : tensor<3x8xf32> = dense<1.0>

// CHECK-DAG: graph.global @w_column : tensor<1x1x3x1xf32> =
// CHECK-DAG: graph.global @w_row : tensor<1x1x1x3xf32> =
// CHECK-LABEL: func.func @windows
// CHECK: %[[A:.*]] = graph.conv %x, %{{.*}} {strides = array<i64: 1, 1>, pads = array<i64: 1, 0, 1, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x4x6xf32>, tensor<1x1x3x1xf32>) -> tensor<1x1x4x6xf32>
// CHECK-NEXT: graph.conv %[[A]], %{{.*}}, %b {strides = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x4x6xf32>, tensor<1x1x1x3xf32>, tensor<1xf32>) -> tensor<1x1x4x3xf32>
func.func @windows(%x: tensor<1x1x4x6xf32>) -> tensor<2x3xf32> {
  %w = graph.constant @w : tensor<1x1x3x3xf32>
  %b = graph.constant @b : tensor<1xf32>
  %0 = graph.conv %x, %w, %b {strides = array<i64: 1, 2>, pads = array<i64: 1, 1, 1, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x4x6xf32>, tensor<1x1x3x3xf32>, tensor<1xf32>) -> tensor<1x1x4x3xf32> loc("square")
  %r = graph.constant @r : tensor<2x1x1x3xf32>
  %1 = graph.conv %0, %r {strides = array<i64: 1, 1>, pads = array<i64: 0, 1, 0, 1>, dilations = array<i64: 1, 1>} : (tensor<1x1x4x3xf32>, tensor<2x1x1x3xf32>) -> tensor<1x2x4x3xf32> loc("row")
  %d = graph.constant @d : tensor<2x1x3x3xf32>
  %2 = graph.conv %1, %d {group = 2 : i64, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x4x3xf32>, tensor<2x1x3x3xf32>) -> tensor<1x2x4x2xf32> loc("depthwise")
  %3 = graph.reshape %2 : (tensor<1x2x4x2xf32>) -> tensor<2x8xf32>
  %m = graph.constant @m : tensor<3x8xf32>
  %4 = graph.gemm %3, %m {trans_b = true} : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<2x3xf32> loc("dense")
  func.return %4 : tensor<2x3xf32>
}
