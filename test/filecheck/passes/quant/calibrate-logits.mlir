// Of two rows [1, 0, -1] and [3, 0, -3] the greatest values are 1 and 3, 2 on average with a
// deviation of 1: logits reach to 2 + 4 * 1. Not where data alone count.
// RUN: python -c "import numpy as np; np.save('%t.npy', np.array([[1, 0], [3, 0]], 'f4'))"
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false}' --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max deviations=0 cache=false}' | filecheck %s --check-prefix=DATA

graph.global @w : tensor<3x2xf32> = dense<[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]>

// CHECK: remark: analysis: calibrate [logits]: widened from [-3, 3] to [-3, 6]: the greatest value of a row decides
// CHECK: graph.gemm
// CHECK-SAME: quant.range = array<f64: -3.000000e+00, 6.000000e+00>
// DATA: graph.gemm
// DATA-SAME: quant.range = array<f64: -3.000000e+00, 3.000000e+00>
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x3xf32> {
  %w = graph.constant @w : tensor<3x2xf32>
  %0 = graph.gemm %x, %w {trans_b = true} : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<1x3xf32> loc("logits")
  %1 = graph.softmax %0 {axis = -1 : i64} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  func.return %1 : tensor<1x3xf32>
}
