// A matrix of rank 1 as two; a convolution as a 1x1 one from 4 channels to 1, and the window on it.
// What is left of a layer is written on it; layers without that have the option.
// RUN: opt-tool %s -p weight-svd{ratio=0.75},remove-unused-globals --remarks=all 2>&1 | filecheck %s
// RUN: not opt-tool %s -p weight-svd{cost=cycles} 2>&1 | filecheck %s --check-prefix=COST

// CHECK-DAG: remark: passed: weight-svd [dense]: rank 1 of 2: 8 -> 6 macs; 1 values between
// CHECK-DAG: remark: passed: weight-svd [window]: rank 1 of 4: 648 -> 262 macs; 1x5x5 values between
// CHECK-DAG: remark: missed: weight-svd [narrow]: rank 1 would take 48 macs, it takes 32 now
// COST: error: {{.*}}weight-svd: cost=cycles is none of macs, weights

graph.global @m : tensor<4x2xf32> = dense<[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0]]>
graph.global @w : tensor<2x4x3x3xf32> = dense<1.0>
graph.global @n : tensor<1x2xf32> = dense<1.0>

// CHECK-LABEL: func.func @dense
// CHECK: %[[A:.*]] = graph.gemm %x, %{{.*}} : (tensor<1x4xf32>, tensor<4x1xf32>) -> tensor<1x1xf32>
// CHECK-NEXT: graph.gemm %[[A]], %{{.*}} : (tensor<1x1xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
func.func @dense(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %m = graph.constant @m : tensor<4x2xf32>
  %0 = graph.gemm %x, %m : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32> loc("dense")
  func.return %0 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @window
// CHECK: %[[B:.*]] = graph.conv %x, %{{.*}} {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x4x5x5xf32>, tensor<1x4x1x1xf32>) -> tensor<1x1x5x5xf32>
// CHECK-NEXT: graph.conv %[[B]], %{{.*}} {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x1x5x5xf32>, tensor<2x1x3x3xf32>) -> tensor<1x2x3x3xf32>
func.func @window(%x: tensor<1x4x5x5xf32>) -> tensor<1x2x3x3xf32> {
  %w = graph.constant @w : tensor<2x4x3x3xf32>
  %0 = graph.conv %x, %w {compress.ratio = 0.5 : f64, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x4x5x5xf32>, tensor<2x4x3x3xf32>) -> tensor<1x2x3x3xf32> loc("window")
  func.return %0 : tensor<1x2x3x3xf32>
}

func.func @saves_nothing(%x: tensor<16x2xf32>) -> tensor<16x1xf32> {
  %n = graph.constant @n : tensor<1x2xf32>
  %0 = graph.gemm %x, %n {trans_b = true} : (tensor<16x2xf32>, tensor<1x2xf32>) -> tensor<16x1xf32> loc("narrow")
  func.return %0 : tensor<16x1xf32>
}
