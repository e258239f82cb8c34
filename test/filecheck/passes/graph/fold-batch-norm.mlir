// A batch normalisation disappears into the convolution next to it: factor 2 / sqrt(0.25) = 4,
// shift 5 - 1 * 4 = 1, weight 3 * 4, bias 2 * 4 + 1. The layer keeps what the normalisation knew of
// its output: mean 5 (its shift), deviation 2 (its scale).
// RUN: opt-tool %s -p fold-batch-norm,remove-unused-globals --remarks=all 2>&1 | filecheck %s

// CHECK-DAG: remark: passed: fold-batch-norm [bn]: folded into graph.conv (node 'product')
// CHECK-DAG: remark: missed: fold-batch-norm [stays]: {{.*}} has other users

graph.global @w : tensor<1x1x1x1xf32> = dense<3.0>
graph.global @b : tensor<1xf32> = dense<2.0>
graph.global @scale : tensor<1xf32> = dense<2.0>
graph.global @shift : tensor<1xf32> = dense<5.0>
graph.global @mean : tensor<1xf32> = dense<1.0>
graph.global @variance : tensor<1xf32> = dense<0.25>

// CHECK-DAG: graph.global @w_1 : tensor<1x1x1x1xf32> = dense<1.200000e+01>
// CHECK-DAG: graph.global @b_1 : tensor<1xf32> = dense<9.000000e+00>
// CHECK-LABEL: func.func @folds
// CHECK-NOT: graph.batch_normalization
// CHECK: graph.conv %x
// CHECK-SAME: quant.output_mean = array<f32: 5.000000e+00>
// CHECK-SAME: quant.output_deviation = array<f32: 2.000000e+00>
// CHECK-SAME: pads = array<i64: 0, 0, 0, 0>
// CHECK-NEXT: func.return
func.func @folds(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  %w = graph.constant @w : tensor<1x1x1x1xf32>
  %b = graph.constant @b : tensor<1xf32>
  %0 = graph.conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>, tensor<1xf32>) -> tensor<1x1x2x2xf32> loc("product")
  %1 = graph.constant @scale : tensor<1xf32>
  %2 = graph.constant @shift : tensor<1xf32>
  %3 = graph.constant @mean : tensor<1xf32>
  %4 = graph.constant @variance : tensor<1xf32>
  %5 = graph.batch_normalization %0, %1, %2, %3, %4 {epsilon = 0.0 : f32} : (tensor<1x1x2x2xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x2x2xf32> loc("bn")
  func.return %5 : tensor<1x1x2x2xf32>
}

// CHECK-LABEL: func.func @has_other_users
// CHECK: graph.conv
// CHECK: graph.batch_normalization
func.func @has_other_users(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) {
  %w = graph.constant @w : tensor<1x1x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  %1 = graph.constant @scale : tensor<1xf32>
  %2 = graph.batch_normalization %0, %1, %1, %1, %1 {epsilon = 0.0 : f32} : (tensor<1x1x2x2xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x2x2xf32> loc("stays")
  func.return %0, %2 : tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>
}
