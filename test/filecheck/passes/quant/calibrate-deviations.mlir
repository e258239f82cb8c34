// Ranges of what the data show: inputs from -3 to 4. The layer has a range of what its batch norm was
// trained to, 1 + 6 * 2 for one channel, -5 - 6 * 0.5 for the other, and its ReLU the part above 0.
// RUN: opt-tool %s -p "calibrate{data=%S/calibrate-data.npy method=min-max cache=false}" --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p "calibrate{data=%S/calibrate-data.npy method=min-max deviations=0 headroom=2.0 cache=false}" | filecheck %s --check-prefix=DATA
// RUN: opt-tool %s -p "calibrate{data=%S/calibrate-data.npy method=min-max deviations=0 scheme=symmetric-power-of-two cache=false}" | filecheck %s --check-prefix=POWER

graph.global @w : tensor<2x2xf32> = dense<[[1.0, 0.0], [0.0, 0.5]]>
graph.global @b : tensor<2xf32> = dense<[0.0, 1.0]>

// CHECK: remark: analysis: calibrate [layer]: widened from [-1, 3] to [-11, 13]: 6 deviations of the batch norm that was folded here
// CHECK: func.func @net(%x: tensor<1x2xf32> {quant.range = array<f64: -3.000000e+00, 4.000000e+00>})
// CHECK: graph.gemm
// CHECK-SAME: quant.range = array<f64: -1.100000e+01, 1.300000e+01>
// CHECK: graph.relu
// CHECK-SAME: quant.range = array<f64: 0.000000e+00, 1.300000e+01>

// DATA: func.func @net(%x: tensor<1x2xf32> {quant.range = array<f64: -6.000000e+00, 8.000000e+00>})
// DATA: graph.gemm
// DATA-SAME: quant.range = array<f64: -2.000000e+00, 6.000000e+00>

// The next power of two above 4 / 127 is 2**-4: codes -128 to 127 reach from -8 to 7.9375.
// POWER: func.func @net(%x: tensor<1x2xf32> {quant.range = array<f64: -8.000000e+00, 7.937500e+00>})
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %b = graph.constant @b : tensor<2xf32>
  %0 = graph.gemm %x, %w, %b {quant.output_mean = array<f32: 1.0, -5.0>, quant.output_deviation = array<f32: 2.0, 0.5>} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32> loc("layer")
  %1 = graph.relu %0 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}
