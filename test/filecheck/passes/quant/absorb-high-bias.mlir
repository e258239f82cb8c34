// Channel 0 is about N(10, 2^2): almost all of it exceeds c = 10 - 3 * 2 = 4, so 4 moves from its
// bias into the next layer (4 * 5 = 20). Channel 1 goes below 0 and stays.
// RUN: opt-tool %s -p absorb-high-bias,remove-unused-globals --remarks=all 2>&1 | filecheck %s
// RUN: not opt-tool %s -p absorb-high-bias{method=data} 2>&1 | filecheck %s --check-prefix=WRONG

// CHECK-DAG: remark: passed: absorb-high-bias [first]: 1 of 2 biases moved on, by up to 4
// CHECK-DAG: remark: missed: absorb-high-bias [before_padding]: the next layer pads its input with zeros
// WRONG: absorb-high-bias: {{.*}}method=data needs data

graph.global @w1 : tensor<2x1x1x1xf32> = dense<[[[[2.0]]], [[[1.0]]]]>
graph.global @b1 : tensor<2xf32> = dense<[9.0, 1.0]>
graph.global @w2 : tensor<1x2x1x1xf32> = dense<[[[[5.0]], [[4.0]]]]>

// CHECK-DAG: graph.global @b1_1 : tensor<2xf32> = dense<[5.000000e+00, 1.000000e+00]>
// CHECK-DAG: graph.global @w2_bias : tensor<1xf32> = dense<2.000000e+01>
// CHECK-LABEL: func.func @pair
// CHECK: quant.output_mean = array<f32: 6.000000e+00, 1.000000e+00>
func.func @pair(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  %w1 = graph.constant @w1 : tensor<2x1x1x1xf32>
  %b1 = graph.constant @b1 : tensor<2xf32>
  %0 = graph.conv %x, %w1, %b1 {quant.output_mean = array<f32: 10.0, 1.0>, quant.output_deviation = array<f32: 2.0, 1.0>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32> loc("first")
  %1 = graph.relu %0 : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %w2 = graph.constant @w2 : tensor<1x2x1x1xf32>
  %2 = graph.conv %1, %w2 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x2x2xf32>
  func.return %2 : tensor<1x1x2x2xf32>
}

// CHECK-LABEL: func.func @padded
// CHECK: graph.constant @b1 :
func.func @padded(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x4x4xf32> {
  %w1 = graph.constant @w1 : tensor<2x1x1x1xf32>
  %b1 = graph.constant @b1 : tensor<2xf32>
  %0 = graph.conv %x, %w1, %b1 {quant.output_mean = array<f32: 10.0, 1.0>, quant.output_deviation = array<f32: 2.0, 1.0>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32> loc("before_padding")
  %1 = graph.relu %0 : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %w2 = graph.constant @w2 : tensor<1x2x1x1xf32>
  %2 = graph.conv %1, %w2 {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x4x4xf32>
  func.return %2 : tensor<1x1x4x4xf32>
}
